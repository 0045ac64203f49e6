"""Load by connections that are closed as soon as they are open."""

import asyncio
import time
from typing import Final

from twinax import WebSocketError, connect

from ..client_arguments import explain_failure
from .pacing import Pacer
from .plan import Plan
from .tally import Tally

__all__ = ["HandshakeLoad"]

PAUSE_AFTER_FAILURE: Final = 0.1
"""Seconds, so that a server that refuses at once is not asked ten thousand times a second."""


class HandshakeLoad:
    """So many connections at a time, one after the other or by the clock.

    What is timed is the way to an open connection: TCP, TLS, and the opening handshake. The closing handshake is
    waited for, but not timed.
    """

    def __init__(self, plan: Plan, tally: Tally) -> None:
        self._plan = plan
        self._tally = tally
        self._options = plan.client_options()
        self._halted = False
        self._pacer: Pacer | None = None
        self._due: asyncio.Queue[int] = asyncio.Queue()
        self._tasks: list[asyncio.Task[None]] = []
        self._opening = 0
        self._open = 0

    @property
    def open_now(self) -> int:
        """Connections that are open."""
        return self._open

    @property
    def under_way(self) -> int:
        """Handshakes that were begun, or are due, and are not done."""
        return self._opening + self._due.qsize()

    async def open(self) -> None:
        """Do nothing: opening is the load.

        Cancellation: Safe.
        """

    def start(self) -> None:
        """Open the first connections."""
        if self._plan.rate:
            self._pacer = Pacer(self._plan.rate, self._on_due)
            self._pacer.start()
        self._tasks = [asyncio.ensure_future(self._keep_connecting()) for _ in range(self._plan.connections)]

    def halt(self) -> None:
        """Open nothing new; what is due already still is."""
        self._halted = True
        if self._pacer is not None:
            self._pacer.stop()

    async def close(self) -> None:
        """Give up what is not done.

        Cancellation: Safe.
        """
        self._tally.lost += self.under_way
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _on_due(self, due_at: int, count: int) -> None:
        for _ in range(count):
            self._due.put_nowait(due_at)

    async def _keep_connecting(self) -> None:
        by_the_clock = self._plan.rate is not None
        while by_the_clock or not self._halted:
            due = await self._due.get() if by_the_clock else time.perf_counter_ns()
            self._opening += 1
            self._tally.sent += 1
            try:
                connection = await connect(self._plan.url, **self._options)
            except (WebSocketError, OSError) as error:
                self._tally.note_failure(explain_failure(error))
                await asyncio.sleep(PAUSE_AFTER_FAILURE)
                continue
            finally:
                self._opening -= 1
            self._tally.latency.record(time.perf_counter_ns() - due)
            self._tally.answered += 1
            self._open += 1
            try:
                await connection.close(1000, "")
            finally:
                self._open -= 1
            report = connection.close_report
            if report is not None and not report.was_clean:
                self._tally.note_close(report)
