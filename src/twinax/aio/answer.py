"""The answer to an opening handshake, as it comes in: the owner of a client's wire until it is complete.

A 101 stops reading, so that what the server sends right behind it waits for the connection; what came in
the same read is kept for it. Every other answer is read to the end of its body, or as far as that is kept.
"""

import asyncio
from typing import TYPE_CHECKING

from .._core import HEADROOM
from ..errors import HandshakeError
from ..protocol import HeadBuffer, ResponseHead, parse_response_head
from ..protocol.body import BodyBuffer
from .closing import explain_loss
from .wire import Wire

if TYPE_CHECKING:
    from .connection import WebSocketConnection

__all__ = ["ResponseReader"]

MAX_INTERIM = 8  # answers such as 103 before the one that counts


class ResponseReader:
    """Reads one answer from a wire.

    Attributes:
        wire: The wire, once the socket is connected.
        head: The head of the answer; None until it has come.
    """

    __slots__ = ("_body", "_body_done", "_early", "_ended", "_head", "_head_done", "_interim", "head", "wire")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._head = HeadBuffer("client")
        self._head_done: asyncio.Future[None] = loop.create_future()
        self._body: BodyBuffer | None = None
        self._body_done: asyncio.Future[None] = loop.create_future()
        self._early = b""
        self._ended = False
        self._interim = 0
        self.head: ResponseHead | None = None
        self.wire: Wire

    async def read_head(self) -> ResponseHead:
        """Wait for the head of the answer.

        Raises:
            HandshakeError: It cannot be read, or the connection ended before it was complete.
        """
        await self._head_done
        assert self.head is not None
        return self.head

    async def read_body(self) -> bytes:
        """Wait for the body of an answer other than 101; the connection may end it."""
        await self._body_done
        return self.body

    @property
    def body(self) -> bytes:
        """What has come of the body."""
        return b"" if self._body is None else self._body.data

    @property
    def early(self) -> bytes:
        """What came behind a 101."""
        return self._early

    def hand_over(self, connection: "WebSocketConnection") -> None:
        """Let the connection, which has the wire already, know what happened meanwhile, and go on reading."""
        if self._ended:
            # Behind what the connection has in store: the end is not told before what came before it.
            self.wire.loop.call_soon(connection.wire_eof)
        self.wire.resume_reading()

    # --- what the wire tells ------------------------------------------------------------------

    def wire_opened(self) -> None:
        """Called by the wire: it is there; the request is written by whoever connects."""

    def receive(self, buffer: bytearray, end: int, now: float) -> None:
        """Called by the wire: bytes have come."""
        data = bytes(memoryview(buffer)[HEADROOM:end])
        if self.head is not None:
            self._take(data)
            return
        if self._head_done.done():
            return
        try:
            self._read(data)
        except HandshakeError as error:
            self._fail(error)

    def _read(self, data: bytes) -> None:
        while (found := self._head.feed(data)) is not None:
            data = self._head.rest
            head = parse_response_head(found)
            if not head.is_interim:
                self._begin_answer(head, data)
                return
            # RFC 9110 15.2: a client MUST be able to parse interim responses, and may ignore them.
            self._interim += 1
            if self._interim > MAX_INTERIM:
                raise HandshakeError(f"the server sent more than {MAX_INTERIM} interim answers", status=head.status)
            self._head = HeadBuffer("client")

    def _begin_answer(self, head: ResponseHead, rest: bytes) -> None:
        self.head = head
        if head.status == 101:
            self.wire.pause_reading()
        else:
            self._body = BodyBuffer(head)
        self._take(rest)
        if not self._head_done.done():
            self._head_done.set_result(None)

    def _take(self, data: bytes) -> None:
        if self._body is None:
            self._early += data
        elif self._body.feed(data):
            self._end_body()

    def _end_body(self) -> None:
        if not self._body_done.done():
            self._body_done.set_result(None)
            self.wire.pause_reading()

    def wire_eof(self) -> None:
        """Called by the wire: the server sends nothing more."""
        self._ended = True
        if self.head is None:
            problem = "the server ended the connection " + self._progress()
            self._fail(HandshakeError(problem), EOFError("the server ended the TCP connection"))
        else:
            self._end_body()

    def wire_lost(self, error: BaseException | None) -> None:
        """Called by the wire: the connection is gone."""
        if self.head is None:
            problem = f"the connection was lost ({explain_loss(error)}) {self._progress()}"
            self._fail(HandshakeError(problem), error or EOFError("the server ended the TCP connection"))
        else:
            self._end_body()

    def set_writable(self, writable: bool) -> None:
        """Called by the wire: of no matter here, a request is written once."""

    def _progress(self) -> str:
        size = self.wire.rcvd_size
        if size:
            return f"in the middle of its answer, after {size} bytes"
        # That is also what most servers do to a client that does not speak TLS where they do.
        hint = "" if self.wire.is_tls else "; if the server speaks TLS on this port, use wss://"
        return "without an answer" + hint

    def _fail(self, error: HandshakeError, cause: BaseException | None = None) -> None:
        if not self._head_done.done():
            if cause is not None:
                error.__cause__ = cause
            self._head_done.set_exception(error)
            self._head_done.exception()  # nobody is told when the caller has given up already
