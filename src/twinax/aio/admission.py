"""Who may come in, and who is in: every connection of a server from accept to its end.

The rules that need no application stand here: limits, Host, Origin, plain HTTP. What passes them
becomes a `WebSocketRequest` for the application.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from ..config import ServerConfig
from ..errors import HandshakeError
from ..logs import SERVER_LOGGER, log_about
from ..protocol import (
    LOOPBACK_HOSTS,
    AgreedExtension,
    HandshakeRequest,
    RequestHead,
    build_reject,
    check_host,
    check_origin,
    is_upgrade,
    read_request,
    remote_addresses,
)
from .connection import WebSocketConnection
from .events import run_in_background
from .http import HTTPRequest, HTTPResponse, as_response, check_plain_request
from .loop import LoopState, get_loop_state
from .request import WebSocketRequest
from .settings import build_settings

if TYPE_CHECKING:
    from .incoming import Incoming

__all__ = ["Admission", "AdmissionOwner"]

RETRY_AFTER = ("Retry-After", "1")


class AdmissionOwner(Protocol):
    """What the server is told."""

    @property
    def only_loopback(self) -> bool:
        """Whether nobody but this machine can connect."""
        ...

    def request_arrived(self, request: WebSocketRequest) -> None:
        """A request has passed the rules."""

    def connection_opened(self, connection: WebSocketConnection) -> None:
        """A request was accepted."""

    def connection_ended(self, connection: WebSocketConnection) -> None:
        """A connection is closed."""

    def handshake_failed(self, error: HandshakeError) -> None:
        """A handshake broke a rule and was refused."""


class Admission:
    """The door of one server.

    Attributes:
        config: The options of the server.
        closing: Whether newcomers are turned away.
        incoming: TCP connections whose opening handshake is not over.
        shaking: Those before them that are busy with their TLS handshake, as the tasks that do it.
        tasks: Code of the application that runs for one of them, or for a connection.
        pending: Requests that the application has not decided on.
        connections: Open connections, oldest first.
    """

    def __init__(self, owner: AdmissionOwner, config: ServerConfig) -> None:
        self._owner = owner
        self._settings = build_settings(config)
        self._by_address: Counter[str] = Counter()
        self._empty: list[asyncio.Future[None]] = []
        self._when_ended = self._connection_ended  # one bound method for all connections: each keeps it
        self._loop: asyncio.AbstractEventLoop | None = None
        self._loop_state: LoopState | None = None
        self.config = config
        self.closing = False
        self.incoming: set[Incoming] = set()
        self.shaking: set[asyncio.Task[Any]] = set()
        self.tasks: set[asyncio.Future[Any]] = set()
        self.pending: dict[WebSocketRequest, None] = {}
        self.connections: dict[WebSocketConnection, None] = {}

    def loop_state_of(self, loop: asyncio.AbstractEventLoop) -> LoopState:
        """Return what the connections of this loop share; a server has one loop, as a rule."""
        if self._loop_state is None or loop is not self._loop:
            self._loop = loop
            self._loop_state = get_loop_state(loop)
        return self._loop_state

    def track(self, task: "asyncio.Future[Any]") -> None:
        """Note code of the application that runs: a server that closes waits for it."""
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def wait_empty(self) -> None:
        """Wait until nobody is in."""
        while self.incoming or self.connections:
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._empty.append(future)
            await future

    def _check_empty(self) -> None:
        if self._empty and not self.incoming and not self.connections:
            futures, self._empty = self._empty, []
            for future in futures:
                if not future.done():
                    future.set_result(None)

    # --- what an incoming connection tells ------------------------------------------------------

    @property
    def is_full(self) -> bool:
        """Whether as many opening handshakes are under way as may be."""
        return len(self.incoming) + len(self.shaking) >= self.config.pending_limit

    def explain_pending(self) -> str:
        """Say why a newcomer is turned away before it has asked for anything."""
        return f"max_pending_handshakes={self.config.pending_limit} are under way"

    def incoming_opened(self, incoming: "Incoming") -> None:
        """A TCP connection is there, its TLS handshake done."""
        is_full = self.is_full
        self.incoming.add(incoming)
        if self.closing:
            incoming.abort()
        elif is_full:
            self._turn_away(incoming, self.explain_pending())

    def incoming_closed(self, incoming: "Incoming") -> None:
        """It is gone, or it has become a connection."""
        self.incoming.discard(incoming)
        self._check_empty()

    def handshake_failed(self, error: HandshakeError) -> None:
        """It broke a rule and was refused."""
        self._owner.handshake_failed(error)

    def head_arrived(self, incoming: "Incoming", head: RequestHead) -> None:
        """Its request is complete: refuse it, answer it, or make a `WebSocketRequest` of it."""
        config = self.config
        try:
            addresses = remote_addresses(incoming.wire.remote_address, head.headers, config.trusted_proxies)
            if not is_upgrade(head):
                self._answer_plain(incoming, HTTPRequest(head, addresses[0]))
                return
            if full := self._explain_full(addresses[0]):
                self._turn_away(incoming, full)
                return
            handshake = read_request(head, parse_cookies=config.parse_cookies, parse_extensions=config.parse_extensions)
            self._check_sender(handshake)
        except HandshakeError as error:
            self._refuse(incoming, error)
            return
        self._ask_owner(incoming, handshake, addresses)

    def upgrade_arrived(self, incoming: "Incoming", handshake: HandshakeRequest) -> None:
        """Its request is complete and asks for a WebSocket as it should: what is left are our own rules."""
        peer = incoming.wire.remote_address
        trusted = self.config.trusted_proxies
        try:
            addresses = remote_addresses(peer, handshake.headers, trusted) if trusted else [peer]
            if full := self._explain_full(addresses[0]):
                self._turn_away(incoming, full)
                return
            self._check_sender(handshake)
        except HandshakeError as error:
            self._refuse(incoming, error)
            return
        self._ask_owner(incoming, handshake, addresses)

    def _refuse(self, incoming: "Incoming", error: HandshakeError) -> None:
        incoming.refuse(error)
        self._owner.handshake_failed(error)

    def _ask_owner(self, incoming: "Incoming", handshake: HandshakeRequest, addresses: list[str]) -> None:
        request = WebSocketRequest(self, incoming, handshake, addresses)
        incoming.request = request
        self.pending[request] = None
        self._owner.request_arrived(request)

    def _check_sender(self, handshake: HandshakeRequest) -> None:
        """Refuse a request by its Host or Origin."""
        if not check_host(handshake, self._allowed_hosts()):
            raise HandshakeError(f"Host {handshake.host!r} is not in allowed_hosts", status=403)
        try:
            allowed = check_origin(handshake, self.config.allowed_origins)
        except Exception as error:  # a callable of the application
            SERVER_LOGGER.error("allowed_origins failed for Origin %r", handshake.origin, exc_info=error)
            raise HandshakeError("the server failed to check the Origin", status=500) from error
        if not allowed:
            raise HandshakeError(f"Origin {handshake.origin!r} is not in allowed_origins", status=403)

    def _allowed_hosts(self) -> Any:
        """DNS rebinding lets a page of anybody reach a server on loopback, under its own Host."""
        if self.config.allowed_hosts is None and self._owner.only_loopback:
            return LOOPBACK_HOSTS
        return self.config.allowed_hosts

    def _explain_full(self, address: str) -> str | None:
        """Say which limit is reached; None when there is room."""
        config = self.config
        # A pending request counts: the application may accept it at any time.
        if config.max_connections is not None and len(self.connections) + len(self.pending) >= config.max_connections:
            return f"max_connections={config.max_connections} are open"
        limit = config.max_connections_per_address
        if limit is not None:
            asking = sum(request.remote_address == address for request in self.pending)
            if self._by_address[address] + asking >= limit:
                return f"max_connections_per_address={limit} are open"
        return None

    def _turn_away(self, incoming: "Incoming", why: str) -> None:
        log_about(SERVER_LOGGER, logging.WARNING, incoming.wire.remote_address, "turned away: %s", why)
        incoming.answer(build_reject(503, why, [RETRY_AFTER]))

    # --- plain HTTP ---------------------------------------------------------------------------

    def _answer_plain(self, incoming: "Incoming", request: HTTPRequest) -> None:
        handler = self.config.http_handler
        response = check_plain_request(request.head)
        if response is None and handler is None:
            fields = [("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13")]
            response = HTTPResponse(426, "this port speaks WebSocket\n", fields)
        if response is not None or handler is None:
            incoming.answer_http(response or HTTPResponse(404), request.method)
            return
        incoming.is_plain = True
        self.track(run_in_background(self._call_http_handler(incoming, request, handler), log_http_failure))

    async def _call_http_handler(
        self, incoming: "Incoming", request: HTTPRequest, handler: Callable[[Any], Any]
    ) -> None:
        try:
            answer = handler(request)
            if asyncio.iscoroutine(answer) or asyncio.isfuture(answer):
                answer = await answer
            response = as_response(answer)
        except Exception as error:
            log_http_failure(error)
            response = HTTPResponse(500, "internal error\n")
        incoming.answer_http(response, request.method)

    # --- what a request tells -----------------------------------------------------------------

    def open_connection(
        self,
        request: WebSocketRequest,
        incoming: "Incoming",
        protocol: str | None,
        extensions: Sequence[AgreedExtension],
    ) -> WebSocketConnection:
        """Make the connection of a request that is being accepted."""
        connection = WebSocketConnection(
            self.config,
            self._settings,
            None,
            incoming.wire,
            incoming.early,
            protocol,
            request.websocket_version,
            request.remote_addresses,
            request,
            incoming.loop_state,
            extensions,
        )
        self.connections[connection] = None
        if self.config.max_connections_per_address is not None:
            self._by_address[connection.remote_address] += 1
        connection.when_ended(self._when_ended)
        return connection

    def request_accepted(self, connection: WebSocketConnection) -> None:
        """A request has become a connection."""
        self._owner.connection_opened(connection)

    def request_resolved(self, request: WebSocketRequest) -> None:
        """A request is not pending any more."""
        self.pending.pop(request, None)

    def _connection_ended(self, connection: WebSocketConnection) -> None:
        self.connections.pop(connection, None)
        if self.config.max_connections_per_address is not None:
            self._by_address[connection.remote_address] -= 1
            if not self._by_address[connection.remote_address]:
                del self._by_address[connection.remote_address]
        self._owner.connection_ended(connection)
        self._check_empty()


def log_http_failure(error: BaseException) -> None:
    """Log the exception of an ``http_handler``."""
    SERVER_LOGGER.error("http_handler failed", exc_info=error)
