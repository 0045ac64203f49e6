"""The life of a connection: how it begins, how it ends, and who is told.

However a connection ends, it goes through `wire_lost` once: the report is made, whoever waits is woken,
``error`` and ``close`` are emitted. Nothing else may say that a connection is closed.
"""

import asyncio
import itertools
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, Self

from .._core import HEADROOM, CoreConnection, CoreSettings, MaskKeys
from ..close import CLOSE_DESCRIPTIONS, Close, CloseReport
from ..config import ConnectionConfig
from ..errors import ConnectionClosed, ConnectionClosedError, ConnectionClosedOK
from ..logs import CLIENT_LOGGER, SERVER_LOGGER
from ..protocol import AgreedExtension, build_pipeline
from .backpressure import Backpressure
from .closing import Closed, Closing, explain_loss
from .idle import IdleWatch
from .keepalive import Pings
from .listeners import ConnectionListeners
from .loop import LoopState, get_loop_state
from .pump import MessagePump
from .wire import Wire

if TYPE_CHECKING:
    from .request import WebSocketRequest

__all__ = ["ConnectionLife"]

IN_ORDER = (1000, 1001, 1005)

_ids = itertools.count(1)


class ConnectionLife(ConnectionListeners):
    """Beginning and end of a `WebSocketConnection`."""

    __slots__ = (
        "_arrivals",
        "_backpressure",
        "_begun",
        "_closed_future",
        "_closing",
        "_early",
        "_going_on",
        "_idle_watch",
        "_listeners",
        "_on_begin",
        "_on_end",
        "_pings",
        "_pump",
        "_report",
        "_trace",
        "config",
        "extensions",
        "has_ended",
        "id",
        "is_client",
        "is_paused",
        "keepalive_due",
        "latency",
        "loop_state",
        "opened_at",
        "pinged_at",
        "protocol",
        "remote_address",
        "remote_addresses",
        "request",
        "websocket_version",
        "wire",
    )

    def __init__(
        self,
        config: ConnectionConfig,
        settings: CoreSettings,
        keys: MaskKeys | None,
        wire: Wire,
        early: bytes = b"",
        protocol: str | None = None,
        websocket_version: int = 13,
        remote_addresses: list[str] | None = None,
        request: "WebSocketRequest | None" = None,
        loop_state: LoopState | None = None,
        extensions: Sequence[AgreedExtension] = (),
    ) -> None:
        # All of it stands in one function, and servers pass everything by position: calls of Python and keywords
        # were two thirds of the 26,000 instructions that a connection cost to make (November 2026).
        CoreConnection.__init__(self, settings, keys)
        self.config = config
        self.wire = wire
        self.id = next(_ids)
        self.is_client = keys is not None
        self.is_paused = False
        self.protocol = protocol
        self.extensions = [*extensions]
        if extensions:
            self.extend(build_pipeline(extensions))
        self.request = request
        self.websocket_version = websocket_version
        self.remote_addresses = remote_addresses or [wire.remote_address]
        self.remote_address = self.remote_addresses[0]
        loop = wire.loop
        self.loop_state = loop_state or get_loop_state(loop)
        self.opened_at = loop.time()
        self._listeners = None
        self._early = early
        self._begun = False
        self._going_on = False
        self.has_ended = False
        self._report: CloseReport | None = None
        self._on_begin: Callable[[Any], None] | None = None
        self._on_end: Callable[[Any], None] | None = None
        self._pump: MessagePump | None = None
        self._closing: Closing | None = None
        self._closed_future: asyncio.Future[None] | None = None
        self._trace: list[tuple[float, str, tuple[object, ...]]] | None = None
        self.latency: float | None = None
        self._arrivals: asyncio.Future[None] | None = None
        self._backpressure: Backpressure | None = None
        self._pings: Pings | None = None
        self._idle_watch: IdleWatch | None = None  # made for the first message that goes through an extension
        self.keepalive_due = self.pinged_at = 0.0
        self.attach(wire.write, wire.write_pieces)
        self.set_loop(loop)
        self.set_turn(self.loop_state.turn, loop.call_soon)
        wire.hand_over(self, self._receive_first, self.receive_payload)
        if wire.is_lost:
            # The peer went away before accept(): the application still gets its `close` event, later.
            loop.call_soon(self.wire_lost, None)
        else:
            loop.call_soon(self._begin)

    # --- the beginning ------------------------------------------------------------------------

    def _begin(self) -> None:
        """In the turn after `accept` or ``connect``: listeners are in place, bytes may be delivered."""
        if self._begun or self.has_ended:
            return
        self._begun = True
        self.wire.hand_over(self, self.receive, self.receive_payload)
        config = self.config
        self.wire.set_up(
            high=config.high_water_mark,
            low=config.low_water_mark,
            no_delay=config.disable_nagle_algorithm,
            native_keepalive=config.native_keepalive,
        )
        if config.keepalive and not config.use_native_keepalive:
            self._start_keepalive()
        if self._on_begin is not None:
            on_begin, self._on_begin = self._on_begin, None
            on_begin(self)
        if self._early:
            self._deliver_early()

    def _deliver_early(self) -> None:
        if self._early:
            early, self._early = self._early, b""
            CoreConnection.receive(self, bytearray(HEADROOM) + early, HEADROOM + len(early), self.wire.loop.time())

    def _start_keepalive(self) -> None:
        """Watch that the peer is alive."""
        raise NotImplementedError

    def _receive_first(self, buffer: bytearray, end: int, now: float) -> Any:
        """Called by the wire: the first bytes have come; the next ones go straight to the core."""
        self._begin()
        return self.receive(buffer, end, now)

    # --- the end, as asked for ----------------------------------------------------------------

    def close(self, code: int = 1000, reason: str | None = None) -> Awaitable[None]:
        """Begin the closing handshake; everything sent before goes first.

        Args:
            code: 1000-1003, 1007-1014 or 3000-4999 (RFC 6455 7.4).
            reason: At most 123 bytes of UTF-8. None: the default text of the code; ``""``: none.

        Returns:
            An awaitable that is ready when the connection is closed, after ``close_timeout`` and
            ``linger_timeout`` at the latest; it need not be awaited.

        Raises:
            LocalProtocolError: Code or reason may not be sent.

        Cancellation: Safe; the closing goes on.
        Concurrency: Closing again changes nothing and waits for the same end.
        """
        was_open = self.is_open
        self.begin_close(code, CLOSE_DESCRIPTIONS.get(code, "") if reason is None else reason)
        if was_open:
            self.note("close(%s)", code)
            self._closing = self._closing or Closing(self, "local", "close() was called")
            self._closing.wait_for_close_frame()
        return Closed(self)

    def drop(self, code: int = 1002, reason: str | None = None, skip_close_frame: bool = False) -> None:
        """End the connection at once: write a close frame, do not wait for anything.

        Use `close` unless the peer cannot be trusted to answer: what is unsent is lost.

        Args:
            code: As for `close`.
            reason: As for `close`.
            skip_close_frame: Do not even write the close frame.

        Raises:
            LocalProtocolError: Code or reason may not be sent.
        """
        if self.has_ended:
            return
        cause = "drop() was called"
        if not skip_close_frame:
            self.close_now(code, CLOSE_DESCRIPTIONS.get(code, "") if reason is None else reason)
            self.flush()
        self.give_up(cause, by_failure=not skip_close_frame)

    def give_up(self, cause: str, error: BaseException | None = None, *, by_failure: bool = False) -> None:
        """Abort the TCP connection; the report will name `cause`."""
        if self.has_ended:
            return
        self.note(cause)
        if self._closing is None:
            self._closing = Closing(self, "local", cause)
        self._closing.by_failure = by_failure
        self._closing.abort(cause, error)

    async def wait_closed(self) -> None:
        """Wait until the connection is closed, by whomever.

        Cancellation: Safe.
        Concurrency: Any number of tasks may wait.
        """
        if not self.has_ended:
            if self._closed_future is None:
                self._closed_future = self.wire.loop.create_future()
            await asyncio.shield(self._closed_future)

    def when_begun(self, callback: Callable[[Any], None]) -> None:
        """Have `callback` called in the next turn, before anything is delivered: for the server."""
        self._on_begin = callback

    def when_ended(self, callback: Callable[[Any], None]) -> None:
        """Have `callback` called with this connection after its ``close`` event: for its server."""
        self._on_end = callback

    def handler_failed(self, error: BaseException) -> None:
        """The application's handler raised: log it and close with 1011."""
        self._on_listener_failure("handler", error)

    # --- the end, as it comes -----------------------------------------------------------------

    def _on_close(self, close: Close) -> None:
        self.note("close frame received: %s %s", close.code, close.reason)
        if self._closing is None:
            self._closing = Closing(self, "remote", "the peer closed")
        self.flush()
        self._closing.end_transport()

    def _on_failure(self, error: Exception) -> None:
        self.note("failed: %s", error)
        if self._closing is None:
            self._closing = Closing(self, "local", "")
        self._closing.fail(str(error), error)

    def wire_eof(self) -> None:
        """Called by the wire: the peer sends nothing more."""
        self.note("FIN received")
        self.wire.close()

    def wire_lost(self, error: BaseException | None) -> None:
        """Called by the wire, once: the TCP connection is gone."""
        if self.has_ended:
            return
        # The end may come before the first turn; what was received before it is not lost with it.
        if self._early:
            self._deliver_early()
        closing = self._closing
        if closing is None:
            closing = self._closing = Closing(self, "network", explain_loss(error))
            closing.error = error
        closing.lose(error)
        if not self._begun and not self.is_client and closing.closed_by == "network":
            closing.become("TCP connection lost before handshake completed.", error)
            closing.phase = "handshake"
        self.mark_lost()
        closing.note_end()
        self.has_ended = True
        try:
            self._release_waiters()
            # Most loggers take neither, and no report is made for them.
            logger = self.config.logger or (CLIENT_LOGGER if self.is_client else SERVER_LOGGER)
            if logger.isEnabledFor(logging.DEBUG if closing.is_plain(self) else logging.INFO):
                self.logger.ended(closing.build_report(self))
            self._tell_end(closing.error)
        finally:
            # Also when a listener lets a CancelledError or SystemExit through: the server waits for every connection.
            if self._closed_future is not None:
                self._closed_future.set_result(None)
            if self._on_begin is not None:
                self.wire.loop.call_soon(self._on_begin, self)
                self._on_begin = None
            if self._on_end is not None:
                self._on_end(self)

    def _tell_end(self, error: BaseException | None) -> None:
        """Tell whoever listens, and let go of the listeners."""
        if self._listeners:
            if error is not None:
                self._emit("error", error)
            if self._listeners.get("close"):
                self._emit("close", self.close_code, self.close_reason)
            if not self.waiting:
                # They often know the connection: each would keep the other until garbage is collected.
                self._listeners = None
                self.listen(None)

    @property
    def close_report(self) -> CloseReport | None:
        """How the connection ended; None as long as it has not."""
        # Made when somebody asks: 15 fields and the trace are 8 microseconds, and most ends interest nobody.
        if self._report is None and self.has_ended and self._closing is not None:
            self._report = self._closing.build_report(self)
            self._closing = None
        return self._report

    def _release_waiters(self) -> None:
        """Wake up whoever waits for something that will not come any more."""
        raise NotImplementedError

    def _closed_error(self) -> ConnectionClosed:
        report = self.close_report or (self._closing or Closing(self, "local", "closing")).build_report(self)
        in_order = report.code in IN_ORDER and (report.was_clean or not self.has_ended)
        return (ConnectionClosedOK if in_order else ConnectionClosedError)(report)

    def _has_ended_in_order(self) -> bool:
        # As `_closed_error` tells it, without its report: every ``async for`` ends with this question.
        is_clean = self.close_sent is not None and self.close_rcvd is not None
        code = self._closing.code_and_reason(self)[0] if self._closing is not None else self.close_code
        return is_clean and code in IN_ORDER

    # --- reading on and off -------------------------------------------------------------------

    def _hold_input(self) -> None:
        self.wire.pause_reading()

    def _continue_input(self) -> None:
        if not self._going_on:
            self._going_on = True
            self.wire.loop.call_soon(self._go_on)

    def _go_on(self) -> None:
        self._going_on = False
        if self.is_stopped or self.has_ended:
            return
        if self.has_backlog:
            self.continue_receive(self.wire.loop.time())
        if not self.is_stopped and not self.has_backlog:
            self.wire.resume_reading()

    # --- how it is seen -----------------------------------------------------------------------

    @property
    def connected(self) -> bool:
        """Whether messages can be sent."""
        return self.is_open

    @property
    def state(self) -> str:
        """``open``, ``closing``, ``closed``, ``failed`` or ``lost``."""
        return self.state_name

    @property
    def close_code(self) -> int | None:
        """The code of the ``close`` event; None as long as the connection is not closed."""
        return None if self.close_report is None else self.close_report.code

    @property
    def close_reason(self) -> str | None:
        """The reason of the ``close`` event; None as long as the connection is not closed."""
        return None if self.close_report is None else self.close_report.reason

    def __repr__(self) -> str:
        role = "client" if self.is_client else "server"
        return f"<{type(self).__name__} #{self.id} {role} {self.state_name} {self.remote_address}>"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.close(1000 if exc_info[0] is None else 1011)
