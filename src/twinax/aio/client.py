"""`WebSocketClient`: connecting with events, in the manner of `WebSocketServer`."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Unpack

from ..config import ClientConfig, ClientOptions, build_config
from ..errors import ConcurrencyError, HandshakeError, HandshakeRejected
from ..headers import Headers, HeadersLike
from ..logs import CLIENT_LOGGER
from ..uri import URILike, WebSocketURI, parse_uri
from .connection import WebSocketConnection
from .events import Emitter
from .opening import open_connection

__all__ = ["HandshakeResponse", "WebSocketClient"]


@dataclass(frozen=True, slots=True)
class HandshakeResponse:
    """The answer of a server that did not switch to WebSocket.

    Attributes:
        status: The status code.
        reason: The reason phrase.
        headers: The fields.
        body: The body, cut after 64 KiB.
    """

    status: int
    reason: str
    headers: Headers
    body: bytes


class _Attempt:
    """One call of `WebSocketClient.connect`."""

    __slots__ = ("aborted", "heard", "settled", "started", "task")

    def __init__(self) -> None:
        self.aborted = False
        self.heard = False  # somebody listened to how it failed
        self.settled = False  # one of the events was emitted
        self.started = False
        self.task: asyncio.Task[WebSocketConnection] | None = None


class WebSocketClient(Emitter):
    """A client that tells by events what became of an attempt; `connect` is shorter where it fits.

    Options are those of `ClientConfig`.

    Events:
        ``connect(connection)``: The connection is open.
        ``connect_failed(error)``: It could not be opened; the `HandshakeError` says why.
        ``http_response(response, client)``: The server answered, but not with 101; `response` is a
            `HandshakeResponse`. When this event has a listener, ``connect_failed`` is not emitted for
            such an answer.

    Attributes:
        config: The options.
        connection: The last connection that was opened; None before.
    """

    EVENTS: ClassVar[frozenset[str]] = frozenset({"connect", "connect_failed", "http_response"})

    def __init__(self, **options: Unpack[ClientOptions]) -> None:
        """Make a client that does not connect yet.

        Args:
            **options: See `ClientConfig`.

        Raises:
            TypeError: An unknown option, or a value of the wrong type.
            ValueError: A value out of range.
        """
        self._options: dict[str, Any] = dict(options)
        self.config = build_config(ClientConfig, options)
        self.connection: WebSocketConnection | None = None
        self._listeners = None
        self._attempt: _Attempt | None = None

    def connect(
        self,
        url: URILike,
        protocols: Sequence[str] | str | None = None,
        origin: str | None = None,
        headers: HeadersLike | None = None,
        **overrides: Any,
    ) -> "asyncio.Task[WebSocketConnection]":
        """Begin to connect.

        Args:
            url: The address, as text or parsed.
            protocols: Subprotocols instead of those of the client; a single one may be a string, ``""`` is none.
            origin: Origin instead of that of the client.
            headers: Extra fields of the request, before those of the client with other names.
            **overrides: Options of `ClientConfig` for this attempt.

        Returns:
            A task that gives the connection, or raises what ``connect_failed`` is told. It need not be
            awaited; a failure that nobody awaits and nobody listens for is logged.

        Raises:
            InvalidURI: The address is none.
            TypeError: An unknown option, or a value of the wrong type.
            ValueError: A value out of range.
            ConcurrencyError: This client is connecting already.
        """
        if self._attempt is not None:
            raise ConcurrencyError("this client is connecting already; abort() it, or use a client for each")
        uri = parse_uri(url)
        changes: dict[str, Any] = dict(overrides)
        if protocols is not None:
            changes["subprotocols"] = [protocols] if isinstance(protocols, str) and protocols else list(protocols)
        if origin is not None:
            changes["origin"] = origin
        if headers is not None:
            changes["headers"] = self._merge_headers(headers)
        config = build_config(ClientConfig, {**self._options, **changes}) if changes else self.config
        self._attempt = attempt = _Attempt()
        task = asyncio.get_running_loop().create_task(self._run(attempt, uri, config))
        attempt.task = task
        task.add_done_callback(lambda task: self._ended(attempt, task))
        return task

    def abort(self) -> None:
        """Give up connecting; ``connect_failed`` is emitted in the next turn.

        Nothing happens when there is nothing under way, ``connect`` or ``connect_failed`` included.
        """
        attempt = self._attempt
        if attempt is None or attempt.settled or attempt.aborted:
            return
        attempt.aborted = True
        self._attempt = None
        if attempt.started and attempt.task is not None:
            attempt.task.cancel()

    def _merge_headers(self, headers: HeadersLike) -> list[tuple[str, str]]:
        fields = Headers(headers)
        own = Headers(self.config.headers)
        return [*fields, *(field for field in own if field[0] not in fields)]

    async def _run(self, attempt: _Attempt, uri: WebSocketURI, config: ClientConfig) -> WebSocketConnection:
        attempt.started = True
        try:
            if attempt.aborted:
                raise asyncio.CancelledError
            connection = await open_connection(uri, config)
        except asyncio.CancelledError:
            if not attempt.aborted:
                raise
            error = HandshakeError(f"connecting to {uri} was aborted by abort()")
            self._fail(attempt, error)
            raise error from None
        except Exception as error:
            self._fail(attempt, error)
            raise
        self._settle(attempt)
        self.connection = connection
        self._emit("connect", connection)
        return connection

    def _fail(self, attempt: _Attempt, error: Exception) -> None:
        self._settle(attempt)
        if isinstance(error, HandshakeRejected) and self.listeners("http_response"):
            response = HandshakeResponse(error.status or 0, error.reason, Headers(error.headers), error.body)
            attempt.heard = self._emit("http_response", response, self)
        else:
            attempt.heard = self._emit("connect_failed", error)

    def _settle(self, attempt: _Attempt) -> None:
        # From here on the next attempt may begin, in a listener for instance.
        attempt.settled = True
        if self._attempt is attempt:
            self._attempt = None

    def _ended(self, attempt: _Attempt, task: "asyncio.Task[WebSocketConnection]") -> None:
        if task.cancelled():
            if not attempt.settled:
                self._fail(attempt, HandshakeError("connecting was cancelled"))
        elif attempt.heard or attempt.aborted:
            task.exception()  # asyncio logs exceptions that nobody looked at: here somebody knows already

    def _on_listener_failure(self, event: str, error: BaseException) -> None:
        logger = self.config.logger or CLIENT_LOGGER
        logger.error("listener of %r failed", event, exc_info=error)
        if event == "connect" and self.connection is not None and isinstance(error, Exception):
            self.connection.handler_failed(error)
