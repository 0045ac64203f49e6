"""Compressed messages to messages (RFC 7692 7.2.2), in steps of at most 64 KiB.

What a message becomes is asked for step by step by whoever keeps the limits: a bomb costs the limit and one
step. Between messages a connection keeps the inflater, or, when it is idle, no more than its window.
"""

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any, Final

from ..errors import RemoteProtocolError
from ..rules import Rule
from .memory import MemoryBudget
from .zlibs import Library

__all__ = ["STEP", "TAIL", "Inflating", "build_window_request"]

STEP: Final = 65536
"""The most bytes that are inflated at a time. Also what makes a library's "no limit" unreachable: it is never 0."""

TAIL: Final = b"\x00\x00\xff\xff"
"""What ends every message and is not sent (RFC 7692 7.2.1)."""

# A stored block of one byte: where no window is to be had, it tells whether the message before ended inside a block.
PROBED: Final = b"?"
PROBE: Final = b"\x00\x01\x00\xfe\xff" + PROBED

# A stream may end within a message (BFINAL), and another may follow it. A sender has a use for one per fragment; each
# costs the receiver an inflater and a copy of what is left of the message.
MAX_STREAMS: Final = 64


class Inflating:
    """The receiving half of a codec.

    Attributes:
        library: What inflates.
    """

    __slots__ = (
        "_inflater",
        "_is_kept",
        "_lost_window",
        "_memory",
        "_produced",
        "_size",
        "_streams",
        "_takeover",
        "_window",
        "_window_bits",
        "library",
    )

    def __init__(self, library: Library, window_bits: int, takeover: bool, memory: MemoryBudget) -> None:
        """Make one that holds nothing yet.

        Args:
            library: What inflates.
            window_bits: How far back the peer's messages may refer: 2 to this power bytes.
            takeover: Whether a message may refer to those before it.
            memory: What inflaters that are kept are charged to.
        """
        self.library = library
        self._window_bits = window_bits
        self._takeover = takeover
        self._memory = memory
        self._size = library.inflater_size(window_bits)
        self._is_kept = False
        self._inflater: Any = None  # made for the first message
        self._window = b""  # what streams may refer to beyond what the inflater has produced
        self._lost_window = False
        self._produced = 0
        self._streams = 0

    @property
    def memory_used(self) -> int:
        """Bytes of the inflater that is kept, or of the window where that is all."""
        return self._size if self._is_kept else len(self._window)

    def decode(self, part: bytes, final: bool) -> bytes | Iterable[bytes]:
        """Return what a part of a message becomes.

        Raises:
            RemoteProtocolError: It is no deflate stream.
        """
        inflater = self._inflater
        if inflater is None:
            if self._lost_window:
                raise RemoteProtocolError(
                    Rule.COMPRESSED_DATA_INVALID, problem="the message before ended inside a block"
                )
            inflater = self._inflater = self.library.inflater(self._window_bits, self._window)
            self._is_kept = self._takeover and self._memory.reserve(self._size)
            self._produced = len(self._window)
            self._window = b""
        try:
            if final:
                part += TAIL
            data: bytes = inflater.decompress(part, STEP)
        except self.library.errors as error:
            raise _invalid(error) from None
        if len(data) == STEP or inflater.eof:
            return self._decode_steps(data, final)
        # All of the part was taken, as with nearly every message.
        self._produced += len(data)
        if final and not self._is_kept:
            self._end_message()
        return data

    def _decode_steps(self, data: bytes, final: bool) -> Iterator[bytes]:
        """Give `data`, and then what else the part becomes."""
        before = b""
        while True:
            yield data
            self._produced += len(data)
            try:
                if self._inflater.eof:
                    rest = self._begin_stream(before + data)
                    if rest == TAIL and final:
                        break  # a sender that forgot the empty block behind its last one
                elif len(data) < STEP:
                    break
                else:
                    rest = self._inflater.unconsumed_tail
                before = data
                data = self._inflater.decompress(rest, STEP)
            except self.library.errors as error:
                raise _invalid(error) from None
        if final and not self._is_kept:
            self._end_message()

    def _end_message(self) -> None:
        """Keep no inflater: because no message refers to another, or because there is no room for one."""
        if self._takeover:
            self.release()
        else:
            self._inflater = None

    def _begin_stream(self, produced: bytes) -> bytes:
        """A stream has ended before the message has (RFC 7692 7.2.3.4): another may follow, with the same window.

        An inflater that has come to the end of its stream does not tell its window any more. What is kept is
        what the message has produced lately. Only a stream that refers further back, to a message before that
        one, cannot be read; no sender is known that makes such streams, for zlib begins new ones with an empty window.
        """
        self._streams += 1
        if self._streams > MAX_STREAMS:
            raise RemoteProtocolError(
                Rule.COMPRESSED_DATA_INVALID, problem=f"more than {MAX_STREAMS} streams (BFINAL) in a message"
            )
        rest: bytes = self._inflater.unused_data
        self._inflater = self.library.inflater(self._window_bits, produced[-(1 << self._window_bits) :])
        self._produced = min(len(produced), 1 << self._window_bits)
        return rest

    def begin(self) -> None:
        """A message begins."""
        self._streams = 0

    def release(self) -> None:
        """Keep the window instead of the inflater, until the next message."""
        inflater = self._inflater
        self._drop()
        size = min(self._produced, 1 << self._window_bits)
        if inflater is None:
            return
        try:
            window: bytes = inflater.decompress(build_window_request(size) if size else PROBE, STEP)
        except self.library.errors:
            window = b""
        if not size:
            self._lost_window = window != PROBED
            return
        # The inflater takes the request for something else when the last message ended inside a block. What comes
        # next could not be read in any case; it is not known before the next message whether anything does.
        self._lost_window = not size <= len(window) <= size + 2
        self._window = window[:size]

    def close(self) -> None:
        """Keep nothing."""
        self._drop()
        self._window = b""

    def _drop(self) -> None:
        self._inflater = None
        if self._is_kept:
            self._is_kept = False
            self._memory.give_back(self._size)


def _invalid(error: Exception) -> RemoteProtocolError:
    # The texts of the libraries are "Error -3 while decompressing data: invalid block type" and the like.
    problem = str(error).rpartition(": ")[2]
    return RemoteProtocolError(Rule.COMPRESSED_DATA_INVALID, problem=problem[:60])


@lru_cache(16)
def build_window_request(size: int) -> bytes:
    """Return the part of a deflate stream that makes an inflater produce its last `size` bytes once more.

    The libraries do not tell the window of an inflater. To keep a copy of it would cost every message a
    copy of up to 32 KiB; this way the inflater is asked only when it is to be given up: matches of the longest
    length at distance `size`, with the fixed codes (RFC 1951 3.2.5, 3.2.6), copy the window as it is.

    Args:
        size: Bytes, 1 to 32,768; at least as many were produced before.
    """
    bits = 0b010  # not the last block, fixed codes; the first bit is the lowest
    count = 3

    def put(value: int, width: int) -> None:
        nonlocal bits, count
        bits |= value << count
        count += width

    distance_code, distance_extra, distance_width = _code_distance(size)
    left = size
    while left > 0:
        length = min(258, max(3, left))  # 1 or 2 bytes too many at the end are cut off by the caller
        code, extra, width = _code_length(length)
        put(*_reverse(code - 256, 7) if code < 280 else _reverse(0xC0 + code - 280, 8))
        put(extra, width)
        put(*_reverse(distance_code, 5))
        put(distance_extra, distance_width)
        left -= length
    put(0, 7)  # the end of the block
    put(0, 3)  # and an empty stored one, so that all of it is produced
    return bits.to_bytes((count + 7) // 8, "little") + TAIL


def _reverse(code: int, width: int) -> tuple[int, int]:
    """Return a Huffman code as it is packed: its first bit first (RFC 1951 3.1.1)."""
    return int(f"{code:0{width}b}"[::-1], 2), width


def _code_distance(distance: int) -> tuple[int, int, int]:
    """Return code, extra bits and their number (RFC 1951 3.2.5)."""
    offset = distance - 1
    if offset < 4:
        return offset, 0, 0
    width = offset.bit_length() - 2
    return 2 * width + 2 + (offset >> width & 1), offset & ((1 << width) - 1), width


def _code_length(length: int) -> tuple[int, int, int]:
    """Return code, extra bits and their number (RFC 1951 3.2.5)."""
    offset = length - 3
    if length == 258:
        return 285, 0, 0
    if offset < 8:
        return 257 + offset, 0, 0
    width = offset.bit_length() - 3
    return 257 + 4 * width + (offset >> width), offset & ((1 << width) - 1), width
