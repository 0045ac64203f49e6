"""The timeouts of all connections of an event loop, behind one timer of the loop.

Every connection has one or two timeouts running at any time, and hardly any ever comes due. A timer of the loop costs
10,000 instructions to start and cancel, and 600 bytes; an entry here costs 1,000 and 100 (uvloop, callgrind,
November 2026). Entries lie in buckets by the time at which they come due, so that adding, taking back and finding
what is due cost the same for any number of them. They come due exactly: a bucket only says where to look.
"""

import asyncio
import contextvars
from math import inf
from typing import Final, Protocol

__all__ = ["CLOCK_TICK", "TimerOwner", "Timers"]

CLOCK_TICK: Final = 0.001
"""Seconds by which a timer of a loop may run early: uvloop counts in milliseconds."""

BUCKETS_PER_SECOND: Final = 8


class TimerOwner(Protocol):
    """Who waits for a time; it may wait for one at a time."""

    def time_has_come(self, due: float, now: float) -> None:
        """Called once, at the time `due` of the loop or a little later: it is `now`."""


class Timers:
    """The timeouts of one event loop."""

    __slots__ = ("_buckets", "_context", "_due", "_handle")

    def __init__(self) -> None:
        self._buckets: dict[int, dict[TimerOwner, float]] = {}
        self._handle: asyncio.TimerHandle | None = None
        self._due = inf
        # What comes due must not run in the context of whoever happened to be the first to wait.
        self._context = contextvars.copy_context()

    def add(self, loop: asyncio.AbstractEventLoop, owner: TimerOwner, due: float) -> None:
        """Have `owner` called at the time `due`; it must not be waiting already."""
        key = int(due * BUCKETS_PER_SECOND)
        bucket = self._buckets.get(key)
        if bucket is None:
            self._buckets[key] = {owner: due}
        else:
            bucket[owner] = due
        if due < self._due:
            self._arm(loop, due)

    def discard(self, owner: TimerOwner, due: float) -> None:
        """Forget that `owner` waits for the time `due`; it is no error when it does not."""
        key = int(due * BUCKETS_PER_SECOND)
        bucket = self._buckets.get(key)
        if bucket is not None and bucket.pop(owner, None) is not None and not bucket:
            del self._buckets[key]
            if not self._buckets:
                # The loop owes nothing to anybody. Otherwise its timer stays, to find out that it came too early.
                self._disarm()

    def _arm(self, loop: asyncio.AbstractEventLoop, due: float) -> None:
        self._disarm()
        self._due = due
        self._handle = loop.call_at(due, self._run, loop, context=self._context)

    def _disarm(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
            self._due = inf

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        """The timer of the loop has run: call everybody whose time has come, and wait for the next."""
        self._handle = None
        self._due = inf
        now = loop.time()
        while self._buckets:
            bucket = self._buckets[min(self._buckets)]
            ripe = [(due, owner) for owner, due in bucket.items() if due < now + CLOCK_TICK]
            if not ripe:
                first = min(bucket.values())
                if first < self._due:
                    self._arm(loop, first)
                return
            ripe.sort(key=lambda item: item[0])
            for due, owner in ripe:
                if bucket.get(owner) == due:  # whoever was called before it may have made it superfluous
                    self.discard(owner, due)
                    self._call(loop, owner, due, now)

    def _call(self, loop: asyncio.AbstractEventLoop, owner: TimerOwner, due: float, now: float) -> None:
        try:
            owner.time_has_come(due, now)
        except Exception as error:  # it must not happen, and must not take the timeouts of the others with it
            loop.call_exception_handler({"message": "a timeout failed", "exception": error, "owner": owner})
