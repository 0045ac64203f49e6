"""Extensions over real sockets: negotiation, messages for many, large ones, idle connections, and what goes wrong."""

import asyncio
import json
import logging
import sys
from collections.abc import AsyncIterator
from typing import Any

import pytest

from frame_bytes import frame, parse_frames
from support.peers import upgrade_request
from support.servers import served
from support.waiting import until
from twinax import (
    ConnectionClosedError,
    ExtensionError,
    NegotiationError,
    WebSocketConnection,
    connect,
)
from twinax.extensions import (
    Codec,
    Extension,
    MemoryBudget,
    MessageCodec,
    Parameters,
    PerMessageDeflate,
)

TEXT = json.dumps([{"id": i, "name": f"name {i}", "price": i * 7 % 100} for i in range(100)])


async def echo(connection: WebSocketConnection) -> None:
    async for message in connection:
        await connection.send(message)


def url_of(told: Any) -> str:
    return f"ws://127.0.0.1:{told.port}/"


class Talk:
    """A server that echoes, and a client."""

    def __init__(self, told: Any, client: WebSocketConnection) -> None:
        self.told = told
        self.client = client

    @property
    def at_server(self) -> WebSocketConnection:
        found: WebSocketConnection = self.told.connections[0]
        return found


class Talking:
    """The context of a `Talk`."""

    def __init__(self, server: dict[str, Any] | None = None, client: dict[str, Any] | None = None) -> None:
        self.server = {"auto_accept_connections": True, **(server or {})}
        self.client = client or {}

    async def __aenter__(self) -> Talk:
        self.context = served(**self.server)
        told = await self.context.__aenter__()
        told.server.on("connect", echo)
        self.connection = await connect(url_of(told), **self.client)
        return Talk(told, self.connection)

    async def __aexit__(self, *exc_info: Any) -> None:
        await self.connection.close()
        await self.context.__aexit__(*exc_info)


# --- by default -----------------------------------------------------------------------------------


async def test_messages_are_compressed_by_default() -> None:
    async with Talking() as talk:
        (extension,) = talk.client.extensions
        assert str(extension) == "permessage-deflate; server_max_window_bits=12; client_max_window_bits=12"
        for message in (TEXT, "short", b"\x00" * 5000, ""):
            talk.client.send(message)
            assert await talk.client.recv() == message
        figures = talk.client.extension_figures
        assert figures is not None
        assert (figures.messages_sent, figures.messages_rcvd) == (2, 2)
        assert figures.bytes_sent == figures.bytes_rcvd == len(TEXT) + 5000
        assert figures.encoded_bytes_sent < figures.bytes_sent // 4
        assert figures.memory_used > 10_000


@pytest.mark.parametrize("side", ["server", "client"])
async def test_either_side_may_do_without(side: str) -> None:
    async with Talking(**{side: {"extensions": ()}}) as talk:
        assert talk.client.extensions == talk.at_server.extensions == []
        assert talk.client.extension_figures is None
        talk.client.send(TEXT, compress=True)
        assert await talk.client.recv() == TEXT


@pytest.mark.parametrize("kind", ["send", "send_utf", "send_bytes"])
async def test_a_message_may_ask_to_be_compressed_or_not(kind: str) -> None:
    async with Talking() as talk:
        send = getattr(talk.client, kind)
        data = b"x" * 2000 if kind == "send_bytes" else "x" * 2000
        small = data[:10]
        for message, compress in ((data, None), (data, False), (small, None), (small, True)):
            send(message, compress=compress)
            assert await talk.client.recv() == message
        assert talk.client.extension_figures is not None
        assert talk.client.extension_figures.messages_sent == 2


async def test_streams_are_compressed_and_their_parts_come_at_once() -> None:
    go_on = asyncio.Event()

    async def parts() -> AsyncIterator[str]:
        yield "first " * 50
        await go_on.wait()
        yield "second " * 50

    async with Talking() as talk:
        sent = talk.client.send(parts())
        stream = talk.client.recv_stream()
        at_server = talk.at_server
        await until(lambda: at_server.extension_figures.bytes_rcvd)  # type: ignore[union-attr]
        assert at_server.extension_figures is not None
        assert at_server.extension_figures.bytes_rcvd == 300  # all of the first part, without the second
        go_on.set()
        await sent
        assert await stream.read() == "first " * 50 + "second " * 50
        assert at_server.extension_figures.encoded_bytes_rcvd < 100


async def test_without_assembled_messages_there_is_no_compression() -> None:
    async with Talking(client={"assemble_fragments": False}) as talk:
        assert talk.client.extensions == []


# --- large messages -------------------------------------------------------------------------------


# PyPy has only its own.
@pytest.mark.parametrize("library", ["zlib", "zlib-ng", "isal"] if sys.implementation.name == "cpython" else ["zlib"])
async def test_large_messages_are_compressed_in_another_thread(library: Any) -> None:
    large = TEXT * 200
    options = {"extensions": [PerMessageDeflate(library=library)], "max_received_message_size": 1 << 24}
    async with Talking(options, options) as talk:
        talk.client.send(large)
        talk.client.send("behind it")
        round_trip = talk.client.ping()
        assert talk.client.output_buffer_full  # it is not sent yet
        assert talk.client.buffered_amount >= len(large)
        await round_trip  # goes between
        assert await talk.client.recv() == large
        assert await talk.client.recv() == "behind it"
        await talk.client.drain()
        assert talk.client.extension_figures is not None
        assert talk.client.extension_figures.messages_sent == 1


async def test_a_connection_may_end_while_a_message_is_compressed() -> None:
    budget = MemoryBudget(None)
    options = {"extensions": [PerMessageDeflate(library="zlib", memory=budget)]}
    async with Talking(client=options) as talk:
        sent = talk.client.send(b"abcdef" * 100_000)
        talk.client.drop()
        await talk.client.wait_closed()
        with pytest.raises(ConnectionClosedError):
            await sent
        await until(lambda: budget.used == 0)


async def test_close_waits_for_a_message_that_is_compressed() -> None:
    async with Talking(client={"extensions": [PerMessageDeflate(library="zlib")]}) as talk:
        message = "abcdef" * 100_000
        talk.client.send(message)
        await talk.client.close()
        assert talk.client.close_report is not None
        assert talk.client.close_report.was_clean
        assert talk.at_server.extension_figures is not None
        assert talk.at_server.extension_figures.bytes_rcvd == len(message)


# --- for many -------------------------------------------------------------------------------------


async def test_a_broadcast_reaches_connections_with_every_kind_of_context() -> None:
    async with served(auto_accept_connections=True) as told:
        kinds: list[dict[str, Any]] = [
            {},
            {"extensions": ()},
            {"extensions": [PerMessageDeflate(server_no_context_takeover=True)]},
            {"extensions": [PerMessageDeflate(server_max_window_bits=9)]},
            {},
        ]
        clients = [await connect(url_of(told), **kind) for kind in kinds]
        await until(lambda: len(told.connections) == len(clients))
        for round_ in range(3):
            told.server.broadcast(TEXT)
            told.server.broadcast_utf(round_)
            told.server.broadcast_bytes(TEXT.encode(), compress=True)
            for connection in told.connections:
                connection.send(TEXT)  # with a context that must not refer to the broadcast
            told.server.broadcast(5.5)
            told.server.broadcast(b"a" * 3000, compress=False)
        for client in clients:
            got = [await client.recv() for _ in range(18)]
            assert got[:6] == [TEXT, "0", TEXT.encode(), TEXT, "5.5", b"a" * 3000]
            assert got[6::6] == [TEXT] * 2
            await client.close()


# --- idle connections -----------------------------------------------------------------------------


@pytest.mark.parametrize("idle_timeout", [20.0, None])
async def test_an_idle_connection_gives_memory_back(idle_timeout: float | None) -> None:
    budget = MemoryBudget(None)
    options = {
        "extensions": [PerMessageDeflate(memory=budget)],
        "extension_idle_timeout": idle_timeout,
        "keepalive": False,
    }
    async with Talking(options, options) as talk:
        for round_ in range(3):
            talk.client.send(TEXT)
            assert await talk.client.recv() == TEXT
            assert budget.contexts == 4
            await asyncio.sleep(15)
            talk.client.send(TEXT)
            assert await talk.client.recv() == TEXT
            await asyncio.sleep(15)
            assert budget.contexts == 4
            await asyncio.sleep(30)
            assert (budget.contexts, budget.used) == ((0, 0) if idle_timeout else (4, budget.used)), round_
    assert (budget.contexts, budget.used) == (0, 0)


async def test_without_room_messages_are_compressed_all_the_same() -> None:
    budget = MemoryBudget(0)
    options = {"extensions": [PerMessageDeflate(memory=budget)]}
    async with Talking(options, options) as talk:
        for _ in range(3):
            talk.client.send(TEXT)
            assert await talk.client.recv() == TEXT
        assert talk.client.extension_figures is not None
        assert talk.client.extension_figures.encoded_bytes_sent < len(TEXT)
        assert talk.client.extension_figures.memory_used == 4096  # the window of the server's messages
    assert budget.used == budget.contexts == 0
    assert budget.refused >= 6


# --- what goes wrong ------------------------------------------------------------------------------


class Failing(Extension):
    """Fails where it is told to."""

    name = "x-failing"

    def __init__(self, hook: str) -> None:
        self.hook = hook

    def codec(self) -> Codec:
        codec = MessageCodec()
        codec.all_messages = True
        codec.begin_encode = lambda *_: 0  # type: ignore[method-assign]
        codec.begin_decode = lambda *_: True  # type: ignore[method-assign]
        setattr(codec, self.hook, lambda *_: 1 / 0)
        return codec

    def agree(self, answer: Parameters) -> Codec:
        if self.hook == "agree":
            raise ZeroDivisionError("mine")
        return self.codec()

    def accept(self, offer: Parameters) -> tuple[Parameters, Codec]:
        if self.hook == "accept":
            raise ZeroDivisionError("mine")
        return (), self.codec()


@pytest.mark.parametrize("hook", ["encode", "begin_encode", "decode", "begin_decode"])
async def test_an_extension_that_raises_closes_its_connection_and_no_other(hook: str) -> None:
    options = {"extensions": [Failing(hook)]}
    async with Talking(options, {"extensions": [Failing("nothing")]}) as talk:
        other = await connect(url_of(talk.told), extensions=())
        talk.client.send("x")
        with pytest.raises(ConnectionClosedError) as caught:
            await talk.client.recv()
        assert (caught.value.code, caught.value.reason) == (1011, "internal error")
        await until(lambda: talk.told.ends)
        report = talk.at_server.close_report
        assert report is not None
        assert isinstance(report.error, ExtensionError)
        assert "'x-failing' failed in " + hook in report.cause
        other.send("still here")
        assert await other.recv() == "still here"
        await other.close()


async def test_an_extension_that_fails_at_the_end_is_logged(errors: list[logging.LogRecord]) -> None:
    async with Talking({"extensions": [Failing("close")]}, {"extensions": [Failing("nothing")]}):
        pass
    assert ["extension 'x-failing' failed in close: ZeroDivisionError" in line.getMessage() for line in errors] == [
        True
    ]


async def test_an_extension_that_raises_on_accept_is_declined_and_logged(errors: list[logging.LogRecord]) -> None:
    async with Talking({"extensions": [Failing("accept")]}, {"extensions": [Failing("nothing")]}) as talk:
        assert talk.client.extensions == []
    assert ["'x-failing' failed in accept" in line.getMessage() for line in errors] == [True]


async def test_an_answer_that_does_not_do_ends_the_handshake_with_1010() -> None:
    async with served(auto_accept_connections=True, extensions=[Failing("nothing")]) as told:
        with pytest.raises(NegotiationError, match=r"agree\(\) raised ZeroDivisionError: mine") as caught:
            await connect(url_of(told), extensions=[Failing("agree")])
        assert caught.value is not None
        await until(lambda: told.ends)
        ((_, code, reason),) = told.ends
        assert code == 1010
        assert "x-failing" in reason


async def test_a_compressed_message_that_is_none_closes_with_1007() -> None:
    async with served(auto_accept_connections=True) as told, told.peer() as peer:
        peer.send(upgrade_request("/", "Sec-WebSocket-Extensions: permessage-deflate"))
        assert (await peer.answer())["sec-websocket-extensions"] == "permessage-deflate; server_max_window_bits=12"
        peer.send(frame(1, b"\xff\xff\xff", rsv=4))
        frames = parse_frames(await peer.ended())
        assert frames[-1].payload[:2] == (1007).to_bytes(2, "big")
        assert b"compressed message is not valid" in frames[-1].payload
