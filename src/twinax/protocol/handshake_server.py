"""The server's side of the opening handshake (RFC 6455 4.2): a head in, an answer out."""

import re
from typing import Final

from .. import cookies as cookie_fields
from ..cookies import SetCookie, SetCookiesLike
from ..errors import HandshakeError, LocalProtocolError
from ..headers import Headers, HeadersLike
from ..uri import parse_host
from . import grammar
from .handshake import SUPPORTED_VERSIONS, accept_key, build_extra, is_key, origin_field, show_value
from .handshake_request import COOKIES_LATER, HandshakeRequest, read_protocols
from .head import RequestHead, build_response_head

__all__ = ["HandshakeRequest", "build_accept", "build_reject", "is_upgrade", "match_protocol", "read_request"]

_VERSION: Final = re.compile(r"0|[1-9][0-9]{0,2}")  # RFC 6455 4.3
_ABSOLUTE_TARGET: Final = re.compile(r"(?i:https?|wss?)://([^/?]*)(.*)")

# RFC 6455 4.4: the answer to a version that is not spoken names every version that is, so 8 is named too.
# RFC 9110 15.5.22: an answer of 426 names the protocol to upgrade to.
_VERSION_ANSWER: Final = (
    ("Sec-WebSocket-Version", ", ".join(map(str, SUPPORTED_VERSIONS))),
    ("Upgrade", "websocket"),
)

# What every 101 begins with: nothing in it has to be checked again.
_SWITCHING: Final = "\r\n".join(
    ["HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Accept: "]
)

_REASON_FIELD: Final = "X-WebSocket-Reject-Reason"
_NOT_IN_REJECT: Final = frozenset(
    {"connection", "content-length", "transfer-encoding", "sec-websocket-accept", _REASON_FIELD.lower()}
)


def is_upgrade(head: RequestHead) -> bool:
    """Tell whether a request wants a WebSocket: whether it belongs to `read_request` or to plain HTTP.

    A request is one as soon as it names the protocol or carries a key, so that one from which a proxy
    took a field is answered with what is missing and not with a page.
    """
    protocols = (head.headers.combined("Upgrade") or "").lower().split(",")
    return "Sec-WebSocket-Key" in head.headers or any(name.strip(" \t") == "websocket" for name in protocols)


def read_request(head: RequestHead, *, parse_cookies: bool = True, parse_extensions: bool = True) -> HandshakeRequest:
    """Check a request for a WebSocket (RFC 6455 4.2.1).

    Args:
        head: The head of the request.
        parse_cookies: Read the Cookie field.
        parse_extensions: Read the Sec-WebSocket-Extensions field.

    Returns:
        What the request asks for.

    Raises:
        HandshakeError: A rule is broken; its ``status`` and ``headers`` say how to answer: 400, 405 for a method
            other than GET, 426 for a version that is not spoken.
    """
    headers = head.headers
    if head.method != "GET":
        raise HandshakeError(f"method {head.method}, expected GET", status=405, headers=(("Allow", "GET"),))
    if head.version == "HTTP/1.0":
        raise HandshakeError("HTTP/1.0, expected HTTP/1.1: a proxy may have to be told", status=400)
    try:
        _check_connection(headers)
        version = _read_version(headers)
        key = _get_one(headers, "Sec-WebSocket-Key")
        if not is_key(key):
            raise ValueError(f"Sec-WebSocket-Key {key!r}, expected 16 bytes in base64")
        resource, host = _read_target(head)
        origin = _get_one(headers, origin_field(version)) if origin_field(version) in headers else None
        full_case = read_protocols(headers.combined("Sec-WebSocket-Protocol") or "")
        extensions = headers.combined("Sec-WebSocket-Extensions") if parse_extensions else None
        return HandshakeRequest(
            head=head,
            resource=resource,
            host=host,
            key=key,
            origin=origin,
            websocket_version=version,
            requested_protocols=tuple(full_case),
            protocol_full_case_map=full_case,
            requested_extensions=grammar.parse_extensions(extensions or ""),
            cookies=COOKIES_LATER if parse_cookies else None,
        )
    except ValueError as exc:
        raise HandshakeError(str(exc), status=400) from exc


def match_protocol(request: HandshakeRequest, subprotocol: str) -> str:
    """Return a requested subprotocol in the case in which the client wrote it.

    Args:
        request: The request.
        subprotocol: The subprotocol, in any case.

    Raises:
        ValueError: It is no token.
        TypeError: It is no string.
        LocalProtocolError: The client did not ask for it (RFC 6455 4.2.2).
    """
    grammar.check_protocol(subprotocol)
    try:
        return request.protocol_full_case_map[subprotocol.lower()]
    except KeyError:
        asked = ", ".join(request.protocol_full_case_map.values()) or "none"
        raise LocalProtocolError(f"subprotocol {subprotocol!r} was not requested (requested: {asked})") from None


def build_accept(
    request: HandshakeRequest,
    *,
    subprotocol: str | None = None,
    origin: str | None = None,
    cookies: SetCookiesLike = (),
    headers: HeadersLike = (),
    extensions: str = "",
) -> bytes:
    """Build the answer that opens the connection (RFC 6455 4.2.2).

    Args:
        request: The request that is answered.
        subprotocol: One of the requested subprotocols, in any case; it is answered in the client's.
        origin: What to say in Origin (Sec-WebSocket-Origin in version 8).
        cookies: Cookies to set.
        headers: Other fields.
        extensions: The value of Sec-WebSocket-Extensions, as `grammar.build_extensions` makes it.

    Returns:
        The head, after which frames follow.

    Raises:
        ValueError: A part is malformed, a cookie is set twice, or a field belongs to the handshake.
        TypeError: A part has the wrong type.
        LocalProtocolError: The subprotocol was not requested.
    """
    answer = _SWITCHING + accept_key(request.key)
    if subprotocol is not None or extensions or origin is not None or cookies or headers:
        fields = Headers()
        if subprotocol is not None:
            fields.add("Sec-WebSocket-Protocol", match_protocol(request, subprotocol))
        if extensions:
            fields.add("Sec-WebSocket-Extensions", extensions)
        if origin is not None:
            fields.add(origin_field(request.websocket_version), origin)
        to_set = [SetCookie.of(cookie) for cookie in cookies]
        cookie_fields.check_unique(to_set)
        for cookie in to_set:
            fields.add("Set-Cookie", cookie.build())
        fields.extend(build_extra(headers))
        answer += "".join([f"\r\n{name}: {value}" for name, value in fields])
    return f"{answer}\r\n\r\n".encode("latin-1")


def build_reject(
    status: int = 403, reason: str | None = None, headers: HeadersLike = (), body: bytes | str = b""
) -> bytes:
    """Build an answer that refuses the connection; the connection is closed after it.

    Args:
        status: The status, 200 to 599.
        reason: Why, in one line for people: goes into X-WebSocket-Reject-Reason.
        headers: Other fields, such as WWW-Authenticate or Location.
        body: The body; text is encoded as UTF-8. Plain text unless `headers` has a Content-Type.

    Returns:
        The whole answer, body included.

    Raises:
        ValueError: The status is out of range or may have no body, a part is malformed, or a field says
            where the message ends.
    """
    if not 200 <= status <= 599:
        raise ValueError(f"status {status} does not refuse a connection, expected 200 to 599")
    content = body.encode() if isinstance(body, str) else bytes(body)
    extra = Headers(headers)
    for name, _ in extra:
        if name.lower() in _NOT_IN_REJECT:
            raise ValueError(f"header field {name!r} belongs to the answer and cannot be added")
    # RFC 9110 7.8: who sends Upgrade names it in Connection too.
    fields = Headers({"Connection": "close, Upgrade" if "Upgrade" in extra else "close"})
    if reason is not None:
        fields.add(_REASON_FIELD, reason)
    if status not in (204, 304):  # RFC 9110 6.4.1: these end with the head
        fields.add("Content-Length", str(len(content)))
    elif content:
        raise ValueError(f"an answer with status {status} has no body")
    if content and "Content-Type" not in extra:
        fields.add("Content-Type", "text/plain; charset=utf-8")
    fields.extend(extra)
    return build_response_head(status, fields) + content


def _check_connection(headers: Headers) -> None:
    upgrade = headers.combined("Upgrade")
    if upgrade is None or "websocket" not in grammar.parse_upgrade(upgrade):
        raise ValueError(f"Upgrade {show_value(upgrade)}, expected websocket: a proxy may have taken it away")
    connection = headers.combined("Connection")
    if connection is None or "upgrade" not in grammar.parse_token_list(connection):
        raise ValueError(f"Connection {show_value(connection)}, expected Upgrade: a proxy may have taken it away")
    # What followed would be read as a body by one party and as frames by the other.
    lengths = headers.get_all("Content-Length")
    if "Transfer-Encoding" in headers or any(length != "0" for length in lengths):
        raise ValueError("the request has a body, which an upgrade cannot have")


def _read_version(headers: Headers) -> int:
    text = _get_one(headers, "Sec-WebSocket-Version")
    if _VERSION.fullmatch(text) is None:
        raise ValueError(f"Sec-WebSocket-Version {text!r}, expected one number")
    version = int(text)
    if version not in SUPPORTED_VERSIONS:
        raise HandshakeError(f"Sec-WebSocket-Version {version}, expected 13 or 8", status=426, headers=_VERSION_ANSWER)
    return version


def _read_target(head: RequestHead) -> tuple[str, str]:
    """Return the resource and the host, which a target in absolute form names itself (RFC 9112 3.2.2)."""
    resource, host = head.target, _get_one(head.headers, "Host")
    match = _ABSOLUTE_TARGET.fullmatch(resource)
    if match is not None:
        host = match[1]
        resource = match[2] if match[2].startswith("/") else f"/{match[2]}"
    if not resource.startswith("/") or "#" in resource:
        raise ValueError(f"request target {head.target!r}, expected a path without fragment")
    try:
        parse_host(host)
    except ValueError as exc:
        raise ValueError(f"Host {host!r}: {exc}") from exc
    return resource, host


def _get_one(headers: Headers, name: str) -> str:
    values = headers.get_all(name)
    if len(values) != 1:
        raise ValueError(f"the request has {len(values)} {name} fields instead of one")
    return values[0]
