"""Liveness: pings, their round-trip times, and what becomes of a silent peer.

One timer per connection, armed once per interval however much traffic there is: when it fires it looks
at the time of the last byte. A ping is only sent to a peer that was silent for a whole interval, and
any byte afterwards counts as life, not only the matching pong: the next interval begins with it.
"""

import asyncio
import itertools
from typing import TYPE_CHECKING

from .loop import get_loop_state

if TYPE_CHECKING:
    from ..errors import ConnectionClosed
    from .connection import WebSocketConnection

__all__ = ["Keepalive", "Pings"]

CLOCK_TICK = 0.001  # uvloop counts whole milliseconds: what is armed for less fires before any time has passed


class Pings:
    """Pings that wait for their pong (RFC 6455 5.5.2, 5.5.3)."""

    __slots__ = ("_counter", "_pending")

    def __init__(self) -> None:
        self._counter = itertools.count(1)
        self._pending: dict[bytes, tuple[float, asyncio.Future[float]]] = {}

    def next_payload(self) -> bytes:
        """Return a payload that no waiting ping has."""
        return next(payload for n in self._counter if (payload := n.to_bytes(4, "big")) not in self._pending)

    def add(self, payload: bytes, now: float, loop: asyncio.AbstractEventLoop) -> "asyncio.Future[float]":
        """Note a ping; return what becomes ready with the round-trip time in seconds."""
        if payload in self._pending:
            return self._pending[payload][1]
        future: asyncio.Future[float] = loop.create_future()
        self._pending[payload] = (now, future)
        return future

    def answer(self, payload: bytes, now: float) -> float | None:
        """Note a pong; return its round-trip time, None when it answers no ping of ours.

        RFC 6455 5.5.3 lets a peer answer only the most recent ping, so an answer covers the older ones.
        """
        if payload not in self._pending:
            return None
        while True:
            older = next(iter(self._pending))
            sent_at, future = self._pending.pop(older)
            if not future.done():
                future.set_result(now - sent_at)
            if older == payload:
                return now - sent_at

    def fail(self, error: "ConnectionClosed") -> None:
        """No pong will come any more."""
        for _, future in self._pending.values():
            if not future.done():
                future.set_exception(error)
                future.exception()  # whoever did not keep the awaitable is not told
        self._pending.clear()


class Keepalive:
    """Watches that the peer of one connection is alive."""

    __slots__ = ("_connection", "_due", "_handle", "_pinged_at")

    def __init__(self, connection: "WebSocketConnection") -> None:
        self._connection = connection
        self._handle: asyncio.TimerHandle | None = None
        self._due = 0.0
        self._pinged_at = 0.0

    def start(self) -> None:
        """Begin to watch."""
        self._arm(self._connection.config.keepalive_interval)

    def stop(self) -> None:
        """Watch no more."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _arm(self, delay: float) -> None:
        loop = self._connection.wire.loop
        # Kept here, not asked of the handle: uvloop's cannot tell when the delay was next to nothing.
        self._due = loop.time() + max(delay, CLOCK_TICK)
        self._handle = loop.call_at(self._due, self._check)

    def _check(self) -> None:
        connection = self._connection
        wire = connection.wire
        now = wire.loop.time()
        lag = get_loop_state(wire.loop).record_timer(self._due, now)
        config = connection.config
        last_life = max(wire.last_rcvd, connection.opened_at)
        silence = now - last_life
        if connection.input_paused:
            # What the peer sends waits in the kernel: it cannot show that it is alive.
            self._pinged_at = 0.0
            self._arm(config.keepalive_interval)
        elif self._pinged_at and last_life < self._pinged_at:
            grace = self._pinged_at + config.keepalive_grace_period - now
            if grace > 0:
                self._arm(grace)
            else:
                self._judge(now, lag, silence)
        elif silence < config.keepalive_interval:
            self._pinged_at = 0.0
            self._arm(config.keepalive_interval - silence)
        else:
            self._pinged_at = now
            connection.send_keepalive_ping()
            # Not the whole grace period: a peer that answers may fall silent for an interval long before its end.
            self._arm(min(config.keepalive_interval, config.keepalive_grace_period))

    def _judge(self, now: float, lag: float, silence: float) -> None:
        """The grace period after our ping is over and nothing has come."""
        connection = self._connection
        config = connection.config
        if lag > config.keepalive_grace_period / 4:
            # It was this process that slept. Signs of life may wait in the kernel: look once more.
            self._arm(config.keepalive_grace_period / 4)
        elif config.drop_connection_on_keepalive_timeout:
            connection.give_up(
                f"peer not responding: nothing received for {silence:.1f} s, "
                f"{now - self._pinged_at:.1f} s of them after a ping"
            )
        else:
            self._pinged_at = 0.0
            self._arm(config.keepalive_interval)
