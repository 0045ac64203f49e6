"""Headers, both ways, and masking keys."""

import collections
import os
import random
import struct
import sys
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cores import Core
from frame_bytes import BINARY, CLOSE, CONT, PING, TEXT, frame, parse_frames
from twinax._core.cursor import Cursor
from twinax._core.frames import HeaderReader, append_frame
from twinax.errors import RemoteProtocolError
from twinax.rules import Rule

FORKS = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # from Python 3.12 on, with threads
SIZES = (0, 1, 125, 126, 127, 255, 256, 65535, 65536, 65537)

# RFC 6455 5.7, byte by byte.
EXAMPLES = [
    (0x81, b"Hello", None, "81 05 48 65 6c 6c 6f"),
    (0x81, b"Hello", b"\x37\xfa\x21\x3d", "81 85 37 fa 21 3d 7f 9f 4d 51 58"),
    (0x01, b"Hel", None, "01 03 48 65 6c"),
    (0x80, b"lo", None, "80 02 6c 6f"),
    (0x89, b"Hello", None, "89 05 48 65 6c 6c 6f"),
    (0x8A, b"Hello", b"\x37\xfa\x21\x3d", "8a 85 37 fa 21 3d 7f 9f 4d 51 58"),
]


def to_int(key: bytes | None) -> int | None:
    return None if key is None else int.from_bytes(key, "little")


@pytest.mark.parametrize(("first", "payload", "key", "wire"), EXAMPLES)
def test_examples_of_the_rfc(core: Core, first: int, payload: bytes, key: bytes | None, wire: str) -> None:
    data = bytes.fromhex(wire)
    assert core.build_frame(first, payload, to_int(key)) == data
    header = core.parse_header(data)
    fin, opcode = bool(first & 0x80), first & 0x0F
    assert header == (2 if key is None else 6, fin, 0, opcode, key is not None, len(payload), to_int(key) or 0)
    assert core.mask_payload(data[header[0] :], header[6]) == payload


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("key", [None, b"\x00\x00\x00\x00", b"\xff\xff\xff\xff", b"\x01\x80\x00\xfe"])
def test_builds_every_length(core: Core, size: int, key: bytes | None) -> None:
    payload = random.Random(size).randbytes(size)
    built = core.build_frame(0xC2, payload, to_int(key))
    assert built == frame(BINARY, payload, rsv=4, masked=key is not None, key=key or b"")
    header_size = {True: 2, False: 4 if size < 65536 else 10}[size < 126] + (4 if key is not None else 0)
    for end in range(header_size):
        assert core.parse_header(built[:end]) is None
    for end in (header_size, len(built)):
        expected = (header_size, True, 0x40, BINARY, key is not None, size, to_int(key) or 0)
        assert core.parse_header(built[:end]) == expected


def test_parses_a_header_whatever_follows(core: Core) -> None:
    assert core.parse_header(frame(CONT, b"x" * 10, fin=False, rsv=7, masked=False) + b"more" * 100) == (
        2, False, 0x70, CONT, False, 10, 0,
    )  # fmt: skip
    with pytest.raises(RemoteProtocolError):
        core.parse_header(b"\x83\x00")


@given(
    first=st.sampled_from([fin | rsv | op for fin in (0, 0x80) for rsv in range(0, 0x80, 0x10) for op in (0, 1, 2)]),
    payload=st.binary(max_size=300) | st.sampled_from([b"x" * size for size in SIZES]),
    key=st.none() | st.integers(0, 0xFFFFFFFF),
)
def test_parsing_undoes_building(core: Core, first: int, payload: bytes, key: int | None) -> None:
    built = core.build_frame(first, payload, key)
    size, fin, rsv, opcode, masked, length, parsed_key = core.parse_header(built)
    assert (fin << 7 | rsv | opcode, masked, length, parsed_key) == (first, key is not None, len(payload), key or 0)
    assert core.mask_payload(built[size:], parsed_key) == payload
    (parsed,) = parse_frames(built)
    assert (parsed.payload, parsed.opcode) == (payload, opcode)


@pytest.mark.parametrize("masked", [True, False])
def test_reading_is_all_or_nothing(masked: bool) -> None:
    for size in SIZES:
        data = frame(BINARY, b"", length=size, masked=masked)
        reader, cursor = HeaderReader(masked), Cursor()
        for end in range(len(data)):
            cursor.load(bytearray(data), 0, end)
            assert not reader.read(cursor)
            assert cursor.position == 0
        cursor.load(bytearray(data), 0, len(data))
        assert reader.read(cursor)
        assert (cursor.available(), reader.length, reader.opcode, reader.fin, reader.rsv) == (0, size, BINARY, True, 0)


def test_negotiated_bits_are_allowed() -> None:
    reader, cursor = HeaderReader(False, 0x40), Cursor()
    cursor.load(bytearray(frame(TEXT, rsv=4, masked=False) + frame(TEXT, rsv=6, masked=False)), 0, 4)
    assert reader.read(cursor)
    assert reader.rsv == 0x40
    with pytest.raises(RemoteProtocolError, match="0b110"):
        reader.read(cursor)


@pytest.mark.parametrize(
    ("data", "rule"),
    [
        (b"\x91\x80", Rule.RESERVED_BITS),
        (b"\x83\x80", Rule.UNKNOWN_OPCODE),
        (b"\x8b\x80", Rule.UNKNOWN_OPCODE),
        (b"\x81\x00", Rule.MASK_MISSING),
        (b"\x09\x80", Rule.CONTROL_FRAGMENTED),
        (b"\x89\xfe", Rule.CONTROL_TOO_LONG),
        (b"\x81\xfe\x00\x7d", Rule.LENGTH_NOT_MINIMAL),
        (b"\x81\xff\x00\x00\x00\x00\x00\x00\xff\xff", Rule.LENGTH_NOT_MINIMAL),
        (b"\x81\xff\x80\x00\x00\x00\x00\x01\x00\x00", Rule.LENGTH_TOP_BIT),
    ],
)
def test_a_bad_header_is_refused_as_soon_as_it_shows(data: bytes, rule: Rule) -> None:
    for end in range(len(data) + 1):
        reader, cursor = HeaderReader(True), Cursor()
        cursor.load(bytearray(data), 0, end)
        if end < len(data):
            assert not reader.read(cursor)
        else:
            with pytest.raises(RemoteProtocolError) as caught:
                reader.read(cursor)
            assert caught.value.rule is rule
            assert cursor.position == 0
    reader, cursor = HeaderReader(False), Cursor()
    cursor.load(bytearray(b"\x81\x80"), 0, 2)
    with pytest.raises(RemoteProtocolError) as caught:
        reader.read(cursor)
    assert caught.value.rule is Rule.MASK_UNEXPECTED


def test_longest_length(core: Core) -> None:
    assert core.parse_header(frame(TEXT, length=(1 << 63) - 1))[5] == sys.maxsize


def test_a_payload_that_cannot_be_written_leaves_nothing() -> None:
    out = bytearray(b"before")
    for payload in ("text", memoryview(b"abcdef")[::2], None, 5):
        with pytest.raises((TypeError, BufferError)):
            append_frame(out, 0x82, payload, 3, True, 0x01020304)
        assert out == b"before"
    append_frame(out, 0x82, b"abc", 3, False, 0)
    assert out == b"before\x82\x03abc"


@pytest.mark.parametrize("payload", ["text", None, memoryview(b"abcdef")[::2]])
def test_a_connection_survives_a_payload_that_cannot_be_written(core: Core, payload: object) -> None:
    connection = core.server()
    with pytest.raises((TypeError, BufferError)):
        connection.send_control(PING, payload)
    connection.send(b"after")
    assert connection.sent_pairs() == [(BINARY, b"after")]


# --- masking keys ---------------------------------------------------------------------------------


def test_keys_are_never_repeated(core: Core) -> None:
    keys = core.MaskKeys(os.urandom)
    drawn = collections.Counter(keys.draw() for _ in range(10_000))
    assert all(0 <= key <= 0xFFFFFFFF for key in drawn)
    assert len(drawn) > 9_990, "of 10,000 random keys at most a few are the same by chance"


def test_keys_are_those_of_the_source(core: Core) -> None:
    counter = iter(range(10_000))
    keys = core.MaskKeys(lambda size: b"".join(struct.pack("<I", next(counter)) for _ in range(size // 4)))
    assert sorted(keys.draw() for _ in range(1024)) == list(range(1024)), "each of them, once"


def test_keys_drawn_before_are_forgotten(core: Core) -> None:
    sizes: list[int] = []

    def source(size: int) -> bytes:
        sizes.append(size)
        return os.urandom(size)

    keys = core.MaskKeys(source)
    assert sizes == []
    keys.draw()
    keys.draw()
    assert len(sizes) == 1
    keys.forget()
    keys.draw()
    assert len(sizes) == 2


@FORKS
def test_keys_after_a_fork(core: Core) -> None:
    keys = core.MaskKeys(os.urandom)
    keys.draw()
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            keys.forget()
            os.write(writer, struct.pack("<300I", *(keys.draw() for _ in range(300))))
        finally:
            os._exit(0)
    os.close(writer)
    with open(reader, "rb") as stream:
        theirs = struct.unpack("<300I", stream.read())
    assert os.waitpid(child, 0)[1] == 0
    ours = [keys.draw() for _ in range(300)]
    assert not set(ours) & set(theirs)


@FORKS
def test_processes_that_fork_share_no_keys() -> None:
    from twinax.protocol.entropy import MASK_KEYS

    MASK_KEYS.draw()
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(writer, struct.pack("<300I", *(MASK_KEYS.draw() for _ in range(300))))
        finally:
            os._exit(0)
    os.close(writer)
    with open(reader, "rb") as stream:
        theirs = struct.unpack("<300I", stream.read())
    os.waitpid(child, 0)
    assert not set(theirs) & {MASK_KEYS.draw() for _ in range(300)}


def test_threads_share_a_pool(core: Core) -> None:
    keys = core.MaskKeys(os.urandom)
    drawn: list[list[int]] = [[] for _ in range(4)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [
            threading.Thread(target=lambda mine=mine: mine.extend(keys.draw() for _ in range(20_000))) for mine in drawn
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert [len(mine) for mine in drawn] == [20_000] * 4
    # 80,000 random numbers of 32 bits: one pair alike by chance is likely, ten are not.
    assert 80_000 - len(set().union(*drawn)) < 10


def test_a_client_masks_each_frame_with_a_key_of_its_own(core: Core) -> None:
    connection = core.client(fragmentation_threshold=10)
    connection.send("x" * 1000)
    connection.send_control(PING, b"x")
    connection.feed(frame(PING, masked=False) * 3 + frame(CLOSE, masked=False))
    sent = connection.sent()
    assert len(sent) == 105
    assert len({item.key for item in sent}) == 105
    assert all(item.key is not None for item in sent)


def test_a_server_masks_nothing(core: Core) -> None:
    connection = core.server().feed(frame(PING, b"x") + frame(CLOSE))
    connection = core.server()
    connection.send("x")
    connection.feed(frame(PING, b"x") + frame(CLOSE))
    assert [item.key for item in connection.sent()] == [None] * 3
