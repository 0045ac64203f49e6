"""Masking (RFC 6455 5.3) and the incremental UTF-8 check: the readable twin of `_kernels.pxi`.

Names, signatures, results and exceptions are those of the compiled twin; `tests/_core/test_kernels.py`
holds both against each other.

A key is one integer: the four masking bytes in little-endian order, ``int.from_bytes(key4, "little")``,
so that payload byte ``i`` is masked with ``key >> 8 * (i % 4) & 0xff``. 0 means "not masked", and masking
with it changes nothing. (The C kernels want the bytes in memory order; on a big-endian host the compiled
twin swaps the integer with ``twx_key_from_le`` first.)

Python has no XOR of byte strings, and a loop over bytes costs 57 ns a byte (CPython 3.11). Two ways are fast there:

- small payloads: as one big integer, XORed with the key times 1 + 2**32 + 2**64 ..., which is the key repeated;
- large ones: in four lanes, each with the bytes that meet the same masking byte, each through
  `bytes.translate`. More calls, fewer nanoseconds a byte, since integers are converted to and from
  digits of 30 bits.

PyPy compiles a loop over words of eight bytes to machine code, and needs nothing else.

Microseconds a payload, measured 2026-11-25 on one core of an AMD EPYC ("repeated": the integer made of the
repeated bytes of the key instead of by multiplication):

| bytes  | CPython 3.11 repeated | integer | lanes | PyPy 7.3.19 integer | lanes | words |
|-------:|----------------------:|--------:|------:|--------------------:|------:|------:|
|     32 |                  0.34 |    0.26 |  0.52 |                0.12 |  0.48 |  0.05 |
|    128 |                  0.48 |    0.36 |  0.59 |                0.55 |  0.87 |  0.06 |
|    512 |                   1.1 |    0.87 |  0.92 |                 1.8 |   2.4 |  0.14 |
|   4096 |                   5.5 |     4.4 |   4.1 |                  15 |    17 |  0.65 |
|  16384 |                    20 |      16 |    13 |                  61 |    67 |   2.4 |
|  1 MiB |                  2530 |    1830 |   812 |                4730 |  8360 |  1000 |
"""

import codecs
import sys
from array import array
from functools import cache
from typing import Literal

__all__ = ["append_masked", "rotate_key", "unmask_append", "unmask_bytes", "unmask_text", "utf8_prefix", "xor"]

LANES_FROM = 512
"""Payload size in bytes from which four lanes beat one integer (the table above)."""

_HAS_JIT = sys.implementation.name == "pypy"
# PyPy makes a big integer of each "q", wherever an "l" is as large: 7.5 microseconds for 16 KiB instead of 0.9.
_WORD: Literal["l", "q"] = "l" if array("l").itemsize == 8 else "q"
_REPEATING = [int.from_bytes(b"\1\0\0\0" * words, "little") for words in range(LANES_FROM // 4 + 1)]
"""Times a key: the key, so many times. 37 KiB, and made in 0.1 ms."""

_from_bytes = int.from_bytes


def unmask_bytes(buffer: bytearray, start: int, length: int, key: int) -> bytes:
    """Return a piece of `buffer` as bytes of its own, unmasked.

    Args:
        buffer: Holds the piece; it stays as it is.
        start: Where the piece begins.
        length: Its size in bytes.
        key: The masking key, 0 for none.

    Returns:
        A copy.

    Raises:
        IndexError: The piece is not wholly inside `buffer`.
    """
    if start < 0 or length < 0 or start + length > len(buffer):
        raise IndexError("piece outside the buffer")
    piece = buffer[start : start + length]
    return bytes(xor(piece, length, key) if key else piece)


def unmask_text(buffer: bytearray, start: int, length: int, key: int) -> str:
    """Return a piece of `buffer` as text, unmasked.

    Args:
        buffer: Holds the piece; it stays as it is.
        start: Where the piece begins.
        length: Its size in bytes.
        key: The masking key, 0 for none.

    Returns:
        The text.

    Raises:
        UnicodeDecodeError: The unmasked piece is not valid UTF-8.
        IndexError: The piece is not wholly inside `buffer`.
    """
    if start < 0 or length < 0 or start + length > len(buffer):
        raise IndexError("piece outside the buffer")
    piece = buffer[start : start + length]
    return (xor(piece, length, key) if key else piece).decode()


def unmask_append(out: bytearray, buffer: bytearray, start: int, length: int, key: int) -> None:
    """Append a piece of `buffer`, unmasked, to `out`.

    Args:
        out: Grows by `length` bytes; may be `buffer` itself.
        buffer: Holds the piece.
        start: Where the piece begins.
        length: Its size in bytes.
        key: The masking key, 0 for none.

    Raises:
        IndexError: The piece is not wholly inside `buffer`.
        BufferError: A memoryview of `out` exists (CPython).
    """
    if start < 0 or length < 0 or start + length > len(buffer):
        raise IndexError("piece outside the buffer")
    piece = buffer[start : start + length]
    out += xor(piece, length, key) if key else piece


def append_masked(out: bytearray, payload: bytes | bytearray | memoryview, key: int) -> None:
    """Append `payload`, masked, to `out`.

    Args:
        out: Grows by the size of `payload`.
        payload: What to append; may be `out` itself. A memoryview counts in bytes, however wide its items.
        key: The masking key, 0 for none.

    Raises:
        TypeError: `payload` holds no bytes.
        BufferError: `payload` is a memoryview with gaps, or one of `out` exists (CPython).
    """
    if not isinstance(payload, bytes):
        view = memoryview(payload)
        if not view.c_contiguous:
            raise BufferError("payload is not contiguous")
        # A copy: `out` can not grow while it is being read, and a bytearray would be masked where it stands.
        payload = view.tobytes()
        view.release()
    out += xor(payload, len(payload), key) if key else payload


def rotate_key(key: int, offset: int) -> int:
    """Return the key for the rest of a payload whose first `offset` bytes are done.

    Args:
        key: The masking key of the whole payload.
        offset: Bytes of it that are done.
    """
    shift = 8 * (offset & 3)
    return (key >> shift | key << (32 - shift)) & 0xFFFF_FFFF


def utf8_prefix(buffer: bytearray, start: int, end: int) -> int:
    """Check a piece of a text that may go on later.

    Fails fast: bytes that no continuation can make valid (overlong forms, surrogates, beyond U+10FFFF)
    are reported at once, as the first fragment of a bad message should be.

    Args:
        buffer: Holds the piece.
        start: Where it begins: at the first byte of a character.
        end: Where it ends, perhaps inside a character.

    Returns:
        The index in `buffer` up to which there are whole, valid characters; -1 when the piece is not the
        beginning of valid UTF-8.

    Raises:
        IndexError: The piece is not wholly inside `buffer`.
    """
    if not 0 <= start <= end <= len(buffer):
        raise IndexError("piece outside the buffer")
    with memoryview(buffer) as whole, whole[start:end] as piece:
        try:
            checked = start + codecs.utf_8_decode(piece, "strict", False)[1]
        except UnicodeDecodeError:
            return -1
    # CPython (3.11 to 3.13) waits for the third byte before it sees that ED A0..BF begins a surrogate.
    if end - checked == 2 and buffer[checked] == 0xED and buffer[checked + 1] >= 0xA0:
        return -1
    return checked


def xor(data: bytes | bytearray, size: int, key: int) -> bytes | bytearray:
    """Return the `size` bytes in `data`, each XORed with the byte of `key` whose turn it is; changes a bytearray."""
    if key >> 32:
        raise OverflowError(f"the masking key {key} has more than four bytes")
    if _HAS_JIT:
        return xor_words(data, size, key)
    if size >= LANES_FROM:
        return _xor_lanes(data if isinstance(data, bytearray) else bytearray(data), key)
    words = (size + 3) >> 2
    masked = (_from_bytes(data, "little") ^ _REPEATING[words] * key).to_bytes(words << 2, "little")
    return masked[:size] if size & 3 else masked


def _xor_lanes(data: bytearray, key: int) -> bytearray:
    for lane, masking_byte in enumerate(key.to_bytes(4, "little")):
        data[lane::4] = data[lane::4].translate(_xor_table(masking_byte))
    return data


def xor_words(data: bytes | bytearray, size: int, key: int) -> bytes:
    """Return what `xor` returns, the fast way of an interpreter that compiles loops."""
    words = array(_WORD)
    words.frombytes(data + bytes(8 - (size & 7)) if size & 7 else data)
    if sys.byteorder == "big":
        key = _from_bytes(key.to_bytes(4, "little"), "big")
    # Signed, so that no number needs more than a machine word: the loop is four times as fast for it.
    key |= (key - (1 << 32) if key >> 31 else key) << 32
    for index in range(len(words)):
        words[index] ^= key
    return words.tobytes()[:size] if size & 7 else words.tobytes()


@cache
def _xor_table(masking_byte: int) -> bytes:
    """Return the translation table that XORs with one byte; 64 KiB when all of them are in use."""
    return bytes(byte ^ masking_byte for byte in range(256))
