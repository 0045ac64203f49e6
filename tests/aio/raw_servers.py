"""Servers of hand-written bytes, and the loop that tests run in."""

import asyncio
import contextlib
import ssl as ssl_module
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from twinax.protocol import accept_key

Result = TypeVar("Result")

WITHIN = 20.0


def run(
    main: Coroutine[Any, Any, Result], new_loop: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop
) -> Result:
    """Runs a test, to its end within `WITHIN` seconds; tasks that it leaves behind fail it."""

    async def guarded() -> Result:
        async with asyncio.timeout(WITHIN):
            result = await main
        left = asyncio.all_tasks() - {asyncio.current_task()}
        if left:  # asyncio's own servers take a few turns for a client that went away in the TLS handshake
            _, left = await asyncio.wait(left, timeout=WITHIN / 4)
        assert not left, f"tasks were left behind: {left}"
        return result

    with asyncio.Runner(loop_factory=new_loop) as runner:
        return runner.run(guarded())


class Conversation:
    """One TCP connection to a `RawServer`, whose request was read.

    Attributes:
        request: The head of the request.
    """

    def __init__(self, request: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.request = request.decode("latin-1")
        self.reader = reader
        self.writer = writer

    def field(self, name: str) -> str | None:
        """The value of a field of the request."""
        for line in self.request.split("\r\n")[1:]:
            key, _, value = line.partition(": ")
            if key.lower() == name.lower():
                return value
        return None

    def accept(self, *lines: str) -> bytes:
        """The head of a 101 for this request, with more lines."""
        key = self.field("Sec-WebSocket-Key")
        assert key is not None
        fields = ["Upgrade: websocket", "Connection: Upgrade", f"Sec-WebSocket-Accept: {accept_key(key)}", *lines]
        return "\r\n".join(["HTTP/1.1 101 Switching Protocols", *fields, "", ""]).encode("latin-1")

    def write(self, data: bytes) -> None:
        """Sends bytes."""
        self.writer.write(data)

    async def ended(self) -> bytes:
        """Waits until the client has ended the connection; returns what it sent before."""
        try:
            return await self.reader.read()
        except ConnectionResetError:
            return b""


class RawServer:
    """What `raw_server` gives.

    Attributes:
        port: Where it listens, on 127.0.0.1.
        conversations: One for each request so far.
    """

    def __init__(self) -> None:
        self.port = 0
        self.conversations: list[Conversation] = []
        self.tasks: set[asyncio.Task[None]] = set()

    @property
    def uri(self) -> str:
        """The address."""
        return f"ws://127.0.0.1:{self.port}/"


Script = Callable[[Conversation], Awaitable[None]]


@contextlib.asynccontextmanager
async def raw_server(script: Script, ssl: ssl_module.SSLContext | None = None) -> AsyncIterator[RawServer]:
    """Runs a server that reads a request and lets `script` answer it; the connection ends with the script."""
    raw = RawServer()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            request = await reader.readuntil(b"\r\n\r\n")
            conversation = Conversation(request, reader, writer)
            raw.conversations.append(conversation)
            await script(conversation)
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the client went away, which some tests are about
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError, ssl_module.SSLError):
                await writer.wait_closed()

    def start(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(serve(reader, writer))
        raw.tasks.add(task)

    server = await asyncio.start_server(start, "127.0.0.1", 0, ssl=ssl)
    raw.port = server.sockets[0].getsockname()[1]
    try:
        yield raw
    finally:
        for _ in range(10):  # asyncio leaks what it is accepting when it is closed
            await asyncio.sleep(0)
        server.close()
        for task in raw.tasks:
            if not task.done():
                task.cancel()
        results = await asyncio.gather(*raw.tasks, return_exceptions=True)
        for result in results:
            if isinstance(result, Exception):
                raise result


def answer(*parts: bytes) -> Script:
    """A script that sends these bytes and ends the connection."""

    async def script(conversation: Conversation) -> None:
        conversation.write(b"".join(parts))

    return script
