"""Messages to compressed messages (RFC 7692 7.2.1)."""

import zlib
from typing import Any, Final

from .inflating import TAIL
from .memory import MemoryBudget
from .zlibs import Library

__all__ = ["Deflating"]

# What an empty message becomes, and the end of a message of which everything was sent before: an empty block
# without its last four bytes (RFC 7692 7.2.3.6).
EMPTY: Final = b"\x00"


class Deflating:
    """The sending half of a codec.

    Attributes:
        library: What compresses.
        takeover: Whether a message may refer to those before it, so that the compressor is kept.
    """

    __slots__ = ("_compressor", "_is_kept", "_memory", "_settings", "_size", "library", "takeover")

    def __init__(
        self,
        library: Library,
        *,
        level: int | None,
        window_bits: int,
        memory_level: int,
        strategy: int,
        takeover: bool,
        memory: MemoryBudget,
    ) -> None:
        """Make one that holds nothing yet; most arguments are those of `Library.compressor`."""
        self.library = library
        self.takeover = takeover
        self._settings = (level, window_bits, memory_level, strategy)
        self._memory = memory
        self._size = library.compressor_size(window_bits, memory_level)
        self._is_kept = False
        self._compressor: Any = None  # made for the first message

    @property
    def share_key(self) -> tuple[object, ...]:
        """What decides how `encode_once` encodes."""
        return (self.library.name, *self._settings)

    @property
    def memory_used(self) -> int:
        """Bytes of the compressor that is kept."""
        return self._size if self._is_kept else 0

    def encode(self, part: bytes, final: bool) -> bytes:
        """Return what a part of a message becomes: all of it, so that the peer need not wait for the next part."""
        compressor = self._compressor
        if compressor is None:
            compressor = self._compressor = self.library.compressor(*self._settings)
            # Without room it lives as long as this message.
            self._is_kept = self.takeover and self._memory.reserve(self._size)
        data: bytes = compressor.compress(part) + compressor.flush(zlib.Z_SYNC_FLUSH)
        if not final:
            return data
        if not self._is_kept:
            self._compressor = None
        return data[:-4] if data.endswith(TAIL) else data or EMPTY

    def encode_once(self, message: bytes) -> bytes:
        """Return what a message becomes that refers to none before."""
        compressor = self.library.compressor(*self._settings)
        data: bytes = compressor.compress(message) + compressor.flush(zlib.Z_SYNC_FLUSH)
        return data[:-4] if data.endswith(TAIL) else data or EMPTY

    def restart(self) -> None:
        """Refer to nothing that was sent before.

        For a compressor that means to begin anew; the peer's inflater takes messages either way.
        """
        self._compressor = None
        if self._is_kept:
            self._is_kept = False
            self._memory.give_back(self._size)
