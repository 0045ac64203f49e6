"""`HandshakeRequest`: what a client asks for, and the short cut to it for requests that are plainly fine.

Most requests are never looked at beyond what the handshake itself needs. So a request may keep its head as the bytes
that it came as; the fields and the cookies are parsed when somebody asks for them.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from .. import cookies as cookie_fields
from .._core import recognise_upgrade
from ..cookies import Cookie
from ..errors import HandshakeError
from ..headers import Headers
from . import grammar
from .grammar import Extension
from .head import RequestHead, parse_request_head

__all__ = ["COOKIES_LATER", "HandshakeRequest", "read_protocols", "recognise_request"]

COOKIES_LATER: Final[list[Cookie]] = []
"""Stands for the cookies of a request that nobody has asked for yet; compared by identity."""

_NO_PROTOCOLS: Final[Mapping[str, str]] = MappingProxyType({})


class HandshakeRequest:
    """A request for a WebSocket that follows every rule of the handshake.

    Attributes:
        resource: Path and query.
        host: The Host that was asked, with its port if it has one.
        key: The Sec-WebSocket-Key.
        origin: Where the page comes from that asks, in a browser; None when it is not said.
        websocket_version: 13 or 8.
        requested_protocols: The subprotocols, lower-cased, in the client's order of preference.
        protocol_full_case_map: From each of them to the case in which it was sent.
        requested_extensions: The extensions; empty when they were not to be read.
    """

    __slots__ = (
        "_cookies",
        "_head",
        "host",
        "key",
        "origin",
        "protocol_full_case_map",
        "requested_extensions",
        "requested_protocols",
        "resource",
        "websocket_version",
    )

    def __init__(
        self,
        head: RequestHead | bytes,
        resource: str,
        host: str,
        key: str,
        origin: str | None,
        websocket_version: int,
        requested_protocols: tuple[str, ...] = (),
        protocol_full_case_map: Mapping[str, str] = _NO_PROTOCOLS,
        requested_extensions: list[Extension] | None = None,
        cookies: list[Cookie] | None = None,
    ) -> None:
        """Note what a request says.

        Args:
            head: The head, parsed, or as it came when it is known to be well-formed.
            resource: Path and query.
            host: The Host.
            key: The Sec-WebSocket-Key.
            origin: The origin, or None.
            websocket_version: 13 or 8.
            requested_protocols: The subprotocols, lower-cased.
            protocol_full_case_map: From each of them to the case in which it was sent.
            requested_extensions: The extensions.
            cookies: The cookies; None when they are not to be read.
        """
        self._head = head
        self.resource = resource
        self.host = host
        self.key = key
        self.origin = origin
        self.websocket_version = websocket_version
        self.requested_protocols = requested_protocols
        self.protocol_full_case_map = protocol_full_case_map
        self.requested_extensions: list[Extension] = [] if requested_extensions is None else requested_extensions
        self._cookies = cookies

    @property
    def head(self) -> RequestHead:
        """The request as it came."""
        head = self._head
        if isinstance(head, bytes):
            head = self._head = parse_request_head(head)
        return head

    @property
    def headers(self) -> Headers:
        """The fields of the request."""
        return self.head.headers

    @property
    def cookies(self) -> list[Cookie] | None:
        """The cookies; None when they were not to be read."""
        if self._cookies is COOKIES_LATER:
            self._cookies = cookie_fields.parse_cookies(self.headers.combined("Cookie") or "")
        return self._cookies

    @property
    def unparsed(self) -> bytes | None:
        """The head as it came, as long as nobody has asked for its fields: `recognise_request` reads it again."""
        return self._head if isinstance(self._head, bytes) else None

    def _values(self) -> tuple[object, ...]:
        return (
            self.head,
            self.resource,
            self.host,
            self.key,
            self.origin,
            self.websocket_version,
            self.requested_protocols,
            dict(self.protocol_full_case_map),
            self.requested_extensions,
            self.cookies,
        )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, HandshakeRequest):
            return NotImplemented
        return self._values() == other._values()

    # Its fields can be changed, and what can be changed has no hash.
    __hash__ = None  # type: ignore[assignment]  # the documented way to say so; typeshed types it as a method

    def __repr__(self) -> str:
        return f"<HandshakeRequest {self.resource} on {self.host}>"


def read_protocols(value: str) -> Mapping[str, str]:
    """Return the subprotocols of a Sec-WebSocket-Protocol field: lower-cased, to how they were sent.

    Raises:
        ValueError: The field is malformed.
    """
    full_case: dict[str, str] = {}
    for name in grammar.parse_protocols(value):  # of two that differ in case only, the first is what is answered
        full_case.setdefault(name.lower(), name)
    return full_case


def recognise_request(
    buffer: bytearray, start: int, end: int, *, parse_cookies: bool = True, parse_extensions: bool = True
) -> tuple[HandshakeRequest, int] | None:
    """Read a request that is whole in a buffer and plainly fine, in a fraction of the time that `read_request` takes.

    Args:
        buffer: What was read.
        start: Where the request begins.
        end: Where what was read ends.
        parse_cookies: As for `read_request`.
        parse_extensions: As for `read_request`.

    Returns:
        What `parse_request_head` and `read_request` would find, and the size of the head in bytes. None when the
        request has to go that way, as all do where the core is not compiled.

    Raises:
        HandshakeError: The subprotocols or extensions are malformed (400).
    """
    found = None if recognise_upgrade is None else recognise_upgrade(buffer, start, end)
    if found is None:
        return None
    head, resource, host, key, origin, protocols, extensions = found
    cookies = COOKIES_LATER if parse_cookies else None
    request = HandshakeRequest(head, resource, host, key, origin, 13, (), _NO_PROTOCOLS, None, cookies)
    try:
        if protocols is not None:
            request.protocol_full_case_map = read_protocols(protocols)
            request.requested_protocols = tuple(request.protocol_full_case_map)
        if extensions is not None and parse_extensions:
            request.requested_extensions = grammar.parse_extensions(extensions)
    except ValueError as exc:
        raise HandshakeError(str(exc), status=400) from exc
    return request, len(head)
