"""What the sans-I/O protocols tell: one object for each thing that has happened, in order."""

from dataclasses import dataclass

from ..close import Close
from ..errors import HandshakeError
from ..headers import Headers
from .frame import WebSocketFrame
from .handshake_server import HandshakeRequest
from .negotiation import AgreedExtension

__all__ = [
    "CloseReceived",
    "Event",
    "Failed",
    "FrameReceived",
    "HandshakeFailed",
    "MessageReceived",
    "Opened",
    "PingReceived",
    "PongReceived",
    "RequestReceived",
]


@dataclass(frozen=True, slots=True)
class RequestReceived:
    """A client asks for a connection: call `ServerProtocol.accept` or `ServerProtocol.reject`."""

    request: HandshakeRequest


@dataclass(frozen=True, slots=True)
class Opened:
    """The opening handshake is done: messages may be sent.

    Attributes:
        subprotocol: The subprotocol in use, or None.
        headers: The fields of the server's answer; None on the server itself.
        extensions: The extensions in use, in the order in which they encode.
    """

    subprotocol: str | None
    headers: Headers | None = None
    extensions: tuple[AgreedExtension, ...] = ()


@dataclass(frozen=True, slots=True)
class HandshakeFailed:
    """There will be no connection; end the TCP connection when everything is sent."""

    error: HandshakeError


@dataclass(frozen=True, slots=True)
class MessageReceived:
    """A message: `str` for text, `bytes` for binary."""

    data: str | bytes


@dataclass(frozen=True, slots=True)
class FrameReceived:
    """A frame, with ``assemble_fragments=False``."""

    frame: WebSocketFrame


@dataclass(frozen=True, slots=True)
class PingReceived:
    """A ping; its pong is among the bytes to send already."""

    payload: bytes


@dataclass(frozen=True, slots=True)
class PongReceived:
    """A pong, asked for or not."""

    payload: bytes


@dataclass(frozen=True, slots=True)
class CloseReceived:
    """The peer's close frame; its answer is among the bytes to send already."""

    close: Close


@dataclass(frozen=True, slots=True)
class Failed:
    """The peer broke a rule, or sent nothing more without a close frame.

    A close frame that says why is among the bytes to send already; what comes in is discarded.
    """

    error: Exception


Event = (
    RequestReceived
    | Opened
    | HandshakeFailed
    | MessageReceived
    | FrameReceived
    | PingReceived
    | PongReceived
    | CloseReceived
    | Failed
)
