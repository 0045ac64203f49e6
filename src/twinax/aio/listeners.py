"""How the listeners of a connection get its messages, what becomes of one that fails, and what is noted about it all.

Plain functions are called straight from the decoder; coroutine functions get one message at a time, from a pump.
"""

import asyncio
from typing import TYPE_CHECKING, Any

from .._core import CoreConnection
from ..config import ConnectionConfig
from ..errors import ConcurrencyError, ConnectionClosed
from ..logs import ConnectionLogger
from .events import Emitter, is_coroutine_function, run_in_background
from .pump import MessagePump

if TYPE_CHECKING:
    from .closing import Closing
    from .wire import Wire

__all__ = ["ConnectionListeners"]

TRACE_LINES = 32


class ConnectionListeners(Emitter, CoreConnection):
    """The listeners of a `WebSocketConnection`, and its trace."""

    __slots__ = ()

    # The slots are those of `ConnectionLife`.
    config: ConnectionConfig
    wire: "Wire"
    is_paused: bool
    has_ended: bool
    opened_at: float
    _closing: "Closing | None"
    _pump: MessagePump | None
    _trace: list[tuple[float, str, tuple[object, ...]]] | None

    def _check_listening(self, event: str) -> None:
        if event == "message" and self.is_received and not self.listeners(event):
            raise ConcurrencyError("a task is receiving from this connection; a listener for 'message' excludes that")

    def _listeners_changed(self, event: str) -> None:
        if event != "message":
            return
        listeners = self.listeners("message")
        self.reserve(bool(listeners))
        self._on_arrival()  # a pump that runs looks who listens now
        if any(map(is_coroutine_function, listeners)):
            pump = self._pump = self._pump or MessagePump(self)
            self.listen(None)
            pump.start()
        elif len(listeners) > 1:
            self.listen(self._call_all)
        else:
            self.listen(listeners[0] if listeners else None)
        if self.waiting:
            self.wire.loop.call_soon(self.drain_messages)

    def _call_all(self, message: Any) -> None:
        for listener in self.listeners("message"):
            result = listener(message)
            if asyncio.iscoroutine(result):
                self._on_listener_result(result)

    async def wait_arrival(self) -> None:
        """Wait until a message may have arrived."""
        raise NotImplementedError

    def message_listener_failed(self, error: BaseException) -> None:
        """A listener of ``message`` raised: log it and close with 1011."""
        self._on_listener_failure("message", error)

    def _on_listener_error(self, error: Exception) -> None:
        self._on_listener_failure("message", error)

    def _on_listener_result(self, result: object) -> None:
        if asyncio.iscoroutine(result):
            run_in_background(result, self.message_listener_failed)

    def _on_listener_failure(self, event: str, error: BaseException) -> None:
        # One that was given up is open until the next turn: `send` has just told the listener, who is not to blame.
        if isinstance(error, ConnectionClosed) and (not self.is_open or self._closing is not None):
            self.note("listener of %r used the closed connection", event)
            return
        self.logger.listener_failed(event, error)
        if not self.has_ended:
            self.fail(1011, "internal error", error if isinstance(error, Exception) else RuntimeError(repr(error)))

    # --- what is told ---------------------------------------------------------------------------

    @property
    def logger(self) -> ConnectionLogger:
        """Where what concerns this connection is logged."""
        return ConnectionLogger(self, self.config.logger)

    def note(self, line: str, *values: object) -> None:
        """Keep a line for the report, formatted when somebody reads it; the oldest go."""
        trace = self._trace
        if trace is None:
            trace = self._trace = []
        elif len(trace) >= TRACE_LINES:
            del trace[: TRACE_LINES // 2]
        trace.append((self.wire.loop.time(), line, values))

    def trace_lines(self) -> tuple[str, ...]:
        """Return the last lines of the trace, each with its time in seconds since the opening handshake."""
        opened_at = self.opened_at
        return tuple(
            f"+{at - opened_at:.3f} {line % values if values else line}" for at, line, values in self._trace or ()
        )
