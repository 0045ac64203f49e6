"""A clock that says when messages are due, whether or not answers have come (an "open loop").

Timers of event loops have a resolution of a millisecond, which is more than many servers take to answer. So a thread
sleeps until the next message is due and wakes the loop: some 60 microseconds late on Linux, and never early.
"""

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable
from typing import Final

__all__ = ["Pacer"]

SHORTEST_TICK: Final = 0.00025
"""Seconds. At more than 4,000 messages a second those of a tick are due together."""


class Pacer:
    """Calls back at a fixed rate, from the event loop.

    When the loop is late, calls are not left out: each comes, with the time at which it was due.

    Args:
        rate: How many are due in a second.
        on_due: Called with the time at which something was due (of `time.perf_counter_ns`) and how many.
    """

    def __init__(self, rate: float, on_due: Callable[[int, int], None]) -> None:
        self._rate = rate
        self._on_due = on_due
        self._loop = asyncio.get_running_loop()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="pacer", daemon=True)

    def start(self) -> None:
        """Begin now."""
        self._thread.start()

    def stop(self) -> None:
        """Call back no more."""
        self._stopped.set()

    def _run(self) -> None:
        tick = max(1 / self._rate, SHORTEST_TICK)
        began = time.perf_counter_ns()
        turn = due_before = 0
        while True:
            due_at = began + round(turn * tick * 1e9)
            if self._stopped.wait(max(0.0, (due_at - time.perf_counter_ns()) / 1e9)):
                return
            turn += 1
            due = round(turn * tick * self._rate)
            if due > due_before:
                # The loop may have been closed meanwhile: then nothing is due any more.
                with contextlib.suppress(RuntimeError):
                    self._loop.call_soon_threadsafe(self._call, due_at, due - due_before)
            due_before = due

    def _call(self, due_at: int, count: int) -> None:
        if not self._stopped.is_set():
            self._on_due(due_at, count)
