"""`WebSocketServer`: listens, lets requests be accepted or rejected, and keeps its connections."""

import asyncio
import signal
import socket
import ssl as ssl_module
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, ClassVar, Self, Unpack

from .._core import SharedMessage, build_close_payload, send_to_all
from ..close import CLOSE_DESCRIPTIONS
from ..config import ServerConfig, ServerOptions, build_config
from ..errors import HandshakeError
from ..logs import SERVER_LOGGER
from ..protocol import RequestHead
from .admission import Admission
from .connection import WebSocketConnection
from .events import Emitter, is_coroutine_function, run_in_background
from .incoming import Incoming
from .listening import Listeners, new_event_loop
from .request import WebSocketRequest
from .signals import stopping_on

__all__ = ["Handler", "WebSocketServer"]

Handler = Callable[[WebSocketConnection], Awaitable[None] | None]


class WebSocketServer(Emitter):
    """A WebSocket server.

    Register listeners, then `listen` (any number of times, for several ports) or `run`. Options are
    those of `ServerConfig`.

    Events:
        ``request(request)``: A client wants to connect; accept or reject the `WebSocketRequest`.
        ``connect(connection)``: A request was accepted.
        ``close(connection, code, reason)``: A connection is closed.
        ``upgrade_error(error)``: A handshake broke a rule and was refused.

    Attributes:
        config: The options.
    """

    EVENTS: ClassVar[frozenset[str]] = frozenset({"request", "connect", "close", "upgrade_error"})

    def __init__(self, handler: Handler | None = None, **options: Unpack[ServerOptions]) -> None:
        """Make a server that does not listen yet.

        Args:
            handler: Called with each connection, as by `serve`; None: use events.
            **options: See `ServerConfig`.

        Raises:
            TypeError: An unknown option, or a value of the wrong type.
            ValueError: A value out of range.
        """
        self.config = build_config(ServerConfig, options)
        self._listeners = None
        self._handler = handler
        self._handler_waits = is_coroutine_function(handler)
        self._call_plain_handler = self._call_handler  # one bound method for all connections
        self._ports = Listeners()
        self._only_loopback: bool | None = None  # not known yet, or not any more
        self._admission = Admission(self, self.config)

    def __repr__(self) -> str:
        where = ", ".join(self.urls) or "nowhere"
        return f"<{type(self).__name__} on {where}, {len(self._admission.connections)} open>"

    # --- listening ----------------------------------------------------------------------------

    async def listen(
        self,
        host: str | None = None,
        port: int = 0,
        *,
        ssl: ssl_module.SSLContext | None = None,
        path: str | None = None,
        sock: socket.socket | None = None,
    ) -> None:
        """Accept connections on one more port or socket.

        Args:
            host: Name or address to bind; None: all interfaces.
            port: Port to bind; 0: one that is free, see `port`.
            ssl: TLS settings; with them the port speaks wss.
            path: A Unix socket instead of host and port.
            sock: A bound socket instead of host and port.

        Raises:
            OSError: The address cannot be bound.
            TypeError: The port is not an integer.
            ValueError: The port is not 0 to 65535, or more than one kind of address is given.

        Cancellation: Safe; `unmount` and `close` also end what was begun.
        Concurrency: Any number of calls, each for an address of its own.
        """
        self._admission.closing = False
        before = len(self.urls)
        self._only_loopback = None
        try:
            await self._ports.open(
                self._admission,
                self.config,
                host=host,
                port=port,
                ssl=ssl,
                path=path,
                sock=sock,
            )
        finally:
            self._only_loopback = None
        SERVER_LOGGER.info("listening on %s", ", ".join(self.urls[before:]))

    def run(
        self,
        host: str | None = None,
        port: int = 0,
        *,
        ssl: ssl_module.SSLContext | None = None,
        path: str | None = None,
        sock: socket.socket | None = None,
    ) -> None:
        """Listen and block until SIGINT or SIGTERM, then close in order; uvloop runs it where installed.

        On Windows, Ctrl-C closes in order as well, and then raises its `KeyboardInterrupt`.

        Args:
            host: As for `listen`.
            port: As for `listen`.
            ssl: As for `listen`.
            path: As for `listen`.
            sock: As for `listen`.

        Raises:
            OSError: The address cannot be bound.
        """

        async def main() -> None:
            with stopping_on(signal.SIGINT, signal.SIGTERM) as stop:
                await self.listen(host, port, ssl=ssl, path=path, sock=sock)
                try:
                    await stop.wait()
                finally:
                    await self.close()

        with asyncio.Runner(loop_factory=new_event_loop) as runner:
            runner.run(main())

    def unmount(self) -> None:
        """Stop listening; open connections and pending requests stay as they are."""
        self._ports.close()
        self._only_loopback = None

    @property
    def sockets(self) -> list[socket.socket]:
        """The sockets that are listened on."""
        return self._ports.sockets

    @property
    def port(self) -> int:
        """The first port that is listened on; 0 when there is none."""
        return self._ports.port

    @property
    def urls(self) -> list[str]:
        """Addresses to connect to, one for each socket."""
        return self._ports.urls

    # --- closing ------------------------------------------------------------------------------

    async def close(self, code: int = 1001, reason: str | None = None) -> None:
        """Stop listening, close every connection, and wait until they are closed.

        Args:
            code: The close code that clients get.
            reason: The reason; None: the default text of the code.

        Raises:
            LocalProtocolError: Code or reason may not be sent.

        Cancellation: Aborts the connections that are still open.
        Concurrency: Any number of calls wait for the same end.
        """
        reason = CLOSE_DESCRIPTIONS.get(code, "") if reason is None else reason
        build_close_payload(code, reason)  # what may not be sent is refused before anything is closed
        self._admission.closing = True
        self.unmount()
        for connection in self.connections:
            connection.close(code, reason)
        for request in self.pending_requests:
            request.reject(503, "the server is closing", [("Retry-After", "1")])
        for shaking in self._admission.shaking:
            shaking.cancel()
        for incoming in list(self._admission.incoming):
            if not (incoming.request or incoming.is_plain or incoming.is_answered):
                incoming.abort()
        try:
            await self._admission.wait_empty()
            await self._wait_tasks()
        except asyncio.CancelledError:
            for connection in self.connections:
                connection.give_up("the server was closed at once")
            raise

    async def _wait_tasks(self) -> None:
        """Let handlers finish what they do after their connection is closed, but not for ever."""
        tasks = self._admission.tasks - {asyncio.current_task()}  # a handler may close its server
        if not tasks:
            return
        _, pending = await asyncio.wait(tasks, timeout=self.config.close_timeout)
        if pending:
            SERVER_LOGGER.warning(
                "%d handlers cancelled: still running close_timeout=%s s after their connections were closed",
                len(pending),
                self.config.close_timeout,
            )
            for handler in pending:
                handler.cancel()
            await asyncio.wait(pending)

    def close_all_connections(self) -> None:
        """Begin to close every connection with 1000; reject pending requests in the next turn."""
        for connection in self.connections:
            connection.close()
        asyncio.get_running_loop().call_soon(self._reject_pending)

    def _reject_pending(self) -> None:
        for request in self.pending_requests:
            request.reject(503)

    def shut_down(self) -> None:
        """Stop listening and begin to close every connection; `close` also waits."""
        self.unmount()
        self.close_all_connections()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.close()

    # --- connections --------------------------------------------------------------------------

    @property
    def connections(self) -> list[WebSocketConnection]:
        """The open connections, oldest first."""
        return list(self._admission.connections)

    @property
    def pending_requests(self) -> list[WebSocketRequest]:
        """Requests that are neither accepted nor rejected yet."""
        return list(self._admission.pending)

    def broadcast(self, data: str | bytes | bytearray | memoryview | int | float, compress: bool | None = None) -> None:
        """Send text, bytes or a number to every open connection, without waiting for slow ones, compressed once."""
        send_to_all(self.connections, SharedMessage(data, compress))

    def broadcast_utf(self, data: object, compress: bool | None = None) -> None:
        """Send the `str` form of `data` to every open connection."""
        self.broadcast(str(data), compress)

    def broadcast_bytes(self, data: bytes | bytearray | memoryview, compress: bool | None = None) -> None:
        """Send a binary message to every open connection."""
        self.broadcast(memoryview(data), compress)

    def handle_upgrade(self, head: RequestHead, transport: asyncio.Transport, early: bytes = b"") -> None:
        """Take over a transport on which somebody else has read the head of a request.

        For a program that has its own HTTP server on the port and hands over the upgrades.

        Args:
            head: The head, as `twinax.protocol.parse_request_head` gives it.
            transport: The transport; its protocol is replaced.
            early: Bytes that were read behind the head.
        """
        tls = transport.get_extra_info("ssl_object") is not None
        incoming, wire = Incoming.on_transport(self._admission, asyncio.get_running_loop(), tls=tls)
        transport.set_protocol(wire)
        wire.connection_made(transport)
        incoming.early = early
        # Too many may be under way, or the server may be closing.
        if not incoming.is_answered and not transport.is_closing():
            self._admission.head_arrived(incoming, head)

    # --- what the admission tells -------------------------------------------------------------

    @property
    def only_loopback(self) -> bool:
        """Whether nobody but this machine can connect: the default of ``allowed_hosts`` depends on it."""
        # Asked for every request; asking the sockets costs two system calls and 30,000 instructions.
        if self._only_loopback is None:
            self._only_loopback = self._ports.only_loopback
        return self._only_loopback

    def request_arrived(self, request: WebSocketRequest) -> None:
        """Called when a request has passed the rules; decides who is asked about it."""
        if self.config.on_request is not None:
            self._ask(self.config.on_request, request)
        elif self._listeners and self.listeners("request"):
            for listener in self.listeners("request"):
                self._ask(listener, request)
        else:
            self._accept_by_default(request)

    def _ask(self, listener: Callable[[WebSocketRequest], Any], request: WebSocketRequest) -> None:
        try:
            result = listener(request)
        except Exception as error:
            self._request_failed(request, error)
            return
        if asyncio.iscoroutine(result) or asyncio.isfuture(result):
            task = run_in_background(result, lambda error: self._request_failed(request, error))
            self._admission.track(task)
            task.add_done_callback(lambda task: self._accept_unless_resolved(request))
        else:
            self._accept_unless_resolved(request)

    def _accept_unless_resolved(self, request: WebSocketRequest) -> None:
        # A `request` listener may decide later; `on_request` of serve() need not decide at all.
        if self._handler is not None and not request.is_resolved:
            self._accept_by_default(request)

    def _accept_by_default(self, request: WebSocketRequest) -> None:
        if self._handler is not None:
            supported = self.config.subprotocols
            protocol = choose_protocol(supported, request.requested_protocols) if supported else None
            request.accept(protocol, request.origin)
        elif self.config.auto_accept_connections:
            request.accept(next(iter(request.requested_protocols), None), request.origin)
        else:
            request.reject(404, "No handler is configured to accept the connection.")

    def _request_failed(self, request: WebSocketRequest, error: BaseException) -> None:
        SERVER_LOGGER.error("listener of 'request' failed for %s", request.resource, exc_info=error)
        if not request.is_resolved:
            request.reject(500)

    def connection_opened(self, connection: WebSocketConnection) -> None:
        """Called when a request was accepted."""
        if self._listeners:
            for listener in self.listeners("connect"):
                self._call_connect(listener, connection)
        if self._handler is None:
            return
        if self._handler_waits:
            self._admission.track(connection.wire.loop.create_task(self._run_handler(self._handler, connection)))
        else:
            # A task for what only registers listeners would cost a tenth of the whole handshake.
            connection.when_begun(self._call_plain_handler)

    def _call_connect(self, listener: Callable[[WebSocketConnection], Any], connection: WebSocketConnection) -> None:
        """Call a listener of ``connect``; when it fails, nobody looks after the connection."""
        try:
            result = listener(connection)
        except Exception as error:
            connection.handler_failed(error)
            return
        if asyncio.iscoroutine(result) or asyncio.isfuture(result):
            self._admission.track(run_in_background(result, connection.handler_failed))

    def _call_handler(self, connection: WebSocketConnection) -> None:
        """Call a handler that is no coroutine function; most often it registers listeners."""
        assert self._handler is not None
        try:
            result = self._handler(connection)
        except Exception as error:
            connection.handler_failed(error)
            return
        if result is not None and (asyncio.iscoroutine(result) or asyncio.isfuture(result)):
            self._admission.track(connection.wire.loop.create_task(self._run_handler(lambda _: result, connection)))

    async def _run_handler(self, handler: Callable[[Any], Any], connection: WebSocketConnection) -> None:
        try:
            await handler(connection)
        except Exception as error:
            connection.handler_failed(error)  # a ConnectionClosed, with which most handlers end, is no failure
        finally:
            # A plain function has registered listeners: its connection lives on, and it never comes here.
            if connection.connected:
                connection.close()

    def connection_ended(self, connection: WebSocketConnection) -> None:
        """Called when a connection is closed."""
        if self._listeners:
            self._emit("close", connection, connection.close_code, connection.close_reason)

    def handshake_failed(self, error: HandshakeError) -> None:
        """Called when a handshake broke a rule and was refused."""
        SERVER_LOGGER.debug("handshake refused: %s", error)
        self._emit("upgrade_error", error)

    def _on_listener_failure(self, event: str, error: BaseException) -> None:
        SERVER_LOGGER.error("listener of %r failed", event, exc_info=error)


def choose_protocol(supported: Iterable[str], requested: list[str]) -> str | None:
    """Return the first supported subprotocol that the client offers, None when there is none."""
    return next((name for name in supported if name.lower() in requested), None)
