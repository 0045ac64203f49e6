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

import os
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, Final

__all__ = ["MEMORY_BUDGET", "MemoryBudget", "trim_heap"]

TRIM_SIZE: Final = 4 * 1024 * 1024


class _Books:
    """What the contexts of all budgets have and had.

    Event loops may run in several threads, hence the lock. And garbage may be collected at any moment, in a thread
    that holds the lock too, and a codec that goes then gives back what it had. So nobody waits for the lock to give
    back: it is put on a list, which whoever has the lock looks at again after letting go of it. A finalizer of the
    application may even send a message, and so ask for memory: the lock lets in the thread that has it.
    """

    def __init__(self) -> None:
        self.used = 0
        self.freed = 0  # since the heap was trimmed
        self.returned: deque[tuple[MemoryBudget, int]] = deque()
        self.renew_lock()

    def renew_lock(self) -> None:
        """In the child of a fork: a thread that had the lock is not there any more, and would never let go of it."""
        self.lock = threading.RLock()

    @contextmanager
    def open(self) -> Iterator[None]:
        """Nobody else counts."""
        try:
            with self.lock:
                self._enter_returned()
                yield
        finally:
            self.settle()

    def settle(self) -> None:
        """Enter what was given back; whoever has the lock does it if somebody has."""
        while self.returned and self.lock.acquire(blocking=False):
            try:
                self._enter_returned()
            finally:
                self.lock.release()

    def _enter_returned(self) -> None:
        while self.returned:
            budget, size = self.returned.popleft()
            budget.used -= size
            budget.contexts -= 1
            self.used -= size
            self.freed += size


_BOOKS: Final = _Books()

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_BOOKS.renew_lock)


def trim_heap() -> bool:
    """Give freed memory back to the system if it is worth the time: half of what is in use, 4 MiB at the least.

    Returns:
        Whether it was tried. Systems without glibc do it by themselves.
    """
    with _BOOKS.open():
        if _BOOKS.freed < max(TRIM_SIZE, _BOOKS.used // 2):
            return False
        _BOOKS.freed = 0
    _find_trim()(0)
    return True


@cache
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
        with _BOOKS.open():
            if self.limit is not None and self.used + size > self.limit:
                self.refused += 1
                return False
            self.used += size
            _BOOKS.used += size
            self.contexts += 1
            return True

    def give_back(self, size: int) -> None:
        """Return the bytes of a context that was given up; also from a finalizer, at any moment, in any thread."""
        _BOOKS.returned.append((self, size))
        _BOOKS.settle()

    def __repr__(self) -> str:
        limit = "no limit" if self.limit is None else f"{self.limit} bytes"
        return f"<MemoryBudget of {limit}, {self.used} used by {self.contexts} contexts, {self.refused} refused>"


MEMORY_BUDGET: Final = MemoryBudget(256 * 1024 * 1024)
"""The budget of the process: 256 MiB.

Enough for 5,700 connections that talk all the time with the defaults, for 2,300 with isal and zlib-ng.
"""
