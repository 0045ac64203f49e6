"""The timeouts of all connections of an event loop, behind one timer of the loop.

Every connection has one or two timeouts running at any time, and hardly any ever comes due. A timer of the loop costs
10,000 instructions to start and cancel, and 600 bytes; an entry here costs 1,500 and 100 (uvloop, callgrind,
November 2026). Entries lie in buckets by the time at which they come due, so that adding, taking back and finding
what is due cost the same for any number of them. They come due exactly: a bucket only says where to look.

An event loop is an argument: this file knows none.
"""

import contextvars
from typing import Any, Protocol

from .. import _cython as cython

__all__ = ["TimerOwner", "Timers"]

TICK = cython.declare(cython.double, 0.001)  # by which a timer of the loop may run early: uvloop counts milliseconds
BUCKETS_PER_SECOND = cython.declare(cython.double, 8.0)
NEVER = cython.declare(cython.double, float("inf"))


class TimerOwner(Protocol):
    """Who waits for a time; it may wait for one at a time."""

    def time_has_come(self, due: float, now: float) -> None:
        """Called once, at the time `due` of the loop or a little later: it is `now`."""


@cython.final
@cython.cclass
class Timers:
    """The timeouts of one event loop."""

    _buckets: dict[int, dict[TimerOwner, float]]
    _handle: Any  # the timer of the loop, or None
    _due: cython.double  # when it runs
    _context: Any

    def __init__(self) -> None:
        self._buckets = {}
        self._handle = None
        self._due = NEVER
        # What comes due must not run in the context of whoever happened to be the first to wait.
        self._context = contextvars.copy_context()

    def add(self, loop: Any, owner: TimerOwner, due: cython.double) -> None:
        """Have `owner` called at the time `due` of the loop; it must not be waiting already."""
        key: int = int(due * BUCKETS_PER_SECOND)
        bucket: dict[TimerOwner, float] | None = self._buckets.get(key)
        if bucket is None:
            self._buckets[key] = {owner: due}
        else:
            bucket[owner] = due
        if due < self._due:
            self._arm(loop, due)

    def discard(self, owner: TimerOwner, due: cython.double) -> None:
        """Forget that `owner` waits for the time `due`; it is no error when it does not."""
        key: int = int(due * BUCKETS_PER_SECOND)
        bucket: dict[TimerOwner, float] | None = self._buckets.get(key)
        if bucket is not None and bucket.pop(owner, None) is not None and not bucket:
            del self._buckets[key]
            if not self._buckets:
                # The loop owes nothing to anybody. Otherwise its timer stays, to find out that it came too early.
                self._disarm()

    @cython.cfunc
    def _arm(self, loop: Any, due: cython.double) -> None:
        self._disarm()
        self._due = due
        self._handle = loop.call_at(due, self.run, loop, context=self._context)

    @cython.cfunc
    def _disarm(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
            self._due = NEVER

    def run(self, loop: Any) -> None:
        """Call everybody whose time has come, and wait for the next; called by the loop."""
        self._handle = None
        self._due = NEVER
        try:
            self._call_ripe(loop, loop.time())
        finally:
            # Also when something comes through that is not caught, as a KeyboardInterrupt.
            self._wait(loop)

    @cython.cfunc
    def _wait(self, loop: Any) -> None:
        """Have the loop call at the first time that is not over yet."""
        if self._buckets:
            first: cython.double = min(self._buckets[min(self._buckets)].copy().values())
            if first < self._due:
                self._arm(loop, first)

    @cython.cfunc
    def _call_ripe(self, loop: Any, now: cython.double) -> None:
        while self._buckets:
            bucket: dict[TimerOwner, float] = self._buckets[min(self._buckets)]
            # A copy: making tuples may start the collector of garbage, and a finalizer may close a connection.
            ripe = [(due, owner) for owner, due in bucket.copy().items() if due < now + TICK]
            if not ripe:
                return
            ripe.sort(key=first_item)
            for due, owner in ripe:
                if bucket.get(owner) == due:  # whoever was called before it may have made it superfluous
                    self.discard(owner, due)
                    try:
                        owner.time_has_come(due, now)
                    except Exception as error:  # it must not happen, and must not take the others' timeouts with it
                        loop.call_exception_handler({"message": "a timeout failed", "exception": error, "owner": owner})


def first_item(pair: tuple[float, TimerOwner]) -> float:
    """Return the time of an entry."""
    return pair[0]
