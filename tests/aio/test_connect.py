"""`connect`: awaited, as a block, as a loop that connects again, with servers that stand in for each other."""

import asyncio
import logging
import socket
from typing import Any
from urllib.parse import urlsplit

import pytest
from raw_servers import Conversation, RawServer, answer, raw_server, run

from twinax.aio.client import WebSocketClient
from twinax.aio.connect import connect
from twinax.aio.connection import WebSocketConnection
from twinax.aio.serve import serve
from twinax.errors import (
    ConnectionClosedError,
    HandshakeError,
    HandshakeRejected,
    InvalidURI,
)
from twinax.uri import parse_uri

CLOSE_1000 = b"\x88\x02\x03\xe8"


async def echo(connection: WebSocketConnection) -> None:
    async for message in connection:
        await connection.send(message)


async def greet_and_leave(conversation: Conversation) -> None:
    conversation.write(conversation.accept() + b"\x81\x05hello" + CLOSE_1000)
    await conversation.reader.readexactly(8)  # the client's close frame, with its masking key


def refused_uri() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"ws://127.0.0.1:{free.getsockname()[1]}/"


def test_awaited() -> None:
    async def main() -> None:
        async with serve(echo, "127.0.0.1") as server:
            connection = await connect(f"ws://127.0.0.1:{server.port}/")
            connection.send("hello")
            assert await connection.recv() == "hello"
            await connection.close()

    run(main())


def test_addresses_may_be_parsed() -> None:
    async def main() -> None:
        async with serve(echo, "127.0.0.1") as server:
            for uri in (urlsplit(server.urls[0]), parse_uri(server.urls[0])):
                for given in (uri, [uri]):
                    async with connect(given) as connection:
                        connection.send("hello")
                        assert await connection.recv() == "hello"
            client = WebSocketClient()
            await (await client.connect(urlsplit(server.urls[0]))).close()

    run(main())


def test_a_block_closes_with_1000() -> None:
    async def main() -> None:
        async with serve(echo, "127.0.0.1") as server:
            async with connect(f"ws://127.0.0.1:{server.port}/") as connection:
                connection.send("hello")
                assert await connection.recv() == "hello"
            assert connection.close_report is not None
            assert connection.close_report.sent is not None
            assert connection.close_report.sent.code == 1000
            assert connection.close_report.was_clean

    run(main())


def test_a_block_that_raises_closes_with_1011() -> None:
    async def main() -> None:
        async with serve(echo, "127.0.0.1") as server:
            with pytest.raises(KeyError):
                async with connect(f"ws://127.0.0.1:{server.port}/") as connection:
                    raise KeyError
            assert connection.close_report is not None
            assert connection.close_report.sent is not None
            assert connection.close_report.sent.code == 1011

    run(main())


def test_one_connect_can_be_entered_again_and_at_the_same_time() -> None:
    async def main() -> None:
        async with serve(echo, "127.0.0.1") as server:
            again = connect(f"ws://127.0.0.1:{server.port}/")
            async with again as first, again as second:
                assert first is not second
                assert len(server.connections) == 2
            assert first.close_code == second.close_code == 1000

    run(main())


def test_what_is_no_address_is_refused_at_once() -> None:
    for uri in (b"ws://localhost/", 5, None, ["ws://localhost/", 5]):
        with pytest.raises(TypeError, match="uri must be str, not"):
            connect(uri)  # type: ignore[arg-type]  # that is the mistake


def test_options_are_checked_at_once() -> None:
    with pytest.raises(TypeError, match="did you mean 'origin'"):
        connect("ws://localhost/", orign="x")  # type: ignore[call-arg]  # that is the mistake
    with pytest.raises(ValueError, match="open_timeout"):
        connect("ws://localhost/", open_timeout=-1)
    with pytest.raises(InvalidURI):
        connect(["ws://localhost/", "http://localhost/"])
    with pytest.raises(ValueError, match="at least one"):
        connect([])
    assert connect("ws://localhost/", open_timeout=1.0).config.open_timeout == 1.0


def test_the_loop_connects_again_and_closes_what_it_leaves() -> None:
    async def main() -> None:
        async with serve(echo, "127.0.0.1") as server:
            connections: list[WebSocketConnection] = []
            loop = aiter(connect(f"ws://127.0.0.1:{server.port}/", reconnect_delay=0.0))
            for _ in range(3):
                connection = await anext(loop)
                assert all(before.close_code == 1000 for before in connections)
                connections.append(connection)
                connection.send("hello")
                assert await connection.recv() == "hello"
            assert len(server.connections) == 1
            await loop.aclose()  # type: ignore[attr-defined]  # an async generator, as documented
            assert connections[-1].close_code == 1000

    run(main())


def test_the_loop_goes_on_when_the_server_ends_connections() -> None:
    async def main() -> list[Any]:
        received: list[Any] = []
        async with raw_server(greet_and_leave) as server:
            async for connection in connect(server.uri, reconnect_delay=0.0):
                received += [message async for message in connection]
                if len(received) == 3:
                    break
        return received

    assert run(main()) == ["hello"] * 3


def test_the_loop_survives_connections_that_break() -> None:
    async def script(conversation: Conversation) -> None:
        conversation.write(conversation.accept())

    async def main() -> int:
        broken = 0
        async with raw_server(script) as server:
            async for connection in connect(server.uri, reconnect_delay=0.0):
                with pytest.raises(ConnectionClosedError):
                    await connection.recv()
                broken += 1
                if broken == 3:
                    break
        return broken

    assert run(main()) == 3


def test_the_loop_tries_again_after_temporary_failures(caplog: pytest.LogCaptureFixture) -> None:
    answers = [
        answer(b"HTTP/1.1 503 Busy\r\nRetry-After: 0\r\nContent-Length: 0\r\n\r\n"),
        answer(b"HTTP/1.1 429 Slow Down\r\nContent-Length: 0\r\n\r\n"),
        answer(b"HTTP/1.1"),
        answer(b""),
        greet_and_leave,
    ]

    async def script(conversation: Conversation) -> None:
        await answers.pop(0)(conversation)

    async def main() -> RawServer:
        async with raw_server(script) as server:
            async for connection in connect(server.uri, reconnect_delay=0.0):
                assert await connection.recv() == "hello"
                break
            return server

    with caplog.at_level(logging.INFO, "twinax.client"):
        server = run(main())
    assert not answers
    assert caplog.text.count(f"connecting to {server.uri} failed") == 4


@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_the_loop_raises_what_will_not_get_better(status: int) -> None:
    async def main() -> None:
        async with raw_server(answer(f"HTTP/1.1 {status} No\r\nContent-Length: 0\r\n\r\n".encode())) as server:
            with pytest.raises(HandshakeRejected) as caught:
                await anext(aiter(connect(server.uri, reconnect_delay=0.0)))
            assert caught.value.status == status
            assert len(server.conversations) == 1

    run(main())


def test_the_loop_can_be_cancelled_while_it_pauses() -> None:
    async def main() -> None:
        async def loop() -> None:
            async for _ in connect(refused_uri(), reconnect_delay=86400.0, max_reconnect_delay=86400.0):
                pytest.fail("it must not open")

        task = asyncio.create_task(loop())
        await asyncio.wait([task], timeout=0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(main())


def test_other_servers_stand_in() -> None:
    async def main() -> None:
        async with raw_server(answer(b"HTTP/1.1 404 Not Found\r\n\r\n")) as broken, serve(echo, "127.0.0.1") as server:
            uris = [refused_uri(), broken.uri, f"ws://127.0.0.1:{server.port}/"]
            async with connect(uris) as connection:
                connection.send("hello")
                assert await connection.recv() == "hello"

    run(main())


def test_the_last_failure_of_all_is_raised() -> None:
    async def main() -> None:
        async with raw_server(answer(b"HTTP/1.1 404 Not Found\r\n\r\n")) as broken:
            with pytest.raises(HandshakeRejected):
                await connect([refused_uri(), broken.uri])
            with pytest.raises(HandshakeError, match="cannot connect"):
                await connect([broken.uri, refused_uri()])

    run(main())


def test_the_loop_goes_round_the_servers_without_a_pause() -> None:
    async def main() -> None:
        async with raw_server(greet_and_leave) as server:
            uris = [refused_uri(), refused_uri(), server.uri]
            # A pause of this length would end the test.
            async for connection in connect(uris, reconnect_delay=86400.0, max_reconnect_delay=86400.0):
                assert await connection.recv() == "hello"
                break

    run(main())
