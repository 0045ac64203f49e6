"""`WebSocketClient`: which event an attempt ends in, and that it ends in one."""

import asyncio
import gc
import logging
import socket
from collections.abc import Callable
from typing import Any

import pytest
from raw_servers import Conversation, answer, raw_server, run

from twinax.aio.client import HandshakeResponse, WebSocketClient
from twinax.aio.connection import WebSocketConnection
from twinax.aio.serve import serve
from twinax.errors import ConcurrencyError, HandshakeError, HandshakeRejected, InvalidURI

NOT_FOUND = b"HTTP/1.1 404 Nothing Here\r\nX-Why: gone\r\nContent-Length: 4\r\n\r\nnope"


async def echo(connection: WebSocketConnection) -> None:
    async for message in connection:
        await connection.send(message)


async def hold(conversation: Conversation) -> None:
    await conversation.ended()


class Seen:
    """The events of a client, in order."""

    def __init__(self, client: WebSocketClient, *events: str) -> None:
        self.events: list[tuple[str, Any]] = []
        for event in events:
            client.on(event, self.recorder(event))

    def recorder(self, event: str) -> Callable[..., None]:
        def record(*args: Any) -> None:
            self.events.append((event, args[0]))

        return record


def refused_uri() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"ws://127.0.0.1:{free.getsockname()[1]}/"


def test_connect() -> None:
    async def main() -> None:
        client = WebSocketClient(close_timeout=3.0)
        seen = Seen(client, "connect", "connect_failed")
        assert client.config.close_timeout == 3.0
        async with serve(echo, "127.0.0.1", subprotocols=["chat"]) as server:
            task = client.connect(f"ws://127.0.0.1:{server.port}/", "chat")
            assert client.connection is None
            connection = await task
            assert seen.events == [("connect", connection)]
            assert client.connection is connection
            assert connection.protocol == "chat"
            connection.send("hello")
            assert await connection.recv() == "hello"
            await connection.close()

    run(main())


def test_listeners_that_connect_adds_miss_nothing() -> None:
    async def script(conversation: Conversation) -> None:
        conversation.write(conversation.accept() + b"\x81\x05hello\x89\x01p\x81\x03end")
        await conversation.ended()

    async def main() -> list[Any]:
        seen: list[Any] = []
        ended = asyncio.Event()
        client = WebSocketClient()

        @client.on("connect")
        def on_connect(connection: WebSocketConnection) -> None:
            @connection.on("message")
            def on_message(message: Any) -> None:
                seen.append(message)
                if message == "end":
                    connection.drop()

            @connection.on("ping")
            def on_ping(cancel: Any, data: bytes) -> None:
                seen.append(data)

            connection.on("close", lambda *_: ended.set())

        async with raw_server(script) as server:
            client.connect(server.uri)
            await ended.wait()
        return seen

    assert run(main()) == ["hello", b"p", "end"]


def test_what_an_attempt_says_goes_before_what_the_client_says() -> None:
    async def main() -> Conversation:
        client = WebSocketClient(subprotocols=["a"], origin="https://a.example", headers={"X-A": "1", "X-B": "2"})
        async with raw_server(answer(NOT_FOUND)) as server:
            task = client.connect(
                server.uri, ["b", "c"], "https://b.example", {"x-b": "3", "X-C": "4"}, websocket_version=8
            )
            with pytest.raises(HandshakeRejected):
                await task
            return server.conversations[0]

    said = run(main())
    assert said.field("Sec-WebSocket-Protocol") == "b, c"
    assert said.field("Sec-WebSocket-Origin") == "https://b.example"
    assert [said.field(name) for name in ("X-A", "X-B", "X-C")] == ["1", "3", "4"]
    assert "2" not in [line.rpartition(" ")[2] for line in said.request.split("\r\n")]


@pytest.mark.parametrize(("protocols", "said"), [(None, "a"), ("", None), ([], None), ("b", "b")])
def test_protocols(protocols: Any, said: str | None) -> None:
    async def main() -> str | None:
        client = WebSocketClient(subprotocols=["a"])
        async with raw_server(answer(NOT_FOUND)) as server:
            with pytest.raises(HandshakeRejected):
                await client.connect(server.uri, protocols)
            return server.conversations[0].field("Sec-WebSocket-Protocol")

    assert run(main()) == said


def test_bad_arguments_are_refused_at_once() -> None:
    async def main() -> None:
        client = WebSocketClient()
        with pytest.raises(InvalidURI):
            client.connect("http://localhost/")
        with pytest.raises(TypeError, match="unknown option"):
            client.connect("ws://localhost/", cloze_timeout=1)
        with pytest.raises(ValueError, match="version"):
            client.connect("ws://localhost/", websocket_version=7)

    run(main())


def test_connect_failed() -> None:
    async def main() -> None:
        client = WebSocketClient()
        seen = Seen(client, "connect", "connect_failed")
        with pytest.raises(HandshakeError) as caught:
            await client.connect(refused_uri())
        assert seen.events == [("connect_failed", caught.value)]
        assert client.connection is None

    run(main())


def test_an_answer_goes_to_connect_failed_without_a_listener_of_its_own() -> None:
    async def main() -> None:
        client = WebSocketClient()
        seen = Seen(client, "connect", "connect_failed")
        async with raw_server(answer(NOT_FOUND)) as server:
            with pytest.raises(HandshakeRejected) as caught:
                await client.connect(server.uri)
        assert seen.events == [("connect_failed", caught.value)]

    run(main())


def test_http_response_instead_of_connect_failed() -> None:
    async def main() -> None:
        client = WebSocketClient()
        seen = Seen(client, "connect", "connect_failed")
        given: list[tuple[HandshakeResponse, WebSocketClient]] = []
        client.on("http_response", lambda response, client: given.append((response, client)))
        async with raw_server(answer(NOT_FOUND)) as server:
            with pytest.raises(HandshakeRejected):
                await client.connect(server.uri)
        assert seen.events == []
        ((response, who),) = given
        assert who is client
        assert (response.status, response.reason, response.body) == (404, "Nothing Here", b"nope")
        assert response.headers["x-why"] == "gone"

    run(main())


def test_other_failures_go_to_connect_failed_all_the_same() -> None:
    async def main() -> None:
        client = WebSocketClient()
        seen = Seen(client, "connect_failed", "http_response")
        with pytest.raises(HandshakeError):
            await client.connect(refused_uri())
        assert [event for event, _ in seen.events] == ["connect_failed"]

    run(main())


@pytest.mark.parametrize("turns", [0, 1, 3, 30])
def test_abort(turns: int) -> None:
    async def main() -> None:
        client = WebSocketClient()
        seen = Seen(client, "connect", "connect_failed")
        async with raw_server(hold) as server:
            task = client.connect(server.uri)
            for _ in range(turns):
                await asyncio.sleep(0)
            client.abort()
            client.abort()
            with pytest.raises(HandshakeError, match="aborted") as caught:
                await task
            assert seen.events == [("connect_failed", caught.value)]
            client.abort()
            assert len(seen.events) == 1

    run(main())


def test_abort_after_connect_changes_nothing() -> None:
    async def main() -> None:
        client = WebSocketClient()
        client.on("connect", lambda connection: client.abort())
        seen = Seen(client, "connect", "connect_failed")
        async with serve(echo, "127.0.0.1") as server:
            connection = await client.connect(f"ws://127.0.0.1:{server.port}/")
            client.abort()
            assert seen.events == [("connect", connection)]
            assert connection.connected
            await connection.close()

    run(main())


def test_abort_of_nothing() -> None:
    client = WebSocketClient()
    failures: list[Exception] = []
    client.on("connect_failed", failures.append)
    client.abort()
    assert failures == []


@pytest.mark.parametrize("turns", [0, 30])
def test_a_cancelled_task_is_told_once(turns: int) -> None:
    async def main() -> None:
        client = WebSocketClient()
        seen = Seen(client, "connect", "connect_failed")
        async with raw_server(hold) as server:
            task = client.connect(server.uri)
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            ((event, error),) = seen.events
            assert event == "connect_failed"
            assert isinstance(error, HandshakeError)

    run(main())


def test_one_at_a_time_and_again_from_a_listener() -> None:
    async def main() -> None:
        client = WebSocketClient()
        async with serve(echo, "127.0.0.1") as server:
            uri = f"ws://127.0.0.1:{server.port}/"
            again: list[asyncio.Task[WebSocketConnection]] = []
            client.once("connect_failed", lambda error: again.append(client.connect(uri)))
            task = client.connect(refused_uri())
            with pytest.raises(ConcurrencyError):
                client.connect(uri)
            with pytest.raises(HandshakeError):
                await task
            await (await again[0]).close()
            client.connect(uri)
            client.abort()
            await (await client.connect(uri)).close()

    run(main())


def test_a_failure_that_is_listened_for_makes_no_noise(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        client = WebSocketClient()
        failed = asyncio.Event()
        client.on("connect_failed", lambda error: failed.set())
        client.connect(refused_uri())
        await failed.wait()

    run(main())
    gc.collect()
    assert not caplog.records


def test_a_failure_that_nobody_hears_of_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        task = WebSocketClient().connect(refused_uri())
        await asyncio.wait([task])

    run(main())
    gc.collect()
    assert "cannot connect to 127.0.0.1" in caplog.text


def test_a_listener_that_raises_costs_the_connection(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        client = WebSocketClient()

        @client.on("connect")
        def on_connect(connection: WebSocketConnection) -> None:
            raise KeyError("mine")

        async with serve(echo, "127.0.0.1") as server:
            connection = await client.connect(f"ws://127.0.0.1:{server.port}/")
            await connection.wait_closed()
            assert connection.close_report is not None
            assert connection.close_report.sent is not None
            assert connection.close_report.sent.code == 1011

    with caplog.at_level(logging.ERROR):
        run(main())
    assert "listener of 'connect' failed" in caplog.text
