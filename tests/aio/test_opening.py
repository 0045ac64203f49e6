"""The client's opening handshake: every phase of it, whole and broken, against servers of hand-written bytes."""

import asyncio
import errno
import os
import socket
import ssl
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trustme
import websockets.asyncio.server
from raw_servers import Conversation, RawServer, Script, answer, raw_server, run

from twinax.aio import opening
from twinax.aio.connection import WebSocketConnection
from twinax.aio.opening import open_connection
from twinax.aio.serve import serve
from twinax.config import ClientConfig, ClientOptions, build_config
from twinax.errors import (
    HandshakeError,
    HandshakeRejected,
    HandshakeTimeout,
    InvalidURI,
)
from twinax.protocol.body import MAX_BODY

HELLO = b"\x81\x05hello"
CLOSE_1000 = b"\x88\x02\x03\xe8"


def new_uvloop() -> asyncio.AbstractEventLoop:
    import uvloop

    return uvloop.new_event_loop()


LOOPS = [
    pytest.param(asyncio.new_event_loop, id="asyncio"),
    pytest.param(
        new_uvloop,
        id="uvloop",
        marks=pytest.mark.skipif(sys.implementation.name == "pypy", reason="PyPy has no uvloop"),
    ),
]


async def open_with(uri: str, **options: Any) -> WebSocketConnection:
    return await open_connection(uri, build_config(ClientConfig, options))


def failure(script: Script, **options: Any) -> HandshakeError:
    """What opening a connection to such a server raises; the server must see the TCP connection end."""
    ends: list[bytes] = []

    async def script_to_the_end(conversation: Conversation) -> None:
        await script(conversation)
        ends.append(await conversation.ended())

    async def main() -> HandshakeError:
        async with raw_server(script_to_the_end) as server:
            with pytest.raises(HandshakeError) as caught:
                await open_with(server.uri, **options)
            await asyncio.gather(*server.tasks)
            assert ends == [b""] * len(server.conversations)
            return caught.value

    return run(main())


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def server_tls(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost", "127.0.0.1").configure_cert(context)
    return context


@pytest.fixture(scope="module")
def client_tls(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


async def echo(connection: WebSocketConnection) -> None:
    async for message in connection:
        await connection.send(message)


# --- it works -----------------------------------------------------------------------------------


@pytest.mark.parametrize("new_loop", LOOPS)
@pytest.mark.parametrize("version", [13, 8])
def test_talks_to_our_own_server(version: int, new_loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    async def main() -> None:
        async with serve(echo, "127.0.0.1", subprotocols=["chat"]) as server:
            uri = f"ws://127.0.0.1:{server.port}/path?x=1"
            connection = await open_with(uri, subprotocols=["other", "chat"], websocket_version=version)
            assert connection.protocol == "chat"
            assert connection.websocket_version == version
            assert connection.is_client
            assert connection.remote_address == "127.0.0.1"
            connection.send("hello")
            assert await connection.recv() == "hello"
            connection.send(b"\0" * 300_000)
            assert await connection.recv() == b"\0" * 300_000
            await connection.close()
            assert connection.close_report is not None
            assert connection.close_report.was_clean

    run(main(), new_loop)


def test_talks_to_the_websockets_library() -> None:
    async def echo_theirs(connection: websockets.asyncio.server.ServerConnection) -> None:
        async for message in connection:
            await connection.send(message)

    async def main() -> None:
        async with websockets.asyncio.server.serve(echo_theirs, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            connection = await open_with(f"ws://127.0.0.1:{port}/")
            connection.send("hällo")
            assert await connection.recv() == "hällo"
            await connection.close(4000, "bye")
            assert connection.close_code == 4000

    run(main())


def test_the_request_says_what_the_options_say() -> None:
    async def script(conversation: Conversation) -> None:
        conversation.write(conversation.accept("Sec-WebSocket-Protocol: b"))
        await conversation.ended()

    async def main() -> RawServer:
        async with raw_server(script) as server:
            connection = await open_with(
                f"ws://user:pass@127.0.0.1:{server.port}/a?b=c",
                subprotocols=["a", "b"],
                origin="https://example.com",
                headers={"X-Token": "1"},
                cookies={"session": "s1"},
            )
            connection.drop(skip_close_frame=True)
            await connection.wait_closed()
            return server

    server = run(main())
    said = server.conversations[0]
    assert said.request.startswith("GET /a?b=c HTTP/1.1\r\n")
    assert said.field("Host") == f"127.0.0.1:{server.port}"
    assert said.field("Sec-WebSocket-Protocol") == "a, b"
    assert said.field("Origin") == "https://example.com"
    assert said.field("X-Token") == "1"
    assert said.field("Cookie") == "session=s1"
    assert said.field("Authorization") == "Basic dXNlcjpwYXNz"
    assert said.field("Sec-WebSocket-Version") == "13"


def test_version_8_has_its_own_origin_field() -> None:
    async def script(conversation: Conversation) -> None:
        conversation.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")

    async def main() -> Conversation:
        async with raw_server(script) as server:
            with pytest.raises(HandshakeRejected):
                await open_with(server.uri, websocket_version=8, origin="https://example.com")
            return server.conversations[0]

    said = run(main())
    assert said.field("Sec-WebSocket-Version") == "8"
    assert said.field("Sec-WebSocket-Origin") == "https://example.com"
    assert said.field("Origin") is None


def test_frames_in_the_same_packet_as_the_101_reach_listeners_of_the_first_turn() -> None:
    async def script(conversation: Conversation) -> None:
        conversation.write(conversation.accept() + b"\x89\x01p" + HELLO)
        await conversation.ended()

    async def main() -> list[Any]:
        async with raw_server(script) as server:
            connection = await open_with(server.uri)
            seen: list[Any] = []
            both = asyncio.Event()

            def on_message(message: Any) -> None:
                seen.append(message)
                both.set()

            connection.on("ping", lambda cancel, data: seen.append(data))
            connection.on("message", on_message)
            await both.wait()
            connection.drop()
            await connection.wait_closed()
            return seen

    assert run(main()) == [b"p", "hello"]


@pytest.mark.parametrize("tls", [False, True], ids=["tcp", "tls"])
@pytest.mark.parametrize("cut", [1, 50, 400], ids=["bytewise", "in pieces", "at once"])
def test_a_server_that_says_all_at_once_and_leaves_is_heard(
    tls: bool, cut: int, server_tls: ssl.SSLContext, client_tls: ssl.SSLContext
) -> None:
    async def script(conversation: Conversation) -> None:
        said = conversation.accept() + HELLO + HELLO + CLOSE_1000
        for start in range(0, len(said), cut):
            conversation.write(said[start : start + cut])
            await asyncio.sleep(0)

    async def main() -> None:
        async with raw_server(script, server_tls if tls else None) as server:
            uri = server.uri.replace("ws:", "wss:") if tls else server.uri
            connection = await open_with(uri, ssl=client_tls if tls else None)
            assert [message async for message in connection] == ["hello", "hello"]
            assert connection.close_code == 1000
            assert connection.close_report is not None
            assert connection.close_report.rcvd is not None

    run(main())


def test_interim_answers_are_skipped() -> None:
    async def script(conversation: Conversation) -> None:
        conversation.write(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n")
        conversation.write(conversation.accept() + HELLO)
        await conversation.ended()

    async def main() -> Any:
        async with raw_server(script) as server, await open_with(server.uri, close_timeout=0.0) as connection:
            return await connection.recv()

    assert run(main()) == "hello"


def test_endless_interim_answers_are_an_error() -> None:
    assert "interim" in str(failure(answer(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 100)))


def test_unix_socket(tmp_path: Path) -> None:
    path = str(tmp_path / "socket")

    async def main() -> None:
        async with serve(echo, path=path):
            connection = await open_with("ws://localhost/", unix_path=path)
            connection.send("hello")
            assert await connection.recv() == "hello"
            await connection.close()

    run(main())


@pytest.mark.parametrize("family", ["AF_INET", "AF_UNIX"])
def test_a_socket_of_ones_own(family: str, tmp_path: Path) -> None:
    async def main() -> None:
        path = str(tmp_path / "socket")
        async with serve(echo, "127.0.0.1") as server:
            await server.listen(path=path)
            sock = socket.socket(getattr(socket, family))
            sock.connect(path if family == "AF_UNIX" else ("127.0.0.1", server.port))
            async with await open_with(f"ws://localhost:{server.port}/", sock=sock) as connection:
                connection.send("hello")
                assert await connection.recv() == "hello"

    run(main())


def test_local_address() -> None:
    async def main() -> str:
        async with raw_server(answer(b"HTTP/1.1 404 Not Found\r\n\r\n")) as server:
            with pytest.raises(HandshakeRejected):
                await open_with(server.uri, local_address=("127.0.0.2", 0))
            address: str = server.conversations[0].writer.get_extra_info("peername")[0]
            return address

    assert run(main()) == "127.0.0.2"


# --- TLS ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("new_loop", LOOPS)
def test_tls(
    server_tls: ssl.SSLContext, client_tls: ssl.SSLContext, new_loop: Callable[[], asyncio.AbstractEventLoop]
) -> None:
    async def main() -> None:
        async with serve(echo, "127.0.0.1", ssl=server_tls) as server:
            for host, name in [("127.0.0.1", None), ("127.0.0.1", "localhost")]:
                uri = f"wss://{host}:{server.port}/"
                async with await open_with(uri, ssl=client_tls, server_hostname=name) as connection:
                    connection.send("x" * 200_000)
                    assert await connection.recv() == "x" * 200_000
                assert connection.close_code == 1000

    run(main(), new_loop)


def test_tls_verifies_by_default(server_tls: ssl.SSLContext) -> None:
    async def main() -> HandshakeError:
        async with serve(echo, "127.0.0.1", ssl=server_tls) as server:
            with pytest.raises(HandshakeError) as caught:
                await open_with(f"wss://127.0.0.1:{server.port}/")
            return caught.value

    error = run(main())
    assert isinstance(error.__cause__, ssl.SSLCertVerificationError)
    assert "127.0.0.1:" in str(error)
    assert "CERTIFICATE_VERIFY_FAILED" in str(error)


def test_tls_verifies_the_name(server_tls: ssl.SSLContext, client_tls: ssl.SSLContext) -> None:
    async def main() -> HandshakeError:
        async with serve(echo, "127.0.0.1", ssl=server_tls) as server:
            with pytest.raises(HandshakeError) as caught:
                await open_with(f"wss://127.0.0.1:{server.port}/", ssl=client_tls, server_hostname="example.com")
            return caught.value

    assert "example.com" in str(run(main()))


def test_tls_to_a_server_without() -> None:
    async def main() -> HandshakeError:
        async with serve(echo, "127.0.0.1") as server:
            with pytest.raises(HandshakeError) as caught:
                await open_with(f"wss://127.0.0.1:{server.port}/")
            return caught.value

    error = run(main())
    assert isinstance(error.__cause__, OSError)
    assert "TLS" in str(error)


def test_no_tls_to_a_server_with_it(server_tls: ssl.SSLContext) -> None:
    async def main() -> HandshakeError:
        async with serve(echo, "127.0.0.1", ssl=server_tls) as server:
            with pytest.raises(HandshakeError) as caught:
                await open_with(f"ws://127.0.0.1:{server.port}/")
            return caught.value

    run(main())


def test_the_default_context_is_made_once() -> None:
    assert opening._default_context() is opening._default_context()


# --- other answers ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "body"),
    [
        (b"HTTP/1.1 403 Go Away\r\nX-Why: you\r\nContent-Length: 4\r\n\r\nnope and more", b"nope"),
        (
            b"HTTP/1.1 403 Go Away\r\nX-Why: you\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n2\r\npe\r\n0\r\n\r\n",
            b"nope",
        ),
        (b"HTTP/1.1 403 Go Away\r\nX-Why: you\r\nContent-Length: 0\r\n\r\n", b""),
    ],
)
def test_another_status_is_a_rejection(said: bytes, body: bytes) -> None:
    error = failure(answer(said))
    assert isinstance(error, HandshakeRejected)
    assert (error.status, error.reason, error.body) == (403, "Go Away", body)
    assert ("X-Why", "you") in error.headers
    assert "403 Go Away" in str(error)


def test_a_body_ended_by_the_connection() -> None:
    async def script(conversation: Conversation) -> None:
        conversation.write(b"HTTP/1.0 500 Oops\r\n\r\nall ")
        await conversation.writer.drain()
        conversation.write(b"of it")
        conversation.writer.write_eof()

    error = failure(script)
    assert isinstance(error, HandshakeRejected)
    assert error.body == b"all of it"


def test_a_long_body_is_cut() -> None:
    async def script(conversation: Conversation) -> None:
        conversation.write(b"HTTP/1.1 500 Oops\r\n\r\n" + b"x" * (MAX_BODY - 1))
        conversation.write(b"yz" * 1000)

    error = failure(script)
    assert isinstance(error, HandshakeRejected)
    assert error.body == b"x" * (MAX_BODY - 1) + b"y"


def test_a_body_that_does_not_end_in_time_is_a_rejection_all_the_same() -> None:
    error = failure(answer(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 10\r\n\r\nhalf"), open_timeout=0.2)
    assert isinstance(error, HandshakeRejected)
    assert (error.status, error.body) == (401, b"half")


@pytest.mark.parametrize(
    ("said", "message"),
    [
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "cannot be read"),
        (b"HTTP/1.1 101 x\r\nbad header line\r\n\r\n", "no colon"),
        (b"\x15\x03\x01\x00\x02\x02\x46", "wss://"),
        (b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 200 + b"\r\n", "100 fields"),
        (b"HTTP/1.1 200 OK\r\nX-A: " + b"b" * 10_000, "8192 bytes"),
        (b"HTTP/1.1 200 OK\r\n" + (b"X-A: " + b"b" * 8000 + b"\r\n") * 3, "16384 bytes"),
        (b"HTTP/1.1 200 OK\n\n", "bare LF"),
    ],
)
def test_garbage(said: bytes, message: str) -> None:
    assert message in str(failure(answer(said)))


def test_a_wrong_accept_key() -> None:
    fields = b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: AAAA\r\n"
    error = failure(answer(b"HTTP/1.1 101 Switching Protocols\r\n" + fields + b"\r\n" + HELLO))
    assert "Sec-WebSocket-Accept" in str(error)
    assert error.status == 101


@pytest.mark.parametrize(("require", "fails"), [(True, True), (False, False)])
def test_require_subprotocol(require: bool, fails: bool) -> None:
    async def script(conversation: Conversation) -> None:
        conversation.write(conversation.accept())
        await conversation.ended()

    async def main() -> None:
        async with raw_server(script) as server:
            options: ClientOptions = {"subprotocols": ["chat"], "require_subprotocol": require, "close_timeout": 0.0}
            if fails:
                with pytest.raises(HandshakeError, match="Sec-WebSocket-Protocol is missing"):
                    await open_with(server.uri, **options)
            else:
                async with await open_with(server.uri, **options) as connection:
                    assert connection.protocol is None

    run(main())


# --- the connection breaks ----------------------------------------------------------------------


def test_end_without_an_answer() -> None:
    async def script(conversation: Conversation) -> None:
        conversation.writer.write_eof()

    error = failure(script)
    assert str(error).endswith("without an answer; if the server speaks TLS on this port, use wss://")
    assert isinstance(error.__cause__, EOFError)


def test_end_in_the_middle_of_the_answer() -> None:
    async def script(conversation: Conversation) -> None:
        conversation.write(b"HTTP/1.1 101 Swi")
        conversation.writer.write_eof()

    assert "after 16 bytes" in str(failure(script))


def test_reset_without_an_answer() -> None:
    async def script(conversation: Conversation) -> None:
        linger = conversation.writer.get_extra_info("socket")
        linger.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        conversation.writer.transport.abort()

    error = failure(script)
    assert isinstance(error.__cause__, ConnectionResetError)
    assert error.__cause__.errno == errno.ECONNRESET
    assert "ECONNRESET" in str(error)


def test_nobody_listens() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        with pytest.raises(HandshakeError, match=f"cannot connect to 127.0.0.1:{port}") as caught:
            run(open_with(f"ws://127.0.0.1:{port}/"))
    assert isinstance(caught.value.__cause__, ConnectionRefusedError)
    assert caught.value.__cause__.errno == errno.ECONNREFUSED


def test_a_unix_socket_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(HandshakeError, match="nothing-here") as caught:
        run(open_with("ws://localhost/", unix_path=str(tmp_path / "nothing-here")))
    assert isinstance(caught.value.__cause__, FileNotFoundError)


# --- timeouts -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("uri", "phase"), [("ws://127.0.0.1:{}/", "waiting for the answer"), ("wss://127.0.0.1:{}/", "TLS handshake")]
)
def test_a_silent_server(uri: str, phase: str) -> None:
    async def main() -> HandshakeTimeout:
        ended = asyncio.Event()

        class Silent(asyncio.Protocol):
            def connection_lost(self, exc: Exception | None) -> None:
                ended.set()

        server = await asyncio.get_running_loop().create_server(Silent, "127.0.0.1", 0)
        async with server:
            with pytest.raises(HandshakeTimeout) as caught:
                await open_with(uri.format(server.sockets[0].getsockname()[1]), open_timeout=0.2)
            await ended.wait()
        return caught.value

    error = run(main())
    assert isinstance(error, TimeoutError)
    assert phase in str(error)
    assert "open_timeout=0.2" in str(error)
    assert "127.0.0.1:" in str(error)


def test_a_server_that_drips_is_cut_off_too() -> None:
    async def script(conversation: Conversation) -> None:
        conversation.write(b"HTTP/1.1 101 Switching Protocols\r\nX-A: ")
        while not conversation.reader.at_eof():
            conversation.write(b"b")
            await conversation.writer.drain()
            await asyncio.sleep(0)

    async def main() -> None:
        async with raw_server(script) as server:
            with pytest.raises((HandshakeTimeout, HandshakeError)):
                await open_with(server.uri, open_timeout=0.2)

    run(main())


def test_the_application_s_own_timeout_stays_its_own() -> None:
    async def script(conversation: Conversation) -> None:
        await conversation.ended()

    async def main() -> None:
        async with raw_server(script) as server:
            with pytest.raises(TimeoutError) as caught:
                async with asyncio.timeout(0.2):
                    await open_with(server.uri)
            assert not isinstance(caught.value, HandshakeTimeout)

    run(main())


# --- cancellation -------------------------------------------------------------------------------


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="counts descriptors in /proc")
@pytest.mark.parametrize("tls", [False, True], ids=["tcp", "tls"])
def test_cancelled_at_any_moment_leaves_no_descriptor(
    tls: bool, server_tls: ssl.SSLContext, client_tls: ssl.SSLContext
) -> None:
    options: ClientOptions = {"ssl": client_tls} if tls else {}

    async def cancel_after(uri: str, turns: int) -> bool:
        task = asyncio.ensure_future(open_with(uri, **options))
        for _ in range(turns):
            await asyncio.sleep(0)
        if not task.cancel():
            await task.result().close()
            return True
        with pytest.raises(asyncio.CancelledError):
            await task
        return False

    async def main() -> None:
        async with serve(echo, "127.0.0.1", ssl=server_tls if tls else None) as server:
            uri = f"{'wss' if tls else 'ws'}://127.0.0.1:{server.port}/"

            async def settled_descriptors() -> int:
                # Once a newer connection has come and gone, the server has dealt with the older ones.
                assert await cancel_after(uri, 1000)
                await server._admission.wait_empty()
                for _ in range(20):
                    await asyncio.sleep(0)
                return descriptors()

            before = await settled_descriptors()
            opened = [await cancel_after(uri, turns) for turns in range(60)]
            assert not opened[0]
            assert await settled_descriptors() == before

    run(main())


# --- redirects ----------------------------------------------------------------------------------


def redirect(status: int, location: str) -> bytes:
    return f"HTTP/1.1 {status} Moved\r\nLocation: {location}\r\nContent-Length: 5\r\n\r\nbody!".encode()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_followed(status: int) -> None:
    async def script(conversation: Conversation) -> None:
        if conversation.request.startswith("GET /new?x "):
            conversation.write(conversation.accept() + HELLO)
            await conversation.ended()
        else:
            conversation.write(redirect(status, "/new?x"))

    async def main() -> list[Conversation]:
        async with raw_server(script) as server:
            uri = f"ws://user:pass@127.0.0.1:{server.port}/old"
            options: ClientOptions = {"cookies": {"a": "b"}, "headers": {"X-A": "1"}, "close_timeout": 0.0}
            async with await open_with(uri, **options) as connection:
                assert await connection.recv() == "hello"
            return server.conversations

    first, second = run(main())
    for name in ("Authorization", "Cookie", "X-A", "Host"):
        assert second.field(name) == first.field(name) is not None
    assert second.field("Sec-WebSocket-Key") != first.field("Sec-WebSocket-Key")


def test_what_is_private_does_not_reach_another_origin() -> None:
    async def elsewhere(conversation: Conversation) -> None:
        conversation.write(conversation.accept() + HELLO)
        await conversation.ended()

    async def main() -> tuple[Conversation, Conversation]:
        options: ClientOptions = {
            "cookies": {"a": "b"},
            "headers": {"authorization": "Bearer t", "Host": "example.com", "X-A": "1"},
            "close_timeout": 0.0,
        }

        async def astray(conversation: Conversation) -> None:
            conversation.write(redirect(302, f"http://127.0.0.1:{other.port}/x"))

        async with raw_server(elsewhere) as other, raw_server(astray) as server:
            async with await open_with(server.uri, **options) as connection:
                assert await connection.recv() == "hello"
            return server.conversations[0], other.conversations[0]

    first, second = run(main())
    for name in ("Authorization", "Cookie"):
        assert first.field(name) is not None
        assert second.field(name) is None
    assert first.field("Host") == "example.com"
    assert second.field("Host") != "example.com"
    assert second.field("X-A") == "1"


def test_too_many_redirects() -> None:
    error = failure(answer(redirect(302, "/again")), max_redirects=3)
    assert "max_redirects=3" in str(error)
    assert error.status == 302


def test_redirects_switched_off_are_rejections() -> None:
    error = failure(answer(redirect(302, "/again")), max_redirects=0)
    assert isinstance(error, HandshakeRejected)
    assert (error.status, error.body) == (302, b"body!")


def test_a_redirect_without_a_location_is_a_rejection() -> None:
    assert isinstance(failure(answer(b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n")), HandshakeRejected)


@pytest.mark.parametrize("location", ["ftp://example.com/", "http://user@example.com/", "http://[::1/", "ht\x01tp"])
def test_a_redirect_to_nowhere(location: str) -> None:
    failure(answer(redirect(302, location)))


def test_never_from_wss_to_ws(server_tls: ssl.SSLContext, client_tls: ssl.SSLContext) -> None:
    async def main() -> HandshakeError:
        async with raw_server(answer(redirect(302, "http://127.0.0.1/")), server_tls) as server:
            with pytest.raises(HandshakeError) as caught:
                await open_with(f"wss://127.0.0.1:{server.port}/", ssl=client_tls)
            return caught.value

    assert "without TLS" in str(run(main()))


def test_a_socket_of_ones_own_cannot_be_redirected() -> None:
    async def main() -> HandshakeError:
        async with raw_server(answer(redirect(302, "/x"))) as server:
            sock = socket.create_connection(("127.0.0.1", server.port))
            with pytest.raises(HandshakeError) as caught:
                await open_with(server.uri, sock=sock)
            await asyncio.sleep(0)
            assert sock.fileno() == -1
            return caught.value

    assert "same sock" in str(run(main()))


def test_a_unix_socket_leads_to_one_origin_only(tmp_path: Path) -> None:
    path = str(tmp_path / "socket")

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(redirect(302, "http://example.com/"))
        await reader.read()
        writer.close()

    async def main() -> HandshakeError:
        async with await asyncio.start_unix_server(refuse, path):
            with pytest.raises(HandshakeError) as caught:
                await open_with("ws://localhost/", unix_path=path)
            return caught.value

    assert f"unix_path='{path}'" in str(run(main()))


# --- bad arguments ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {"headers": {"X-A": "b\r\nX-C: d"}},
        {"headers": {"Upgrade": "x"}},
        {"cookies": {"a": "b\r\n"}},
        {"origin": "a\0b"},
        {"subprotocols": ["a b"]},
    ],
)
def test_nothing_is_sent_with_bad_arguments(options: dict[str, Any]) -> None:
    async def main() -> None:
        async with raw_server(answer(b"")) as server:
            with pytest.raises(ValueError):
                await open_with(server.uri, **options)
            assert not server.tasks

    run(main())


def test_an_address_that_is_none() -> None:
    with pytest.raises(InvalidURI):
        run(open_with("http://localhost/"))
