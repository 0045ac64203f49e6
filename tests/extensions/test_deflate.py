"""permessage-deflate: every parameter in every state, and messages between all pairs of what they allow."""

import itertools
import sys
import zlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twinax import NegotiationError, RemoteProtocolError, Rule
from twinax.extensions import MEMORY_BUDGET, MemoryBudget, PerMessageDeflate
from twinax.extensions.deflate import DeflateCodec
from twinax.protocol import parse_extensions

TAIL = b"\x00\x00\xff\xff"


def parameters(text: str) -> Any:
    return parse_extensions(f"permessage-deflate; {text}" if text else "permessage-deflate")[0][1]


def answer_to(offer: str, **options: Any) -> str | None:
    """The server's answer to an offer, without the name; None when it declines."""
    try:
        answer, _ = PerMessageDeflate(**options).accept(parameters(offer))
    except NegotiationError:
        return None
    return "; ".join(name if value is None else f"{name}={value}" for name, value in answer)


# --- negotiation ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "offer"),
    [
        ({}, "client_max_window_bits"),
        ({"server_no_context_takeover": True}, "server_no_context_takeover; client_max_window_bits"),
        ({"client_no_context_takeover": True}, "client_no_context_takeover; client_max_window_bits"),
        ({"server_max_window_bits": 9}, "server_max_window_bits=9; client_max_window_bits"),
        ({"server_max_window_bits": 15}, "client_max_window_bits"),
        ({"client_max_window_bits": 8}, "client_max_window_bits=8"),
        ({"client_max_window_bits": 15}, "client_max_window_bits"),
    ],
)
def test_what_a_client_offers(options: dict[str, Any], offer: str) -> None:
    assert PerMessageDeflate(**options).offers() == [parameters(offer)]


@pytest.mark.parametrize(
    ("offer", "answer"),
    [
        ("", "server_max_window_bits=12"),
        ("client_max_window_bits", "server_max_window_bits=12; client_max_window_bits=12"),
        ("client_max_window_bits=8", "server_max_window_bits=12; client_max_window_bits=8"),
        ("client_max_window_bits=15", "server_max_window_bits=12; client_max_window_bits=12"),
        ("server_max_window_bits=8", "server_max_window_bits=8"),
        ("server_max_window_bits=15", "server_max_window_bits=12"),
        ('server_max_window_bits="9"', "server_max_window_bits=9"),
        ("server_no_context_takeover", "server_no_context_takeover; server_max_window_bits=12"),
        ("client_no_context_takeover", "client_no_context_takeover; server_max_window_bits=12"),
        # RFC 7692 7.1: unknown, twice, with a value that may not be, without one that must be: declined.
        ("foo", None),
        ("foo=1", None),
        ("server_no_context_takeover=1", None),
        ('server_no_context_takeover="true"', None),
        ("client_no_context_takeover=0", None),
        ("server_no_context_takeover; server_no_context_takeover", None),
        ("client_no_context_takeover; client_no_context_takeover", None),
        ("server_max_window_bits=10; server_max_window_bits=10", None),
        ("client_max_window_bits; client_max_window_bits", None),
        ("server_max_window_bits", None),
        *(
            (f"server_max_window_bits={value}", None)
            for value in ("7", "16", "99", "-1", "1e3", "09", "015", "+9", "x")
        ),
        *(
            (f"client_max_window_bits={value}", None)
            for value in ("7", "16", "99", "-1", "1e3", "09", "015", "+9", "x")
        ),
    ],
)
def test_what_a_server_answers(offer: str, answer: str | None) -> None:
    assert answer_to(offer) == answer


@pytest.mark.parametrize(
    ("options", "offer", "answer"),
    [
        ({"server_no_context_takeover": True}, "", "server_no_context_takeover; server_max_window_bits=12"),
        ({"client_no_context_takeover": True}, "", "client_no_context_takeover; server_max_window_bits=12"),
        ({"server_max_window_bits": 15}, "", ""),
        ({"server_max_window_bits": 15}, "server_max_window_bits=15", "server_max_window_bits=15"),
        ({"server_max_window_bits": 9}, "server_max_window_bits=10", "server_max_window_bits=9"),
        ({"client_max_window_bits": 15}, "client_max_window_bits", "server_max_window_bits=12"),
        (
            {"client_max_window_bits": 9},
            "client_max_window_bits=10",
            "server_max_window_bits=12; client_max_window_bits=9",
        ),
        ({"client_max_window_bits": 9}, "", "server_max_window_bits=12"),
    ],
)
def test_what_a_server_with_options_answers(options: dict[str, Any], offer: str, answer: str) -> None:
    assert answer_to(offer, **options) == answer


@pytest.mark.parametrize(
    ("options", "answer"),
    [
        ({}, ""),
        ({}, "server_no_context_takeover; client_no_context_takeover"),
        ({}, "server_max_window_bits=8; client_max_window_bits=8"),
        ({}, 'server_max_window_bits="15"; client_max_window_bits="15"'),
        ({"server_max_window_bits": 10}, "server_max_window_bits=9"),
        ({"server_no_context_takeover": True}, "server_no_context_takeover"),
        ({"client_no_context_takeover": True}, ""),
    ],
)
def test_answers_that_a_client_takes(options: dict[str, Any], answer: str) -> None:
    assert isinstance(PerMessageDeflate(**options).agree(parameters(answer)), DeflateCodec)


@pytest.mark.parametrize(
    ("options", "answer", "text"),
    [
        ({}, "foo", "'foo': it is unknown"),
        ({}, "server_no_context_takeover; server_no_context_takeover", "comes twice"),
        ({}, "server_no_context_takeover=1", "'server_no_context_takeover=1': it has no value"),
        ({}, "client_max_window_bits", "'client_max_window_bits': expected a number from 8 to 15"),
        ({}, "server_max_window_bits", "from 8 to 15"),
        ({}, "server_max_window_bits=7", "'server_max_window_bits=7': expected a number from 8 to 15"),
        ({}, "client_max_window_bits=16", "'client_max_window_bits=16': expected a number from 8 to 15"),
        ({"server_max_window_bits": 10}, "", "at most 10 was asked for"),
        ({"server_max_window_bits": 10}, "server_max_window_bits=11", "from 8 to 10"),
        ({"client_max_window_bits": 10}, "client_max_window_bits=11", "from 8 to 10"),
        ({"server_no_context_takeover": True}, "", "it was asked for, and is not in the answer"),
    ],
)
def test_answers_that_a_client_refuses(options: dict[str, Any], answer: str, text: str) -> None:
    with pytest.raises(NegotiationError, match=text) as caught:
        PerMessageDeflate(**options).agree(parameters(answer))
    assert caught.value.extension == "permessage-deflate"
    assert caught.value.parameter is not None


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"server_max_window_bits": 7}, ValueError),
        ({"client_max_window_bits": 16}, ValueError),
        ({"client_max_window_bits": "12"}, TypeError),
        ({"server_no_context_takeover": 1}, TypeError),
        ({"client_no_context_takeover": None}, TypeError),
        ({"level": 0}, ValueError),
        ({"level": 10}, ValueError),
        ({"memory_level": 10}, ValueError),
        ({"memory_level": None}, TypeError),
        ({"strategy": 5}, ValueError),
        ({"threshold": -1}, ValueError),
        ({"library": "gzip"}, ValueError),
        ({"memory": 5}, TypeError),
    ],
)
def test_options_outside_their_range_are_refused_and_named(options: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error, match=next(iter(options))):
        PerMessageDeflate(**options)


def test_options_do_not_change_afterwards() -> None:
    with pytest.raises(AttributeError):
        PerMessageDeflate().level = 5  # type: ignore[misc]


# --- messages -------------------------------------------------------------------------------------


def pair(server: dict[str, Any] | None = None, client: dict[str, Any] | None = None) -> tuple[Any, Any]:
    """The codecs of a client and a server that have agreed."""
    ours, theirs = PerMessageDeflate(**(client or {})), PerMessageDeflate(**(server or {}))
    answer, at_server = theirs.accept(ours.offers()[0])
    return ours.agree(answer), at_server


def encode(codec: Any, *parts: bytes) -> bytes:
    assert codec.begin_encode(1, None, None) == 0x40
    return b"".join(codec.encode(part, i == len(parts) - 1) for i, part in enumerate(parts))


def decode(codec: Any, *parts: bytes) -> bytes:
    assert codec.begin_decode(1, 0x40)
    pieces = []
    for i, part in enumerate(parts):
        decoded = codec.decode(part, i == len(parts) - 1)
        pieces += [decoded] if isinstance(decoded, bytes) else decoded
    assert all(len(piece) <= 65536 for piece in pieces)
    return b"".join(pieces)


MESSAGES = [b"", b"a", b"hello " * 1000, b"", bytes(range(256)) * 500, b"hello " * 1000, b"\x00" * 200_000]
# PyPy has only its own.
LIBRARIES = ["zlib", "zlib-ng", "isal"] if sys.implementation.name == "cpython" else ["zlib"]


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("takeover", list(itertools.product([False, True], repeat=2)))
@pytest.mark.parametrize("bits", [8, 9, 10, 12, 15])
def test_messages_come_out_as_they_went_in(library: str, takeover: tuple[bool, bool], bits: int) -> None:
    options: dict[str, Any] = {
        "server_no_context_takeover": takeover[0],
        "client_no_context_takeover": takeover[1],
        "server_max_window_bits": bits,
        "client_max_window_bits": bits,
        "library": library,
    }
    for there, back in (pair(options, options), pair(options, options)[::-1]):
        for message in MESSAGES:
            assert decode(back, encode(there, message)) == message
            half = len(message) // 2
            assert decode(back, encode(there, message[:half], b"", message[half:], b"")) == message
            data = encode(there, message)
            assert decode(back, b"", *(data[i : i + 700] for i in range(0, len(data), 700)), b"") == message


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("bits", range(8, 16))
def test_nothing_refers_further_back_than_was_agreed(library: str, bits: int) -> None:
    """Zlib's own inflater with that window is the judge."""
    client, _ = pair({"client_max_window_bits": bits}, {"client_max_window_bits": bits, "library": library})
    inflater = zlib.decompressobj(-bits)
    words = [f"{i * 7919 % 1009:x} ".encode() for i in range(300)]
    for i in range(30):
        message = b"".join(words[(i * 31 + j * j) % 300] for j in range(500)) + b"\x00" * i
        assert inflater.decompress(encode(client, message) + TAIL) == message


def test_a_message_that_repeats_the_one_before_is_small_with_takeover_only() -> None:
    message = bytes(zlib.crc32(bytes([i])) & 0xFF for i in range(250)) * 8
    keeping, _ = pair()
    forgetting, _ = pair({"client_no_context_takeover": True})
    sizes = [[len(encode(codec, message)) for _ in range(2)] for codec in (keeping, forgetting)]
    assert sizes[0][1] < sizes[0][0] // 4
    assert sizes[1][1] == sizes[1][0]


def test_an_empty_message_is_one_byte() -> None:
    client, server = pair({}, {"library": "zlib"})
    assert encode(client, b"") == b"\x00"  # RFC 7692 7.2.3.6
    assert encode(client, b"") == b"\x00"
    assert decode(server, b"\x00") == b""
    assert decode(server, b"\x02\x00") == b""
    assert decode(server, b"") == b""


def test_the_examples_of_the_rfc() -> None:
    """RFC 7692 7.2.3."""
    _, server = pair({"client_max_window_bits": 15}, {})
    hello = b"\xf2\x48\xcd\xc9\xc9\x07\x00"
    assert decode(server, hello) == b"Hello"
    assert decode(server, b"\xf2\x00\x11\x00\x00") == b"Hello"  # the same again, in the window of the first
    assert decode(server, b"\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00") == b"Hello"  # a stored block
    assert decode(server, b"\xf3\x48\xcd\xc9\xc9\x07\x00\x00") == b"Hello"  # BFINAL
    assert decode(server, b"\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00") == b"Hello"  # two blocks
    assert decode(server, hello[:3], hello[3:]) == b"Hello"


def test_every_part_of_a_stream_can_be_read_at_once() -> None:
    client, server = pair()
    client.begin_encode(1, None, None)
    server.begin_decode(1, 0x40)
    for part in (b"first", b"second " * 100, b"third"):
        assert server.decode(client.encode(part, False), False) == part
    assert server.decode(client.encode(b"", True), True) == b""
    assert decode(server, encode(client, b"next")) == b"next"


@pytest.mark.parametrize("compress", [None, True, False])
def test_only_a_wish_not_to_be_compressed_is_heeded_here(compress: bool | None) -> None:
    client, _ = pair({}, {"threshold": 77})
    assert client.threshold == 77  # below it, the core does not ask
    assert client.begin_encode(1, 5, compress) == (None if compress is False else 0x40)


# --- streams that end within messages -------------------------------------------------------------


def finished(data: bytes) -> bytes:
    """A stream that ends with a final block, and the empty block that RFC 7692 7.2.3.4 puts behind it."""
    compressor = zlib.compressobj(9, zlib.DEFLATED, -12)
    return compressor.compress(data) + compressor.flush(zlib.Z_FINISH) + b"\x00"


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_message_may_hold_streams_that_end(library: str) -> None:
    _, server = pair({"library": library})
    sender, _ = pair()
    for _ in range(3):
        assert decode(server, finished(b"abc" * 100)) == b"abc" * 100
        assert decode(server, finished(b"abc")[:-1] + finished(b"def")) == b"abcdef"
        assert decode(server, finished(b"abc")[:-1]) == b"abc"  # the empty block was forgotten
        assert decode(server, finished(b"x" * 300_000)) == b"x" * 300_000
        assert decode(server, *(bytes([byte]) for byte in finished(b"abc" * 10))) == b"abc" * 10
    assert decode(server, encode(sender, b"new stream")) == b"new stream"
    assert decode(server, encode(sender, b"new stream")) == b"new stream"


@pytest.mark.parametrize("library", LIBRARIES)
def test_what_follows_a_final_block_may_refer_to_what_was_before_it(library: str) -> None:
    _, server = pair({"library": library})
    data = bytes(range(256)) * 4
    compressor = zlib.compressobj(9, zlib.DEFLATED, -12, zdict=data)
    assert decode(server, finished(data)) == data
    compressed = compressor.compress(data) + compressor.flush(zlib.Z_SYNC_FLUSH)
    assert len(compressed) < 100
    assert decode(server, compressed[:-4]) == data


def test_streams_in_one_message_are_limited() -> None:
    _, server = pair()
    assert decode(server, b"\x03\x00" * 64 + b"\x00") == b""
    assert decode(server, b"\x03\x00" * 64 + b"\x00") == b""
    with pytest.raises(RemoteProtocolError, match="more than 64 streams"):
        decode(server, b"\x03\x00" * 100_000)


# --- hostile --------------------------------------------------------------------------------------


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize(
    "data",
    [
        b"\xff\xff",
        b"\x07",
        b"\x00\x05\x00\x00\x00",
        b"\x62\x00\x00\x00\x00\x00\x00\x04",
        finished(b"abc")[:-1] + b"\xff\xff",
        b"\xf2\x00\x11\x00\x00",  # refers to a message that never was
    ],
)
def test_what_is_no_deflate_stream_is_the_peers_fault(library: str, data: bytes) -> None:
    _, server = pair({"library": library})
    with pytest.raises(RemoteProtocolError) as caught:
        decode(server, data + b"\x00" * 20)
    assert caught.value.rule is Rule.COMPRESSED_DATA_INVALID
    assert caught.value.close_code == 1007


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_bomb_comes_in_steps(library: str) -> None:
    _, server = pair({"library": library})
    bomb = finished(b"\x00" * 50_000_000)
    assert len(bomb) < 60_000
    server.begin_decode(2, 0x40)
    pieces = iter(server.decode(bomb, True))
    assert [len(next(pieces)) for _ in range(10)] == [65536] * 10


@pytest.mark.parametrize("size", [65535, 65536, 65537, 131072])
@pytest.mark.parametrize("library", LIBRARIES)
def test_messages_of_a_whole_number_of_steps(library: str, size: int) -> None:
    client, server = pair({"library": library}, {"library": library})
    for _ in range(2):
        assert decode(server, encode(client, b"s" * size)) == b"s" * size


@given(
    messages=st.lists(st.binary(max_size=300) | st.sampled_from([b"abc" * 3000, b"\x00" * 70_000]), max_size=8),
    sizes=st.lists(st.integers(0, 50), max_size=5),
    options=st.fixed_dictionaries(
        {},
        optional={
            "server_no_context_takeover": st.booleans(),
            "client_no_context_takeover": st.booleans(),
            "server_max_window_bits": st.integers(8, 15),
            "client_max_window_bits": st.integers(8, 15),
            "level": st.integers(1, 9),
            "memory_level": st.integers(1, 9),
            "strategy": st.integers(0, 4),
            "library": st.sampled_from(LIBRARIES),
        },
    ),
    idle=st.lists(st.booleans(), min_size=8, max_size=8),
)
@settings(max_examples=300, deadline=None)
def test_any_messages_any_options_any_cut_any_pause(
    messages: list[bytes], sizes: list[int], options: dict[str, Any], idle: list[bool]
) -> None:
    client, server = pair(options, options)
    for message, pause in zip(messages, idle, strict=False):
        for there, back in ((client, server), (server, client)):
            data = encode(there, message[: len(message) // 3], message[len(message) // 3 :])
            pieces = []
            for size in sizes:
                pieces.append(data[:size])
                data = data[size:]
            assert decode(back, *pieces, data) == message
            if pause:
                there.release()
                back.release()
                back.release()
    client.close()
    server.close()


@given(data=st.binary(max_size=200), cut=st.integers(0, 200), library=st.sampled_from(LIBRARIES))
@settings(max_examples=500, deadline=None)
def test_any_bytes_are_a_message_or_the_peers_fault(data: bytes, cut: int, library: str) -> None:
    _, server = pair({"library": library})
    faults = []
    try:
        for _ in range(2):
            decode(server, data[:cut], data[cut:])
            server.release()
    except RemoteProtocolError as error:
        faults.append(error)
    assert all(error.rule is Rule.COMPRESSED_DATA_INVALID for error in faults)
    assert all(len(str(error).encode()) <= 123 for error in faults)


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("size", [1, 3, 200, 5000])
def test_a_message_that_ends_inside_a_block_is_not_taken_for_a_window(library: str, size: int) -> None:
    _, server = pair({"library": library})
    stored = b"\x00\xe8\x03\x17\xfc" + b"stored"  # six of a thousand bytes
    data = encode(pair()[0], b"a" * size) + TAIL + stored
    assert decode(server, data) == b"a" * size + b"stored" + TAIL
    server.release()
    with pytest.raises(RemoteProtocolError, match="the message before ended inside a block"):
        decode(server, b"\x00")


@pytest.mark.parametrize("library", LIBRARIES)
def test_nor_is_one_that_ends_inside_a_block_and_gave_nothing(library: str) -> None:
    _, server = pair({"library": library})
    assert decode(server, b"\x00") == b""
    server.release()
    assert decode(server, encode(pair()[0], b"abc")) == b"abc"
    _, server = pair({"library": library})
    assert decode(server, b"") == b""  # no block at all: what is put behind it is the beginning of one
    server.release()
    with pytest.raises(RemoteProtocolError, match="the message before ended inside a block"):
        decode(server, b"\x00")


def test_the_budget_of_the_process_is_the_default() -> None:
    assert PerMessageDeflate().memory is MEMORY_BUDGET
    own = MemoryBudget(None)
    assert PerMessageDeflate(memory=own).memory is own
