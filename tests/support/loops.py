"""An event loop whose clock is virtual: timeouts of 20 s are tested at once, and without sleeping.

Sockets are real. Time stands still while anything can happen, and jumps to the next timer when nothing
can: no callback is ready, no thread is at work, and no socket had anything to say for `GRACE` real
seconds, which is far longer than loopback takes. One thing takes longer: when a peer that had no room
left reads again, TCP may wait for 200 ms before it goes on; see `VirtualLoop.grace`.
"""

import asyncio
import selectors
from typing import Any

__all__ = ["RealLoop", "VirtualLoop"]

GRACE = 0.005
STUCK = 10.0
MANY_JUMPS = 10_000  # the timer of keepalive would go on for ever
BEGIN = 1000.0  # not 0: that is what "never" looks like


class RealLoop(asyncio.SelectorEventLoop):
    """asyncio's loop, with a look at what is left on it."""

    def leftovers(self) -> list[str]:
        """Describe timers that still run, and sockets that are still watched or open."""
        handles: list[asyncio.TimerHandle] = list(self._scheduled)  # type: ignore[attr-defined]
        found = [f"timer {handle}" for handle in handles if not handle.cancelled()]
        transports: dict[int, Any] = dict(self._transports)  # type: ignore[attr-defined]
        found += [f"transport {transport}" for transport in transports.values() if transport._sock is not None]
        watched = self._selector.get_map()  # type: ignore[attr-defined]
        own = self._ssock.fileno()  # type: ignore[attr-defined]
        found += [f"socket {key.fileobj} {key.data}" for fd, key in watched.items() if fd not in (own, *transports)]
        return found


class PatientSelector(selectors.DefaultSelector):
    """Lets the loop's clock jump instead of waiting."""

    loop: "VirtualLoop"

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Wait for sockets, but never for a timer."""
        if timeout is not None and timeout <= 0:
            return super().select(timeout)
        ready = super().select(self.loop.grace)
        if ready:
            return ready
        if timeout is None or self.loop.threads:
            ready = super().select(STUCK)
            if not ready:
                raise RuntimeError("the test is stuck: no timer runs, and no socket has anything to say")
            return ready
        self.loop.now += timeout
        self.loop.jumps += 1
        if self.loop.jumps > MANY_JUMPS:
            raise RuntimeError("the test is stuck: timers run, and nothing else happens")
        return super().select(0)


class VirtualLoop(RealLoop):
    """The loop of tests.

    Attributes:
        now: The time; set it to let time pass while the loop is busy.
        jumps: How often it was moved to the next timer.
        grace: Real seconds for which nothing must happen before the clock jumps.
        threads: How many calls are under way in other threads.
    """

    def __init__(self) -> None:
        selector = PatientSelector()
        selector.loop = self
        self.now = BEGIN
        self.jumps = 0
        self.grace = GRACE
        self.threads = 0
        super().__init__(selector)

    def time(self) -> float:
        """Return the virtual time."""
        return self.now

    def run_in_executor(self, executor: Any, func: Any, *args: Any) -> Any:
        """Time stands still while a thread is at work."""
        future = super().run_in_executor(executor, func, *args)
        self.threads += 1
        future.add_done_callback(self._thread_done)
        return future

    def _thread_done(self, _future: Any) -> None:
        self.threads -= 1
