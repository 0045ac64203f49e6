"""What the contexts of all connections of a process may need together.

A context is a compressor or an inflater with its window. One is made when the first message needs it, and
given up when its connection is idle or over. When the budget is spent, further messages are compressed and
inflated without keeping a context: that costs ratio and time, but no connection.

What contexts give back goes to the C library, and glibc keeps it: between two freed compressors lies a window that
is still in use, and only the end of the heap is given back to the system by itself. 1,000 idle connections
and their peers held 119 MiB after their contexts were gone, and 31 MiB after `malloc_trim`, which
took 10 ms (2026-11-25). Without it the next contexts would not even fit into the gaps of the ones before:
isal's took 120 MiB more. So it is called when connections become idle and enough has been freed.
"""

import sys
import threading
from collections.abc import Callable
from typing import Any, ClassVar, Final

__all__ = ["MEMORY_BUDGET", "MemoryBudget", "trim_heap"]

TRIM_SIZE: Final = 4 * 1024 * 1024


class _Heap:
    """What the contexts of all budgets have and had; counted under the lock of all budgets."""

    used = 0
    freed = 0  # since it was trimmed
    trim: ClassVar[Callable[[int], Any] | None] = None
    lock: ClassVar = threading.Lock()  # event loops may run in several threads


def trim_heap() -> bool:
    """Give freed memory back to the system if it is worth the time: half of what is in use, 4 MiB at the least.

    Returns:
        Whether it was tried. Systems without glibc do it by themselves.
    """
    with _Heap.lock:
        if _Heap.freed < max(TRIM_SIZE, _Heap.used // 2):
            return False
        _Heap.freed = 0
        if _Heap.trim is None:
            _Heap.trim = _find_trim()
        trim = _Heap.trim
    trim(0)
    return True


def _find_trim() -> Callable[[int], Any]:
    if sys.platform == "linux":
        try:
            import ctypes

            found: Callable[[int], Any] = ctypes.CDLL(None).malloc_trim
        except (ImportError, OSError, AttributeError):
            pass
        else:
            return found
    return lambda size: 0


class MemoryBudget:
    """A number of bytes, and who has how much of them.

    Attributes:
        limit: Bytes that contexts may need; None: no limit. May be set at any time; contexts that
            exist stay until their connections are idle.
        used: Bytes that they need now, as far as the libraries tell.
        contexts: How many there are.
        refused: How often there was no room for one.
    """

    __slots__ = ("contexts", "limit", "refused", "used")

    def __init__(self, limit: int | None) -> None:
        """Make a budget of which nothing is used.

        Raises:
            TypeError: The limit is no integer.
            ValueError: It is negative.
        """
        if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int)):
            raise TypeError(f"limit={limit!r}: bytes, or None")
        if limit is not None and limit < 0:
            raise ValueError(f"limit={limit!r}: bytes, 0 or more, or None")
        self.limit = limit
        self.used = 0
        self.contexts = 0
        self.refused = 0

    def reserve(self, size: int) -> bool:
        """Take `size` bytes for a context; return whether there is room."""
        with _Heap.lock:
            if self.limit is not None and self.used + size > self.limit:
                self.refused += 1
                return False
            self.used += size
            _Heap.used += size
            self.contexts += 1
            return True

    def give_back(self, size: int) -> None:
        """Return the bytes of a context that was given up."""
        with _Heap.lock:
            self.used -= size
            _Heap.used -= size
            _Heap.freed += size
            self.contexts -= 1

    def __repr__(self) -> str:
        limit = "no limit" if self.limit is None else f"{self.limit} bytes"
        return f"<MemoryBudget of {limit}, {self.used} used by {self.contexts} contexts, {self.refused} refused>"


MEMORY_BUDGET: Final = MemoryBudget(256 * 1024 * 1024)
"""The budget of the process: 256 MiB.

Enough for 5,700 connections that talk all the time with the defaults, for 2,300 with isal and zlib-ng.
"""
