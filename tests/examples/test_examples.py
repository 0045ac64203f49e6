"""Every program of examples/ is run: as a process of its own, servers until a signal ends them."""

import asyncio
import contextlib
import http.client
import json
import re
import signal
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator, Coroutine
from pathlib import Path
from typing import Any

import pytest
import trustme
import websockets
from websockets.typing import Origin, Subprotocol

from processes import StartedProgram, started

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
PROGRAMS = sorted(path.name for path in EXAMPLES.glob("*.py"))
SERVERS = [name for name in PROGRAMS if name.endswith("server.py") or name == "whiteboard.py"]
QUICKSTARTS = ["quickstart_events.py", "quickstart_serve.py"]
SIGNALS = [signal.SIGINT, signal.SIGTERM]


def within_a_minute(session: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(session, 60))


@contextlib.asynccontextmanager
async def running(name: str, *arguments: str | Path) -> AsyncIterator[tuple[StartedProgram, int]]:
    """Starts a server of examples/ on a free port; gives the program and its port."""
    async with started(sys.executable, EXAMPLES / name, "--port", "0", *arguments) as program:
        yield program, int((await program.line(r"listening on wss?://\S+:(\d+)"))[1])


async def run_client(name: str, *arguments: str | Path) -> list[str]:
    """Runs a client of examples/ to its end; gives what it printed."""
    async with started(sys.executable, EXAMPLES / name, *arguments) as program:
        await program.finished(40)
        return program.lines


def get_page(port: int) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", "/")
        response = connection.getresponse()
        assert (response.status, response.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
        return response.read().decode()
    finally:
        connection.close()


async def open_peer(port: int, protocol: str | None = None, **options: Any) -> Any:
    offered = [Subprotocol(protocol)] if protocol else None
    return await websockets.connect(f"ws://127.0.0.1:{port}/", subprotocols=offered, max_size=None, **options)


# --- all of them --------------------------------------------------------------------------------


def test_all_programs_are_there() -> None:
    wanted = (
        "echo_server echo_client fragmentation_server fragmentation_client libwebsockets_server libwebsockets_client"
    )
    wanted += (
        " whiteboard soak_server soak_clients autobahn_client quickstart_serve quickstart_connect quickstart_events"
    )
    assert {f"{name}.py" for name in wanted.split()} == set(PROGRAMS)


@pytest.mark.parametrize("name", PROGRAMS)
def test_help_says_how_to_run_it(name: str) -> None:
    command = [sys.executable, EXAMPLES / name, "--help"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert (result.returncode, result.stderr) == (0, "")
    # Only what needs another program first is called with that one.
    assert f"python examples/{name}" in result.stdout


@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("name", SERVERS + QUICKSTARTS)
def test_a_signal_ends_a_server_without_a_traceback(name: str, number: int) -> None:
    within_a_minute(signal_session(name, number))


async def signal_session(name: str, number: int) -> None:
    host = ("--host", "127.0.0.1") if name in QUICKSTARTS else ()
    async with running(name, *host) as (program, _):
        program.signal(number)
        await program.finished(10)
        assert "Traceback" not in program.output()


@pytest.mark.parametrize(
    "command",
    [
        ["echo_client.py", "--count", "1000000000"],
        ["autobahn_client.py"],
        ["libwebsockets_client.py"],
        ["soak_clients.py"],
    ],
)
def test_ctrl_c_ends_a_client_without_a_traceback(command: list[str]) -> None:
    within_a_minute(client_signal_session(command))


async def client_signal_session(command: list[str]) -> None:
    arrived = asyncio.Event()

    async def silent(connection: Any) -> None:
        arrived.set()
        await connection.wait_closed()

    protocols = [Subprotocol("dumb-increment-protocol"), Subprotocol("lws-mirror-protocol")]
    choose = {"subprotocols": protocols, "select_subprotocol": lambda _, offered: offered[0] if offered else None}
    async with websockets.serve(silent, "127.0.0.1", 0, **choose) as server:  # type: ignore[arg-type]
        port = next(iter(server.sockets)).getsockname()[1]
        where = ["--port", str(port)] if "libwebsockets" in command[0] else ["--url", f"ws://127.0.0.1:{port}"]
        async with started(sys.executable, EXAMPLES / command[0], *command[1:], *where) as program:
            await arrived.wait()
            program.signal(signal.SIGINT)
            with pytest.raises(Exception, match="ended with status 130"):
                await program.finished(10)
            assert "Traceback" not in program.output()


@pytest.mark.parametrize("name", ["echo_client.py", "autobahn_client.py"])
def test_nobody_listens(name: str) -> None:
    command = [sys.executable, EXAMPLES / name, "--url", "ws://127.0.0.1:1/"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert result.returncode == 1
    assert result.stderr.count("\n") == 1
    assert "127.0.0.1:1" in result.stderr


# --- quickstart and echo ------------------------------------------------------------------------


def test_quickstart_connect_talks_to_quickstart_serve() -> None:
    within_a_minute(quickstart_session())


async def quickstart_session() -> None:
    async with running("quickstart_serve.py", "--host", "127.0.0.1") as (_, port):
        assert await run_client("quickstart_connect.py", "--url", f"ws://127.0.0.1:{port}/") == ["hello"]


def test_quickstart_events_accepts_its_origin_only() -> None:
    within_a_minute(events_session())


async def events_session() -> None:
    async with running("quickstart_events.py") as (_, port):
        client = await open_peer(port, "echo-protocol", origin=Origin("https://example.com"))
        await client.send("hello")
        assert await client.recv() == "hello"
        await client.close()
        with pytest.raises(websockets.InvalidStatus):
            await open_peer(port, "echo-protocol", origin=Origin("https://example.org"))


def test_echo() -> None:
    within_a_minute(echo_session())


async def echo_session() -> None:
    async with running("echo_server.py", "--debug") as (program, port):
        url = f"ws://127.0.0.1:{port}/"
        for options in (["--count", "200"], ["--count", "20", "--size", "70000", "--binary"], ["--size", "1"]):
            lines = await run_client("echo_client.py", "--url", url, *options)
            assert len(lines) == 1
            assert re.match(r"\d+ messages of \d+ bytes came back: median \d", lines[0])
        # The limit is 64 MiB, and what comes back is one frame: the testsuite looks at that.
        client = await open_peer(port)
        await client.send(bytes(20 << 20))
        assert len(await client.recv()) == 20 << 20
        await client.close()
        await program.line("closed: 1000")


def test_autobahn_client_runs_every_case() -> None:
    within_a_minute(autobahn_session())


async def autobahn_session() -> None:
    asked: list[str] = []
    echoed: list[Any] = []

    async def fuzz(connection: Any) -> None:
        asked.append(connection.request.path)
        if connection.request.path == "/getCaseCount":
            await connection.send("3")
        elif "case=2" in connection.request.path:
            connection.transport.write(b"\x83\x00")  # a reserved opcode: the client has to close
            await connection.wait_closed()
        elif "runCase" in connection.request.path:
            for message in ("text", b"\x00\xff"):
                await connection.send(message)
                echoed.append(await connection.recv())

    async with websockets.serve(fuzz, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        lines = await run_client("autobahn_client.py", "--url", f"ws://127.0.0.1:{port}", "--agent", "a b")
    cases = [f"/runCase?case={number}&agent=a%20b" for number in (1, 2, 3)]
    assert asked == ["/getCaseCount", *cases, "/updateReports?agent=a%20b"]
    assert echoed == ["text", b"\x00\xff"] * 2
    assert lines == [f"case {number} of 3 done" for number in (1, 2, 3)]


# --- fragmentation ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("server_options", "size", "count"),
    [((), 16384, 4), (("--fragment", "50000"), 50000, 2), (("--no-fragmentation",), 65536, 1)],
)
def test_fragments_are_of_the_size_that_is_asked_for(server_options: tuple[str, ...], size: int, count: int) -> None:
    within_a_minute(fragmentation_session(server_options, size, count))


async def fragmentation_session(server_options: tuple[str, ...], size: int, count: int) -> None:
    async with running("fragmentation_server.py", *server_options) as (_, port):
        arguments = ("--port", str(port), "--max-size", "65536", "--no-defragment", "--binary")
        lines = await run_client("fragmentation_client.py", *arguments)
        # The last message is of 65,536 bytes; its frames come before its line.
        frames = lines[-1 - count : -1]
        assert frames[0] == f"  frame: binary, {size} bytes, fin {int(count == 1)}"
        assert all("frame: continuation" in line for line in frames[1:])
        assert frames[-1].endswith("fin 1")
        assert re.match(r"65536 bytes in [\d.]+ ms: [\d,]+ KB/s", lines[-1])
        lines = await run_client("fragmentation_client.py", "--port", str(port), "--max-size", "1048576")
        assert [line.split()[0] for line in lines] == [str(1024 << step) for step in range(11)]


def test_the_fragmentation_server_answers_what_it_can() -> None:
    within_a_minute(fragmentation_orders_session())


async def fragmentation_orders_session() -> None:
    async with running("fragmentation_server.py") as (_, port):
        assert "fragmentation-test" in await asyncio.to_thread(get_page, port)
        client = await open_peer(port, "fragmentation-test")
        await client.send("sendMessage|0")
        await client.send("sendMessage|1000")
        await client.send("sendBinaryMessage|1000")
        assert await client.recv() == ""
        assert (await client.recv()).startswith("Lorem ipsum")
        assert len(await client.recv()) == 1000
        await client.send("sendMessage|10000001")
        await client.wait_closed()
        assert client.close_code == 1009
        for nonsense in ("sendMessage|-1", "dance", "sendMessage|²"):
            client = await open_peer(port, "fragmentation-test")
            await client.send(nonsense)
            await client.wait_closed()
            assert client.close_code == 1008
        with pytest.raises(websockets.InvalidStatus):
            await open_peer(port)


# --- libwebsockets ------------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["8", "13"])
def test_the_libwebsockets_client_counts_and_draws(version: str) -> None:
    within_a_minute(libwebsockets_session(version))


async def libwebsockets_session(version: str) -> None:
    async with running("libwebsockets_server.py") as (_, port):
        watcher = await open_peer(port, "lws-mirror-protocol")
        arguments = ("--port", str(port), "--version", version, "--count", "5")
        lines = await run_client("libwebsockets_client.py", *arguments)
        assert [line for line in lines if "counter" in line] == [f"counter: {number}" for number in range(5)]
        assert "circles drawn: 5" in lines
        circles = [await watcher.recv() for _ in range(5)]
        assert all(re.fullmatch(r"c #[0-9a-f]{6} \d+ \d+ \d+;", circle) for circle in circles)
        late = await open_peer(port, "lws-mirror-protocol")
        assert await late.recv() == "".join(circles)
        await late.send("clear;")
        assert await watcher.recv() == "clear;"
        later = await open_peer(port, "lws-mirror-protocol")
        await later.send("d #000000 1 1 2 2;")
        assert await later.recv() == "d #000000 1 1 2 2;", "there was no history before it"
        for client in (watcher, late, later):
            await client.close()


def test_the_libwebsockets_server_sets_a_cookie_and_resets_its_counter() -> None:
    within_a_minute(cookie_session())


async def cookie_session() -> None:
    async with running("libwebsockets_server.py") as (_, port):
        assert "dumb-increment-protocol" in await asyncio.to_thread(get_page, port)
        mirror = await open_peer(port, "lws-mirror-protocol")
        cookie = mirror.response.headers["Set-Cookie"].lower()
        assert cookie.startswith("testcookie=cookievalue")
        assert "max-age=5000" in cookie
        assert "httponly" in cookie
        counter = await open_peer(port, "dumb-increment-protocol")
        assert [await counter.recv() for _ in range(4)] == ["0", "1", "2", "3"]
        await counter.send("reset\n")
        while await counter.recv() != "0":
            pass
        await mirror.close()
        await counter.close()
        with pytest.raises(websockets.InvalidStatus) as caught:
            await open_peer(port, "other")
        assert caught.value.response.status_code == 404


# --- whiteboard ---------------------------------------------------------------------------------


def test_the_whiteboard_replays_what_was_drawn() -> None:
    within_a_minute(whiteboard_session())


async def whiteboard_session() -> None:
    line = {"msg": "drawLine", "data": {"color": "#0d7a6f", "points": [1, 2, 3.5, 4]}}
    async with running("whiteboard.py") as (_, port):
        assert "whiteboard-example" in await asyncio.to_thread(get_page, port)
        first = await open_peer(port, "whiteboard-example")
        assert json.loads(await first.recv()) == {"msg": "initCommands", "data": []}
        await first.send(json.dumps(line))
        assert json.loads(await first.recv()) == line
        second = await open_peer(port, "whiteboard-example")
        assert json.loads(await second.recv()) == {"msg": "initCommands", "data": [line]}
        await second.send('{"msg": "clear"}')
        assert json.loads(await first.recv()) == json.loads(await second.recv()) == {"msg": "clear"}
        for nonsense in ("dance", '{"msg": "drawLine", "data": {"color": "red", "points": [1, 2, 3, 4]}}', "[]"):
            third = await open_peer(port, "whiteboard-example")
            assert json.loads(await third.recv()) == {"msg": "initCommands", "data": []}
            await third.send(nonsense)
            await third.wait_closed()
            assert third.close_code == 1008
        await first.close()
        await second.close()


# --- soak ---------------------------------------------------------------------------------------


@pytest.fixture
def certificates(tmp_path: Path) -> Path:
    """A folder with ca.pem, cert.pem and key.pem, for 127.0.0.1."""
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    issued.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    issued.cert_chain_pems[0].write_to_path(str(tmp_path / "cert.pem"))
    return tmp_path


def test_clients_that_come_and_go_leave_nothing_behind(certificates: Path) -> None:
    within_a_minute(soak_session(certificates))


async def soak_session(folder: Path) -> None:
    tls = ("--tls-cert", folder / "cert.pem", "--tls-key", folder / "key.pem")
    async with running("soak_server.py", *tls, "--report", "0.5") as (program, port):
        url = f"wss://127.0.0.1:{port}/"
        load = ("--url", url, "--ca", folder / "ca.pem", "--clients", "10", "--seconds", "4", "--pause", "0.05")
        summary = (await run_client("soak_clients.py", *load))[-1]
        happened = dict(item.rsplit(": ", 1) for item in summary.split(", "))
        assert happened.keys() >= {"connected", "echoes", "closed in order", "dropped", "cut in mid-message"}
        assert "wrong echoes" not in happened
        report = await program.line(r"rss (\d+) KiB, open 0, opened (\d+), closed (.+)")
        while int(report[2]) < int(happened["connected"]):
            report = await program.line(r"rss (\d+) KiB, open 0, opened (\d+), closed (.+)")
        closed = {code: int(count) for count, code in re.findall(r"(\d+) with (\d+)", report[3])}
        assert sum(closed.values()) == int(report[2])
        assert closed.keys() >= {"1000", "4000", "1006"}
        program.signal(signal.SIGTERM)
        await program.finished(10)


def test_tls_of_the_other_clients(certificates: Path) -> None:
    within_a_minute(tls_session(certificates))


async def tls_session(folder: Path) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")

    async def answer(connection: Any) -> None:
        if connection.subprotocol == "fragmentation-test":
            async for order in connection:
                await connection.send("x" * int(order.partition("|")[2]))
        elif connection.subprotocol == "dumb-increment-protocol":
            await connection.send("7")
            await connection.wait_closed()
        else:
            await connection.wait_closed()

    names = ("fragmentation-test", "dumb-increment-protocol", "lws-mirror-protocol")
    protocols = [Subprotocol(name) for name in names]
    async with websockets.serve(answer, "127.0.0.1", 0, ssl=context, subprotocols=protocols) as server:
        port = str(next(iter(server.sockets)).getsockname()[1])
        where = ("--port", port, "--secure", "--ca", folder / "ca.pem")
        assert len(await run_client("fragmentation_client.py", *where, "--max-size", "2048")) == 2
        lines = await run_client("libwebsockets_client.py", *where, "--count", "1")
        assert sorted(lines) == ["circles drawn: 1", "counter: 7"]
