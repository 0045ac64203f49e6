"""Checked reads: nothing outside the loaded piece is ever read (interpreted; compiled, the methods cannot be seen)."""

import pytest

from cores import Core
from twinax._core.cursor import Cursor
from twinax._core.payload import Payload


def loaded(data: bytes = b"0123456789", start: int = 2, end: int = 8) -> Cursor:
    cursor = Cursor()
    cursor.load(bytearray(data), start, end)
    return cursor


def test_reads_in_order() -> None:
    cursor = loaded()
    assert cursor.available() == 6
    assert cursor.peek_start() == 0x3233
    assert cursor.peek_big_endian(0, 2) == 0x3233
    cursor.skip(1)
    assert cursor.take_bytes(2, 0) == b"34"
    assert cursor.take_text(1, 0) == "5"
    target = Payload()
    target.add(b"<")
    cursor.take_into(target, 1, 0x01)
    assert target.take_bytes() == b"<7"
    assert cursor.rest() == b"7"
    assert cursor.available() == 1


@pytest.mark.parametrize("size", range(1, 9))
def test_big_endian_of_every_size(size: int) -> None:
    assert loaded(b"\xff" * 8, 0, 8).peek_big_endian(0, size) == (1 << 8 * size) - 1
    assert loaded(bytes(range(1, 9)), 0, 8).peek_big_endian(0, size) == int.from_bytes(range(1, size + 1), "big")


def test_unmasks_what_it_takes() -> None:
    key = int.from_bytes(b"\x01\x02\x03\x04", "little")
    masked = bytes(byte ^ b"\x01\x02\x03\x04"[i % 4] for i, byte in enumerate(b"hello"))
    assert loaded(masked, 0, 5).take_bytes(5, key) == b"hello"
    assert loaded(masked, 0, 5).take_text(5, key) == "hello"
    assert loaded(b"\xff\xff\xff\xff", 0, 4).take_key(0) == 0xFFFFFFFF


def test_a_key_is_taken_with_what_is_before_it() -> None:
    cursor = loaded()
    assert cursor.take_key(1) == 0x36353433
    assert cursor.rest() == b"7"


def test_text_that_is_none_is_taken_all_the_same() -> None:
    cursor = loaded(b"\xffab", 0, 3)
    with pytest.raises(UnicodeDecodeError):
        cursor.take_text(1, 0)
    assert cursor.rest() == b"ab"


@pytest.mark.parametrize("count", [7, -1, 1 << 62])
def test_refuses_to_read_past_the_end(count: int) -> None:
    reads = [
        lambda cursor: cursor.skip(count),
        lambda cursor: cursor.take_bytes(count, 0),
        lambda cursor: cursor.take_text(count, 1),
        lambda cursor: cursor.take_into(Payload(), count, 0),
        lambda cursor: cursor.take_key(count - 4),
    ]
    for read in reads:
        cursor = loaded()
        with pytest.raises(IndexError, match=f"read of {count} bytes, 6 are left"):
            read(cursor)
        assert cursor.rest() == b"234567", "a refused read takes nothing"


def test_refuses_to_look_past_the_end() -> None:
    cursor = loaded()
    for look in (
        lambda: cursor.peek_big_endian(5, 2),
        lambda: cursor.peek_big_endian(0, 8),
        lambda: cursor.take_key(3),
        lambda: cursor.take_key(1 << 40),
    ):
        with pytest.raises(IndexError, match="6 are left"):
            look()
    cursor.skip(5)
    with pytest.raises(IndexError, match="read of 2 bytes, 1 are left"):
        cursor.peek_start()


@pytest.mark.parametrize(("start", "end"), [(-1, 3), (4, 3), (0, 11), (11, 11), (-5, -2)])
def test_refuses_a_piece_outside_the_buffer(start: int, end: int) -> None:
    cursor = loaded()
    with pytest.raises(IndexError, match="outside a buffer of 10 bytes"):
        cursor.load(bytearray(10), start, end)
    assert cursor.rest() == b"234567"


def test_refuses_an_end_that_is_not_there(core: Core) -> None:
    for end in (core.HEADROOM + 4, core.HEADROOM - 1, -1, 1 << 62):
        connection = core.server()
        with pytest.raises(IndexError):
            connection.receive(bytearray(core.HEADROOM + 3), end, 0.0)
