"""Masking and the UTF-8 check, the readable twin and the compiled one, against the definition."""

import array
import importlib
import itertools
import random
import struct
import sys
from collections.abc import Callable
from typing import Any, NoReturn

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twinax._core import mask

KEYS = (0, 1, 0xFF000000, 0x80808080, 0x01020304, 0xFFFFFFFF, 0xDEADBEEF)
LARGE = (511, 512, 513, 4099, 65536, (1 << 20) + 3)
ON_CPYTHON = pytest.mark.skipif(
    sys.implementation.name != "cpython", reason="PyPy moves a bytearray under its views, and can not tell its size"
)
ALPHABETS = ("plain ASCII, 0-9", "éß\u0080\u07ff", "漢字\u0800\ud7ff\ue000\uffff", "😀\U00010000\U0010ffff")


def load_compiled() -> Any:
    """The wrappers in the compiled unit; None where it was not built."""
    try:
        return importlib.import_module("twinax._core._compiled").Kernels
    except ModuleNotFoundError:
        return None


COMPILED = load_compiled()
TWINS = [mask] if COMPILED is None else [mask, COMPILED]


@pytest.fixture
def compiled(absent: Callable[[str], NoReturn]) -> Any:
    if COMPILED is None:
        absent("the compiled core is not built")
    return COMPILED


@pytest.fixture(params=["python", "compiled"])
def kernels(request: pytest.FixtureRequest) -> Any:
    return mask if request.param == "python" else request.getfixturevalue("compiled")


def masked(data: bytes, key: int) -> bytes:
    """RFC 6455 5.3, word for word."""
    key4 = key.to_bytes(4, "little")
    return bytes(byte ^ key4[i % 4] for i, byte in enumerate(data))


# --- masking ----------------------------------------------------------------------------------


def test_every_length_and_offset(kernels: Any) -> None:
    source = random.Random(1)
    buffer = bytearray(source.randbytes(160))
    before = bytes(buffer)
    for length, start in itertools.product(range(101), range(18)):
        key = source.choice((0, source.getrandbits(32)))
        expected = masked(before[start : start + length], key)
        assert kernels.unmask_bytes(buffer, start, length, key) == expected
        out = bytearray(b"head")
        kernels.unmask_append(out, buffer, start, length, key)
        assert out == b"head" + expected
        out = bytearray(before[:start])
        kernels.append_masked(out, before[start : start + length], key)
        assert out == before[:start] + expected
    assert buffer == before


@pytest.mark.parametrize("key", KEYS)
def test_keys_of_every_kind(kernels: Any, key: int) -> None:
    data = bytes(range(256))
    assert kernels.unmask_bytes(bytearray(data), 0, 256, key) == masked(data, key)


@pytest.mark.parametrize("size", LARGE)
def test_large_payloads(kernels: Any, size: int) -> None:
    data = random.Random(size).randbytes(size)
    expected = masked(data, 0x89ABCDEF)
    buffer = bytearray(b"\x81\xfe" + data + b"next")
    assert kernels.unmask_bytes(buffer, 2, size, 0x89ABCDEF) == expected
    out = bytearray(b"head")
    kernels.unmask_append(out, buffer, 2, size, 0x89ABCDEF)
    kernels.append_masked(out, expected, 0x89ABCDEF)
    assert out == b"head" + expected + data


@settings(deadline=None)
@given(data=st.binary(max_size=100), key=st.sampled_from(KEYS) | st.integers(1, 2**32 - 1))
def test_the_way_of_pypy_is_the_same_everywhere(data: bytes, key: int) -> None:
    for payload in (data, bytearray(data)):
        assert mask.xor_words(payload, len(data), key) == masked(data, key)


def test_results_have_the_exact_types(kernels: Any) -> None:
    for size, key in itertools.product((0, 5, 2000), (0, 7)):
        assert type(kernels.unmask_bytes(bytearray(size), 0, size, key)) is bytes
        assert type(kernels.unmask_text(bytearray(size), 0, size, key)) is str


def test_result_is_a_copy(kernels: Any) -> None:
    buffer = bytearray(b"first")
    data, text = kernels.unmask_bytes(buffer, 0, 5, 0), kernels.unmask_text(buffer, 0, 5, 0)
    buffer[:] = b"other and longer"  # BufferError if anything still held a view
    assert (data, text) == (b"first", "first")


def test_rotated_key_continues_a_payload(kernels: Any) -> None:
    data = bytes(range(50))
    for key, split in itertools.product(KEYS, range(51)):
        rotated = kernels.rotate_key(key, split)
        assert 0 <= rotated < 2**32
        assert masked(data[:split], key) + masked(data[split:], rotated) == masked(data, key)
    assert kernels.rotate_key(0x04030201, 2**40 + 1) == 0x01040302


@settings(max_examples=300, deadline=None)
@given(data=st.binary(max_size=3000), key=st.integers(0, 2**32 - 1), cut=st.tuples(st.integers(0), st.integers(0)))
def test_masking_property(data: bytes, key: int, cut: tuple[int, int]) -> None:
    start = cut[0] % (len(data) + 1)
    length = cut[1] % (len(data) - start + 1)
    expected = masked(data[start : start + length], key)
    for twin in TWINS:
        assert twin.unmask_bytes(bytearray(data), start, length, key) == expected
        out = bytearray(expected)
        twin.append_masked(out, expected, key)
        twin.unmask_append(out, bytearray(data), start, length, key)
        assert out == expected + data[start : start + length] + expected


def test_in_place(compiled: Any) -> None:
    source = random.Random(2)
    for length, start in itertools.product((*range(101), 1000), range(18)):
        data, key = source.randbytes(1100), source.getrandbits(32)
        buffer = bytearray(data)
        compiled.mask_in_place(buffer, start, length, key)
        assert buffer == data[:start] + masked(data[start : start + length], key) + data[start + length :]


def test_top_bit_is_found_in_every_position(compiled: Any) -> None:
    key = 0xC1D2E3F4
    for length in range(1, 70):
        plain = b"a" * length
        assert not compiled.mask_in_place(bytearray(masked(plain, key)), 0, length, key)
        for position in range(length):
            marked = plain[:position] + b"\x80" + plain[position + 1 :]
            assert compiled.mask_in_place(bytearray(masked(marked, key)), 0, length, key)


# --- appending --------------------------------------------------------------------------------


@pytest.mark.parametrize("key", [0, 0x01020304])
@pytest.mark.parametrize(
    "payload",
    [
        b"bytes",
        bytearray(b"bytearray"),
        memoryview(b"memoryview")[2:-1],
        memoryview(b""),
        memoryview(array.array("Q", range(40))),
        memoryview(bytes(24)).cast("B", (2, 3, 4)),
    ],
    ids=["bytes", "bytearray", "memoryview", "empty", "wide items", "three dimensions"],
)
def test_payload_types(kernels: Any, payload: bytes | bytearray | memoryview, key: int) -> None:
    data = bytes(payload)
    out = bytearray(b"x")
    kernels.append_masked(out, payload, key)
    assert out == b"x" + masked(data, key)
    assert bytes(payload) == data


def test_subclass_of_bytes(kernels: Any) -> None:
    class Payload(bytes):
        pass

    out = bytearray()
    kernels.append_masked(out, Payload(b"abc"), 0x20202020)
    assert out == b"ABC"


@pytest.mark.parametrize("key", [0, 0x01020304])
@pytest.mark.parametrize("size", [0, 1, 15, 100, 5000])
def test_output_appended_to_itself(kernels: Any, size: int, key: int) -> None:
    data = random.Random(3).randbytes(size)
    out = bytearray(data)
    kernels.append_masked(out, out, key)
    assert out == data + masked(data, key)
    kernels.unmask_append(out, out, size, size, key)
    assert out == data + masked(data, key) + data


@pytest.mark.parametrize("key", [0, 0x01020304])
def test_view_with_gaps_is_refused(kernels: Any, key: int) -> None:
    out = bytearray(b"x")
    with pytest.raises(BufferError):
        kernels.append_masked(out, memoryview(bytes(10))[::2], key)
    assert out == b"x"


@pytest.mark.parametrize("payload", ["text", 5, None, [1, 2]])
def test_payload_without_bytes_is_refused(kernels: Any, payload: Any) -> None:
    out = bytearray(b"x")
    with pytest.raises(TypeError):
        kernels.append_masked(out, payload, 0x01020304)
    assert out == b"x"


@ON_CPYTHON
def test_output_that_may_not_move(kernels: Any) -> None:
    out = bytearray(b"x" * 10)
    with memoryview(out) as view:
        for payload in (b"abc", view, bytearray(b"abc")):
            with pytest.raises(BufferError):
                kernels.append_masked(out, payload, 1)
        with pytest.raises(BufferError):
            kernels.unmask_append(out, out, 0, 5, 1)
    assert out == b"x" * 10


def test_payload_is_released(kernels: Any) -> None:
    payload = bytearray(b"abc")
    view = memoryview(payload)
    kernels.append_masked(bytearray(), view, 1)
    kernels.append_masked(bytearray(), payload, 1)
    view.release()
    payload.append(1)  # BufferError if a view was left behind
    assert payload == b"abc\x01"


@ON_CPYTHON
def test_output_grows_in_few_moves(kernels: Any) -> None:
    out, sizes = bytearray(), set()
    for _ in range(10_000):
        kernels.append_masked(out, b"y" * 100, 0)
        sizes.add(sys.getsizeof(out))
    assert len(out) == 1_000_000
    assert len(sizes) < 150


# --- bounds -----------------------------------------------------------------------------------

OUTSIDE = [(-1, 1), (0, -1), (0, 11), (11, 0), (5, 6), (10, 1), (-5, 5), (1, sys.maxsize), (sys.maxsize, 1)]


@pytest.mark.parametrize(("start", "length"), OUTSIDE)
def test_piece_outside_the_buffer(kernels: Any, start: int, length: int) -> None:
    buffer, out = bytearray(10), bytearray(b"x")
    for key in (0, 1):
        with pytest.raises(IndexError):
            kernels.unmask_bytes(buffer, start, length, key)
        with pytest.raises(IndexError):
            kernels.unmask_text(buffer, start, length, key)
        with pytest.raises(IndexError):
            kernels.unmask_append(out, buffer, start, length, key)
    assert out == b"x"


@pytest.mark.parametrize(("start", "end"), [(-1, 1), (0, 11), (11, 11), (5, 4), (-2, -1), (1, sys.maxsize)])
def test_text_outside_the_buffer(kernels: Any, start: int, end: int) -> None:
    with pytest.raises(IndexError):
        kernels.utf8_prefix(bytearray(10), start, end)


def test_empty_piece_at_the_end(kernels: Any) -> None:
    for size in (0, 10):
        buffer, out = bytearray(size), bytearray()
        assert kernels.unmask_bytes(buffer, size, 0, 1) == b""
        assert kernels.unmask_text(buffer, size, 0, 1) == ""
        assert kernels.utf8_prefix(buffer, size, size) == size
        kernels.unmask_append(out, buffer, size, 0, 1)
        assert out == b""


@pytest.mark.parametrize("key", [-1, 2**32])
@pytest.mark.parametrize("size", [0, 5, 2000])
def test_key_of_more_than_four_bytes(kernels: Any, key: int, size: int) -> None:
    with pytest.raises(OverflowError):
        kernels.unmask_bytes(bytearray(size), 0, size, key)
    with pytest.raises(OverflowError):
        kernels.append_masked(bytearray(), bytes(size), key)


def test_none_is_refused(compiled: Any) -> None:
    calls: tuple[Callable[[], object], ...] = (
        lambda: compiled.unmask_bytes(None, 0, 0, 0),
        lambda: compiled.unmask_text(None, 0, 0, 0),
        lambda: compiled.unmask_append(None, bytearray(), 0, 0, 0),
        lambda: compiled.unmask_append(bytearray(), None, 0, 0, 0),
        lambda: compiled.append_masked(None, b"", 0),
        lambda: compiled.utf8_prefix(None, 0, 0),
        lambda: compiled.utf8_of(None),
    )
    for call in calls:
        with pytest.raises(TypeError):
            call()


# --- text -------------------------------------------------------------------------------------


@pytest.mark.parametrize("alphabet", ALPHABETS)
@pytest.mark.parametrize("key", [0, 0x80FF017F])
def test_text_of_every_length(kernels: Any, alphabet: str, key: int) -> None:
    for length in (*range(70), 1023, 1024, 5000):
        text = (alphabet * length)[:length]
        data = text.encode()
        buffer = bytearray(b"\x81" + masked(data, key) + b"\xff")
        before = bytes(buffer)
        assert kernels.unmask_text(buffer, 1, len(data), key) == text
        assert buffer == before


def test_one_foreign_character_anywhere(kernels: Any) -> None:
    for length, character in itertools.product((1, 2, 3, 4, 7, 8, 15, 16, 17, 33, 50), "é漢😀\x00\x7f\x80"):
        for position in range(length):
            text = "a" * position + character + "a" * (length - position - 1)
            data = masked(text.encode(), 0x0BADF00D)
            assert kernels.unmask_text(bytearray(data), 0, len(data), 0x0BADF00D) == text


def test_shared_strings_stay_whole(kernels: Any) -> None:
    for code in range(128):
        assert kernels.unmask_text(bytearray([code ^ 0x55]), 0, 1, 0x55) == chr(code)
        assert kernels.unmask_text(bytearray(), 0, 0, 0x55) == ""
    assert bytes(range(128)).decode() == "".join(map(chr, range(128)))


@pytest.mark.parametrize("key", [0, 0x01020304])
@pytest.mark.parametrize(
    "bad", [b"\xff", b"\xc0\x80", b"\xe0\x80\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xc3", b"\xe2\x82"]
)
def test_bad_text(kernels: Any, bad: bytes, key: int) -> None:
    for before, after in itertools.product((0, 1, 15, 2000), (0, 20)):
        data = b"a" * before + bad + b"b" * after
        with pytest.raises(UnicodeDecodeError) as expected:
            data.decode()
        with pytest.raises(UnicodeDecodeError) as caught:
            kernels.unmask_text(bytearray(masked(data, key)), 0, len(data), key)
        assert caught.value.args == expected.value.args


@settings(max_examples=300, deadline=None)
@given(text=st.text(max_size=200), key=st.integers(0, 2**32 - 1))
def test_text_property(text: str, key: int) -> None:
    data = masked(text.encode(), key)
    for twin in TWINS:
        assert twin.unmask_text(bytearray(data), 0, len(data), key) == text


# --- the UTF-8 check --------------------------------------------------------------------------

# The proper beginnings of all characters; the last six bits of a character are not in them.
BEGINNINGS = {
    chr(code).encode()[:size]
    for code in range(0x80, 0x110000, 64)
    if not 0xD800 <= code <= 0xDFFF
    for size in range(1, len(chr(code).encode()))
}


def is_valid(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def valid_prefix(data: bytes) -> int:
    """The definition: valid, or valid but for the beginning of a character at the end; else -1."""
    if is_valid(data):
        return len(data)
    for tail in range(1, min(3, len(data)) + 1):
        if data[-tail:] in BEGINNINGS and is_valid(data[:-tail]):
            return len(data) - tail
    return -1


def test_prefix_of_all_sequences_of_one_and_two_bytes(kernels: Any) -> None:
    for size in (1, 2):
        for data in map(bytes, itertools.product(range(256), repeat=size)):
            assert kernels.utf8_prefix(bytearray(data), 0, size) == valid_prefix(data)


EDGES = bytes.fromhex("41 7f 80 8f 90 9f a0 bf c0 c1 c2 df e0 e1 ec ed ee ef f0 f1 f3 f4 f5 ff")
LEADS = bytes.fromhex("41 c1 c2 df e0 e1 ec ed ee ef f0 f1 f3 f4 f5 ff")
FOLLOWERS = bytes.fromhex("41 7f 80 8f 90 9f a0 bf c0 e0 f0")


def test_prefix_of_three_and_four_bytes_at_the_edges(kernels: Any) -> None:
    three = itertools.product(EDGES, repeat=3)
    four = itertools.product(LEADS, FOLLOWERS, FOLLOWERS, FOLLOWERS)
    for data in map(bytes, itertools.chain(three, four)):
        assert kernels.utf8_prefix(bytearray(data), 0, len(data)) == valid_prefix(data)


@pytest.mark.parametrize(
    "begin", ["c0", "c1", "f5", "ff", "80", "e080", "e09f", "eda0", "edbf", "f080", "f08f", "f490", "e1c0"]
)
def test_prefix_fails_as_soon_as_possible(kernels: Any, begin: str) -> None:
    for before in ("", "a", "a" * 15, "a" * 16, "a" * 40, "é", "漢" * 6, "😀"):
        data = before.encode() + bytes.fromhex(begin)
        buffer = bytearray(data)
        assert kernels.utf8_prefix(buffer, 0, len(data)) == -1
        assert kernels.utf8_prefix(buffer, len(before.encode()), len(data)) == -1
        assert kernels.utf8_prefix(buffer, 0, len(before.encode())) == len(before.encode())
        buffer += b"x"  # BufferError if the failed call still held a view


def test_prefix_at_every_split(kernels: Any) -> None:
    for padding, character in itertools.product(range(35), ("é", "漢", "😀", "\ud7ff", "\U0010ffff")):
        data = ("b" * padding + character * 2 + "c" * 20 + character).encode()
        for start in range(padding + 1):
            for end in range(start, len(data) + 1):
                expected = valid_prefix(data[start:end]) + start
                assert kernels.utf8_prefix(bytearray(data), start, end) == expected


def test_prefix_ignores_what_lies_around(kernels: Any) -> None:
    buffer = bytearray(b"\xff" + "é".encode() + b"\xff")
    assert kernels.utf8_prefix(buffer, 1, 3) == 3
    assert kernels.utf8_prefix(buffer, 1, 2) == 1
    assert kernels.utf8_prefix(buffer, 1, 1) == 1


TEXTS = st.text(max_size=60).map(str.encode)


@settings(max_examples=500, deadline=None)
@given(data=st.one_of(st.binary(max_size=80), TEXTS, st.tuples(TEXTS, st.binary(max_size=4)).map(b"".join)))
def test_prefix_property(data: bytes) -> None:
    for twin in TWINS:
        assert twin.utf8_prefix(bytearray(data), 0, len(data)) == valid_prefix(data)


@settings(max_examples=200, deadline=None)
@given(data=TEXTS, cuts=st.lists(st.integers(0, 300)))
def test_checking_in_pieces_reaches_the_end(data: bytes, cuts: list[int]) -> None:
    for twin in TWINS:
        checked = 0
        for end in sorted(min(cut, len(data)) for cut in [*cuts, len(data)]):
            checked = twin.utf8_prefix(bytearray(data), checked, max(end, checked))
            assert checked >= 0
        assert checked == len(data)


# --- compiled only ----------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["", "a", "ASCII", "é", "漢字", "😀", "a" * 1000 + "é", "\x00"])
def test_utf8_of_a_str(compiled: Any, text: str) -> None:
    assert compiled.utf8_of(text) == text.encode()
    assert compiled.utf8_of(text) == text.encode()


def test_utf8_of_a_lone_surrogate(compiled: Any) -> None:
    with pytest.raises(UnicodeEncodeError):
        compiled.utf8_of("a\ud800")


@pytest.mark.parametrize("length", [0, 1, 125, 126, 127, 255, 256, 65535, 65536, 2**32, 2**63 - 1])
@pytest.mark.parametrize("masked_too", [False, True])
def test_header_is_minimal(compiled: Any, length: int, masked_too: bool) -> None:
    bit = 0x80 if masked_too else 0
    if length < 126:
        expected = struct.pack("!BB", 0x82, bit | length)
    elif length < 65536:
        expected = struct.pack("!BBH", 0x82, bit | 126, length)
    else:
        expected = struct.pack("!BBQ", 0x82, bit | 127, length)
    assert compiled.put_header(0x82, length, masked_too) == expected
