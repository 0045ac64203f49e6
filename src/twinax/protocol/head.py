"""Heads of HTTP/1.1 messages, both ways: collected from a stream, parsed, and built.

`HeadBuffer` looks at every byte once, however the bytes are cut, and enforces the limits line by
line, so that a hostile head is refused before it is held. What it returns goes to
`parse_request_head` or `parse_response_head`, which accept what RFC 9112 says a sender may send and
nothing more: every leniency (bare LF, folded lines, a space before the colon) is one that two parties
can read differently, and that is what request smuggling is made of.
"""

import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final, Literal

from ..errors import HandshakeError, LocalProtocolError
from ..headers import Headers, HeadersLike, is_token

__all__ = [
    "MAX_FIELDS",
    "MAX_HEAD",
    "MAX_LINE",
    "HeadBuffer",
    "RequestHead",
    "ResponseHead",
    "build_request_head",
    "build_response_head",
    "parse_request_head",
    "parse_response_head",
    "reason_phrase",
]

MAX_HEAD: Final = 16 * 1024
"""Bytes in a head, the empty line included: what nginx and Node.js give a whole head, too."""
MAX_LINE: Final = 8 * 1024
"""Bytes in one line without its CR LF: a long cookie or a token in the query has room."""
MAX_FIELDS: Final = 100
"""Fields in a head: browsers send about 20, and proxies add about 10."""

_VERSION: Final = re.compile(r"HTTP/[0-9]\.[0-9]")
_TARGET: Final = re.compile(r"[\x21-\x7e]+")
_REASON: Final = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
_STATUS: Final = re.compile(r"[1-9][0-9][0-9]")

_TLS_ALERT: Final = 0x15
_TLS_HANDSHAKE: Final = 0x16


@dataclass(frozen=True, slots=True)
class RequestHead:
    """The head of a request.

    Attributes:
        method: The method, in the case in which it was sent.
        target: The request target, as it was sent.
        version: ``"HTTP/1.1"`` or ``"HTTP/1.0"``.
        headers: The fields.
    """

    method: str
    target: str
    version: str
    headers: Headers


@dataclass(frozen=True, slots=True)
class ResponseHead:
    """The head of a response.

    Attributes:
        status: The status code, 100 to 999.
        reason: The reason phrase, ``""`` when there was none.
        headers: The fields.
        version: ``"HTTP/1.1"`` or ``"HTTP/1.0"``.
    """

    status: int
    reason: str
    headers: Headers
    version: str = "HTTP/1.1"

    @property
    def is_interim(self) -> bool:
        """Whether another response follows this one (RFC 9110 15.2): any 1xx except 101."""
        return self.status < 200 and self.status != 101


class HeadBuffer:
    """Collects one head from a stream, in time linear in its size, however the bytes are cut.

    Args:
        role: Who reads: a ``"server"`` collects a request, a ``"client"`` a response.
        max_head: Most bytes in the head.
        max_line: Most bytes in one line, without its CR LF.
        max_fields: Most fields.

    Attributes:
        rest: What came after the head, in the same call; empty until the head is complete.
    """

    __slots__ = ("_data", "_lines", "_max_fields", "_max_head", "_max_line", "_scanned", "_server", "_start", "rest")

    def __init__(
        self,
        role: Literal["server", "client"] = "server",
        *,
        max_head: int = MAX_HEAD,
        max_line: int = MAX_LINE,
        max_fields: int = MAX_FIELDS,
    ) -> None:
        self._server = role == "server"
        self._max_head = max_head
        self._max_line = max_line
        self._max_fields = max_fields
        self._data: bytearray | None = bytearray()
        self._start = 0  # where the line in progress begins
        self._scanned = 0  # everything before was searched for LF
        self._lines = 0  # lines that are complete
        self.rest = b""

    def feed(self, data: bytes | bytearray | memoryview) -> bytes | None:
        """Take the next bytes of the stream.

        Args:
            data: Any number of bytes.

        Returns:
            The head, up to and with its empty line, once it is complete; the bytes after it are in
            `rest`. None while more is needed.

        Raises:
            HandshakeError: The head breaks a limit (414 for the first line of a request, 431), a line
                does not end with CR LF (400), or the peer speaks TLS (400). On a client it has no status.
            LocalProtocolError: The head was complete already.
        """
        buffer = self._data
        if buffer is None:
            raise LocalProtocolError("the head is complete: what follows belongs to another reader")
        buffer += data
        if self._scanned == 0 and buffer:
            self._check_first_byte(buffer[0])
        while (end := buffer.find(b"\n", self._scanned)) >= 0:
            if end == self._start or buffer[end - 1] != 0x0D:
                raise self._error("a line of the head ends with a bare LF", 400)  # RFC 9112 2.2
            self._scanned = end + 1
            if end - 1 == self._start:
                return self._finish(buffer)
            self._check_line(end - 1 - self._start)
            self._lines += 1
            self._start = end + 1
            if self._lines > self._max_fields + 1:
                raise self._error(f"the head has more than {self._max_fields} fields", 431)
            if end + 1 > self._max_head:
                raise self._error(f"the head is longer than {self._max_head} bytes", 431)
        self._scanned = len(buffer)
        self._check_line(len(buffer) - 1 - self._start)  # its last byte may be the CR
        if len(buffer) > self._max_head:
            raise self._error(f"the head is longer than {self._max_head} bytes", 431)
        return None

    def _finish(self, buffer: bytearray) -> bytes:
        end = self._scanned
        if self._lines == 0:
            raise self._error("the head begins with an empty line", 400)
        if end > self._max_head:
            raise self._error(f"the head is longer than {self._max_head} bytes", 431)
        head = bytes(buffer[:end])
        self.rest = bytes(buffer[end:])
        self._data = None
        return head

    def _check_first_byte(self, first: int) -> None:
        if self._server and first == _TLS_HANDSHAKE:
            raise self._error("the client speaks TLS on a port without: use ws:// there, or give the server TLS", 400)
        if not self._server and first in (_TLS_ALERT, _TLS_HANDSHAKE):
            raise self._error("the server speaks TLS: use wss://", 400)

    def _check_line(self, length: int) -> None:
        if length > self._max_line:
            if self._lines == 0:
                name = "request line" if self._server else "status line"
                raise self._error(f"the {name} is longer than {self._max_line} bytes", 414)
            raise self._error(f"a header field is longer than {self._max_line} bytes", 431)

    def _error(self, message: str, status: int) -> HandshakeError:
        # A status is what a server answers; a client that gives up answers nothing.
        return HandshakeError(message, status=status if self._server else None)


def parse_request_head(head: bytes) -> RequestHead:
    """Parse the head of a request (RFC 9112 3, 5).

    Limits are those of `HeadBuffer`; here is what the head says.

    Args:
        head: The head with its empty line at the end, as `HeadBuffer.feed` returns it.

    Returns:
        The head in parts; HTTP/1.0 is let through, a Host is there exactly once in HTTP/1.1.

    Raises:
        HandshakeError: The head is malformed (400) or of another major version of HTTP (505).
    """
    try:
        first, *lines = _split(head)
        parts = first.split(" ")
        if len(parts) != 3:
            raise ValueError(f"request line {first!r} is not: method, space, target, space, version")
        method, target, version = parts
        if not is_token(method):
            raise ValueError(f"method {method!r} is not a token")
        if _TARGET.fullmatch(target) is None:
            raise ValueError(f"request target {target!r} is empty or holds characters that no URI has")
        _check_version(version)
        headers = _parse_fields(lines)
        # RFC 9112 3.2: not one, or more than one, MUST be answered with 400.
        hosts = len(headers.get_all("Host"))
        if hosts > 1 or (hosts == 0 and version != "HTTP/1.0"):
            raise ValueError(f"the request has {hosts} Host fields instead of one")
    except _OtherVersion as exc:
        raise HandshakeError(str(exc), status=505) from None
    except ValueError as exc:
        raise HandshakeError(str(exc), status=400) from exc
    return RequestHead(method, target, version, headers)


def parse_response_head(head: bytes) -> ResponseHead:
    """Parse the head of a response (RFC 9112 4, 5).

    Args:
        head: The head with its empty line at the end, as `HeadBuffer.feed` returns it.

    Returns:
        The head in parts.

    Raises:
        HandshakeError: The head is malformed or of another major version of HTTP.
    """
    try:
        first, *lines = _split(head)
        # The space after the status is required even without a phrase, but servers forget it.
        version, _, tail = first.partition(" ")
        status, _, reason = tail.partition(" ")
        _check_version(version)
        if _STATUS.fullmatch(status) is None:
            raise ValueError(f"status line {first!r} has no status of three digits")
        if _REASON.fullmatch(reason) is None:
            raise ValueError(f"reason phrase {reason!r} holds control characters")
        return ResponseHead(int(status), reason, _parse_fields(lines), version)
    except ValueError as exc:
        raise HandshakeError(f"the server's answer cannot be read: {exc}") from exc


def build_request_head(method: str, target: str, headers: HeadersLike) -> bytes:
    """Build the head of a request.

    Args:
        method: A token.
        target: The request target, in printable ASCII without spaces.
        headers: The fields, checked as by `Headers.add`.

    Returns:
        The head with its empty line.

    Raises:
        ValueError: Something in it could be read as more than it says (CR, LF, NUL, ...).
    """
    if not is_token(method):
        raise ValueError(f"method {method!r} is not a token")
    if _TARGET.fullmatch(target) is None:
        raise ValueError(f"request target {target!r} is empty or holds characters that no URI has")
    return _build(f"{method} {target} HTTP/1.1", headers)


def build_response_head(status: int, headers: HeadersLike, reason: str | None = None) -> bytes:
    """Build the head of a response.

    Args:
        status: The status code, 100 to 599.
        headers: The fields, checked as by `Headers.add`.
        reason: The reason phrase; the usual one of the status when None.

    Returns:
        The head with its empty line.

    Raises:
        ValueError: The status is out of range, or something in it could be read as more than it says.
    """
    if not 100 <= status <= 599:
        raise ValueError(f"status {status} is not between 100 and 599")
    phrase = reason_phrase(status) if reason is None else reason
    if _REASON.fullmatch(phrase) is None:
        raise ValueError(f"reason phrase {phrase!r} holds characters that a status line must not hold")
    return _build(f"HTTP/1.1 {int(status)} {phrase}", headers)


def reason_phrase(status: int) -> str:
    """Return the usual reason phrase of a status, ``""`` when it has none."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


class _OtherVersion(ValueError):
    """The message is of another major version of HTTP."""


def _check_version(version: str) -> None:
    if _VERSION.fullmatch(version) is None:
        raise ValueError(f"{version!r} is not a version of HTTP")
    if not version.startswith("HTTP/1."):
        raise _OtherVersion(f"{version} is not supported, only HTTP/1.1")


def _split(head: bytes) -> list[str]:
    if not head.endswith(b"\r\n\r\n"):
        raise ValueError("the head does not end with an empty line")
    # RFC 9112 2.2: a head is parsed as octets in a superset of ASCII; ISO 8859-1 keeps every octet.
    return head[:-4].decode("latin-1").split("\r\n")


def _parse_fields(lines: list[str]) -> Headers:
    headers = Headers()
    for line in lines:
        if line[:1] in (" ", "\t", ""):
            # RFC 9112 5.2: a server MUST refuse a folded line (or mend it, which two parties do differently).
            raise ValueError(f"field line {line!r} is folded or empty")
        name, colon, value = line.partition(":")
        if not colon:
            raise ValueError(f"field line {line!r} has no colon")
        if name[-1:] in (" ", "\t"):
            raise ValueError(f"header field {name!r} has a space before the colon")  # RFC 9112 5.1
        headers.add(name, value)
    return headers


def _build(first: str, headers: HeadersLike) -> bytes:
    fields = headers if isinstance(headers, Headers) else Headers(headers)
    lines = [first, *[f"{name}: {value}" for name, value in fields], "", ""]
    return "\r\n".join(lines).encode("latin-1")
