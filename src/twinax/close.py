"""Close codes, who may send or receive which, and the report of how a connection ended."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Final, Literal

__all__ = [
    "CLOSE_DESCRIPTIONS",
    "Close",
    "CloseCode",
    "CloseReport",
    "is_code_on_wire",
]


class CloseCode(IntEnum):
    """Close codes with a name (RFC 6455 7.4.1 and the registry of IANA)."""

    NORMAL = 1000
    GOING_AWAY = 1001
    PROTOCOL_ERROR = 1002
    UNSUPPORTED_DATA = 1003
    NO_STATUS_RCVD = 1005
    ABNORMAL_CLOSURE = 1006
    INVALID_DATA = 1007
    POLICY_VIOLATION = 1008
    MESSAGE_TOO_BIG = 1009
    MANDATORY_EXTENSION = 1010
    INTERNAL_ERROR = 1011
    SERVICE_RESTART = 1012
    TRY_AGAIN_LATER = 1013
    BAD_GATEWAY = 1014
    TLS_HANDSHAKE = 1015

    @property
    def description(self) -> str:
        """What the code says when the peer gives no reason of its own."""
        return CLOSE_DESCRIPTIONS[self]


CLOSE_DESCRIPTIONS: Final[dict[int, str]] = {
    1000: "Normal connection closure",
    1001: "Remote peer is going away",
    1002: "Protocol error",
    1003: "Unprocessable input",
    1004: "Reserved",
    1005: "Reason not provided",
    1006: "Abnormal closure, no further detail available",
    1007: "Invalid data received",
    1008: "Policy violation",
    1009: "Message too big",
    1010: "Extension requested by client is required",
    1011: "Internal Server Error",
    1012: "Service restart",
    1013: "Try again later",
    1014: "Bad gateway",
    1015: "TLS Handshake Failed",
}
"""What a code says when the peer gives no reason of its own."""


def is_code_on_wire(code: int) -> bool:
    """Tell whether a close frame may carry `code`, in either direction.

    1005, 1006 and 1015 are names for what happened without a close frame; 1004 and 1016-2999 are
    reserved (RFC 6455 7.4.2).
    """
    return 1000 <= code <= 1003 or 1007 <= code <= 1014 or 3000 <= code <= 4999


@dataclass(frozen=True, slots=True)
class Close:
    """Code and reason of one close frame.

    Attributes:
        code: The close code; 1005 when the frame had none.
        reason: The reason, ``""`` when there was none.
    """

    code: int
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseReport:
    """How a connection ended: who closed, why, and what was lost.

    Every connection has one as soon as it is closed (`WebSocketConnection.close_report`), and so has
    every `ConnectionClosed`. A code of 1006 never comes without `cause`.

    Attributes:
        code: The code as the application sees it: ours when we began the close, the peer's when it
            began, 1005 when its close frame had none, 1006 when the connection ended without one.
        reason: The reason that belongs to `code`, or the default text of the code.
        closed_by: ``"local"`` when we sent the first close frame or gave up, ``"remote"`` when the
            peer did, ``"network"`` when neither did and the connection broke.
        phase: How far the connection was: ``"handshake"``, ``"open"`` or ``"closing"``.
        cause: One sentence: what happened.
        sent: The close frame that we sent, or None.
        rcvd: The close frame that we received, or None.
        error: The underlying exception (an `OSError` with its errno, an `ssl.SSLError`, the exception
            of a listener), or None.
        seconds_since_rcvd: Age of the last byte that came in, in seconds; None when none came.
        seconds_since_sent: Age of the last byte handed to the transport, in seconds; None when none went.
        bytes_unsent: Bytes that were accepted by ``send`` but did not reach the kernel.
        messages_unread: Messages that were received but not taken by the application.
        event_loop_lag: Longest delay of a timer on this event loop in the last minute, in seconds: a
            large value says that the process itself was blocked.
        duration: Seconds from the end of the opening handshake to the end of the connection.
        trace: The last lines of the connection's trace, oldest first.
    """

    code: int
    reason: str
    closed_by: Literal["local", "remote", "network"]
    phase: Literal["handshake", "open", "closing"]
    cause: str
    sent: Close | None = None
    rcvd: Close | None = None
    error: BaseException | None = None
    seconds_since_rcvd: float | None = None
    seconds_since_sent: float | None = None
    bytes_unsent: int = 0
    messages_unread: int = 0
    event_loop_lag: float = 0.0
    duration: float = 0.0
    trace: tuple[str, ...] = ()

    @property
    def was_clean(self) -> bool:
        """Whether both close frames were exchanged."""
        return self.sent is not None and self.rcvd is not None

    def explain_error(self) -> str | None:
        """Return kind and text of the underlying error; None when there is none, or `cause` has the text already."""
        if self.error is None or str(self.error) == self.cause:
            return None
        return f"{type(self.error).__name__}: {self.error}"

    def __str__(self) -> str:
        lines = [f"{self.code} {self.reason}".rstrip(), f"closed by {self.closed_by} while {self.phase}"]
        if self.cause != self.reason:
            lines[1] += f": {self.cause}"
        if error := self.explain_error():
            lines.append(f"underlying error: {error}")
        if self.bytes_unsent or self.messages_unread:
            lines.append(f"lost: {self.bytes_unsent} bytes unsent, {self.messages_unread} messages unread")
        if self.event_loop_lag >= 1:
            lines.append(f"the event loop was blocked for {self.event_loop_lag:.1f} s")
        return "; ".join(lines)
