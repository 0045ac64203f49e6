"""Messages to compressed messages (RFC 7692 7.2.1)."""

import zlib
from typing import Any, Final

from .inflating import TAIL
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

    __slots__ = ("_compressor", "_settings", "library", "takeover")

    def __init__(
        self,
        library: Library,
        *,
        level: int | None,
        window_bits: int,
        memory_level: int,
        strategy: int,
        takeover: bool,
    ) -> None:
        """Make one that holds nothing yet; the arguments are those of `Library.compressor`."""
        self.library = library
        self.takeover = takeover
        self._settings = (level, window_bits, memory_level, strategy)
        self._compressor: Any = None  # made for the first message

    @property
    def holds_compressor(self) -> bool:
        """Whether there is a compressor now."""
        return self._compressor is not None

    def encode(self, part: bytes, final: bool) -> bytes:
        """Return what a part of a message becomes: all of it, so that the peer need not wait for the next part."""
        compressor = self._compressor
        if compressor is None:
            compressor = self._compressor = self.library.compressor(*self._settings)
        data: bytes = compressor.compress(part) + compressor.flush(zlib.Z_SYNC_FLUSH)
        if not final:
            return data
        if not self.takeover:
            self._compressor = None
        return data[:-4] if data.endswith(TAIL) else data or EMPTY

    def restart(self) -> None:
        """Refer to nothing that was sent before.

        For a compressor that means to begin anew; the peer's inflater takes messages either way.
        """
        self._compressor = None
