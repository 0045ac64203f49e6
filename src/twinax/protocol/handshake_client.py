"""The client's side of the opening handshake (RFC 6455 4.1): a request out, the answer checked."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from ..cookies import CookiesLike, build_cookie_header
from ..errors import HandshakeError, HandshakeRejected, NegotiationError
from ..headers import Headers, HeadersLike
from ..uri import WebSocketURI
from . import grammar
from .basic_auth import build_basic
from .grammar import Extension
from .handshake import SUPPORTED_VERSIONS, accept_key, build_extra, origin_field, show_value
from .head import ResponseHead, build_request_head, reason_phrase

__all__ = ["AcceptedHandshake", "build_rejection", "build_request", "check_response"]


@dataclass(frozen=True, slots=True)
class AcceptedHandshake:
    """What the server chose.

    Attributes:
        subprotocol: The subprotocol, or None.
        extensions: The extensions, in the order in which they apply.
    """

    subprotocol: str | None = None
    extensions: list[Extension] = field(default_factory=list)


def build_request(
    uri: WebSocketURI,
    key: str,
    *,
    protocols: Sequence[str] | str = (),
    origin: str | None = None,
    headers: HeadersLike = (),
    cookies: CookiesLike = (),
    version: int = 13,
    extensions: str = "",
) -> bytes:
    """Build the request for a WebSocket.

    Args:
        uri: The address; its user name and password become Authorization.
        key: The nonce, made by `generate_key`.
        protocols: Subprotocols, in order of preference; a single one may be a string, ``""`` is none.
        origin: What to say in Origin (Sec-WebSocket-Origin in version 8).
        headers: Other fields; Host and Authorization replace the usual ones.
        cookies: Cookies to send.
        version: The version of the protocol, 13 or 8.
        extensions: The value of Sec-WebSocket-Extensions, as `grammar.build_extensions` makes it.

    Returns:
        The head of the request.

    Raises:
        ValueError: A part is malformed (CR, LF, NUL, ...), a field belongs to the handshake or comes
            twice, or the version is another.
        TypeError: A part has the wrong type.
    """
    if version not in SUPPORTED_VERSIONS:
        raise ValueError(f"version {version} of the protocol is not supported, only 13 and 8")
    extra = build_extra(headers)
    for name in ("Host", "Authorization", "Cookie", origin_field(version)):
        if len(extra.get_all(name)) > 1:
            raise ValueError(f"header field {name!r} comes twice")
    fields = Headers({"Host": extra.get("Host") or uri.host_header})
    extra.remove("Host")
    fields.extend({"Upgrade": "websocket", "Connection": "Upgrade"})
    fields.extend({"Sec-WebSocket-Key": key, "Sec-WebSocket-Version": str(version)})
    if protocols:
        names = (protocols,) if isinstance(protocols, str) else protocols
        fields.add("Sec-WebSocket-Protocol", grammar.build_protocols(names))
    if extensions:
        fields.add("Sec-WebSocket-Extensions", extensions)
    if origin is not None:
        _add_once(fields, extra, origin_field(version), origin)
    if cookie := build_cookie_header(cookies):
        _add_once(fields, extra, "Cookie", cookie)
    if uri.user_info is not None and "Authorization" not in extra:
        fields.add("Authorization", build_basic(*uri.user_info))
    fields.extend(extra)
    return build_request_head("GET", uri.resource, fields)


def check_response(
    head: ResponseHead,
    key: str,
    *,
    protocols: Sequence[str] | str = (),
    require_subprotocol: bool = True,
    offered_extensions: Iterable[str] = (),
) -> AcceptedHandshake:
    """Check the answer to a request for a WebSocket (RFC 6455 4.1).

    Args:
        head: The head of the answer.
        key: The key of the request.
        protocols: The subprotocols of the request.
        require_subprotocol: Fail when subprotocols were requested and the server chose none.
        offered_extensions: The names of the extensions of the request.

    Returns:
        What the server chose.

    Raises:
        HandshakeRejected: The status is not 101.
        NegotiationError: The answer names an extension that was not offered.
        HandshakeError: The answer breaks a rule; the message names what came and what was expected.
    """
    if head.status != 101:
        raise build_rejection(head)
    headers = head.headers
    try:
        if head.version == "HTTP/1.0":
            raise ValueError("HTTP/1.0, expected HTTP/1.1")
        _check_connection(headers)
        accept = _get_at_most_one(headers, "Sec-WebSocket-Accept")
        expected = accept_key(key)
        if accept != expected:
            raise ValueError(f"Sec-WebSocket-Accept {show_value(accept)}, expected {expected!r}")
        names = (protocols,) if isinstance(protocols, str) else protocols
        subprotocol = _read_subprotocol(headers, names)
        if subprotocol is None and protocols and require_subprotocol:
            raise ValueError(
                f"Sec-WebSocket-Protocol is missing, expected one of {list(names)!r};"
                " require_subprotocol=False allows it"
            )
        return AcceptedHandshake(subprotocol, _read_extensions(headers, offered_extensions))
    except ValueError as exc:
        raise HandshakeError(f"the server's answer is no handshake: {exc}", status=101) from exc


def build_rejection(head: ResponseHead, body: bytes = b"") -> HandshakeRejected:
    """Return the exception for an answer other than 101.

    Args:
        head: The head of the answer.
        body: Its body, or the part of it that was kept.
    """
    reason = head.reason or reason_phrase(head.status)
    message = f"the server answered {head.status} {reason}".rstrip() + ", expected 101 Switching Protocols"
    if why := head.headers.get("X-WebSocket-Reject-Reason"):
        message = f"{message}: {why}"
    return HandshakeRejected(message, status=head.status, reason=head.reason, headers=tuple(head.headers), body=body)


def _add_once(fields: Headers, extra: Headers, name: str, value: str) -> None:
    if name in extra:
        raise ValueError(f"header field {name!r} is given twice: in headers and as an argument of its own")
    fields.add(name, value)


def _check_connection(headers: Headers) -> None:
    upgrade = headers.combined("Upgrade")
    if upgrade is None or grammar.parse_upgrade(upgrade) != ["websocket"]:
        raise ValueError(f"Upgrade {show_value(upgrade)}, expected 'websocket'")
    connection = headers.combined("Connection")
    if connection is None or "upgrade" not in grammar.parse_token_list(connection):
        raise ValueError(f"Connection {show_value(connection)}, expected 'Upgrade'")


def _read_subprotocol(headers: Headers, protocols: Sequence[str]) -> str | None:
    name = _get_at_most_one(headers, "Sec-WebSocket-Protocol")
    if name is not None and name not in protocols:
        expected = f"one of {list(protocols)!r}" if protocols else "none, as none was requested"
        raise ValueError(f"Sec-WebSocket-Protocol {name!r}, expected {expected}")
    return name


def _read_extensions(headers: Headers, offered: Iterable[str]) -> list[Extension]:
    extensions = grammar.parse_extensions(headers.combined("Sec-WebSocket-Extensions") or "")
    names = [name.lower() for name in offered]
    for name, _ in extensions:
        if name not in names:
            expected = f"one of {names!r}" if names else "none, as none was offered"
            raise NegotiationError(name, f"the server answered it, expected {expected}")
    return extensions


def _get_at_most_one(headers: Headers, name: str) -> str | None:
    values = headers.get_all(name)
    if len(values) > 1:  # RFC 6455 11.3.3, 11.3.4: MUST NOT appear more than once
        raise ValueError(f"the answer has {len(values)} {name} fields, expected one")
    return values[0] if values else None
