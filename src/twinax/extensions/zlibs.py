"""The one door to the libraries that deflate and inflate: the standard library's zlib, zlib-ng, isal.

Measured on 2026-11-25 with JSON messages, window 12, memory level 5, context takeover; microseconds and bytes
a message (`docs/measurements/compressors.py`; more in docs/explanation/dependencies.md):

| | 263 B | 791 B | 3,165 B | 49 KB | memory of a compressor |
|---|---|---|---|---|---|
| zlib 6 | 7.0, 98 | 16.0, 244 | 48.9, 889 | 701, 13495 | 33 KiB |
| zlib 1 | 5.5, 104 | 11.3, 261 | 31.6, 952 | 445, 14473 | 33 KiB |
| zlib-ng 6 | 5.1, 93 | 8.2, 225 | 21.3, 813 | 289, 12414 | 160 KiB |
| zlib-ng 2 | 4.6, 95 | 6.6, 231 | 15.3, 839 | 198, 12828 | 160 KiB |
| isal 1 | 3.9, 95 | 4.7, 229 | 7.8, 830 | 64, 12524 | 30 to 94 KiB |

So isal compresses when it is there, unless a higher level than it has is asked for: a tenth to a half of the time
of zlib 6. It does not heed the window in its memory: what it keeps grows to 94 KiB with what went through, which
idle connections give back. zlib-ng keeps 160 KiB for every connection that sends: only by name. It inflates where
it is there (3,165 B: 6.9 against 10.5 microseconds); isal needs 73 KiB for that, and is slower with short
messages (263 B: 4.6 against 2.1).
"""

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, Literal

__all__ = ["LIBRARIES", "Library", "LibraryName", "compressing_library", "find_library", "inflating_library"]

LibraryName = Literal["auto", "zlib", "zlib-ng", "isal"]

RUN_LENGTHS: Final = 3  # zlib's Z_RLE, a name that PyPy's module lacks
ISAL_LEVELS: Final = 3  # it has a 0 besides, which hardly compresses


@dataclass(frozen=True, slots=True)
class Library:
    """One of them, as it was found.

    Attributes:
        name: ``"zlib"``, ``"zlib-ng"`` or ``"isal"``.
        version: Its version.
        errors: What it raises for data that is no deflate stream.
        default_level: The level that balances speed and ratio best.
        offload_size: From how many bytes on it pays to compress in another thread, away from the event loop.
    """

    name: str
    version: str
    errors: tuple[type[Exception], ...]
    default_level: int
    offload_size: int
    _memory: Callable[[int, int], tuple[int, int]]
    _compressobj: Callable[..., Any]
    _decompressobj: Callable[..., Any]

    def compressor(self, level: int | None, window_bits: int, memory_level: int, strategy: int) -> Any:
        """Return a new compressor of raw deflate streams.

        Args:
            level: 1 (fast) to 9 (small); None: the `default_level`.
            window_bits: 8 to 15: nothing refers to what was sent more than 2 to this power bytes before.
            memory_level: 1 to 9.
            strategy: One of zlib's strategies.
        """
        if level is None:
            level = self.default_level
        if self.name == "isal":
            level = min(level, ISAL_LEVELS)
            strategy = zlib.Z_DEFAULT_STRATEGY  # it has no other, and warns
        if window_bits == 8:
            # None of them makes raw streams of window 8: zlib would silently write for a window of 9. Runs of one
            # byte, at distance 1, fit into every window.
            return zlib.compressobj(level, zlib.DEFLATED, -9, memory_level, RUN_LENGTHS)
        return self._compressobj(level, zlib.DEFLATED, -window_bits, memory_level, strategy)

    def compressor_size(self, window_bits: int, memory_level: int) -> int:
        """Return how many bytes a compressor needs, about."""
        return self._memory(window_bits, memory_level)[0]

    def inflater_size(self, window_bits: int) -> int:
        """Return how many bytes an inflater needs, about, its window included."""
        return self._memory(window_bits, 9)[1]

    def inflater(self, window_bits: int, window: bytes = b"") -> Any:
        """Return a new decompressor of raw deflate streams.

        Args:
            window_bits: 8 to 15.
            window: What streams may refer back to.
        """
        if window:
            return self._decompressobj(-window_bits, window)
        return self._decompressobj(-window_bits)


# Compressor and inflater. zlib says so in its zconf.h, the others were measured (as resident memory, 2026-11-25).
def _zlib_memory(window_bits: int, memory_level: int) -> tuple[int, int]:
    return (1 << (window_bits + 2)) + (1 << (memory_level + 9)) + 2048, (1 << window_bits) + 7168


def _zlib_ng_memory(window_bits: int, memory_level: int) -> tuple[int, int]:
    return (1 << (window_bits + 2)) + (1 << (memory_level + 8)) + 144_000, (1 << window_bits) + 13_000


def _isal_memory(window_bits: int, memory_level: int) -> tuple[int, int]:
    return 96_000, 75_000  # when 64 KiB went through; before, a third of it


def _find_zlib() -> Library:
    return Library(
        "zlib", zlib.ZLIB_RUNTIME_VERSION, (zlib.error,), 6, 65536, _zlib_memory, zlib.compressobj, zlib.decompressobj
    )


def _find_zlib_ng() -> Library:
    from zlib_ng import zlib_ng

    module: Any = zlib_ng  # its stub takes error for an exception, not for a class of exceptions
    make = module.compressobj, module.decompressobj
    return Library("zlib-ng", module.ZLIBNG_RUNTIME_VERSION, (module.error,), 6, 131072, _zlib_ng_memory, *make)


def _find_isal() -> Library:
    import isal
    from isal import isal_zlib

    module: Any = isal_zlib  # as above
    make = module.compressobj, module.decompressobj
    return Library("isal", isal.__version__, (module.error,), 1, 524288, _isal_memory, *make)


LIBRARIES: Final[dict[str, Callable[[], Library]]] = {
    "zlib": _find_zlib,
    "zlib-ng": _find_zlib_ng,
    "isal": _find_isal,
}


@lru_cache
def find_library(name: str) -> Library:
    """Return a library by its name.

    Raises:
        ImportError: It is not installed.
    """
    try:
        return LIBRARIES[name]()
    except ImportError as error:
        raise ImportError(f"library={name!r} is not installed: pip install {name}") from error


def compressing_library(name: LibraryName = "auto", level: int | None = None) -> Library:
    """Return what compresses.

    Args:
        name: A library, or ``"auto"`` for the best one that is installed.
        level: The level that it is to have.

    Raises:
        ImportError: The library is not installed.
    """
    if name == "auto":
        return _first_of("isal", "zlib") if level is None or level <= ISAL_LEVELS else find_library("zlib")
    return find_library(name)


def inflating_library(name: LibraryName = "auto") -> Library:
    """Return what inflates; see `compressing_library`."""
    return _first_of("zlib-ng", "zlib") if name == "auto" else find_library(name)


@lru_cache
def _first_of(preferred: str, other: str) -> Library:
    try:
        return find_library(preferred)
    except ImportError:
        return find_library(other)
