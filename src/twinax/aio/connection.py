"""`WebSocketConnection`: one open connection, the same for clients and servers.

It is the core with an event loop under it: sending and decoding are inherited and compiled, this file
and `life` add what waits (receiving, draining, closing, round trips) and what is told (events).
"""

import asyncio
from collections.abc import AsyncIterable, Awaitable, Callable, Iterator
from typing import TYPE_CHECKING, Any, ClassVar

from .._core import DONE, CoreConnection
from ..errors import ConcurrencyError, ConnectionClosed, LocalProtocolError
from ..extensions import ExtensionFigures
from ..protocol import Opcode, WebSocketFrame
from .backpressure import Backpressure, Draining
from .events import run_in_background
from .idle import IdleWatch
from .keepalive import Pings, check, unwatch, watch
from .life import ConnectionLife
from .streams import MessageStream, send_stream

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

__all__ = ["WebSocketConnection"]

Sendable = (
    str
    | bytes
    | bytearray
    | memoryview
    | int
    | float
    | Iterator[str]
    | Iterator[bytes]
    | AsyncIterable[str]
    | AsyncIterable[bytes]
)


def as_payload(data: "bytes | str") -> bytes:
    """Return the payload of a control frame; memoryview refuses numbers, of which bytes() would make zeros."""
    return data.encode() if isinstance(data, str) else memoryview(data).tobytes()


class WebSocketConnection(ConnectionLife):
    """An open WebSocket connection.

    You get one from `connect`, as the argument of a `serve` handler, from `WebSocketRequest.accept`, or
    with a ``connect`` event. Receive with ``async for``, `recv`, or a listener for ``message`` (one way
    at a time), send with `send`.

    Events:
        ``message(data)``: A message, `str` for text and `bytes` for binary.
        ``frame(frame)``: A `WebSocketFrame`, with ``assemble_fragments=False``.
        ``close(code, reason)``: The connection is closed; exactly once, whatever ended it.
        ``error(exception)``: What broke the connection, before ``close``.
        ``ping(cancel, data)``: A ping; calling ``cancel()`` suppresses the automatic pong.
        ``pong(data)``: A pong, asked for or not.
        ``drain()``: Nothing is held back for a slow peer any more.
        ``pause()``, ``resume()``: Reading was paused or resumed by the application.

    Listeners are called in the event loop. A coroutine function that listens for ``message`` gets one
    message at a time, in order. When a listener raises, that is logged and the connection is closed
    with 1011; the server goes on.

    Attributes:
        id: A number that no other connection of this process has; it stands in every log line.
        config: The options of this connection.
        protocol: The subprotocol in use, or None.
        extensions: The extensions in use.
        request: The `WebSocketRequest` it was accepted from; None on a client.
        websocket_version: 13, or 8.
        remote_address: The peer's address; what a trusted proxy says, where there is one.
        remote_addresses: All addresses, the client's first, then the proxies'.
        is_client: Whether this side sent the opening handshake.
        is_paused: Whether the application has paused reading.
        latency: The last round-trip time in seconds, of a keepalive ping or one of yours; None before.
        close_report: How the connection ended; None as long as it has not.
    """

    __slots__ = ()

    EVENTS: ClassVar[frozenset[str]] = frozenset(
        {"message", "frame", "close", "error", "ping", "pong", "drain", "pause", "resume"}
    )

    # --- receiving ----------------------------------------------------------------------------

    def recv_stream(self) -> MessageStream:
        """Receive the next message in parts, as they arrive.

        Returns:
            An async iterator of `str` or `bytes`, for a message that is too large or too slow to wait
            for its end. The size limits hold for it too.

        Raises:
            ConcurrencyError: Somebody else receives already, or there is a listener for ``message``.
        """
        if self.is_received:
            raise ConcurrencyError(self._explain_receiver())
        return MessageStream(self)

    async def wait_arrival(self) -> None:
        """Wait until a message or a part of one may have arrived: for streams and coroutine listeners.

        Cancellation: Safe.
        Concurrency: Any number of tasks may wait.
        """
        self.flush()
        if self._arrivals is None or self._arrivals.done():
            self._arrivals = self.wire.loop.create_future()
        await asyncio.shield(self._arrivals)

    def _on_arrival(self) -> None:
        if self._arrivals is not None and not self._arrivals.done():
            self._arrivals.set_result(None)

    def _explain_receiver(self) -> str:
        if self._listeners and self.listeners("message"):
            return "this connection has a listener for 'message'; take it off to receive with recv() or async for"
        return "another task is receiving from this connection; only one can"

    def _cancelled_error(self, message: object) -> BaseException:
        return asyncio.CancelledError() if message is None else asyncio.CancelledError(message)

    def pause(self) -> None:
        """Stop reading: listeners are given nothing, and TCP makes the peer wait, until `resume`.

        `recv` still gives what had arrived before. Pausing twice, or once the connection is closing,
        changes nothing.
        """
        if not self.is_paused and self.is_open:
            self.is_paused = True
            self.note("paused")
            self.stop_input()
            self._emit("pause")

    def resume(self) -> None:
        """Undo `pause`."""
        if self.is_paused:
            self.is_paused = False
            self.note("resumed")
            self.start_input()
            self._on_arrival()
            if self.waiting:
                self.wire.loop.call_soon(self.drain_messages)
            self._emit("resume")

    @property
    def input_paused(self) -> bool:
        """Whether reading is paused, by `pause` or because messages are not taken."""
        return self.is_stopped

    # --- sending ------------------------------------------------------------------------------

    if TYPE_CHECKING:
        # The core's own, whose types would have it check at run time what it finds out anyhow.
        def send(self, data: Sendable, compress: bool | None = None) -> Awaitable[None]: ...
        def send_bytes(self, data: ReadableBuffer, compress: bool | None = None) -> Awaitable[None]: ...

    def _send_other(self, data: Any, compress: bool | None) -> Any:
        if isinstance(data, bytes | bytearray | memoryview):
            return self.send_bytes(data, compress)
        if isinstance(data, int | float) and not isinstance(data, bool):
            return self.send(str(data), compress)
        if isinstance(data, AsyncIterable) or hasattr(data, "__next__"):
            parts: Any = data
            return run_in_background(send_stream(self, parts, compress), self._on_stream_error)
        raise TypeError(
            "send() takes str, bytes-like, a number, or an iterator or async iterable of parts, "
            f"not {type(data).__name__}"
        )

    def _on_stream_error(self, error: BaseException) -> None:
        if not isinstance(error, ConnectionClosed):
            self._on_listener_failure("send", error)

    def send_utf(self, data: object, compress: bool | None = None) -> Awaitable[None]:
        """Send `data` as a text message, by its `str` form; see `send`."""
        return self.send(data if isinstance(data, str) else str(data), compress)

    def send_frame(self, frame: WebSocketFrame) -> Awaitable[None]:
        """Send one frame as it is, for protocols below the message.

        Raises:
            ConnectionClosed: The connection is not open.
        """
        sent: Awaitable[None] = self.send_frame_bytes(frame.first_byte, frame.binary_payload)
        return sent

    def fragment_and_send(self, frame: WebSocketFrame) -> Awaitable[None]:
        """Send the payload of a text or binary frame as a message, in fragments where it is long; see `send`.

        Raises:
            LocalProtocolError: The frame is neither text nor binary: nothing else can be fragmented
                (RFC 6455 5.4); or its text is not UTF-8.
            ConnectionClosed: The connection is not open.
        """
        if frame.opcode == Opcode.BINARY:
            return self.send_bytes(frame.binary_payload)
        if frame.opcode != Opcode.TEXT:
            raise LocalProtocolError(f"{frame!r} cannot be fragmented, only text and binary can (RFC 6455 5.4)")
        try:
            return self.send(frame.binary_payload.decode())
        except UnicodeDecodeError as error:
            raise LocalProtocolError(f"the text is not UTF-8: {error} (RFC 6455 8.1)") from error

    async def drain(self) -> None:
        """Wait until the peer has caught up.

        Raises:
            ConnectionClosed: The connection ended first.

        Cancellation: Safe.
        Concurrency: Any number of tasks may wait.
        """
        while not self.is_writable:
            await self.wait_room()

    async def wait_room(self) -> None:
        """Wait until something may have changed about what can be written: for `drain` and streams.

        Raises:
            ConnectionClosed: The connection ended before.

        Cancellation: Safe.
        Concurrency: Any number of tasks may wait.
        """
        if self.has_ended:
            raise self._closed_error()
        if self._backpressure is None:
            self._backpressure = Backpressure(self)
        await self._backpressure.wait()

    @property
    def buffered_amount(self) -> int:
        """Bytes accepted by `send` that the kernel has not taken yet."""
        return self.held_size + self.wire.unsent

    @property
    def output_buffer_full(self) -> bool:
        """Whether `send` has to be waited for."""
        return not self.is_writable

    def _wait_writable(self) -> Any:
        return DONE if self.is_writable else Draining(self)

    def set_writable(self, writable: bool) -> None:
        """Called by the wire: the transport is full, or takes more again."""
        if self._backpressure is None:
            self._backpressure = Backpressure(self)
        if writable:
            self._backpressure.unwatch()
        else:
            self._backpressure.watch()
        CoreConnection.set_writable(self, writable)
        if writable:
            self._backpressure.release()

    def _on_writable(self) -> None:
        if self._backpressure is not None:
            self._backpressure.release()  # a stream that has ended lets the next one begin
        if self._listeners:
            self._emit("drain")

    def _on_overflow(self, size: int, limit: int) -> Exception:
        self.give_up(f"the peer does not read: {size} bytes would be unsent, max_unsent_size={limit}")
        return self._closed_error()

    @property
    def mask_outgoing_packets(self) -> bool:
        """Whether what is sent is masked: on a client (RFC 6455 5.3)."""
        return self.is_client

    @property
    def socket(self) -> Any:
        """The socket, as far as the transport shows it, for its addresses and options; None where it has none."""
        return self.wire.socket

    # --- ping and pong ------------------------------------------------------------------------

    def ping(self, data: bytes | str | None = None) -> "asyncio.Future[float]":
        """Send a ping now; await what is returned for the round-trip time.

        Args:
            data: At most 125 bytes; None: a payload of our own, unique among those waiting.

        Returns:
            An awaitable that gives seconds when the pong comes; it need not be awaited.

        Raises:
            LocalProtocolError: `data` is longer than 125 bytes (RFC 6455 5.5).
            ConnectionClosed: The connection is not open.
        """
        if self._pings is None:
            self._pings = Pings()
        payload = self._pings.next_payload() if data is None else as_payload(data)
        self.send_control(Opcode.PING, payload)
        return self._pings.add(payload, self.wire.loop.time(), self.wire.loop)

    def pong(self, data: bytes | str = b"") -> None:
        """Send a pong that nobody asked for (RFC 6455 5.5.3); pings are answered without your help.

        Raises:
            LocalProtocolError: `data` is longer than 125 bytes.
            ConnectionClosed: The connection is not open.
        """
        self.send_control(Opcode.PONG, as_payload(data))

    def _start_keepalive(self) -> None:
        watch(self, self.config.keepalive_interval)

    def time_has_come(self, due: float, now: float) -> None:
        """Called by the timers: it is time to look whether the peer is alive."""
        self.keepalive_due = 0.0
        check(self, due, now)

    def send_keepalive_ping(self) -> None:
        """Called by the keepalive: the peer is silent."""
        if self.is_open:
            self.note("keepalive ping")
            self.ping()
            self.flush()

    def _on_ping(self, payload: bytes) -> bool:
        if not self._listeners or not self.listeners("ping"):
            return True
        cancelled: list[bool] = []
        self._emit("ping", lambda: cancelled.append(True), payload)
        return not cancelled

    def _on_pong(self, payload: bytes) -> None:
        if self._pings is not None:
            round_trip = self._pings.answer(payload, self.wire.loop.time())
            if round_trip is not None:
                self.latency = round_trip
        if self._listeners:
            self._emit("pong", payload)

    def _on_frame(self, fin: bool, rsv: int, opcode: int, payload: bytes) -> None:
        self._emit("frame", WebSocketFrame.received(fin, rsv, opcode, payload, masked=not self.is_client))

    # --- the end ------------------------------------------------------------------------------

    def send_close_frame(self, code: int = 1000, reason: str | None = None) -> Awaitable[None]:
        """Begin the closing handshake; the same as `close`, which waits for the peer's close frame, too."""
        return self.close(code, reason)

    @property
    def socket_had_error(self) -> bool:
        """Whether an error of the socket ended the connection; the error is in `close_report`."""
        return self.close_report is not None and isinstance(self.close_report.error, OSError)

    # --- extensions ---------------------------------------------------------------------------

    @property
    def extension_figures(self) -> ExtensionFigures | None:
        """What the extensions of this connection have made of its messages; None when it has none."""
        traffic = self.traffic
        if traffic is None:
            return None
        return ExtensionFigures(*traffic, sum(getattr(item.codec, "memory_used", 0) for item in self.extensions))

    def _on_extensions_used(self) -> None:
        timeout = self.config.extension_idle_timeout
        if timeout is not None and not self.has_ended:
            self._idle_watch = self._idle_watch or IdleWatch(self, timeout)
            self._idle_watch.start()

    def _run_apart(self, work: Callable[[], Any], done: Callable[[Any], None]) -> bool:
        try:
            future = self.wire.loop.run_in_executor(None, work)
        except RuntimeError:  # the loop, or the interpreter, is about to end: there are no new threads
            return False
        future.add_done_callback(lambda result: None if result.cancelled() else done(result.result()))
        return True

    def _on_extension_error(self, error: Exception) -> None:
        self.logger.extension_failed(error)

    def _release_waiters(self) -> None:
        self.wake_receiver()
        if self._idle_watch is not None:
            self._idle_watch.stop()
        if self.keepalive_due:
            unwatch(self)
        if self._backpressure is not None:
            self._backpressure.unwatch()
            self._backpressure.release()
        if self._pings is not None:
            self._pings.fail(self._closed_error())
