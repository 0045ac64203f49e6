"""Addresses: WebSocket URIs, hosts with ports, and where a redirect leads.

Written out instead of left to `urllib.parse.urlsplit`, which mends what it does not like (it drops
tabs and line ends) where an address that goes on the wire must be refused.
"""

import re
from dataclasses import dataclass, field, replace
from ipaddress import IPv6Address
from typing import Final
from urllib.parse import ParseResult, SplitResult, quote, unquote, urljoin

from .errors import HandshakeError, InvalidURI

__all__ = ["URILike", "WebSocketURI", "parse_host", "parse_uri", "resolve_redirect"]

_NOT_IN_URI: Final = re.compile(r"[\x00-\x20\x7f]")
_HOST: Final = re.compile(r"[a-z0-9\-._]+")
_ZONE: Final = re.compile(r"[A-Za-z0-9\-._~]+")
_PORT: Final = re.compile(r"[0-9]{1,5}")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")

# Every character of RFC 3986, and % since what is escaped stays escaped; all others are escaped.
_IN_RESOURCE: Final = "!#$%&'()*+,/:;=?@[]~"

_DEFAULT_PORTS: Final = {"ws": 80, "wss": 443}


@dataclass(frozen=True, slots=True)
class WebSocketURI:
    """A WebSocket URI in parts (RFC 6455 3).

    Attributes:
        scheme: ``"ws"`` or ``"wss"``.
        host: The host as it is looked up: IDNA-encoded and lower-cased, IPv6 without brackets.
        port: The port, 1 to 65535.
        resource: Path and query, what is asked of the server; never empty.
        user_info: User name and password, or None.
    """

    scheme: str
    host: str
    port: int
    resource: str = "/"
    user_info: tuple[str, str] | None = field(default=None, repr=False)

    @property
    def secure(self) -> bool:
        """Whether the connection uses TLS."""
        return self.scheme == "wss"

    @property
    def host_header(self) -> str:
        """The value of the Host field: the port is named only when it is not the scheme's own."""
        # RFC 6874 3: the zone of an address means nothing to the other side.
        host = f"[{self.host.partition('%')[0]}]" if ":" in self.host else self.host
        return host if self.port == _DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def origin(self) -> str:
        """The origin of a page of the same server (RFC 6454 6.2), such as ``"https://example.com:8443"``."""
        return f"{'https' if self.secure else 'http'}://{self.host_header}"

    def __str__(self) -> str:
        """Return the address, without user name and password: it may be logged."""
        return f"{self.scheme}://{self.host_header}{self.resource}"


URILike = str | WebSocketURI | SplitResult | ParseResult
"""An address as text, as `parse_uri` gives it, or as `urllib.parse` does."""


def parse_uri(uri: URILike) -> WebSocketURI:
    """Parse a WebSocket URI (RFC 6455 3).

    Args:
        uri: The address, which may be parsed already. Non-ASCII characters are encoded: IDNA in the host,
            percent in path and query.

    Returns:
        The address in parts.

    Raises:
        InvalidURI: It is none; the message says what is wrong, and shows no password.
        TypeError: `uri` is no string and no address that was parsed.
    """
    if isinstance(uri, WebSocketURI):
        return uri
    if isinstance(uri, SplitResult | ParseResult):
        uri = uri.geturl()
    if not isinstance(uri, str):
        raise TypeError(f"uri must be str, not {type(uri).__name__}")
    try:
        return _parse_uri(uri)
    except ValueError as exc:
        raise InvalidURI(_without_user_info(uri), str(exc)) from None


def parse_host(text: str) -> tuple[str, int | None]:
    """Parse a host with or without a port, as in a Host field (RFC 9110 7.2).

    Args:
        text: Such as ``"example.com"``, ``"127.0.0.1:80"`` or ``"[::1]:8080"``.

    Returns:
        The host as in `WebSocketURI.host`, and the port, None when there is none.

    Raises:
        ValueError: It is none.
    """
    if text.startswith("["):
        address, bracket, port = text[1:].partition("]")
        if not bracket or port[:1] not in (":", ""):
            raise ValueError("the brackets around an IPv6 address do not match")
        return _parse_ipv6(address), _parse_port(port[1:])
    host, _, port = text.partition(":")
    return _encode_host(host), _parse_port(port)


def resolve_redirect(uri: WebSocketURI, location: str) -> WebSocketURI:
    """Return where the Location of a redirect leads (RFC 9110 10.2.2).

    Args:
        uri: The address that was asked.
        location: The value of the field: absolute (http, https, ws or wss) or relative to `uri`.

    Returns:
        The new address. User name and password are kept only on the same scheme, host and port.

    Raises:
        HandshakeError: It is no address, names a user, or leads from wss to ws.
    """
    base = f"{uri.origin}{uri.resource}"
    try:
        if _NOT_IN_URI.search(location) is not None:
            raise ValueError("spaces and control characters are not allowed")
        # Resolved as http, of which every urljoin knows how; a fragment is for the reader (RFC 9110 10.2.2).
        target = urljoin(base, re.sub("(?i)^ws(s?)://", r"http\1://", location)).partition("#")[0]
        found = _parse_uri(re.sub("(?i)^http(s?)://", r"ws\1://", target))
    except ValueError as exc:
        raise HandshakeError(f"the server redirects to {location!r}, which cannot be followed: {exc}") from exc
    if found.user_info is not None:
        # RFC 9110 4.2.4: user info from an untrusted source is an error.
        raise HandshakeError(f"the server redirects to {found}, with a user name, which is not followed")
    if uri.secure and not found.secure:
        raise HandshakeError(f"the server redirects to {found}, without TLS, which is not followed from wss")
    if (found.scheme, found.host, found.port) == (uri.scheme, uri.host, uri.port):
        return replace(found, user_info=uri.user_info)
    return found


def _parse_uri(uri: str) -> WebSocketURI:
    if (match := _NOT_IN_URI.search(uri)) is not None:
        raise ValueError(f"{match[0]!r} at {match.start()} is not allowed: spaces and control characters are escaped")
    scheme, separator, rest = uri.partition("://")
    scheme = scheme.lower()
    if not separator or scheme not in _DEFAULT_PORTS:
        hint = {"http": ", so use ws://", "https": ", so use wss://"}.get(scheme, "")
        raise ValueError(f"the scheme must be ws:// or wss://{hint}")
    if "#" in rest:
        raise ValueError("a fragment (#...) is not allowed")  # RFC 6455 3
    end = min((at for at in (rest.find("/"), rest.find("?")) if at >= 0), default=len(rest))
    authority, resource = rest[:end], rest[end:]
    user, at, address = authority.rpartition("@")
    host, port = parse_host(address)
    resource = quote(resource, safe=_IN_RESOURCE)
    return WebSocketURI(
        scheme=scheme,
        host=host,
        port=_DEFAULT_PORTS[scheme] if port is None else port,
        resource=resource if resource.startswith("/") else f"/{resource}",
        user_info=_parse_user_info(user) if at else None,
    )


def _parse_user_info(text: str) -> tuple[str, str]:
    if "@" in text:
        raise ValueError("an @ in a user name or password is written %40")
    name, _, password = text.partition(":")
    try:
        name, password = unquote(name, errors="strict"), unquote(password, errors="strict")
    except UnicodeDecodeError:
        raise ValueError("the escapes in the user name or password are not UTF-8") from None
    # RFC 7617 2: what Basic authentication cannot say.
    if ":" in name or _CONTROL.search(name + password) is not None:
        raise ValueError("the user name holds a colon, or the user name or password a control character")
    return name, password


def _parse_port(text: str) -> int | None:
    if not text:
        return None
    if _PORT.fullmatch(text) is None or not 1 <= int(text) <= 65535:
        raise ValueError(f"port {text!r} is not a number from 1 to 65535")
    return int(text)


def _parse_ipv6(text: str) -> str:
    address, percent, zone = text.partition("%")
    if percent:
        zone = zone.removeprefix("25")  # RFC 6874 2 writes %25; people write %
        if _ZONE.fullmatch(zone) is None:
            raise ValueError(f"{text!r} has a zone that is not allowed")
    try:
        return str(IPv6Address(address)) + percent + zone
    except ValueError:
        raise ValueError(f"{address!r} is not an IPv6 address") from None


def _encode_host(text: str) -> str:
    if not text:
        raise ValueError("there is no host")
    if text.isascii():
        host = text.lower()
    else:
        try:
            host = text.encode("idna").decode("ascii").lower()
        except UnicodeError:
            raise ValueError(f"host {text!r} cannot be encoded with IDNA") from None
    # Checked after encoding too: IDNA maps some characters to ASCII that has a meaning of its own.
    if _HOST.fullmatch(host) is None:
        raise ValueError(f"host {text!r} holds characters that no host has")
    labels = host.removesuffix(".").split(".")
    if len(host) > 254 or not all(1 <= len(label) <= 63 for label in labels):  # RFC 1035 2.3.4
        raise ValueError(f"host {text!r} has a label that is empty or too long, or is too long")
    return host


def _without_user_info(uri: str) -> str:
    head, at, tail = uri.rpartition("@")
    if not at:
        return uri
    scheme, separator, _ = head.partition("://")
    return f"{scheme}{separator}***@{tail}" if separator else f"***@{tail}"
