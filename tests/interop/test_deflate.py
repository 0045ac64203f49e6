"""permessage-deflate against other libraries, in both roles, with every parameter that they have."""

import asyncio
import itertools
import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import aiohttp
import pytest
import websockets
from aiohttp import web
from websockets.asyncio.client import connect as websockets_connect
from websockets.asyncio.server import serve as websockets_serve
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory, ServerPerMessageDeflateFactory

import twinax
from processes import started
from twinax.extensions import PerMessageDeflate

HERE = Path(__file__).parent
PEERS = HERE / "peers"
sys.path.insert(0, str(PEERS))

from plan import messages  # noqa: E402  the line above makes it importable

MESSAGES = [message.data for message in messages()] * 2  # the second time they are in the window
NO_LIMIT = {"max_received_message_size": None, "max_received_frame_size": None}

# Who keeps no context, and the windows that server and client may use. zlib compresses with windows of 9 at the least.
FLAGS = list(itertools.product([False, True], repeat=2))
BITS: list[tuple[int | None, int | None]] = [(None, None), (9, 10), (15, 15), (12, None), (None, 9)]
OPTIONS: list[dict[str, Any]] = [
    {
        "server_no_context_takeover": flags[0],
        "client_no_context_takeover": flags[1],
        "server_max_window_bits": bits[0],
        "client_max_window_bits": bits[1],
    }
    for flags, bits in itertools.product(FLAGS, BITS)
]


def show(options: dict[str, Any]) -> str:
    return "-".join(f"{name}={value}" for name, value in options.items() if value) or "defaults"


options_of_one_side = pytest.mark.parametrize("options", OPTIONS, ids=show)


async def echo(connection: twinax.WebSocketConnection) -> None:
    async for message in connection:
        await connection.send(message)


def our_server(**options: Any) -> Any:
    extensions = [PerMessageDeflate(threshold=0, **options)]
    return twinax.serve(echo, "127.0.0.1", 0, extensions=extensions, **NO_LIMIT)


def our_client(port: int, **options: Any) -> Any:
    extensions = [PerMessageDeflate(threshold=0, **options)]
    return twinax.connect(f"ws://127.0.0.1:{port}/", extensions=extensions, **NO_LIMIT)


async def talk(connection: twinax.WebSocketConnection) -> None:
    """Have every message echoed, and all of them compressed both ways."""
    assert [item.name for item in connection.extensions] == ["permessage-deflate"]
    for message in MESSAGES:
        await connection.send(message)
        assert await connection.recv() == message
    figures = connection.extension_figures
    assert figures is not None
    assert figures.messages_sent == len(MESSAGES)
    assert figures.messages_rcvd >= len(MESSAGES) - 2  # some leave empty messages alone


# --- websockets -----------------------------------------------------------------------------------


@pytest.mark.real_time
@options_of_one_side
async def test_a_client_of_websockets(options: dict[str, Any]) -> None:
    offer = {name: value for name, value in options.items() if value is not None}
    offer.setdefault("client_max_window_bits", True)
    async with (
        our_server() as server,
        websockets_connect(
            f"ws://127.0.0.1:{server.port}/",
            compression=None,
            extensions=[ClientPerMessageDeflateFactory(**offer)],
            max_size=None,
            proxy=None,
        ) as connection,
    ):
        assert [item.name for item in connection.protocol.extensions] == ["permessage-deflate"]
        for message in MESSAGES:
            await connection.send(message)
            assert await connection.recv() == message


@pytest.mark.real_time
@options_of_one_side
async def test_a_server_of_websockets(options: dict[str, Any]) -> None:
    async def websockets_echo(connection: websockets.ServerConnection) -> None:
        async for message in connection:
            await connection.send(message)

    factory = ServerPerMessageDeflateFactory(**{name: value for name, value in options.items() if value is not None})
    async with websockets_serve(
        websockets_echo, "127.0.0.1", 0, compression=None, extensions=[factory], max_size=None
    ) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        async with our_client(port) as connection:
            await talk(connection)


@pytest.mark.real_time
@options_of_one_side
async def test_our_options_against_a_server_of_websockets(options: dict[str, Any]) -> None:
    async def websockets_echo(connection: websockets.ServerConnection) -> None:
        async for message in connection:
            await connection.send(message)

    async with websockets_serve(websockets_echo, "127.0.0.1", 0, max_size=None) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        async with our_client(port, **options) as connection:
            await talk(connection)


# --- aiohttp --------------------------------------------------------------------------------------


@pytest.mark.real_time
@options_of_one_side
async def test_a_client_of_aiohttp(options: dict[str, Any]) -> None:
    async with our_server(**options) as server, aiohttp.ClientSession() as session:
        url = f"ws://127.0.0.1:{server.port}/"
        async with session.ws_connect(url, compress=15, max_msg_size=0) as connection:
            assert connection.compress
            for message in MESSAGES:
                await (connection.send_str(message) if isinstance(message, str) else connection.send_bytes(message))
                assert (await connection.receive()).data == message


@pytest.mark.real_time
@options_of_one_side
async def test_a_server_of_aiohttp(options: dict[str, Any]) -> None:
    async def aiohttp_echo(request: web.Request) -> web.WebSocketResponse:
        connection = web.WebSocketResponse(max_msg_size=0)
        await connection.prepare(request)
        async for message in connection:
            data = message.data
            await (connection.send_str(data) if isinstance(data, str) else connection.send_bytes(data))
        return connection

    app = web.Application()
    app.router.add_get("/", aiohttp_echo)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        async with our_client(runner.addresses[0][1], **options) as connection:
            await talk(connection)
    finally:
        await runner.cleanup()


# --- ws -------------------------------------------------------------------------------------------


@pytest.fixture
def node(absent: Callable[[str], NoReturn]) -> str:
    found = shutil.which("node")
    if not found or not (HERE / "node_modules" / "ws").is_dir():
        absent("no node on PATH, or the npm package ws is not installed: nothing is tested against ws")
    return found


def as_ws(options: dict[str, Any]) -> str:
    """The same options as ws has them."""
    names = {
        "server_no_context_takeover": "serverNoContextTakeover",
        "client_no_context_takeover": "clientNoContextTakeover",
        "server_max_window_bits": "serverMaxWindowBits",
        "client_max_window_bits": "clientMaxWindowBits",
    }
    return json.dumps({names[name]: value for name, value in options.items() if value})


NODE_OPTIONS = pytest.mark.parametrize("options", OPTIONS[::3], ids=show)  # a process each


@pytest.mark.real_time
@NODE_OPTIONS
async def test_a_client_of_ws(node: str, options: dict[str, Any]) -> None:
    async with asyncio.timeout(60), our_server() as server:
        url = f"ws://127.0.0.1:{server.port}/"
        async with started(node, PEERS / "ws_deflate_client.js", url, as_ws(options)) as client:
            said = await client.line(r"same (\d+) of (\d+), agreed (.*)")
    assert (said[1], said[2], said[3]) == (str(len(MESSAGES)), str(len(MESSAGES)), "permessage-deflate")


@pytest.mark.real_time
@NODE_OPTIONS
async def test_a_server_of_ws(node: str, options: dict[str, Any]) -> None:
    async with asyncio.timeout(60), started(node, PEERS / "ws_deflate_server.js", as_ws(options)) as server:
        port = int((await server.line(r"^ready (\d+)"))[1])
        async with our_client(port) as connection:
            await talk(connection)
