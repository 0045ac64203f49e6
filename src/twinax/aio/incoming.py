"""One TCP connection to a server, from accept to its answer.

It collects the head of the request within the limits, hands it to the server, and writes the answer.
Whatever the answer is but 101, the connection is then ended and everything that follows is discarded:
bytes behind a refused upgrade are never read as another request.
"""

import asyncio
from typing import TYPE_CHECKING, Any

from .._core import HEADROOM
from ..errors import HandshakeError
from ..protocol import HeadBuffer, build_reject, parse_request_head, recognise_request
from .http import HTTPResponse, build_http_answer
from .sockets import Hub, SocketWire
from .tls_wire import TLSWire
from .transport_wire import TransportWire
from .wire import Wire

if TYPE_CHECKING:
    from .admission import Admission
    from .request import WebSocketRequest

__all__ = ["Incoming"]

MAX_EARLY = 65536  # bytes kept while the application decides; a client has no business sending more


class Incoming:
    """The owner of a wire until the opening handshake is over.

    Attributes:
        wire: The TCP connection.
        early: What came behind the head of the request.
        request: The request, once it has passed the rules and as long as it is not answered.
        is_plain: Whether it is a plain request that the application is answering.
        is_answered: Whether the answer was written.
        loop_state: What the connections of the event loop share.
    """

    __slots__ = (
        "_accepted_at",
        "_admission",
        "_due",
        "_head",
        "early",
        "is_answered",
        "is_plain",
        "loop_state",
        "request",
        "wire",
    )

    def __init__(self, admission: "Admission", loop: asyncio.AbstractEventLoop) -> None:
        self._admission = admission
        self._head: HeadBuffer | None = None  # most heads come in one piece and never need it
        self.is_answered = False
        self._accepted_at = loop.time()
        self._due = 0.0  # when a timeout is over; 0: none runs
        self.loop_state = admission.loop_state_of(loop)
        self.early = b""
        self.is_plain = False
        self.request: WebSocketRequest | None = None
        self.wire: Wire

    @classmethod
    def on_transport(
        cls, admission: "Admission", loop: asyncio.AbstractEventLoop, *, tls: bool
    ) -> "tuple[Incoming, TransportWire]":
        """Wait for a transport; return its protocol too."""
        incoming = cls(admission, loop)
        incoming.wire = wire = (TLSWire if tls else TransportWire)(loop, incoming)
        return incoming, wire

    @classmethod
    def on_socket(cls, admission: "Admission", hub: Hub, no_delay: bool, fd: int, peer: Any) -> None:
        """Take over a socket that was accepted."""
        incoming = cls(admission, hub.loop)
        incoming.wire = wire = SocketWire(hub, fd, peer, incoming, no_delay=no_delay)
        wire.start()

    # --- what the wire tells ------------------------------------------------------------------

    def wire_opened(self) -> None:
        """Called by the wire: it is there, TLS included."""
        timeout = self._admission.config.open_timeout
        if timeout is not None:
            self._arm(self._accepted_at + timeout)
        self._admission.incoming_opened(self)

    def receive(self, buffer: bytearray, end: int, now: float) -> None:
        """Called by the wire: bytes have come."""
        if self.is_answered or self.is_plain:
            return  # what follows a plain request is no request of its own: the connection ends with the answer
        if self.request is not None:
            self.early += memoryview(buffer)[HEADROOM:end]
            if len(self.early) > MAX_EARLY:
                self.wire.pause_reading()
            return
        try:
            if self._head is not None or not self._recognise(buffer, end):
                self._read_head(memoryview(buffer)[HEADROOM:end])
        except HandshakeError as error:
            self.refuse(error)
            self._admission.handshake_failed(error)

    def _recognise(self, buffer: bytearray, end: int) -> bool:
        """Take the short cut if the request is whole and plainly fine."""
        config = self._admission.config
        found = recognise_request(
            buffer, HEADROOM, end, parse_cookies=config.parse_cookies, parse_extensions=config.parse_extensions
        )
        if found is None:
            return False
        handshake, size = found
        if HEADROOM + size < end:
            self.early = bytes(memoryview(buffer)[HEADROOM + size : end])
        self._admission.upgrade_arrived(self, handshake)
        return True

    def _read_head(self, data: memoryview) -> None:
        if self._head is None:
            self._head = HeadBuffer("server")
        head = self._head.feed(data)
        if head is not None:
            self.early = self._head.rest
            self._admission.head_arrived(self, parse_request_head(head))

    def wire_eof(self) -> None:
        """Called by the wire: the client sends nothing more."""
        # A plain request may end like this and still be answered. Any other that is pending stays so: an
        # application that accepts it now is told by `close` that nobody is there.
        if self.is_answered or not self.is_plain:
            self.wire.close()

    def wire_lost(self, error: BaseException | None) -> None:
        """Called by the wire: the TCP connection is gone."""
        self._stop_timer()
        self._admission.incoming_closed(self)
        if self.request is not None:
            self.request.client_gone()

    def set_writable(self, writable: bool) -> None:
        """Called by the wire: of no matter here, an answer is written once."""

    # --- answers ------------------------------------------------------------------------------

    def accept(self, answer: bytes) -> None:
        """Write the 101; the wire goes to a connection next."""
        self._stop_timer()
        self.is_answered = True
        self.request = None
        self._admission.incoming_closed(self)
        self.wire.resume_reading()
        self.wire.write(answer)

    def answer(self, answer: bytes) -> None:
        """Write any other answer, end our direction, and wait a moment for the client to read it."""
        if self.is_answered:
            return
        self.is_answered = True
        self._stop_timer()
        self.request = None
        self.early = b""
        if self.wire.is_lost:
            return
        self.wire.resume_reading()
        self.wire.write(answer)
        self.wire.finish()
        self._arm(self.wire.loop.time() + self._admission.config.linger_timeout)

    def answer_http(self, response: HTTPResponse, method: str) -> None:
        """Answer a plain request."""
        self.answer(build_http_answer(response, method))

    def refuse(self, error: HandshakeError) -> None:
        """Refuse a request that breaks a rule."""
        self.answer(build_reject(error.status or 400, str(error), error.headers))

    # --- timeouts -----------------------------------------------------------------------------

    def _arm(self, due: float) -> None:
        self._due = due
        self.loop_state.timers.add(self.wire.loop, self, due)

    def time_has_come(self, due: float, now: float) -> None:
        """Called by the timers: the request has taken too long, or the client does not read its answer."""
        self._due = 0.0
        if self.is_answered:
            self.wire.abort()
            return
        timeout = self._admission.config.open_timeout
        assert timeout is not None  # it was when this began to run
        if self.request is not None:
            self.request.time_out(timeout)
            return
        if self.is_plain:
            self.refuse(HandshakeError(f"not answered within open_timeout={timeout} s", status=503))
        else:
            self.refuse(HandshakeError(f"no complete request within open_timeout={timeout} s", status=408))

    def _stop_timer(self) -> None:
        if self._due:
            self.loop_state.timers.discard(self, self._due)
            self._due = 0.0

    def abort(self) -> None:
        """End it at once: the server is closing."""
        self.wire.abort()
