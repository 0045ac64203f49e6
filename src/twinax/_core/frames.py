"""The frame header (RFC 6455 5.2), both ways.

Reading is all or nothing: `HeaderReader.read` either takes a whole header from the cursor or moves
nothing, so that nothing needs to be remembered between two reads but the bytes themselves (13 at the
most). What the first two bytes show to be wrong is refused at once, before the rest has come.
"""

import struct
import sys
from collections.abc import Callable
from typing import Any

from .. import _cython as cython
from ..errors import RemoteProtocolError
from ..rules import Rule

if not cython.compiled:
    from .cursor import Cursor
    from .mask import append_masked

__all__ = ["HeaderReader", "MaskKeys", "append_frame", "append_header", "build_frame", "mask_payload", "parse_header"]

OP_CONTINUATION = cython.declare(cython.uint, 0x0)
OP_TEXT = cython.declare(cython.uint, 0x1)
OP_BINARY = cython.declare(cython.uint, 0x2)
OP_CLOSE = cython.declare(cython.uint, 0x8)
OP_PING = cython.declare(cython.uint, 0x9)
OP_PONG = cython.declare(cython.uint, 0xA)

FIN = cython.declare(cython.uint, 0x80)
RSV_BITS = cython.declare(cython.uint, 0x70)
MASK_BIT = cython.declare(cython.uint, 0x80)
NOT_PLAIN = cython.declare(cython.uint, 0x7C)  # RSV bits, and those of opcodes that data frames do not have

MAX_CONTROL_PAYLOAD = cython.declare(cython.Py_ssize_t, 125)  # RFC 6455 5.5

# A length beyond it is read as this: more than any address space holds, and a 32-bit host must not see it wrapped.
MAX_LENGTH = cython.declare(cython.ulonglong, sys.maxsize)

KEYS_AT_ONCE = 256


@cython.final
@cython.cclass
class HeaderReader:
    """Reads one header after the other; its fields are those of the last one read."""

    fin: cython.bint
    rsv: cython.uint
    opcode: cython.uint
    length: cython.Py_ssize_t
    key: cython.uint
    _expect_mask: cython.bint
    _owned_bits: cython.uint
    _first_bits: cython.uint
    _later_bits: cython.uint

    def __init__(self, expect_mask: bool, owned_bits: int = 0) -> None:
        self.fin = False
        self.rsv = 0
        self.opcode = 0
        self.length = 0
        self.key = 0
        self._expect_mask = expect_mask
        self._owned_bits = owned_bits
        self._first_bits = owned_bits
        self._later_bits = owned_bits

    @cython.cfunc
    def own_bits(self, first: cython.uint, later: cython.uint) -> None:
        """Allow these RSV bits on the first frame of a message, and these on those that continue it."""
        self._owned_bits = 0
        self._first_bits = first
        self._later_bits = later

    @cython.cfunc
    def read(self, cursor: Cursor) -> cython.bint:
        """Take a header from `cursor`; return False, and take nothing, when it is not all there."""
        available: cython.Py_ssize_t = cursor.end - cursor.position
        if available < 2:
            return False
        start: cython.uint = cursor.peek_start()
        first: cython.uint = start >> 8
        masked: cython.bint = (start & MASK_BIT) != 0
        length: cython.Py_ssize_t = start & 0x7F
        # A data frame without RSV bits, masked as it must be, needs no closer look.
        if first & NOT_PLAIN or first & 0x03 == 0x03 or masked != self._expect_mask:
            self._check_first_bytes(first, masked, length)
        size: cython.Py_ssize_t = 2
        if length >= 126:
            size = 4 if length == 126 else 10
            if available < size:
                return False
            length = self._read_long_length(cursor, size)
        if masked:
            if available < size + 4:
                return False
            self.key = cursor.take_key(size)
        else:
            self.key = 0
            cursor.skip(size)
        self.length = length
        self.fin = (first & FIN) != 0
        self.rsv = first & RSV_BITS
        self.opcode = first & 0x0F
        return True

    @cython.cfunc
    @cython.inline
    def _check_first_bytes(self, first: cython.uint, masked: cython.bint, short_length: cython.Py_ssize_t) -> None:
        opcode: cython.uint = first & 0x0F
        # RFC 6455 5.2: MUST be 0 unless an extension is negotiated that defines meanings for non-zero values.
        if first & RSV_BITS & ~self._owned_bits:
            self._check_bits(first & RSV_BITS, opcode)
        if OP_BINARY < opcode < OP_CLOSE or opcode > OP_PONG:
            raise RemoteProtocolError(Rule.UNKNOWN_OPCODE, opcode=opcode)
        # RFC 6455 5.1: a server MUST close upon an unmasked frame, a client upon a masked one.
        if masked != self._expect_mask:
            raise RemoteProtocolError(Rule.MASK_UNEXPECTED if masked else Rule.MASK_MISSING)
        if opcode >= OP_CLOSE:
            # RFC 6455 5.5: control frames have 125 bytes or less and MUST NOT be fragmented.
            if not first & FIN:
                raise RemoteProtocolError(Rule.CONTROL_FRAGMENTED)
            if short_length > MAX_CONTROL_PAYLOAD:
                raise RemoteProtocolError(Rule.CONTROL_TOO_LONG, length="126 or more")

    @cython.cfunc
    def _check_bits(self, bits: cython.uint, opcode: cython.uint) -> None:
        if bits & ~(self._first_bits | self._later_bits):
            raise RemoteProtocolError(Rule.RESERVED_BITS, bits=bits >> 4)
        if opcode >= OP_CLOSE:
            raise RemoteProtocolError(Rule.RESERVED_BITS_MISPLACED, bits=bits >> 4, kind="control")
        if bits & ~(self._later_bits if opcode == OP_CONTINUATION else self._first_bits):
            raise RemoteProtocolError(Rule.RESERVED_BITS_MISPLACED, bits=bits >> 4, kind="continuation")

    @cython.cfunc
    def _read_long_length(self, cursor: Cursor, size: cython.Py_ssize_t) -> cython.Py_ssize_t:
        """The 16-bit or 64-bit length of a header of `size` bytes (its masking key not counted)."""
        length: cython.ulonglong = cursor.peek_big_endian(2, size - 2)
        if length >> 63:
            raise RemoteProtocolError(Rule.LENGTH_TOP_BIT)
        # RFC 6455 5.2: the minimal number of bytes MUST be used to encode the length.
        if length < 126 or (size == 10 and length < 65536):
            raise RemoteProtocolError(Rule.LENGTH_NOT_MINIMAL, length=length)
        return min(length, MAX_LENGTH)


@cython.final
@cython.cclass
class MaskKeys:
    """Masking keys from a CSPRNG, drawn for many frames at once.

    RFC 6455 5.3: each key must be unpredictable, so one is never used twice. Popping from a list is
    atomic under the GIL: two threads never get the same key, but each may find that the other took the last.
    """

    _random_bytes: Any
    _keys: list[int]

    def __init__(self, random_bytes: Callable[[int], bytes]) -> None:
        self._random_bytes = random_bytes
        self._keys = []

    @cython.cfunc
    def next(self) -> cython.uint:
        """Return a key that was never used."""
        while True:
            try:
                return self._keys.pop()
            except IndexError:
                self._keys = list(struct.unpack(f"<{KEYS_AT_ONCE}I", self._random_bytes(4 * KEYS_AT_ONCE)))

    def forget(self) -> None:
        """Throw away the keys drawn so far: after a fork they belong to two processes."""
        self._keys = []

    def draw(self) -> int:
        """Return a key that was never used, for callers outside the core."""
        return self.next()


@cython.cfunc
def append_header(
    out: bytearray, first_byte: cython.uint, length: cython.Py_ssize_t, masked: cython.bint, key: cython.uint
) -> None:
    """Append a header with the length in the fewest bytes (RFC 6455 5.2)."""
    mask_bit: cython.uint = MASK_BIT if masked else 0
    out.append(first_byte)
    if length < 126:
        out.append(mask_bit | length)
    elif length < 65536:
        out.append(mask_bit | 126)
        out.append(length >> 8)
        out.append(length & 0xFF)
    else:
        out.append(mask_bit | 127)
        out.extend(struct.pack(">Q", length))
    if masked:
        if cython.compiled:
            out.append(key & 0xFF)
            out.append((key >> 8) & 0xFF)
            out.append((key >> 16) & 0xFF)
            out.append(key >> 24)
        else:
            out += key.to_bytes(4, "little")


@cython.cfunc
def append_frame(
    out: bytearray,
    first_byte: cython.uint,
    payload: Any,
    length: cython.Py_ssize_t,
    masked: cython.bint,
    key: cython.uint,
) -> None:
    """Append a whole frame, or nothing when that raises; `payload` is bytes-like and has `length` bytes."""
    start: cython.Py_ssize_t = len(out)
    try:
        append_header(out, first_byte, length, masked, key)
        if cython.compiled or masked:
            append_masked(out, payload, key if masked else 0)
        else:
            out += payload
    except BaseException:
        # A header without its payload would garble everything that is sent after it.
        del out[start:]
        raise


def build_frame(first_byte: int, payload: bytes, key: int | None = None) -> bytes:
    """Return a whole frame: header, masking key when there is one, payload.

    Args:
        first_byte: FIN, RSV bits and opcode.
        payload: The payload, not masked.
        key: The masking key with its first byte in the lowest bits; None for an unmasked frame.
    """
    out = bytearray()
    append_frame(out, first_byte, payload, len(payload), key is not None, key or 0)
    return bytes(out)


def mask_payload(payload: bytes, key: int) -> bytes:
    """Return `payload` masked, or unmasked, with `key` (RFC 6455 5.3)."""
    out = bytearray()
    append_masked(out, payload, key)
    return bytes(out)


def parse_header(data: bytes) -> tuple[int, bool, int, int, bool, int, int] | None:
    """Return the header at the start of `data`, masked or not, RSV bits allowed; None when it is not all there.

    Returns:
        Size of the header, FIN, RSV bits (0x70), opcode, whether masked, payload length, masking key.

    Raises:
        RemoteProtocolError: The header breaks a rule.
    """
    masked = len(data) > 1 and data[1] & 0x80 != 0
    reader: HeaderReader = HeaderReader(masked, 0x70)
    cursor: Cursor = Cursor()
    cursor.load(bytearray(data), 0, len(data))
    if not reader.read(cursor):
        return None
    return cursor.position, reader.fin, reader.rsv, reader.opcode, masked, reader.length, reader.key
