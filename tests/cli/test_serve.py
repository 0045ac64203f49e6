"""``twinax serve``: real processes, real clients, and every way in which it can fail to start."""

import asyncio
import signal
import socket
import ssl
from pathlib import Path

import pytest
import trustme
import websockets
from websockets.typing import Origin, Subprotocol

import twinax as library
from processes import started

from .command import TWINAX, served_echo, twinax, within_a_minute

HANDLERS = """
import asyncio

async def shout(connection):
    async for message in connection:
        await connection.send(message.upper())

def listen(connection):
    connection.on("message", lambda message: connection.send(message[::-1]))

class Rooms:
    lobby = staticmethod(shout)

number = 7
"""


@pytest.fixture
def handlers(tmp_path: Path) -> Path:
    """A folder with a module of handlers, and one that cannot be imported."""
    (tmp_path / "rooms.py").write_text(HANDLERS)
    (tmp_path / "broken.py").write_text("import asyncio\n\n1 / 0\n")
    (tmp_path / "poor.py").write_text("import no_such_package_of_anybody\n")
    return tmp_path


# --- serving ------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_echo_until_a_signal_comes(number: int) -> None:
    within_a_minute(echo_session(number))


async def echo_session(number: int) -> None:
    async with served_echo() as (url, program), websockets.connect(url) as client:
        await client.send("hello")
        await client.send(b"\x00\xff")
        assert [await client.recv(), await client.recv()] == ["hello", b"\x00\xff"]
        program.signal(number)
        await client.wait_closed()
        assert client.close_code == 1001
        await program.finished(10)
        assert len(program.lines) == 1, program.output()


@pytest.mark.parametrize(
    ("name", "answer"), [("rooms:shout", "HELLO"), ("rooms:listen", "olleh"), ("rooms:Rooms.lobby", "HELLO")]
)
def test_a_handler_of_ones_own(handlers: Path, name: str, answer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(handlers)
    within_a_minute(handler_session(name, answer))


async def handler_session(name: str, answer: str) -> None:
    async with started(*TWINAX, "serve", name, "--port", "0") as program:
        url = (await program.line(r"listening on (ws://\S+)"))[1]
        async with websockets.connect(url) as client:
            await client.send("hello")
            assert await client.recv() == answer


def test_subprotocols_and_origins() -> None:
    within_a_minute(subprotocol_session())


async def subprotocol_session() -> None:
    options = ("--subprotocol", "chat", "--subprotocol", "news", "--origin", "https://example.com")
    async with served_echo(*options) as (url, _):
        offered = [Subprotocol("news"), Subprotocol("chat")]
        async with websockets.connect(url, subprotocols=offered, origin=Origin("https://example.com")) as client:
            assert client.subprotocol == "chat", "the server's order of preference counts"
        with pytest.raises(websockets.InvalidStatus) as caught:
            await websockets.connect(url, origin=Origin("https://example.org"))
        assert caught.value.response.status_code == 403


def test_the_largest_message_and_the_most_connections() -> None:
    within_a_minute(limits_session())


async def limits_session() -> None:
    options = ("--max-message-size", "1K", "--max-connections", "1", "--no-keepalive")
    async with served_echo(*options) as (url, _), websockets.connect(url) as client:
        await client.send("x" * 1024)
        assert await client.recv() == "x" * 1024
        with pytest.raises(websockets.InvalidStatus) as caught:
            await websockets.connect(url)
        assert caught.value.response.status_code == 503
        await client.send("x" * 1025)
        await client.wait_closed()
        assert client.close_code == 1009


def test_keepalive_pings_a_silent_peer() -> None:
    within_a_minute(keepalive_session())


async def keepalive_session() -> None:
    async with served_echo("--keepalive-interval", "0.05", "--log-level", "debug") as (url, program):
        async with library.connect(url) as client:
            pinged = asyncio.Event()
            client.on("ping", lambda cancel, data: pinged.set())
            await pinged.wait()
        assert await program.line("closed: 1000")


def test_a_unix_socket(tmp_path: Path) -> None:
    within_a_minute(unix_session(tmp_path / "s"))
    assert list(tmp_path.iterdir()) == []


async def unix_session(path: Path) -> None:
    async with started(*TWINAX, "serve", "echo", "--unix", path) as program:
        await program.line(r"listening on ws\+unix://")
        async with websockets.unix_connect(str(path)) as client:
            await client.send("hello")
            assert await client.recv() == "hello"
        program.signal(signal.SIGTERM)
        await program.finished(10)


def test_tls(tmp_path: Path) -> None:
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    issued.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    for place, blob in enumerate(issued.cert_chain_pems):
        blob.write_to_path(str(tmp_path / "cert.pem"), append=place > 0)
    context = ssl.create_default_context()
    authority.configure_trust(context)
    within_a_minute(tls_session(tmp_path, context))


async def tls_session(folder: Path, context: ssl.SSLContext) -> None:
    async with served_echo("--tls-cert", folder / "cert.pem", "--tls-key", folder / "key.pem") as (url, _):
        assert url.startswith("wss://")
        async with websockets.connect(url, ssl=context) as client:
            await client.send("hello")
            assert await client.recv() == "hello"


# --- failing to start ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "status", "complaint"),
    [
        ("reverb", 2, "'reverb' is neither 'echo' nor MODULE:HANDLER"),
        (":shout", 2, "is neither 'echo' nor MODULE:HANDLER"),
        ("cellars:shout", 1, "there is no module 'cellars', here or among the installed ones"),
        ("rooms.deep:shout", 1, "there is no module 'rooms.deep'"),
        ("rooms:whisper", 1, "module 'rooms' has no 'whisper'"),
        ("rooms:Rooms.attic", 1, "module 'rooms' has no 'Rooms.attic'"),
        ("rooms:number", 1, "rooms:number is int, not a function that takes a connection"),
        ("broken:shout", 1, "broken.py:3: ZeroDivisionError: division by zero"),
        ("poor:shout", 1, "module 'poor' needs 'no_such_package_of_anybody', which is not installed"),
    ],
)
def test_a_bad_handler_is_one_line(handlers: Path, name: str, status: int, complaint: str) -> None:
    within_a_minute(complains(["serve", name, "--port", "0"], status, complaint, handlers))


async def complains(arguments: list[str], status: int, complaint: str, folder: Path | None = None) -> None:
    outcome = await twinax(*arguments, cwd=folder)
    assert outcome.status == status, outcome.err
    assert outcome.out == ""
    assert outcome.err.startswith("twinax serve: ")
    assert outcome.err.count("\n") == 1
    assert complaint in outcome.err


def test_a_port_in_use_is_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        complaint = f"cannot listen on 127.0.0.1:{port}: address already in use"
        within_a_minute(complains(["serve", "echo", "--port", port], 1, complaint))


def test_a_name_that_does_not_exist_is_one_line() -> None:
    arguments = ["serve", "echo", "--host", "no-such-host.invalid", "--port", "0"]
    within_a_minute(complains(arguments, 1, "cannot listen on no-such-host.invalid:0: "))


def test_a_bad_option_is_one_line() -> None:
    arguments = ["serve", "echo", "--port", "0", "--keepalive-interval", "0"]
    within_a_minute(complains(arguments, 1, "keepalive_interval"))


def test_bad_certificates_are_one_line(tmp_path: Path) -> None:
    authority = trustme.CA()
    for name in ("one", "two"):
        issued = authority.issue_cert("127.0.0.1")
        issued.private_key_pem.write_to_path(str(tmp_path / f"{name}.key"))
        issued.cert_chain_pems[0].write_to_path(str(tmp_path / f"{name}.pem"))
    (tmp_path / "text.pem").write_text("not a certificate\n")
    within_a_minute(certificates_session(tmp_path))


async def certificates_session(folder: Path) -> None:
    def files(certificate: str, key: str = "") -> list[str]:
        chosen = ["--tls-cert", str(folder / certificate)]
        return ["serve", "echo", "--port", "0", *chosen, *(["--tls-key", str(folder / key)] if key else [])]

    await complains(files("none.pem"), 1, "none.pem: there is no such file that can be read")
    await complains(files("one.pem", "none.key"), 1, "none.key: there is no such file that can be read")
    await complains(files("one.pem", "two.key"), 1, "two.key does not belong to --tls-cert")
    await complains(files("text.pem", "one.key"), 1, "text.pem: not a certificate in PEM")
    await complains(files("one.pem"), 1, "one.pem: not a certificate in PEM with its key")
    await complains(["serve", "echo", "--tls-key", str(folder / "one.key")], 2, "--tls-key needs --tls-cert")
