"""Memory of extensions that is given back while a connection has nothing to compress or inflate.

A connection is watched from the first message that went through an extension until it was idle for
``extension_idle_timeout``; one that is idle, or never compressed anything, costs nothing here.
"""

from typing import TYPE_CHECKING

from ..extensions.memory import trim_heap

if TYPE_CHECKING:
    from .connection import WebSocketConnection

__all__ = ["IdleWatch"]


class IdleWatch:
    """Looks, once per timeout, whether anything went through the extensions of a connection."""

    __slots__ = ("_connection", "_due", "_timeout")

    def __init__(self, connection: "WebSocketConnection", timeout: float) -> None:
        self._connection = connection
        self._timeout = timeout
        self._due = 0.0

    def start(self) -> None:
        """Look after the timeout."""
        loop = self._connection.wire.loop
        self._due = loop.time() + self._timeout
        self._connection.loop_state.timers.add(loop, self, self._due)

    def stop(self) -> None:
        """The connection is over."""
        self._connection.loop_state.timers.discard(self, self._due)

    def time_has_come(self, due: float, now: float) -> None:
        """Called by the timers."""
        if self._connection.release_extensions():
            trim_heap()
        else:
            self.start()
