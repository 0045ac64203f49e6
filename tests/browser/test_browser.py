"""A real browser talks to a twinax server."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest
from webdriver import Browser

import twinax
from twinax.extensions import PerMessageDeflate
from twinax.extensions.zlibs import LibraryName

Start = Callable[[], AbstractAsyncContextManager[Browser]]
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: %d\r\nConnection: close\r\n\r\n"
PAGE = Path(__file__).with_name("page.html")


@contextlib.asynccontextmanager
async def served_page() -> AsyncIterator[str]:
    """Serves the page of these tests over HTTP, as a web application would; gives its origin."""

    body = PAGE.read_bytes()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # A browser opens connections ahead of use, and closes some without a request.
        with contextlib.suppress(asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(HEAD % len(body) + body)
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def echo(connection: twinax.WebSocketConnection) -> None:
    # Iteration ends with an error for every code but 1000 and 1001.
    with contextlib.suppress(twinax.ConnectionClosedError):
        async for message in connection:
            if message == "close me":
                await connection.close(4002, "as you wish")
            else:
                await connection.send(message)


@pytest.mark.real_time
async def test_text_and_binary_come_back_and_the_page_closes(browser: Start) -> None:
    ended = asyncio.get_running_loop().create_future()

    async def echo_until_closed(connection: twinax.WebSocketConnection) -> None:
        connection.on("close", lambda code, reason: ended.set_result((code, reason)))
        await echo(connection)

    long_text = "Größe 😀 " * 12_000
    async with (
        asyncio.timeout(60),
        served_page() as origin,
        twinax.serve(echo_until_closed, "127.0.0.1", 0, allowed_origins=[origin], subprotocols=["chat"]) as server,
        browser() as window,
    ):
        await window.open(origin)
        await window.run("connect(arguments[0], ['other', 'chat'])", f"ws://127.0.0.1:{server.port}/")
        await window.wait_for("seen.opened")
        await window.type("#text", "typed by a user")
        await window.click("#send")
        await window.run("socket.send(''); socket.send(arguments[0])", long_text)
        await window.run("socket.send(new Uint8Array([0, 127, 128, 255]))")
        await window.wait_for("seen.messages.length === 4")
        await window.run("socket.close(4001, 'bye')")
        await window.wait_for("seen.close")
        seen = await window.run("return seen")
        assert seen["protocol"] == "chat"
        assert seen["messages"] == ["typed by a user", "", long_text, [0, 127, 128, 255]]
        # RFC 6455 5.5.1: the answer, which the page sees, repeats the code; the reason is not repeated.
        assert (seen["close"]["code"], seen["close"]["wasClean"]) == (4001, True)
        assert seen["errors"] == 0
        assert await ended == (4001, "bye")


@pytest.mark.real_time
async def test_the_page_sees_the_code_with_which_the_server_closes(browser: Start) -> None:
    async with (
        asyncio.timeout(60),
        served_page() as origin,
        twinax.serve(echo, "127.0.0.1", 0, allowed_origins=[origin]) as server,
        browser() as window,
    ):
        await window.open(origin)
        await window.run("connect(arguments[0], [])", f"ws://127.0.0.1:{server.port}/")
        await window.wait_for("seen.opened")
        await window.run("socket.send('close me')")
        close = await window.wait_for("seen.close")
        assert close == {"code": 4002, "reason": "as you wish", "wasClean": True}


@pytest.mark.real_time
async def test_a_page_of_another_origin_is_refused_by_default(browser: Start) -> None:
    async def never(connection: twinax.WebSocketConnection) -> None:
        raise AssertionError("a foreign page was let in")

    async with (
        asyncio.timeout(60),
        served_page() as origin,
        twinax.serve(never, "127.0.0.1", 0) as server,
        browser() as window,
    ):
        await window.open(origin)
        await window.run("connect(arguments[0], [])", f"ws://127.0.0.1:{server.port}/")
        close = await window.wait_for("seen.close")
        assert close == {"code": 1006, "reason": "", "wasClean": False}
        assert await window.run("return seen.opened") is False


@pytest.mark.real_time
@pytest.mark.parametrize("library", ["zlib", "zlib-ng", "isal"])
async def test_the_browser_compresses_and_is_sent_compressed_messages(browser: Start, library: LibraryName) -> None:
    connections: list[twinax.WebSocketConnection] = []

    async def echo_all(connection: twinax.WebSocketConnection) -> None:
        connections.append(connection)
        with contextlib.suppress(twinax.ConnectionClosedError):
            async for message in connection:
                await connection.send(message, compress=True)

    extensions = [PerMessageDeflate(library=library)]
    limits = {"max_received_message_size": 1 << 24, "max_received_frame_size": 1 << 24}
    async with (
        asyncio.timeout(60),
        served_page() as origin,
        twinax.serve(echo_all, "127.0.0.1", 0, allowed_origins=[origin], extensions=extensions, **limits) as server,
        browser() as window,
    ):
        await window.open(origin)
        await window.run("connect(arguments[0], [])", f"ws://127.0.0.1:{server.port}/")
        await window.wait_for("seen.opened")
        assert await window.run("return socket.extensions") == str(connections[0].extensions[0])
        # In order: short and long, again so that both contexts are needed, none at all, larger than any window.
        lines = "Array.from({length: 5000}, (_, i) => `Größe ${i * 7919 % 10007} 😀`).join(' ')"
        await window.run(
            f"window.sent = ['short', {lines}, 'short', {lines}, '', 'ab'.repeat(1500000)];"
            "for (const message of sent) socket.send(message);"
            "socket.send(new Uint8Array(200000).map((_, i) => i * i % 251))"
        )
        await window.wait_for("seen.messages.length === 7")
        assert await window.run("return sent.every((message, i) => message === seen.messages[i])")
        assert await window.run("return seen.messages[6].every((byte, i) => byte === i * i % 251)")
        # A message for many refers to none before; what is sent after it refers to none either.
        server.broadcast("for everybody " * 500)
        await window.run("socket.send(sent[1])")
        await window.wait_for("seen.messages.length === 9")
        assert await window.run("return seen.messages[7] === 'for everybody '.repeat(500)")
        assert await window.run("return seen.messages[8] === sent[1] && seen.errors === 0")
        figures = connections[0].extension_figures
        assert figures is not None
        assert (figures.messages_rcvd, figures.messages_sent) == (8, 9)
        assert figures.encoded_bytes_rcvd < figures.bytes_rcvd / 10
        assert figures.encoded_bytes_sent < figures.bytes_sent / 10
