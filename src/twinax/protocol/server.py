"""`ServerProtocol`: the server's side of one connection, without I/O."""

from collections.abc import Iterable, Mapping
from typing import Any

from ..cookies import SetCookiesLike
from ..errors import HandshakeError, LocalProtocolError
from ..extension import Extension
from ..headers import HeadersLike
from .base import WebSocketProtocol
from .events import HandshakeFailed, Opened, RequestReceived
from .handshake_server import HandshakeRequest, build_accept, build_reject, read_request
from .head import parse_request_head
from .negotiation import accept_offers, close_codecs

__all__ = ["ServerProtocol"]


class ServerProtocol(WebSocketProtocol):
    """The server's side of one connection, without I/O.

    A request that follows the rules is an event, `RequestReceived`; look at its Origin (`check_origin`)
    and answer it with `accept` or `reject`. One that does not is answered by the protocol.

    Attributes:
        request: The request, once it has come.
        subprotocol: The subprotocol in use, or None.
    """

    def __init__(
        self,
        *,
        parse_cookies: bool = True,
        parse_extensions: bool = True,
        extensions: Iterable[Extension] | None = None,
        limits: Mapping[str, Any] | None = None,
    ) -> None:
        """Make a server that waits for a request.

        Args:
            parse_cookies: Read the Cookie field.
            parse_extensions: Read the Sec-WebSocket-Extensions field.
            extensions: The extensions to accept; None: permessage-deflate, ``()``: none.
            limits: Options of `twinax.config.ConnectionConfig` that concern messages and frames.
        """
        super().__init__("server", dict(limits or {}), None, extensions)
        self.request: HandshakeRequest | None = None
        self.subprotocol: str | None = None
        self._parse_cookies = parse_cookies
        self._parse_extensions = parse_extensions

    def _receive_head(self, data: bytes | bytearray | memoryview, now: float) -> None:
        if self.request is None:
            super()._receive_head(data, now)
        else:
            self._head.rest += data  # the application has not decided yet

    def _head_arrived(self, head: bytes) -> None:
        self.request = read_request(
            parse_request_head(head), parse_cookies=self._parse_cookies, parse_extensions=self._parse_extensions
        )
        self._events.append(RequestReceived(self.request))

    def _fail_handshake(self, error: HandshakeError) -> None:
        self._output.append(build_reject(error.status or 400, str(error), error.headers))
        super()._fail_handshake(error)

    def accept(
        self,
        *,
        subprotocol: str | None = None,
        origin: str | None = None,
        cookies: SetCookiesLike = (),
        headers: HeadersLike = (),
    ) -> None:
        """Accept the request; frames that came behind it are told by the next `receive_data`.

        Args:
            subprotocol: One that the client offered, in any case.
            origin: The Origin field of the answer.
            cookies: Cookies to set.
            headers: Extra fields of the answer.

        Raises:
            LocalProtocolError: There is no request to accept, or the subprotocol was not offered.
            ValueError: A part with characters that may not be in it.
        """
        request = self._check_pending()
        agreed = accept_offers(self._usable, request.requested_extensions)
        try:
            answer = build_accept(
                request,
                subprotocol=subprotocol,
                origin=origin,
                cookies=cookies,
                headers=headers,
                extensions=", ".join(map(str, agreed)),
            )
        except BaseException:
            close_codecs(agreed)
            raise
        self._extend(agreed)
        self._output.append(answer)
        self.subprotocol = subprotocol
        self._opened = True
        self._events.append(Opened(subprotocol, extensions=self.extensions))
        rest, self._head.rest = self._head.rest, b""
        if rest:
            self._core.take_all(rest, -1.0)

    def reject(
        self, status: int = 403, reason: str | None = None, headers: HeadersLike = (), body: bytes | str = b""
    ) -> None:
        """Reject the request.

        Args:
            status: The HTTP status, 200 to 599.
            reason: A sentence for the client's developer.
            headers: Extra fields of the answer.
            body: The body of the answer.

        Raises:
            LocalProtocolError: There is no request to reject.
            ValueError: A part with characters that may not be in it.
        """
        self._check_pending()
        self._output.append(build_reject(status, reason, headers, body))
        self._ended = True
        self._events.append(HandshakeFailed(HandshakeError(reason or "rejected", status=status)))

    def _check_pending(self) -> HandshakeRequest:
        if self.request is None or self._opened or self._ended:
            raise LocalProtocolError("there is no request that waits for an answer")
        return self.request
