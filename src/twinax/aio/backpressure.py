"""Waiting for a slow peer: `drain`, and the end of a peer that takes nothing at all."""

import asyncio
from collections.abc import Generator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .connection import WebSocketConnection

__all__ = ["Backpressure", "Draining"]


class Draining:
    """What `send` returns when the peer is slow: awaiting it waits, ignoring it costs nothing."""

    __slots__ = ("_connection",)

    def __init__(self, connection: "WebSocketConnection") -> None:
        self._connection = connection

    def __await__(self) -> Generator[Any, None, None]:
        return self._connection.drain().__await__()


class Backpressure:
    """Made for a connection when its transport is full for the first time."""

    __slots__ = ("_connection", "_timer", "_waiters")

    def __init__(self, connection: "WebSocketConnection") -> None:
        self._connection = connection
        self._timer: asyncio.TimerHandle | None = None
        self._waiters: list[asyncio.Future[None]] = []

    async def wait(self) -> None:
        """Wait until `release` is called."""
        waiter: asyncio.Future[None] = self._connection.wire.loop.create_future()
        self._waiters.append(waiter)
        await waiter

    def release(self) -> None:
        """Wake everybody up: there is room, or the connection is gone."""
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

    def watch(self) -> None:
        """The transport is full: see that it makes progress."""
        timeout = self._connection.config.send_stall_timeout
        if timeout is not None and self._timer is None:
            self._timer = self._connection.wire.loop.call_later(timeout, self._check, timeout)

    def unwatch(self) -> None:
        """The transport takes bytes again, or is gone."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _check(self, timeout: float) -> None:
        self._timer = None
        wire = self._connection.wire
        stalled = wire.stalled_for(wire.loop.time())
        # A hair of tolerance: timers of the loop may run early by its clock's resolution.
        if stalled >= timeout - 0.001:
            self._connection.give_up(
                f"the peer took none of {self._connection.buffered_amount} unsent bytes "
                f"for send_stall_timeout={timeout} s"
            )
        else:
            self._timer = wire.loop.call_later(timeout - stalled, self._check, timeout)
