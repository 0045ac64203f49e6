"""`WebSocketRequest`: an opening handshake that the application accepts or rejects."""

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import SplitResult, parse_qs

from ..config import ServerConfig
from ..cookies import Cookie, SetCookie
from ..errors import LocalProtocolError
from ..headers import Headers, HeadersLike
from ..logs import SERVER_LOGGER
from ..protocol import (
    AgreedExtension,
    HandshakeRequest,
    RequestHead,
    accept_offers,
    build_accept,
    build_reject,
    close_codecs,
    parse_request_head,
    read_request,
)
from .connection import WebSocketConnection
from .events import Emitter
from .incoming import Incoming
from .settings import select_extensions

if TYPE_CHECKING:
    from .admission import Admission

__all__ = ["WebSocketRequest"]

ONE_TIME = "WebSocketRequest may only be accepted or rejected one time; it was {}"


class WebSocketRequest(Emitter):
    """The request of a client to open a connection.

    A server emits it as ``request``; `serve` hands it to ``on_request``. Accept or reject it once, at
    once or later, but within ``open_timeout``.

    Events:
        ``request_accepted(connection)``: It was accepted.
        ``request_rejected(request)``: It was rejected.
        ``request_resolved(request)``: Either of the two, or the client went away.

    Attributes:
        server_config: The options of the server.
        remote_addresses: All addresses, the client's first, then those of trusted proxies.
    """

    __slots__ = (
        "_admission",
        "_handshake",
        "_incoming",
        "_listeners",
        "_wire",
        "remote_addresses",
        "resolution",
        "server_config",
    )

    EVENTS: ClassVar[frozenset[str]] = frozenset({"request_accepted", "request_rejected", "request_resolved"})

    def __init__(
        self, admission: "Admission", incoming: Incoming, handshake: HandshakeRequest, remote_addresses: list[str]
    ) -> None:
        self._listeners: dict[str, tuple[Callable[..., Any], ...]] | None = None
        self._admission = admission
        self._incoming: Incoming | None = incoming
        self._wire = incoming.wire
        self._handshake: HandshakeRequest | bytes = handshake
        self.server_config: ServerConfig = admission.config
        self.remote_addresses = remote_addresses
        self.resolution: str | None = None

    # --- what the client asks for -------------------------------------------------------------

    @property
    def handshake(self) -> HandshakeRequest:
        """The request as the protocol sees it."""
        handshake = self._handshake
        if isinstance(handshake, bytes):
            config = self.server_config
            handshake = self._handshake = read_request(
                parse_request_head(handshake),
                parse_cookies=config.parse_cookies,
                parse_extensions=config.parse_extensions,
            )
        return handshake

    @property
    def http_request(self) -> RequestHead:
        """The head of the HTTP request."""
        return self.handshake.head

    @property
    def headers(self) -> Headers:
        """The fields of the HTTP request."""
        return self.handshake.head.headers

    @property
    def resource(self) -> str:
        """The request target as it was sent: path and query."""
        return self.handshake.resource

    @property
    def resource_url(self) -> SplitResult:
        """The request target in its parts: path and query."""
        # Not urlsplit: it would take the beginning of //name/path for a host, and raise for //[.
        path, _, query = self.handshake.resource.partition("?")
        return SplitResult("", "", path, query, "")

    @property
    def path(self) -> str:
        """The path, as it was sent."""
        return self.resource_url.path

    @property
    def query(self) -> Mapping[str, list[str]]:
        """The query, by name; a name may have several values."""
        return parse_qs(self.resource_url.query, keep_blank_values=True)

    @property
    def host(self) -> str:
        """The Host field."""
        return self.handshake.host

    @property
    def key(self) -> str:
        """The Sec-WebSocket-Key field."""
        return self.handshake.key

    @property
    def origin(self) -> str | None:
        """Where the page comes from that connects; None when the client is no browser."""
        return self.handshake.origin

    @property
    def websocket_version(self) -> int:
        """13, or 8."""
        return self.handshake.websocket_version

    @property
    def requested_protocols(self) -> list[str]:
        """The subprotocols that the client offers, in lower case, in its order of preference."""
        return list(self.handshake.requested_protocols)

    @property
    def protocol_full_case_map(self) -> Mapping[str, str]:
        """The subprotocols as the client wrote them, by their lower-case names."""
        return self.handshake.protocol_full_case_map

    @property
    def requested_extensions(self) -> list[tuple[str, list[tuple[str, str | None]]]]:
        """The extensions that the client offers, with their parameters."""
        return list(self.handshake.requested_extensions)

    @property
    def cookies(self) -> list[Cookie]:
        """The cookies of the request; empty with ``parse_cookies=False``."""
        return list(self.handshake.cookies or ())

    @property
    def remote_address(self) -> str:
        """The client's address."""
        return self.remote_addresses[0]

    @property
    def socket(self) -> Any:
        """The socket, as far as the transport shows it, for its addresses and options; None where it has none."""
        return self._wire.socket

    @property
    def is_resolved(self) -> bool:
        """Whether it was accepted or rejected, or the client went away."""
        return self.resolution is not None

    # --- decisions ----------------------------------------------------------------------------

    def accept(
        self,
        protocol: str | None = None,
        origin: str | None = None,
        cookies: Iterable[SetCookie | Mapping[str, Any]] = (),
        *,
        headers: HeadersLike = (),
    ) -> WebSocketConnection:
        """Accept the request.

        Args:
            protocol: The subprotocol to speak: one that the client offered, in any case.
            origin: What the answer's Origin field says; None: no such field.
            cookies: Cookies to set.
            headers: Extra fields of the answer.

        Returns:
            The open connection. Listeners that are added before control returns to the event loop
            miss nothing. Had the client gone away, it emits ``close`` with 1006 in the next turn.

        Raises:
            LocalProtocolError: It was accepted or rejected before; or the client did not offer
                `protocol`. In the latter case, as with every bad argument, the client is answered 500.
            ValueError: A cookie, field or origin with characters that may not be in one.
        """
        incoming = self._check_pending()
        handshake = self.handshake
        always = self.server_config.headers
        agreed: list[AgreedExtension] = []
        try:
            if offered := handshake.requested_extensions:
                agreed = accept_offers(select_extensions(self.server_config), offered)
            answer = build_accept(
                handshake,
                subprotocol=protocol,
                origin=origin,
                cookies=cookies,
                headers=[*Headers(always), *Headers(headers)] if always or headers else (),
                extensions=", ".join(map(str, agreed)) if agreed else "",
            )
        except (ValueError, TypeError, LocalProtocolError):
            close_codecs(agreed)
            self.reject(500)
            raise
        incoming.accept(answer)
        connection = self._admission.open_connection(self, incoming, protocol, agreed)
        self._resolve("accepted")
        # The connection lives on: it keeps the bytes of the head, and not what hardly anybody asks for from now on.
        self._incoming = None
        self._handshake = handshake.unparsed or handshake
        if self._listeners:
            self._emit("request_accepted", connection)
            self._emit("request_resolved", self)
        self._admission.request_accepted(connection)
        return connection

    def reject(
        self, status: int = 403, reason: str | None = None, headers: HeadersLike = (), body: bytes | str = b""
    ) -> None:
        """Reject the request and end the TCP connection.

        Args:
            status: The HTTP status, 200 to 599.
            reason: A sentence for the client's developer, sent as X-WebSocket-Reject-Reason.
            headers: Extra fields of the answer.
            body: The body of the answer.

        Raises:
            LocalProtocolError: It was accepted or rejected before.
            ValueError: A reason or field with characters that may not be in one.
        """
        incoming = self._check_pending()
        answer = build_reject(status, reason, headers, body.encode() if isinstance(body, str) else body)
        self._resolve("rejected")
        incoming.answer(answer)
        self._emit("request_rejected", self)
        self._emit("request_resolved", self)

    def _check_pending(self) -> Incoming:
        if self._incoming is None or self.resolution not in (None, "client gone"):
            raise LocalProtocolError(ONE_TIME.format(self.resolution))
        return self._incoming

    def _resolve(self, resolution: str) -> None:
        self.resolution = resolution
        self._admission.request_resolved(self)

    def client_gone(self) -> None:
        """Called when the TCP connection is gone."""
        if self.resolution is None:
            self._resolve("client gone")
            self._emit("request_resolved", self)

    def time_out(self, timeout: float) -> None:
        """Called when the application has not decided in time."""
        if self.resolution is None:
            SERVER_LOGGER.error(
                "request for %s was neither accepted nor rejected within open_timeout=%s s", self.resource, timeout
            )
            self.reject(503, f"not accepted within open_timeout={timeout} s")

    def _on_listener_failure(self, event: str, error: BaseException) -> None:
        SERVER_LOGGER.error("listener of %r failed for %s", event, self.resource, exc_info=error)

    def __repr__(self) -> str:
        return f"<WebSocketRequest {self.resource} from {self.remote_address}, {self.resolution or 'pending'}>"
