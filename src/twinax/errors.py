"""The exceptions of twinax, split by what the caller can do.

    WebSocketError
    ├── ConnectionClosed         it is over; `report` says how
    │   ├── ConnectionClosedOK       1000, 1001 or no code, in order: leave the loop
    │   └── ConnectionClosedError    anything else: log it, connect again
    ├── HandshakeError           the connection was never open
    │   ├── HandshakeRejected        the server answered, but not with 101: look at `status`
    │   ├── HandshakeTimeout         no answer in time: try again later
    │   └── NegotiationError         the two sides do not agree on an extension
    ├── ProtocolError            a rule was broken
    │   ├── LocalProtocolError       you asked for it: mend the call
    │   └── RemoteProtocolError      they sent it: the connection is closed
    ├── ExtensionError           an extension raised: mend the extension; the connection is closed
    ├── MessageTooBig            you were about to exceed a limit
    ├── ConcurrencyError         two calls that exclude each other: serialise them
    └── InvalidURI               mend the address

Bad arguments raise the built-in `TypeError` and `ValueError`. Exceptions of other libraries are
translated once, at the border, and stay reachable as ``__cause__``.
"""

from .close import CloseReport
from .rules import Rule

__all__ = [
    "ConcurrencyError",
    "ConnectionClosed",
    "ConnectionClosedError",
    "ConnectionClosedOK",
    "ExtensionError",
    "HandshakeError",
    "HandshakeRejected",
    "HandshakeTimeout",
    "InvalidURI",
    "LocalProtocolError",
    "MessageTooBig",
    "NegotiationError",
    "ProtocolError",
    "RemoteProtocolError",
    "WebSocketError",
]


class WebSocketError(Exception):
    """Base of every exception that twinax raises on its own account."""


class ConnectionClosed(WebSocketError):
    """The connection is closed, or was closed while the call waited.

    Attributes:
        report: How the connection ended.
    """

    def __init__(self, report: CloseReport) -> None:
        super().__init__(report)
        self.report = report

    @property
    def code(self) -> int:
        """The close code as the application sees it (`CloseReport.code`)."""
        return self.report.code

    @property
    def reason(self) -> str:
        """The reason that belongs to `code`."""
        return self.report.reason

    def __str__(self) -> str:
        return str(self.report)


class ConnectionClosedOK(ConnectionClosed):
    """Closed with 1000, 1001 or without a code (1005), and both close frames were exchanged."""


class ConnectionClosedError(ConnectionClosed):
    """Closed in any other way."""


class HandshakeError(WebSocketError):
    """The opening handshake failed (RFC 6455 4).

    Attributes:
        status: On a server the HTTP status of the answer; on a client the status that it received,
            or None when the answer was no HTTP.
        headers: Header fields that belong to the answer, such as ``Sec-WebSocket-Version``.
    """

    def __init__(self, message: str, *, status: int | None = None, headers: tuple[tuple[str, str], ...] = ()) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers


class HandshakeRejected(HandshakeError):
    """The server answered with a status other than 101.

    Attributes:
        reason: The reason phrase of the status line.
        body: The body of the answer, cut after 64 KiB.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int,
        reason: str = "",
        headers: tuple[tuple[str, str], ...] = (),
        body: bytes = b"",
    ) -> None:
        super().__init__(message, status=status, headers=headers)
        self.reason = reason
        self.body = body


class HandshakeTimeout(HandshakeError, TimeoutError):
    """The opening handshake was not finished within ``open_timeout``."""


class NegotiationError(HandshakeError):
    """An extension was offered or answered with parameters that do not do (RFC 6455 9.1).

    On a client it ends the opening handshake; a server declines the offer.

    Attributes:
        extension: The name of the extension.
        parameter: The name of the parameter; None when it is about the whole of it.
        value: The value of the parameter.
    """

    def __init__(self, extension: str, problem: str, *, parameter: str | None = None, value: str | None = None) -> None:
        subject = f"extension {extension!r}"
        if parameter is not None:
            subject += f", parameter {parameter if value is None else f'{parameter}={value}'!r}"
        super().__init__(f"{subject}: {problem}", status=101)
        self.extension = extension
        self.parameter = parameter
        self.value = value


class ProtocolError(WebSocketError):
    """A rule of the protocol was broken.

    Attributes:
        rule: Which one; None when it is not in the table.
    """

    def __init__(self, message: str, rule: Rule | None = None) -> None:
        super().__init__(message)
        self.rule = rule


class LocalProtocolError(ProtocolError):
    """A call asked for something that the protocol forbids; nothing was sent."""


class RemoteProtocolError(ProtocolError):
    """The peer broke a rule; it was sent the close code of that rule."""

    def __init__(self, rule: Rule, **values: object) -> None:
        where = "" if rule.section == "limit" else f" ({rule.section})"
        super().__init__(rule.explain(**values) + where, rule)

    @property
    def close_code(self) -> int:
        """The close code that the peer is sent."""
        assert self.rule is not None
        return self.rule.close_code


class ExtensionError(WebSocketError):
    """An extension raised, or gave what it must not give; its connection is closed with 1011.

    What was raised is the ``__cause__``.

    Attributes:
        extension: The name of the extension.
        hook: The method that raised, such as ``"decode"``.
    """

    def __init__(self, extension: str, hook: str, error: BaseException) -> None:
        super().__init__(f"extension {extension!r} failed in {hook}: {type(error).__name__}: {error}")
        self.extension = extension
        self.hook = hook


class MessageTooBig(WebSocketError):
    """A message or a buffer would exceed a limit that was set here.

    Attributes:
        size: What was asked for, in bytes.
        limit: The limit, in bytes.
        option: The option that sets the limit.
    """

    def __init__(self, message: str, *, size: int, limit: int, option: str) -> None:
        super().__init__(message)
        self.size = size
        self.limit = limit
        self.option = option


class ConcurrencyError(WebSocketError):
    """Two calls that exclude each other were made at the same time."""


class InvalidURI(WebSocketError, ValueError):
    """The address is not a WebSocket URI (RFC 6455 3)."""

    def __init__(self, uri: str, problem: str) -> None:
        super().__init__(f"{uri!r} is not a WebSocket URI: {problem}")
        self.uri = uri
        self.problem = problem
