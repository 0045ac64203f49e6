"""Liveness: pings, their round-trip times, and what becomes of a silent peer.

One timeout per connection, armed once per interval however much traffic there is: when it is over it looks
at the time of the last byte. A ping is only sent to a peer that was silent for a whole interval, and
any byte afterwards counts as life, not only the matching pong: the next interval begins with it.
"""

import asyncio
import itertools
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..errors import ConnectionClosed
    from .connection import WebSocketConnection

__all__ = ["Pings", "check", "unwatch", "watch"]

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


def watch(connection: "WebSocketConnection", delay: float) -> None:
    """Look after so many seconds whether the peer of a connection is alive, and go on from there."""
    loop = connection.wire.loop
    due = connection.keepalive_due = loop.time() + max(delay, CLOCK_TICK)
    connection.loop_state.timers.add(loop, connection, due)


def unwatch(connection: "WebSocketConnection") -> None:
    """Watch no more."""
    connection.loop_state.timers.discard(connection, connection.keepalive_due)
    connection.keepalive_due = 0.0


def check(connection: "WebSocketConnection", due: float, now: float) -> None:
    """Look whether the peer is alive."""
    wire = connection.wire
    lag = connection.loop_state.record_timer(due, now)
    config = connection.config
    last_life = max(wire.last_rcvd, connection.opened_at)
    silence = now - last_life
    if connection.input_paused:
        # What the peer sends waits in the kernel: it cannot show that it is alive.
        connection.pinged_at = 0.0
        watch(connection, config.keepalive_interval)
    elif connection.pinged_at and last_life < connection.pinged_at:
        grace = connection.pinged_at + config.keepalive_grace_period - now
        if grace > 0:
            watch(connection, grace)
        else:
            _judge(connection, now, lag, silence)
    elif silence < config.keepalive_interval:
        connection.pinged_at = 0.0
        watch(connection, config.keepalive_interval - silence)
    else:
        connection.pinged_at = now
        connection.send_keepalive_ping()
        # Not the whole grace period: a peer that answers may fall silent for an interval long before its end.
        watch(connection, min(config.keepalive_interval, config.keepalive_grace_period))


def _judge(connection: "WebSocketConnection", now: float, lag: float, silence: float) -> None:
    """The grace period after our ping is over and nothing has come."""
    config = connection.config
    if lag > config.keepalive_grace_period / 4:
        # It was this process that slept. Signs of life may wait in the kernel: look once more.
        watch(connection, config.keepalive_grace_period / 4)
    elif config.drop_connection_on_keepalive_timeout:
        connection.give_up(
            f"peer not responding: nothing received for {silence:.1f} s, "
            f"{now - connection.pinged_at:.1f} s of them after a ping"
        )
    else:
        connection.pinged_at = 0.0
        watch(connection, config.keepalive_interval)
