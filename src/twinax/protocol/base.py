"""What the sans-I/O protocols of both roles share: the connection after its opening handshake."""

from collections.abc import Iterable
from typing import Any

from .._core import HEADROOM, CoreConnection, CoreSettings, MaskKeys
from ..checks import as_extensions
from ..close import Close
from ..errors import HandshakeError, LocalProtocolError
from ..extension import Extension
from ..extensions import default_extensions
from ..logs import EXTENSION_LOGGER
from .events import (
    CloseReceived,
    Event,
    Failed,
    FrameReceived,
    HandshakeFailed,
    MessageReceived,
    PingReceived,
    PongReceived,
)
from .frame import Opcode, WebSocketFrame
from .head import HeadBuffer
from .negotiation import AgreedExtension, build_pipeline, usable_extensions

__all__ = ["WebSocketProtocol"]

NO_CLOCK = -1.0
PIECE_SIZE = 65536


class _Recorder(CoreConnection):
    """The core, with a list of events where an event loop would be."""

    def __init__(self, settings: CoreSettings, keys: MaskKeys | None, events: list[Event]) -> None:
        CoreConnection.__init__(self, settings, keys)
        self._events = events
        self._masked = keys is None
        self.output: list[bytes] = []
        self.attach(self._take_output)
        self.listen(self._on_message)

    def _take_output(self, data: Any) -> None:
        self.output.append(bytes(data))

    def _on_message(self, message: Any) -> None:
        self._events.append(MessageReceived(message))

    def _on_frame(self, fin: bool, rsv: int, opcode: int, payload: bytes) -> None:
        self._events.append(FrameReceived(WebSocketFrame.received(fin, rsv, opcode, payload, masked=self._masked)))

    def _on_ping(self, payload: bytes) -> bool:
        self._events.append(PingReceived(payload))
        return True

    def _on_pong(self, payload: bytes) -> None:
        self._events.append(PongReceived(payload))

    def _on_close(self, close: Close) -> None:
        self._events.append(CloseReceived(close))

    def _on_extension_error(self, error: Exception) -> None:
        EXTENSION_LOGGER.error("%s", error, exc_info=error)

    def _on_failure(self, error: Exception) -> None:
        self._events.append(Failed(error))

    def take_all(self, data: bytes | bytearray | memoryview, now: float) -> None:
        """Decode everything: fairness between connections is for whoever does the I/O."""
        view = memoryview(data)
        # What is left of a piece when a turn's budget is spent is copied: whole, that would be quadratic.
        for start in range(0, len(view), PIECE_SIZE):
            buffer = bytearray(HEADROOM) + view[start : start + PIECE_SIZE]
            self.receive(buffer, len(buffer), now)
            while self.has_backlog:
                self.continue_receive(now)


class WebSocketProtocol:
    """Base of `ClientProtocol` and `ServerProtocol`: bytes in, events out; messages in, bytes out.

    No input, output, clock or event loop: feed `receive_data`, write what `data_to_send` gives, end the
    TCP connection when `should_close` says so.

    Attributes:
        extensions: The extensions in use, in the order in which they encode; empty before the handshake is done.
    """

    def __init__(
        self,
        role: str,
        settings: dict[str, Any],
        keys: MaskKeys | None,
        extensions: Iterable[Extension] | None,
    ) -> None:
        self._events: list[Event] = []
        self._head = HeadBuffer("client" if role == "client" else "server")
        self._core = _Recorder(CoreSettings(**settings), keys, self._events)
        self._is_client = keys is not None
        chosen = default_extensions() if extensions is None else as_extensions(extensions) or ()
        self._usable = usable_extensions(chosen, assemble=settings.get("assemble_fragments", True))
        self.extensions: tuple[AgreedExtension, ...] = ()
        self._opened = False
        self._ended = False
        self._output: list[bytes] = []

    # --- bytes --------------------------------------------------------------------------------

    def receive_data(self, data: bytes | bytearray | memoryview, now: float | None = None) -> list[Event]:
        """Take bytes from the peer.

        Args:
            data: Any number of bytes.
            now: The time of a clock of yours, in seconds, never going back; None: the rate of control
                frames is not limited.

        Returns:
            What has happened, in order. Breaking a rule is an event and not an exception.
        """
        if self._opened:
            self._core.take_all(data, NO_CLOCK if now is None else now)
        elif not self._ended:
            self._receive_head(data, NO_CLOCK if now is None else now)
        return self._take_events()

    def receive_eof(self) -> list[Event]:
        """Say that the peer sends nothing more."""
        if not self._ended:
            self._ended = True
            self._core.close_extensions()
            if not self._opened:
                self._events.append(HandshakeFailed(HandshakeError("the peer ended the TCP connection")))
            elif self._core.close_rcvd is None and self._core.state_name != "failed":
                self._events.append(Failed(EOFError("the peer ended the TCP connection without a close frame")))
        return self._take_events()

    def _receive_head(self, data: bytes | bytearray | memoryview, now: float) -> None:
        try:
            head = self._head.feed(data)
            if head is not None:
                self._head_arrived(head)
        except HandshakeError as error:
            self._fail_handshake(error)
        if self._opened and self._head.rest:
            self._core.take_all(self._head.rest, now)

    def _head_arrived(self, head: bytes) -> None:
        raise NotImplementedError

    def _fail_handshake(self, error: HandshakeError) -> None:
        self._ended = True
        self._events.append(HandshakeFailed(error))

    def _extend(self, agreed: list[AgreedExtension]) -> None:
        self.extensions = tuple(agreed)
        if agreed:
            self._core.extend(build_pipeline(agreed))

    def _take_events(self) -> list[Event]:
        events = self._events[:]
        self._events.clear()
        return events

    def data_to_send(self) -> bytes:
        """Return the bytes to write now; ``b""`` when there are none."""
        self._core.flush()
        data = b"".join((*self._output, *self._core.output))
        self._output.clear()
        self._core.output.clear()
        return data

    # --- messages -----------------------------------------------------------------------------

    def send(self, data: str | bytes | bytearray | memoryview, compress: bool | None = None) -> None:
        """Send a message: text for `str`, binary for bytes-like.

        Args:
            data: The message.
            compress: Compress it, or do not; None: as the extensions see fit.

        Raises:
            LocalProtocolError: The connection is not open.
        """
        self._check_opened()
        self._core.send(data, compress)

    def send_frame(self, frame: WebSocketFrame) -> None:
        """Send a frame as it is.

        Raises:
            LocalProtocolError: The connection is not open.
        """
        self._check_opened()
        self._core.send_frame_bytes(frame.first_byte, frame.binary_payload)

    def ping(self, payload: bytes = b"") -> None:
        """Send a ping.

        Raises:
            LocalProtocolError: More than 125 bytes, or the connection is not open.
        """
        self._check_opened()
        self._core.send_control(Opcode.PING, payload)

    def pong(self, payload: bytes = b"") -> None:
        """Send a pong; pings are answered without it.

        Raises:
            LocalProtocolError: More than 125 bytes, or the connection is not open.
        """
        self._check_opened()
        self._core.send_control(Opcode.PONG, payload)

    def close(self, code: int | None = 1000, reason: str = "") -> None:
        """Begin the closing handshake.

        Raises:
            LocalProtocolError: Code or reason may not be sent, or there is no connection yet.
        """
        self._check_opened()
        self._core.begin_close(code, reason)

    def _check_opened(self) -> None:
        if not self._opened:
            raise LocalProtocolError("the opening handshake is not done")

    # --- questions ----------------------------------------------------------------------------

    @property
    def state(self) -> str:
        """``connecting``, ``open``, ``closing``, ``closed`` or ``failed``."""
        if self._ended and (not self._opened or self._core.is_open):
            return "closed"
        return self._core.state_name if self._opened else "connecting"

    @property
    def close_sent(self) -> Close | None:
        """Our close frame, or None."""
        return self._core.close_sent

    @property
    def close_rcvd(self) -> Close | None:
        """The peer's close frame, or None."""
        return self._core.close_rcvd

    @property
    def should_close(self) -> bool:
        """Whether to end the TCP connection once `data_to_send` is written.

        After the closing handshake that is the server's part (RFC 6455 7.1.1); a client waits for it,
        for as long as it likes.
        """
        if self._ended or self.state == "failed":
            return True
        return self.state == "closed" and not self._is_client
