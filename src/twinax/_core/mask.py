"""Masking (RFC 6455 5.3) and the incremental UTF-8 check: the readable twin of `_kernels.pxi`.

Names, signatures, results and exceptions are those of the compiled twin; `tests/_core/test_kernels.py`
holds both against each other.

A key is one integer: the four masking bytes in little-endian order, ``int.from_bytes(key4, "little")``,
so that payload byte ``i`` is masked with ``key >> 8 * (i % 4) & 0xff``. 0 means "not masked", and masking
with it changes nothing. (The C kernels want the bytes in memory order; on a big-endian host the compiled
twin swaps the integer with ``twx_key_from_le`` first.)

Python has no XOR of byte strings, and a loop over bytes costs 57 ns a byte (CPython 3.11). Two ways are fast:

- small payloads: as one big integer, XORed with the key repeated to the same length;
- large ones: in four lanes, each with the bytes that meet the same masking byte, each through
  `bytes.translate`. More calls, fewer nanoseconds a byte, since integers are converted to and from
  digits of 30 bits.

Microseconds a payload, measured 2026-11-22 on one core of an AMD EPYC:

| bytes  | CPython 3.11 integer | lanes | CPython 3.13 integer | lanes |
|-------:|---------------------:|------:|---------------------:|------:|
|     64 |                  1.0 |   1.6 |                  1.2 |   1.9 |
|    512 |                  2.2 |   2.6 |                  2.4 |   2.8 |
|   1024 |                  3.5 |   3.4 |                  3.9 |   3.7 |
|   4096 |                   10 |   8.2 |                   11 |   8.5 |
|  65536 |                  241 |   109 |                  265 |   107 |
|  1 MiB |                 4800 |  1800 |                 4600 |  1700 |

PyPy 7.3.11 takes half of CPython's time for 64 bytes and twice to five times as long from 2048 bytes up.
Its JIT would run a loop over bytes three times faster than either; one way for all interpreters is worth more.
"""

import codecs
from functools import cache

__all__ = ["append_masked", "rotate_key", "unmask_append", "unmask_bytes", "unmask_text", "utf8_prefix"]

LANES_FROM = 1024
"""Payload size in bytes from which four lanes beat one integer (the table above)."""


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
    return bytes(_unmask(buffer, start, length, key))


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
    return _unmask(buffer, start, length, key).decode()


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
    out += _unmask(buffer, start, length, key)


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
    if not isinstance(payload, (bytes, bytearray)):
        view = memoryview(payload)
        if not view.c_contiguous:
            raise BufferError("payload is not contiguous")
        payload = view.tobytes()
    elif payload is out:
        payload = bytes(out)  # `out` can not grow while it is being read
    out += _xor(payload, key) if key else payload


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


def _unmask(buffer: bytearray, start: int, length: int, key: int) -> bytes | bytearray:
    """Return a copy of a piece, unmasked."""
    if start < 0 or length < 0 or start + length > len(buffer):
        raise IndexError("piece outside the buffer")
    piece = buffer[start : start + length]
    return _xor(piece, key) if key else piece


def _xor(data: bytes | bytearray, key: int) -> bytes | bytearray:
    """Return a copy of `data`, each byte XORed with the byte of `key` whose turn it is."""
    size = len(data)
    masking_bytes = key.to_bytes(4, "little")
    if size < LANES_FROM:
        repeated = (masking_bytes * (size // 4 + 1))[:size]
        return (int.from_bytes(data, "little") ^ int.from_bytes(repeated, "little")).to_bytes(size, "little")
    lanes = bytearray(data)
    for lane, masking_byte in enumerate(masking_bytes):
        lanes[lane::4] = lanes[lane::4].translate(_xor_table(masking_byte))
    return lanes


@cache
def _xor_table(masking_byte: int) -> bytes:
    """Return the translation table that XORs with one byte; 64 KiB when all of them are in use."""
    return bytes(byte ^ masking_byte for byte in range(256))
