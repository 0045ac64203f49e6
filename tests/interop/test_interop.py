"""twinax against other libraries, in both roles: the programs in peers/ exchange the messages of peers/plan.json."""

import asyncio
import contextlib
import json
import shutil
import ssl
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import pytest
import trustme

import twinax
from processes import StartedProgram, started

HERE = Path(__file__).parent
PEERS = HERE / "peers"
sys.path.insert(0, str(PEERS))

from plan import SUBPROTOCOL, messages  # noqa: E402  the line above makes it importable

PYTHON = ("websockets", "aiohttp", "picows")
NODE = ("ws", "websocket")
# WebSocket-Node answers every close frame with 1000, and its client reports what it sent itself.
ANSWERS_1000 = ("websocket",)
# aiohttp has no call that sends a fragment.
CANNOT_FRAGMENT = ("aiohttp",)


@dataclass(frozen=True)
class Certificates:
    """Files of a certificate for 127.0.0.1 and localhost, and of the authority that issued it."""

    authority: Path
    server: Path


@dataclass(frozen=True)
class Ending:
    """How a client closes, and whether the connection is encrypted."""

    code: int
    reason: str
    tls: bool


ENDINGS = [Ending(4001, "bye", tls=False), Ending(1000, "done", tls=True)]


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    folder = tmp_path_factory.mktemp("certificates")
    found = Certificates(folder / "authority.pem", folder / "server.pem")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(found.authority))
    issued = authority.issue_cert("localhost", "127.0.0.1")
    issued.private_key_and_cert_chain_pem.write_to_path(str(found.server))
    return found


@pytest.fixture(params=PYTHON + NODE)
def peer(request: pytest.FixtureRequest, absent: Callable[[str], NoReturn]) -> str:
    name: str = request.param
    if name in NODE and not shutil.which("node"):
        absent("no node on PATH: nothing is tested against ws and websocket")
    if name in NODE and not (HERE / "node_modules" / name).is_dir():
        absent(f"the npm package {name} is not installed: run npm ci in {HERE}")
    return name


@pytest.fixture(params=ENDINGS, ids=lambda ending: f"{'wss' if ending.tls else 'ws'}-{ending.code}")
def ending(request: pytest.FixtureRequest) -> Ending:
    chosen: Ending = request.param
    return chosen


def peer_command(peer: str, role: str) -> list[str]:
    if peer in NODE:
        return ["node", str(PEERS / f"{peer}_{role}.js")]
    return [sys.executable, str(PEERS / f"{peer}_{role}.py")]


def url(ending: Ending, port: int) -> str:
    return f"{'wss' if ending.tls else 'ws'}://localhost:{port}/"


@pytest.mark.real_time
async def test_client_of_another_library_talks_to_our_server(
    peer: str, ending: Ending, certificates: Certificates
) -> None:
    closed = asyncio.get_running_loop().create_future()

    async def echo(connection: twinax.WebSocketConnection) -> None:
        connection.on("close", lambda code, reason: closed.set_result((code, reason)))
        # Iteration ends with an error for every code but 1000 and 1001.
        with contextlib.suppress(twinax.ConnectionClosedError):
            async for message in connection:
                await connection.send(message)

    context = None
    trust: list[str] = []
    if ending.tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificates.server)
        trust = ["--ca", str(certificates.authority)]
    async with twinax.serve(echo, "127.0.0.1", 0, ssl=context, subprotocols=[SUBPROTOCOL]) as server:
        close = ["--close", str(ending.code), "--reason", ending.reason]
        async with started(*peer_command(peer, "client"), url(ending, server.port), *close, *trust) as client:
            await client.finished(within=30)
        async with asyncio.timeout(30):
            assert await closed == (ending.code, ending.reason)

    report = json.loads(client.lines[-1])
    assert report["wrong"] == []
    assert report["echoed"] == [message.name for message in messages()]
    assert report["subprotocol"] == SUBPROTOCOL
    assert report["ping"] is True
    assert report["fragmented"] is (peer not in CANNOT_FRAGMENT)
    # RFC 6455 5.5.1: the answer repeats the code; the reason is not repeated.
    assert report["close"][0] == ending.code


@pytest.mark.real_time
async def test_our_client_talks_to_a_server_of_another_library(
    peer: str, ending: Ending, certificates: Certificates
) -> None:
    context = ssl.create_default_context(cafile=certificates.authority) if ending.tls else None
    async with asyncio.timeout(60), started_server(peer, ending, certificates) as (server, port):
        async with twinax.connect(url(ending, port), ssl=context, subprotocols=[SUBPROTOCOL]) as connection:
            assert connection.protocol == SUBPROTOCOL
            for message in messages():
                await connection.send(message.data)
                assert await connection.recv() == message.data, message.name
            assert 0 < await connection.ping(b"interop") < 30
            await connection.close(ending.code, ending.reason)
        said = await server.line(r"^closed (\d+) (.*)")
    assert (int(said[1]), said[2]) == (ending.code, ending.reason)
    assert connection.close_code == ending.code
    assert connection.close_report.rcvd.code == (1000 if peer in ANSWERS_1000 else ending.code)


@contextlib.asynccontextmanager
async def started_server(
    peer: str, ending: Ending, certificates: Certificates
) -> AsyncIterator[tuple[StartedProgram, int]]:
    tls = ["--cert", str(certificates.server), "--key", str(certificates.server)] if ending.tls else []
    async with started(*peer_command(peer, "server"), *tls) as server:
        yield server, int((await server.line(r"^ready (\d+)"))[1])
