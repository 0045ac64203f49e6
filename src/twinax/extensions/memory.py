"""What the contexts of all connections of a process may need together.

A context is a compressor or an inflater with its window. One is made when the first message needs it, and
given up when its connection is idle or over. When the budget is spent, further messages are compressed and
inflated without keeping a context: that costs ratio and time, but no connection.
"""

import threading
from typing import Final

__all__ = ["MEMORY_BUDGET", "MemoryBudget"]


class MemoryBudget:
    """A number of bytes, and who has how much of them.

    Attributes:
        limit: Bytes that contexts may need; None: no limit. May be set at any time; contexts that
            exist stay until their connections are idle.
        used: Bytes that they need now, as far as the libraries tell.
        contexts: How many there are.
        refused: How often there was no room for one.
    """

    __slots__ = ("_lock", "contexts", "limit", "refused", "used")

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
        self._lock = threading.Lock()  # event loops may run in several threads

    def reserve(self, size: int) -> bool:
        """Take `size` bytes for a context; return whether there is room."""
        with self._lock:
            if self.limit is not None and self.used + size > self.limit:
                self.refused += 1
                return False
            self.used += size
            self.contexts += 1
            return True

    def give_back(self, size: int) -> None:
        """Return the bytes of a context that was given up."""
        with self._lock:
            self.used -= size
            self.contexts -= 1

    def __repr__(self) -> str:
        limit = "no limit" if self.limit is None else f"{self.limit} bytes"
        return f"<MemoryBudget of {limit}, {self.used} used by {self.contexts} contexts, {self.refused} refused>"


MEMORY_BUDGET: Final = MemoryBudget(256 * 1024 * 1024)
"""The budget of the process: 256 MiB, enough for 5,700 connections that talk all the time with the defaults."""
