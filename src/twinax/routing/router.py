"""`WebSocketRouter`: one server, many paths and subprotocols."""

import re
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, overload

from ..aio.events import Emitter
from ..headers import HeadersLike
from .table import RouteTable

if TYPE_CHECKING:
    from ..aio.connection import WebSocketConnection
    from ..aio.request import WebSocketRequest
    from ..aio.server import WebSocketServer

__all__ = ["WebSocketRouter", "WebSocketRouterRequest"]

Callback = TypeVar("Callback", bound=Callable[..., Any])


class WebSocketRouterRequest(Emitter):
    """A request that a route fits; as `WebSocketRequest`, with the subprotocol filled in.

    Everything of the `WebSocketRequest` can be read here too: ``resource``, ``origin``, ``cookies``,
    ``remote_address``, ``websocket_version``, ...

    Events:
        ``request_accepted(connection)``: It was accepted.
        ``request_rejected(request)``: It was rejected.

    Attributes:
        request: The request itself.
        protocol: The subprotocol that the route fits, None when the client asks for none.
        path_params: What stands in the braces of the route's path.
    """

    __slots__ = ("_listeners", "path_params", "protocol", "request")

    EVENTS: ClassVar[frozenset[str]] = frozenset({"request_accepted", "request_rejected"})

    def __init__(self, request: "WebSocketRequest", protocol: str | None, path_params: Mapping[str, str]) -> None:
        self._listeners = None
        self.request = request
        self.protocol = request.protocol_full_case_map.get(protocol, protocol) if protocol is not None else None
        self.path_params = path_params

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self.request, name)

    def accept(
        self, origin: str | None = None, cookies: Iterable[Any] = (), *, headers: HeadersLike = ()
    ) -> "WebSocketConnection":
        """Accept with the subprotocol of the route; see `WebSocketRequest.accept`.

        Args:
            origin: What the answer's Origin field says.
            cookies: Cookies to set.
            headers: Extra fields of the answer.

        Raises:
            LocalProtocolError: It was accepted or rejected before.
            ValueError: A part with characters that may not be in it.
        """
        connection = self.request.accept(self.protocol, origin, cookies, headers=headers)
        self._emit("request_accepted", connection)
        return connection

    def reject(
        self, status: int = 403, reason: str | None = None, headers: HeadersLike = (), body: bytes | str = b""
    ) -> None:
        """Reject; see `WebSocketRequest.reject`."""
        self.request.reject(status, reason, headers, body)
        self._emit("request_rejected", self)

    def _on_listener_failure(self, event: str, error: BaseException) -> None:
        self.request._on_listener_failure(event, error)


class WebSocketRouter:
    """Sends the requests of a server to callbacks, by path and subprotocol."""

    def __init__(self, server: "WebSocketServer | None" = None) -> None:
        """Make a router.

        Args:
            server: The server to attach to; None: use `attach_server` later.
        """
        self._server: WebSocketServer | None = None
        self._table = RouteTable()
        if server is not None:
            self.attach_server(server)

    def attach_server(self, server: "WebSocketServer") -> None:
        """Handle the requests of `server`.

        Raises:
            ValueError: The router is attached to a server already.
        """
        if self._server is not None:
            raise ValueError("the router is attached to a server already; detach it first")
        self._server = server
        server.on("request", self.handle_request)

    def detach_server(self) -> None:
        """Handle no requests any more; nothing happens when it is not attached."""
        if self._server is not None:
            self._server.off("request", self.handle_request)
            self._server = None

    @overload
    def mount(self, path: "str | re.Pattern[str]", protocol: str | None = None) -> Callable[[Callback], Callback]: ...
    @overload
    def mount(self, path: "str | re.Pattern[str]", protocol: str | None, callback: Callback) -> Callback: ...
    def mount(
        self, path: "str | re.Pattern[str]", protocol: str | None = None, callback: Callable[..., Any] | None = None
    ) -> Any:
        """Call `callback` with the requests for a path and subprotocol.

        Args:
            path: A path, compared as a whole; ``/chat/{room}``, where ``{room}`` is any one segment and
                stands in ``path_params``; ``"*"`` for any; or a compiled pattern, searched in the path.
                The query never counts.
            protocol: A subprotocol, in any case; ``"*"`` for any or none; None for requests that name none.
            callback: A function or coroutine function. Left out, `mount` is a decorator.

        Returns:
            The callback.

        Raises:
            ValueError: Path and subprotocol are mounted already, or the path is malformed.
        """
        if callback is None:
            return partial(self.mount, path, protocol)
        if not callable(callback):
            raise TypeError(f"callback={callback!r}: a function or coroutine function")
        self._table.add(path, protocol, callback)
        return callback

    def unmount(self, path: "str | re.Pattern[str]", protocol: str | None = None) -> None:
        """Undo `mount`; open connections stay.

        Raises:
            ValueError: Path and subprotocol are not mounted.
        """
        self._table.remove(path, protocol)

    def handle_request(self, request: "WebSocketRequest") -> Any:
        """Find the route of a request and call its callback; without a route it is rejected with 404.

        Returns:
            What the callback returns.
        """
        match = self._table.find(request.path, request.requested_protocols)
        if match is None:
            request.reject(404, "No handler is available for the given request.")
            return None
        return match.target(WebSocketRouterRequest(request, match.protocol, match.path_params))
