"""`ClientProtocol`: a client without I/O."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..cookies import CookiesLike
from ..errors import HandshakeError, LocalProtocolError, NegotiationError
from ..extension import Extension
from ..headers import HeadersLike
from ..uri import WebSocketURI, parse_uri
from .base import WebSocketProtocol
from .entropy import MASK_KEYS, random_bytes
from .events import Opened
from .handshake import generate_key
from .handshake_client import AcceptedHandshake, build_request, check_response
from .head import parse_response_head
from .negotiation import build_offer, build_refusal, check_answer

__all__ = ["ClientProtocol"]


class ClientProtocol(WebSocketProtocol):
    """The client's side of one connection, without I/O.

    Attributes:
        uri: Where it connects to.
        subprotocol: The subprotocol in use, or None.
    """

    def __init__(
        self,
        uri: str | WebSocketURI,
        *,
        subprotocols: Sequence[str] = (),
        require_subprotocol: bool = True,
        origin: str | None = None,
        headers: HeadersLike = (),
        cookies: CookiesLike = (),
        websocket_version: int = 13,
        extensions: Iterable[Extension] | None = None,
        limits: Mapping[str, Any] | None = None,
    ) -> None:
        """Make a client that has sent nothing yet; `connect` puts its request among the bytes to send.

        Args:
            uri: The address.
            subprotocols: What the client speaks, in order of preference.
            require_subprotocol: Fail when subprotocols were offered and the server chose none.
            origin: The Origin field.
            headers: Extra fields of the request.
            cookies: Cookies to send.
            websocket_version: 13 or 8.
            extensions: The extensions to offer, the preferred ones first; None: permessage-deflate, ``()``: none.
            limits: Options of `twinax.config.ConnectionConfig` that concern messages and frames.

        Raises:
            InvalidURI: The address is none.
            ValueError: A field with characters that may not be in one.
        """
        super().__init__("client", dict(limits or {}), MASK_KEYS, extensions)
        self.uri = parse_uri(uri) if isinstance(uri, str) else uri
        self.subprotocol: str | None = None
        self._subprotocols = tuple(subprotocols)
        self._require_subprotocol = require_subprotocol
        self._key = generate_key(random_bytes)
        self._connecting = False
        self._request = build_request(
            self.uri,
            self._key,
            protocols=self._subprotocols,
            origin=origin,
            headers=headers,
            cookies=cookies,
            version=websocket_version,
            extensions=build_offer(self._usable),
        )

    def connect(self) -> None:
        """Send the request for the connection.

        Raises:
            LocalProtocolError: It was sent before.
        """
        if self._connecting:
            raise LocalProtocolError("the request was sent before")
        self._connecting = True
        self._output.append(self._request)

    def _head_arrived(self, head: bytes) -> None:
        response = parse_response_head(head)
        accepted: AcceptedHandshake = check_response(
            response,
            self._key,
            protocols=self._subprotocols,
            require_subprotocol=self._require_subprotocol,
            offered_extensions=[extension.name for extension in self._usable],
        )
        self._extend(check_answer(self._usable, accepted.extensions))
        self.subprotocol = accepted.subprotocol
        self._opened = True
        self._events.append(Opened(accepted.subprotocol, response.headers, self.extensions))

    def _fail_handshake(self, error: HandshakeError) -> None:
        if isinstance(error, NegotiationError):
            self._output.append(build_refusal(error))
        super()._fail_handshake(error)
