"""Ports and sockets: TCP, TLS, Unix sockets, sockets of one's own, several at once."""

import asyncio
import contextlib
import logging
import os
import socket
import ssl
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import trustme

from frame_bytes import close
from support.peers import RawPeer, open_peer, upgrade_request
from support.servers import served
from support.waiting import until
from twinax import WebSocketServer
from twinax.aio import listening
from twinax.aio import loop as loop_module
from twinax.aio.listening import new_event_loop

OPEN = {"auto_accept_connections": True}


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def server_tls(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


@pytest.fixture(scope="module")
def client_tls(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


def is_there(path: str) -> bool:
    return os.path.exists(path)


@pytest.fixture
def path() -> Iterator[str]:
    with TemporaryDirectory(prefix="twinax") as folder:  # short: the path of a socket has 107 bytes at most
        yield str(Path(folder) / "socket")


async def greet(peer: RawPeer) -> None:
    assert (await peer.upgrade()).status == 101
    peer.send(close(1000))
    assert (await peer.close_frame())[0] == 1000
    await peer.close()


@pytest.mark.every_loop
async def test_several_listeners_of_one_server(
    server_tls: ssl.SSLContext, client_tls: ssl.SSLContext, path: str
) -> None:
    async with served(**OPEN) as told:
        server = told.server
        await server.listen("127.0.0.1", ssl=server_tls)
        await server.listen(path=path)
        own = socket.socket()
        own.bind(("127.0.0.1", 0))
        await server.listen(sock=own)
        ports = [sock.getsockname()[1] for sock in server.sockets if sock.family == socket.AF_INET]
        assert server.port == ports[0]
        assert server.urls == [
            f"ws://127.0.0.1:{ports[0]}",
            f"wss://127.0.0.1:{ports[1]}",
            f"ws+unix://{path}",
            f"ws://127.0.0.1:{ports[2]}",
        ]
        async with open_peer(ports[0]) as peer:
            await greet(peer)
        async with open_peer(ports[1], ssl=client_tls) as peer:
            await greet(peer)
        async with open_peer(path=path) as peer:
            await greet(peer)
        async with open_peer(ports[2]) as peer:
            await greet(peer)
        await until(lambda: not server.connections)
        addresses = [connection.remote_address for connection in told.connections]
        assert addresses == ["127.0.0.1", "127.0.0.1", "", "127.0.0.1"]


async def test_addresses_to_connect_to() -> None:
    async with WebSocketServer() as server:
        assert (server.port, server.urls, server.sockets) == (0, [], [])
        await server.listen("0.0.0.0")
        await server.listen("::1")
        first, second = (sock.getsockname()[1] for sock in server.sockets)
        assert server.urls == [f"ws://localhost:{first}", f"ws://[::1]:{second}"]


@pytest.mark.parametrize(
    ("port", "error", "message"),
    [
        ("8080", TypeError, "port='8080': an integer, 0 to 65535"),
        (65536, ValueError, "port=65536 is out of range: 0 to 65535"),
    ],
)
async def test_a_port_that_is_none(port: Any, error: type[Exception], message: str) -> None:
    async with WebSocketServer() as server:
        with pytest.raises(error, match=message):
            await server.listen("127.0.0.1", port)
        assert server.sockets == []


async def test_unix_socket_is_removed(path: str) -> None:
    async with WebSocketServer() as server:
        await server.listen(path=path)
        assert server.port == 0
        assert is_there(path)
        await server.close()
        assert not is_there(path)
        await server.listen(path=path)
        os.unlink(path)  # by somebody else: no matter


async def test_unix_socket_of_another_server_is_left_alone(path: str) -> None:
    async with WebSocketServer() as old, WebSocketServer() as new:
        await old.listen(path=path)
        await new.listen(path=path + ".new")
        os.rename(path + ".new", path)  # how a new server takes over without a gap
        await old.close()
        assert is_there(path)
        async with open_peer(path=path) as peer:
            assert (await peer.upgrade()).status == 404


@pytest.mark.skipif(not os.path.exists("/proc/net/unix"), reason="abstract sockets are Linux's")
async def test_abstract_socket() -> None:
    name = f"\0twinax-test-{os.getpid()}"
    async with WebSocketServer(**OPEN) as server:
        await server.listen(path=name)
        async with open_peer(path=name) as peer:
            await greet(peer)
            await until(lambda: not server.connections)


async def test_addresses_exclude_each_other(path: str) -> None:
    async with WebSocketServer() as server:
        with pytest.raises(ValueError, match="exclude each other"):
            await server.listen("127.0.0.1", path=path)
        with pytest.raises(ValueError, match="exclude each other"):
            await server.listen(port=80, path=path)


async def test_port_in_use() -> None:
    async with served() as told:
        with pytest.raises(OSError, match="in use"):
            await told.server.listen("127.0.0.1", told.port)


@pytest.mark.every_loop
async def test_client_that_speaks_no_tls(server_tls: ssl.SSLContext) -> None:
    async with WebSocketServer(**OPEN) as server:
        await server.listen("127.0.0.1", ssl=server_tls)
        async with open_peer(server.port) as peer:
            peer.send(b"GET / HTTP/1.1\r\n\r\n")
            with contextlib.suppress(ConnectionResetError):
                assert not (await peer.ended()).startswith(b"HTTP")
        assert server.connections == []


async def test_client_that_does_not_finish_its_tls_handshake(server_tls: ssl.SSLContext) -> None:
    async with WebSocketServer(**OPEN, open_timeout=10.0) as server:
        await server.listen("127.0.0.1", ssl=server_tls)
        async with open_peer(server.port) as peer:
            loop = asyncio.get_running_loop()
            began = loop.time()
            with contextlib.suppress(ConnectionResetError):
                await peer.ended()
            assert loop.time() - began == pytest.approx(10)


async def test_open_timeout_counts_the_tls_handshake(server_tls: ssl.SSLContext, client_tls: ssl.SSLContext) -> None:
    async with WebSocketServer(**OPEN, open_timeout=10.0) as server:
        await server.listen("127.0.0.1", ssl=server_tls)
        loop = asyncio.get_running_loop()
        sock = socket.create_connection(("127.0.0.1", server.port))
        sock.setblocking(False)
        await asyncio.sleep(7)
        reader, writer = await asyncio.open_connection(sock=sock, ssl=client_tls, server_hostname="127.0.0.1")
        peer = RawPeer(reader, writer)
        began = loop.time()
        assert (await peer.answer()).status == 408
        assert loop.time() - began == pytest.approx(3)
        await peer.close()


@pytest.mark.every_loop
async def test_tls_handshakes_under_way_are_pending(
    server_tls: ssl.SSLContext, client_tls: ssl.SSLContext, caplog: pytest.LogCaptureFixture
) -> None:
    async with served(**OPEN, max_pending_handshakes=2) as told:
        await told.server.listen("127.0.0.1", ssl=server_tls)
        port = told.server.sockets[-1].getsockname()[1]
        async with open_peer(port), open_peer(port) as second:
            await until(lambda: len(told.server._admission.shaking) == 2)
            async with open_peer(port) as third:
                assert await third.ended() == b""
            assert "turned away: max_pending_handshakes=2 are under way" in caplog.text
            async with told.peer() as plain:
                assert (await plain.answer()).status == 503  # on other ports, too
            await second.close()
            await until(lambda: len(told.server._admission.shaking) == 1)
            async with open_peer(port, ssl=client_tls) as fourth:
                await greet(fourth)
                await until(lambda: not told.server.connections)


@pytest.mark.every_loop
async def test_a_closing_server_waits_for_no_tls_handshake(server_tls: ssl.SSLContext) -> None:
    async with WebSocketServer(**OPEN) as server:
        await server.listen("127.0.0.1", ssl=server_tls)
        async with open_peer(server.port) as peer:
            await until(lambda: bool(server._admission.shaking))
            await server.close()
            assert await peer.ended() == b""


@pytest.mark.every_loop
async def test_failed_tls_handshakes_are_no_news(server_tls: ssl.SSLContext, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "twinax")
    async with WebSocketServer(**OPEN) as server:
        await server.listen("127.0.0.1", ssl=server_tls)
        async with open_peer(server.port) as peer:
            peer.send(b"GET / HTTP/1.1\r\n\r\n")
            with contextlib.suppress(ConnectionResetError):
                await peer.ended()
        async with open_peer(server.port):
            await until(lambda: bool(server._admission.shaking))
        await until(lambda: not server._admission.shaking)
    assert [record.levelno for record in caplog.records if "TLS handshake failed" in record.message] == [
        logging.DEBUG
    ] * 2
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


@pytest.mark.every_loop
async def test_a_certificate_by_the_name_that_is_asked_for() -> None:
    # `sni_callback` and key logging reach into the TLS connection: whoever makes that in another way ends the process.
    other = trustme.CA()
    client_tls = ssl.create_default_context()
    other.configure_trust(client_tls)
    named = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    other.issue_cert("chat.example.com").configure_cert(named)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    asked: list[str | None] = []

    def choose(connection: ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> None:
        asked.append(name)
        connection.context = named

    context.sni_callback = choose
    async with WebSocketServer(**OPEN) as server:
        await server.listen("127.0.0.1", ssl=context)
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", server.port, ssl=client_tls, server_hostname="chat.example.com"
        )
        await greet(RawPeer(reader, writer))
    assert asked == ["chat.example.com"]


@pytest.mark.every_loop
async def test_keys_of_tls_are_logged_when_asked_for(
    authority: trustme.CA, client_tls: ssl.SSLContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = tmp_path / "keys"
    monkeypatch.setenv("SSLKEYLOGFILE", str(keys))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    async with WebSocketServer(**OPEN) as server:
        await server.listen("127.0.0.1", ssl=context)
        async with open_peer(server.port, ssl=client_tls) as peer:
            await greet(peer)
    assert "SERVER_TRAFFIC_SECRET_0" in keys.read_text()


async def test_without_sockets_of_our_own_the_loop_listens(
    server_tls: ssl.SSLContext, client_tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listening, "get_hub", lambda loop, tls: None)
    async with served(**OPEN) as told:
        await told.server.listen("127.0.0.1", ssl=server_tls)
        ports = [sock.getsockname()[1] for sock in told.server.sockets]
        for port, tls in zip(ports, (None, client_tls), strict=True):
            async with open_peer(port, ssl=tls) as peer:
                await greet(peer)
        await until(lambda: not told.server.connections)


async def test_cancelled_while_it_begins_to_listen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "get_hub", lambda loop, tls: None)
    server = WebSocketServer(**OPEN)
    task = asyncio.create_task(server.listen("127.0.0.1"))
    await until(lambda: bool(server.sockets))
    assert not task.done()  # the address is bound, and asyncio waits for a turn of the loop
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    [sock] = server.sockets
    address = sock.getsockname()
    server.unmount()
    assert server.sockets == []
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(*address)


def test_the_loop_that_runs_a_server_best(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = new_event_loop()
    loop.close()
    uvloop = pytest.importorskip("uvloop")
    assert isinstance(loop, uvloop.Loop)
    monkeypatch.setitem(sys.modules, "uvloop", None)
    loop = new_event_loop()
    loop.close()
    assert not isinstance(loop, uvloop.Loop)


@pytest.mark.skipif(sys.platform != "linux", reason="asyncio accepts by itself elsewhere")
async def test_accepting_goes_on_when_file_descriptors_are_there_again(
    server_tls: ssl.SSLContext, client_tls: ssl.SSLContext, errors: list[logging.LogRecord]
) -> None:
    """Nothing but the listening socket is watched, and meanwhile not even that: others take every descriptor."""
    import resource

    async with WebSocketServer(auto_accept_connections=True) as server:
        await server.listen("127.0.0.1", ssl=server_tls)
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)
        taken: list[int] = []
        knocking = socket.socket()
        knocking.setblocking(False)
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (max(map(int, os.listdir("/proc/self/fd"))) + 8, limit[1]))
            take_all(taken)
            with contextlib.suppress(BlockingIOError):
                knocking.connect(("127.0.0.1", server.port))
            await until(lambda: errors)
            take_all(taken)
            await asyncio.sleep(3)
        finally:
            for fd in taken:
                os.close(fd)
            resource.setrlimit(resource.RLIMIT_NOFILE, limit)
        knocking.close()
        assert {record.getMessage() for record in errors} == {
            "nothing is accepted for 1.0 s: [Errno 24] Too many open files"
        }
        async with open_peer(server.port, ssl=client_tls) as peer:
            await greet(peer)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere sockets are the loop's in any case")
async def test_a_connection_may_have_the_last_file_descriptor(
    monkeypatch: pytest.MonkeyPatch, errors: list[logging.LogRecord]
) -> None:
    """It is the third socket, from which on a hub would watch them, had it a descriptor of its own."""
    import resource

    monkeypatch.setattr(loop_module, "USES_SOCKETS", True)
    loop = asyncio.get_running_loop()
    taken: list[int] = []
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    async with WebSocketServer(auto_accept_connections=True) as server:
        await server.listen("127.0.0.1")
        async with open_peer(server.port) as first:
            assert (await first.upgrade()).status == 101
            with socket.socket() as last:
                last.setblocking(False)
                try:
                    descriptors = map(int, os.listdir("/proc/self/fd"))
                    resource.setrlimit(resource.RLIMIT_NOFILE, (max(descriptors) + 8, limit[1]))
                    take_all(taken)
                    os.close(taken.pop())
                    await loop.sock_connect(last, ("127.0.0.1", server.port))
                    await loop.sock_sendall(last, upgrade_request())
                    assert (await loop.sock_recv(last, 1000)).startswith(b"HTTP/1.1 101 ")
                finally:
                    for fd in taken:
                        os.close(fd)
                    resource.setrlimit(resource.RLIMIT_NOFILE, limit)
            async with open_peer(server.port) as later:
                await greet(later)
            first.reset()
    # The kernel asks for a descriptor before it looks whether anybody waits.
    assert {record.getMessage() for record in errors} <= {
        "nothing is accepted for 1.0 s: [Errno 24] Too many open files"
    }


def take_all(taken: list[int]) -> None:
    """Take all file descriptors that are left."""
    with contextlib.suppress(OSError):
        while True:
            taken.append(os.dup(0))
