"""Messages in parts: an async iterator in, an iterable out."""

import asyncio
import contextlib
from collections.abc import AsyncIterable, AsyncIterator, Iterable
from typing import TYPE_CHECKING, Any, Self

from ..errors import ConnectionClosed
from ..protocol import Opcode

if TYPE_CHECKING:
    from .connection import WebSocketConnection

__all__ = ["MessageStream", "send_stream"]

FIN = 0x80


class MessageStream:
    """One incoming message in parts: iterate over it with ``async for``, to its end.

    Parts are `str` for a text message, always whole characters, and `bytes` for a binary one. How the
    message is cut into parts follows how it arrives and means nothing.

    Whoever leaves before the end gives up the rest of the message, and the next one can be received.
    That happens when the stream is let go (in PyPy some time after it); `aclose`, or using it as an
    asynchronous context manager, makes it happen at a known place.
    """

    __slots__ = ("_begun", "_connection", "_done", "_in_parts")

    def __init__(self, connection: "WebSocketConnection") -> None:
        self._connection = connection
        self._begun = False
        self._done = False
        self._in_parts = not connection.waiting
        if self._in_parts:
            connection.open_parts()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> str | bytes:
        """Return the next part.

        Raises:
            ConnectionClosed: The connection ended before the message did.

        Cancellation: Safe.
        """
        connection = self._connection
        while not self._done:
            if not self._in_parts:
                self._done = True
                whole: str | bytes = connection.take()  # it was there already
                return whole
            part: str | bytes | None = connection.take_part()
            # One that is empty is only given where it is all of the message.
            if part or (part is not None and not self._begun):
                self._begun = True
                return part
            if connection.parts_ended:
                self._done = True
                connection.close_parts()
            elif connection.has_ended:
                self._give_up()
                raise connection._closed_error()
            else:
                await connection.wait_arrival()
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """Give up the rest of the message.

        Cancellation: It does not wait.
        """
        self._give_up()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        self._give_up()

    def __del__(self) -> None:
        if self._done or not self._in_parts:
            return
        loop = self._connection.wire.loop
        if asyncio._get_running_loop() is loop:
            self._give_up()
        else:
            # Garbage, and another thread happens to collect it: not to be done under the hands of the event loop.
            self._done = True
            with contextlib.suppress(RuntimeError):  # the loop is closed
                loop.call_soon_threadsafe(self._connection.close_parts)

    def _give_up(self) -> None:
        if not self._done:
            self._done = True
            if self._in_parts:
                self._connection.close_parts()

    async def read(self) -> str | bytes:
        """Return the rest of the message in one piece; ``b""`` when there is no rest.

        Raises:
            ConnectionClosed: The connection ended before the message did.

        Cancellation: What was read by then is lost; the rest can still be read.
        """
        parts: list[Any] = [part async for part in self]
        if parts and isinstance(parts[0], str):
            return "".join(parts)
        return b"".join(parts)


async def send_stream(
    connection: "WebSocketConnection", parts: AsyncIterable[Any] | Iterable[Any], compress: bool | None = None
) -> None:
    """Send the parts as one message, each in a frame of its own, as they come.

    All parts are text, or all are bytes-like; without any part an empty text message is sent. Other
    messages wait until the stream has ended; pings and pongs go between.

    Raises:
        TypeError: A part has another type than the first.
        ConnectionClosed: The connection ended first.

    Cancellation: As any other exception, it closes the connection with 1011, for a message that has
        begun cannot be taken back.
    """
    while connection.is_streaming or not connection.is_writable:
        await connection.wait_room()
    connection.begin_stream(compress)
    try:
        opcode = await _send_parts(connection, parts)
        connection.send_part(FIN | opcode, b"")
    except ConnectionClosed:
        raise
    except BaseException as error:
        cause = error if isinstance(error, Exception) else RuntimeError("the task that sent a stream was cancelled")
        connection.fail(1011, "message could not be finished", cause)
        raise
    finally:
        connection.end_stream()


async def _send_parts(connection: "WebSocketConnection", parts: AsyncIterable[Any] | Iterable[Any]) -> Opcode:
    """Send a frame for each part; return the opcode of the frame that ends the message."""
    is_text: bool | None = None
    opcode = Opcode.TEXT
    async for part in _iterate(parts):
        if is_text is None:
            is_text = isinstance(part, str)
            opcode = Opcode.TEXT if is_text else Opcode.BINARY
        if isinstance(part, str) is not is_text:
            raise TypeError(f"a part of a {'text' if is_text else 'binary'} message is {type(part).__name__}")
        payload = part.encode() if isinstance(part, str) else memoryview(part).tobytes()
        if payload:
            connection.send_part(opcode, payload)
            opcode = Opcode.CONTINUATION
        while not connection.transport_ready:
            await connection.wait_room()
    return opcode


async def _iterate(parts: AsyncIterable[Any] | Iterable[Any]) -> AsyncIterator[Any]:
    if isinstance(parts, AsyncIterable):
        async for part in parts:
            yield part
    else:
        for part in parts:
            yield part
