"""Load by messages that the server sends back, over connections that stay open."""

import asyncio
import time
from collections import deque
from typing import Final

from twinax import ConnectionClosed, WebSocketConnection, WebSocketError, connect

from ..client_arguments import explain_failure
from .pacing import Pacer
from .plan import Plan
from .tally import Tally

__all__ = ["EchoLoad"]

OPENING_AT_A_TIME: Final = 64
"""Opening handshakes under way in one process: fewer than any common listen backlog."""


class EchoedConnection:
    """One connection, and the messages that are under way on it.

    Args:
        connection: The connection.
        plan: How to load it.
        payloads: What to send, in turn.
        tally: Where to count.
    """

    __slots__ = (
        "_answered",
        "_connection",
        "_due",
        "_greetings",
        "_halted",
        "_payloads",
        "_sent",
        "_tally",
        "_verify",
    )

    def __init__(self, connection: WebSocketConnection, plan: Plan, payloads: list[str | bytes], tally: Tally) -> None:
        self._connection = connection
        self._payloads = payloads
        self._tally = tally
        self._verify = plan.verify
        self._greetings = plan.greetings
        # By the clock, what comes back causes nothing.
        self._halted = plan.rate is not None
        self._due: deque[int] = deque()
        self._sent = 0
        self._answered = 0
        connection.on("message", self._on_message)
        connection.on("close", self._on_close)

    @property
    def is_open(self) -> bool:
        """Whether messages can be sent."""
        return self._connection.is_open

    @property
    def waiting(self) -> int:
        """Messages without an answer."""
        return len(self._due)

    def send(self, due: int) -> bool:
        """Send a message that was due then (of `time.perf_counter_ns`); return whether the connection takes it."""
        try:
            self._connection.send(self._payloads[self._sent % len(self._payloads)])
        except ConnectionClosed:
            return False  # _on_close tells
        self._sent += 1
        self._tally.sent += 1
        self._due.append(due)
        return True

    def halt(self) -> None:
        """Do not send another message when one comes back."""
        self._halted = True

    async def close(self) -> None:
        """Close, and count what is lost."""
        self._tally.lost += len(self._due)
        self._due.clear()
        self._connection.off("close", self._on_close)
        await self._connection.close(1000, "")

    def _on_message(self, message: str | bytes) -> None:
        now = time.perf_counter_ns()
        if self._greetings:
            self._greetings -= 1  # it may come when the first messages are under way already, but before any answer
            return
        if not self._due:
            self._tally.unexpected += 1
            return
        tally = self._tally
        tally.latency.record(now - self._due.popleft())
        tally.answered += 1
        if self._verify and message != self._payloads[self._answered % len(self._payloads)]:
            tally.wrong += 1
        self._answered += 1
        if not self._halted:
            self.send(now)

    def _on_close(self, code: int, reason: str) -> None:
        report = self._connection.close_report
        assert report is not None, "a connection that is closed has a report"
        self._tally.note_close(report)
        self._tally.lost += len(self._due)
        self._due.clear()


class EchoLoad:
    """Messages over connections that stay open: a fixed number under way on each, or by the clock."""

    def __init__(self, plan: Plan, tally: Tally) -> None:
        self._plan = plan
        self._tally = tally
        self._options = plan.client_options()
        self._payloads = plan.payloads()
        self._connections: list[EchoedConnection] = []
        self._turn = 0
        self._pacer: Pacer | None = None

    @property
    def open_now(self) -> int:
        """Connections that are open."""
        return sum(connection.is_open for connection in self._connections)

    @property
    def under_way(self) -> int:
        """Messages without an answer."""
        return sum(connection.waiting for connection in self._connections)

    async def open(self) -> None:
        """Open all connections, as fast as `connect_rate` allows.

        Cancellation: Safe; those that are open stay open until `close`.
        """
        plan = self._plan
        numbers = iter(range(plan.connections))
        began = time.perf_counter()

        async def open_several() -> None:
            for number in numbers:
                if plan.connect_rate:
                    await asyncio.sleep(began + number / plan.connect_rate - time.perf_counter())
                await self._open_one()

        await asyncio.gather(*(open_several() for _ in range(min(OPENING_AT_A_TIME, plan.connections))))

    async def _open_one(self) -> None:
        began = time.perf_counter_ns()
        try:
            connection = await connect(self._plan.url, **self._options)
        except (WebSocketError, OSError) as error:
            self._tally.note_failure(explain_failure(error))
            return
        self._tally.opened.record(time.perf_counter_ns() - began)
        self._connections.append(EchoedConnection(connection, self._plan, self._payloads, self._tally))

    def start(self) -> None:
        """Send the first messages."""
        if self._plan.rate:
            self._pacer = Pacer(self._plan.rate, self._on_due)
            self._pacer.start()
            return
        for connection in self._connections:
            for _ in range(self._plan.depth):
                connection.send(time.perf_counter_ns())

    def _on_due(self, due_at: int, count: int) -> None:
        for _ in range(count):
            # The next one that is still open.
            for _ in self._connections:
                self._turn = (self._turn + 1) % len(self._connections)
                if self._connections[self._turn].send(due_at):
                    break

    def halt(self) -> None:
        """Send nothing new."""
        if self._pacer is not None:
            self._pacer.stop()
        for connection in self._connections:
            connection.halt()

    async def close(self) -> None:
        """Close all connections."""
        await asyncio.gather(*(connection.close() for connection in self._connections))
