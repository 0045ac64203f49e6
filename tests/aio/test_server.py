"""`WebSocketServer` and `serve`: who is asked, who is told, and how a server ends."""

import asyncio
import os
import signal
import subprocess
import sys
from typing import Any

import pytest
import websockets.asyncio.client

from frame_bytes import close, frame
from support.peers import open_peer, upgrade_request
from support.servers import ask, served
from support.waiting import until
from twinax import (
    ConnectionClosedError,
    LocalProtocolError,
    WebSocketConnection,
    WebSocketRequest,
    WebSocketServer,
    serve,
)
from twinax.protocol import parse_request_head


async def echo(connection: WebSocketConnection) -> None:
    async for message in connection:
        await connection.send(message)


# --- who decides --------------------------------------------------------------------------------


async def test_without_anybody_who_could_accept_404() -> None:
    async with served() as told:
        answer = await ask(told, upgrade_request())
        assert answer.status == 404
        assert answer["x-websocket-reject-reason"] == "No handler is configured to accept the connection."
        assert told.server.pending_requests == []


async def test_auto_accept_takes_the_first_subprotocol_whatever_the_origin_says_about_host() -> None:
    async with served(auto_accept_connections=True) as told, told.peer() as peer:
        fields = ("Sec-WebSocket-Protocol: Two, One", "Origin: http://localhost")
        answer = await peer.upgrade("/", *fields)
        assert answer["sec-websocket-protocol"] == "Two"
        assert answer["origin"] == "http://localhost"
        assert told.connections[0].protocol == "two"
        peer.send(close(1000))


async def test_events_of_a_server() -> None:
    async with served(pending=True) as told, told.peer() as peer:
        peer.send(upgrade_request())
        await until(lambda: told.requests)
        connection = told.requests[0].accept()
        assert told.connections == told.server.connections == [connection]
        peer.send(close(3000, b"bye"))
        peer.finish()
        await connection.wait_closed()
        assert told.ends == [(connection, 3000, "bye")]
        assert told.server.connections == []


async def test_a_request_listener_may_be_a_coroutine_function() -> None:
    async with served() as told, told.peer() as peer:

        @told.server.on("request")
        async def decide(request: WebSocketRequest) -> None:
            await asyncio.sleep(3)
            request.accept()

        assert (await peer.upgrade()).status == 101
        peer.send(close(1000))


def fail(*args: Any) -> None:
    raise KeyError("mine")


async def fail_later(*args: Any) -> None:
    await asyncio.sleep(1)
    raise KeyError("mine")


@pytest.mark.parametrize("listener", [fail, fail_later])
async def test_a_failing_request_listener_is_500_and_the_server_goes_on(listener: Any, errors: list[Any]) -> None:
    async with served() as told:
        told.server.on("request", listener)
        for _ in range(2):
            assert (await ask(told, upgrade_request())).status == 500
        assert told.server.pending_requests == []
    assert len(errors) == 2


async def test_a_request_listener_that_fails_after_it_has_decided(errors: list[Any]) -> None:
    async with served() as told, told.peer() as peer:

        @told.server.on("request")
        def decide(request: WebSocketRequest) -> None:
            request.accept()
            raise KeyError("mine")

        assert (await peer.upgrade()).status == 101
        peer.send(close(1000))
    assert len(errors) == 1


@pytest.mark.parametrize("listener", [fail, fail_later])
async def test_a_failing_connect_listener_closes_with_1011(listener: Any, errors: list[Any]) -> None:
    async with served(auto_accept_connections=True) as told, told.peer() as peer:
        told.server.on("connect", listener)
        assert (await peer.upgrade()).status == 101
        assert (await peer.close_frame())[0] == 1011
        peer.finish()
        await told.connections[0].wait_closed()
    assert len(errors) == 1


@pytest.mark.parametrize("event", ["close", "upgrade_error"])
async def test_failing_listeners_of_other_events_are_logged(event: str, errors: list[Any]) -> None:
    async with served(auto_accept_connections=True) as told, told.peer() as peer:
        told.server.on(event, fail)
        assert (await ask(told, upgrade_request(version=5))).status == 426
        assert (await peer.upgrade()).status == 101
        peer.send(close(1000))
        peer.finish()
        await peer.ended()
        await until(lambda: told.ends)
    assert [f"listener of {event!r} failed" in record.getMessage() for record in errors] == [True]


# --- serve --------------------------------------------------------------------------------------


@pytest.mark.every_loop
async def test_serve() -> None:
    async with serve(echo, "127.0.0.1") as server, websockets.asyncio.client.connect(server.urls[0]) as peer:
        await peer.send("text")
        assert await peer.recv() == "text"
        await peer.send(b"bytes")
        assert await peer.recv() == b"bytes"


async def test_serve_can_be_awaited() -> None:
    server = await serve(echo, "127.0.0.1")
    assert server.port
    assert repr(server) == f"<WebSocketServer on ws://127.0.0.1:{server.port}, 0 open>"
    await server.close()


async def test_the_connection_is_closed_when_its_handler_returns() -> None:
    async def handler(connection: WebSocketConnection) -> None:
        await connection.send("bye")

    async with serve(handler, "127.0.0.1") as server, open_peer(server.port) as peer:
        await peer.upgrade()
        assert await peer.message() == b"bye"
        assert (await peer.close_frame())[0] == 1000
        peer.send(close(1000))


async def test_a_handler_that_is_a_plain_function_registers_listeners() -> None:
    def handler(connection: WebSocketConnection) -> None:
        connection.on("message", connection.send)

    async with serve(handler, "127.0.0.1") as server, open_peer(server.port) as peer:
        await peer.upgrade()
        for text in ("one", "two"):
            peer.text(text)
            assert await peer.message() == text.encode()
        peer.send(close(1000))


@pytest.mark.parametrize("handler", [fail, fail_later])
async def test_a_failing_handler_closes_with_1011_and_the_server_goes_on(handler: Any, errors: list[Any]) -> None:
    async with serve(handler, "127.0.0.1") as server:
        for _ in range(2):
            async with open_peer(server.port) as peer:
                await peer.upgrade()
                assert await peer.close_frame() == (1011, "internal error")
                peer.finish()
                await until(lambda: not server.connections)
    assert len(errors) == 2
    assert "'handler'" in errors[0].getMessage()


async def test_a_handler_that_ends_with_its_connection_has_not_failed() -> None:
    async def handler(connection: WebSocketConnection) -> None:
        await connection.recv()

    async with serve(handler, "127.0.0.1") as server, open_peer(server.port) as peer:
        await peer.upgrade()
        peer.reset()
        await until(lambda: not server.connections)


async def test_the_end_of_another_connection_is_a_failure_of_the_handler(errors: list[Any]) -> None:
    async with served(auto_accept_connections=True) as backend, open_peer(backend.port) as other:
        await other.upgrade()
        other.reset()
        await until(lambda: backend.ends)

        async def handler(connection: WebSocketConnection) -> None:
            backend.connections[0].send("to the dead")

        async with serve(handler, "127.0.0.1") as server, open_peer(server.port) as peer:
            await peer.upgrade()
            assert (await peer.close_frame())[0] == 1011
            peer.finish()
            await until(lambda: not server.connections)
    assert isinstance(errors[0].exc_info[1], ConnectionClosedError)


async def test_serve_chooses_the_first_subprotocol_of_its_own_that_is_offered() -> None:
    async with serve(echo, "127.0.0.1", subprotocols=["b", "A", "c"]) as server:
        for offered, chosen in (("a, B", ["B"]), ("x, a", ["a"]), ("x", [])):
            async with open_peer(server.port) as peer:
                answer = await peer.upgrade("/", f"Sec-WebSocket-Protocol: {offered}")
                assert answer.all("sec-websocket-protocol") == chosen
                peer.send(close(1000))
                peer.finish()
                await peer.ended()


async def test_on_request_may_reject_accept_or_leave_it() -> None:
    async def decide(request: WebSocketRequest) -> None:
        if request.path == "/reject":
            request.reject(401)
        elif request.path == "/accept":
            await asyncio.sleep(1)
            request.accept(headers={"X-By": "on_request"})
        elif request.path == "/fail":
            raise KeyError("mine")

    async with serve(echo, "127.0.0.1", on_request=decide) as server:
        for path, status in (("/reject", 401), ("/accept", 101), ("/", 101)):
            async with open_peer(server.port) as peer:
                answer = await peer.upgrade(path)
                assert answer.status == status
                if status == 101:
                    assert answer.all("x-by") == (["on_request"] if path == "/accept" else [])
                    peer.text("hello")
                    assert await peer.message() == b"hello"
                    peer.send(close(1000))
                peer.finish()
                await peer.ended()


async def test_on_request_that_fails(errors: list[Any]) -> None:
    for decide in (fail, fail_later):
        async with serve(echo, "127.0.0.1", on_request=decide) as server, open_peer(server.port) as peer:
            assert (await peer.upgrade()).status == 500
    assert len(errors) == 2


async def test_on_request_whose_client_leaves_meanwhile() -> None:
    asked: list[Any] = []

    async def decide(request: WebSocketRequest) -> None:
        asked.append(request)
        await asyncio.sleep(1)

    async with serve(echo, "127.0.0.1", on_request=decide) as server:
        async with open_peer(server.port) as peer:
            peer.send(upgrade_request())
            await until(lambda: asked)
            peer.reset()
        await asyncio.sleep(2)
        assert server.connections == []


def test_what_serve_refuses() -> None:
    with pytest.raises(TypeError, match="handler=7"):
        serve(7)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="unknown option 'max_conections'; did you mean 'max_connections'"):
        serve(echo, max_conections=1)  # type: ignore[call-arg]
    with pytest.raises(ValueError, match="close_timeout"):
        serve(echo, close_timeout=-1)


# --- the end of a server ------------------------------------------------------------------------


@pytest.mark.every_loop
async def test_close_says_1001_and_waits() -> None:
    handled: list[str] = []

    async def handler(connection: WebSocketConnection) -> None:
        async for _ in connection:
            pass
        handled.append("to its end")

    server = await serve(handler, "127.0.0.1")
    port = server.port
    async with open_peer(port) as peer:
        await peer.upgrade()
        closing = asyncio.ensure_future(server.close())
        assert await peer.close_frame() == (1001, "Remote peer is going away")
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", port)
        peer.send(close(1001))
        peer.finish()
        await closing
        assert handled == ["to its end"]
        assert server.connections == []
        await server.close()  # again, at once


async def test_close_with_a_code_of_ones_own() -> None:
    server = await serve(echo, "127.0.0.1")
    with pytest.raises(LocalProtocolError):
        await server.close(1006)  # nobody is there who could be sent it, and nothing is closed
    async with open_peer(server.port) as peer:
        await peer.upgrade()
        with pytest.raises(LocalProtocolError):
            await server.close(1006)
        closing = asyncio.ensure_future(server.close(1012, "back soon"))
        assert await peer.close_frame() == (1012, "back soon")
        peer.send(close(1012))
        peer.finish()
        await closing


async def test_close_rejects_what_is_pending_and_drops_what_is_unfinished() -> None:
    async with served(pending=True) as told, told.peer() as peer, told.peer() as slow:
        peer.send(upgrade_request())
        slow.send(b"GET / HTTP")
        await until(lambda: told.requests and len(told.server._admission.incoming) == 2)
        closing = asyncio.ensure_future(told.server.close())
        answer = await peer.answer()
        assert answer.status == 503
        assert answer["retry-after"] == "1"
        assert await slow.ended() == b""
        peer.finish()
        await closing


async def test_close_lets_a_refused_client_read_its_answer() -> None:
    async with served(pending=True) as told, told.peer() as peer:
        peer.send(upgrade_request(version=4))
        await until(lambda: told.errors)
        closing = asyncio.ensure_future(told.server.close())
        assert (await peer.answer()).status == 426
        assert await peer.ended() == b""
        peer.finish()
        await closing


async def test_cancelled_close_aborts() -> None:
    async with served(auto_accept_connections=True, close_timeout=None) as told, told.peer() as peer:
        await peer.upgrade()
        closing = asyncio.ensure_future(told.server.close())
        await peer.close_frame()
        closing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await closing
        await until(lambda: told.ends)
        assert told.ends[0][1] == 1006
        assert "closed at once" in told.ends[0][2]


async def test_a_handler_that_does_not_end_is_cancelled(caplog: pytest.LogCaptureFixture) -> None:
    cancelled: list[bool] = []

    async def handler(connection: WebSocketConnection) -> None:
        try:
            await asyncio.sleep(86400)
        except asyncio.CancelledError:
            cancelled.append(True)
            raise

    server = await serve(handler, "127.0.0.1", close_timeout=5)
    async with open_peer(server.port) as peer:
        await peer.upgrade()
        closing = asyncio.ensure_future(server.close())
        await peer.close_frame()
        peer.send(close(1001))
        peer.finish()
        await closing
    assert cancelled == [True]
    assert "1 handlers cancelled" in caplog.text


async def test_a_handler_may_close_its_server() -> None:
    done: list[bool] = []

    async def handler(connection: WebSocketConnection) -> None:
        await server.close()
        done.append(True)

    server = await serve(handler, "127.0.0.1")
    async with open_peer(server.port) as peer:
        await peer.upgrade()
        await peer.close_frame()
        peer.send(close(1001))
        peer.finish()
        await until(lambda: done)


async def test_unmount_leaves_everybody_alone() -> None:
    async with served(pending=True) as told, told.peer() as open_, told.peer() as waiting:
        open_.send(upgrade_request())
        await until(lambda: told.requests)
        connection = told.requests[0].accept()
        await open_.answer()
        waiting.send(upgrade_request())
        await until(lambda: len(told.requests) == 2)
        port = told.port
        told.server.unmount()
        assert told.server.sockets == []
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", port)
        open_.text("still here")
        assert await connection.recv() == "still here"
        told.requests[1].accept()
        assert (await waiting.answer()).status == 101
        for peer in (open_, waiting):
            peer.send(close(1000))


async def test_close_all_connections_rejects_what_is_pending_in_the_next_turn() -> None:
    async with served(pending=True) as told, told.peer() as open_, told.peer() as waiting:
        open_.send(upgrade_request())
        await until(lambda: told.requests)
        told.requests[0].accept()
        await open_.answer()
        waiting.send(upgrade_request())
        await until(lambda: len(told.requests) == 2)
        told.server.close_all_connections()
        assert not told.requests[1].is_resolved
        assert (await open_.close_frame())[0] == 1000
        assert (await waiting.answer()).status == 503
        assert told.server.sockets  # it listens on
        open_.send(close(1000))


async def test_shut_down_does_both() -> None:
    async with served(auto_accept_connections=True) as told, told.peer() as peer:
        await peer.upgrade()
        told.server.shut_down()
        assert told.server.sockets == []
        assert (await peer.close_frame())[0] == 1000
        peer.send(close(1000))


async def test_a_server_may_listen_again() -> None:
    async with served(auto_accept_connections=True) as told:
        await told.server.close()
        await told.server.listen("127.0.0.1")
        async with told.peer() as peer:
            assert (await peer.upgrade()).status == 101
            peer.send(close(1000))


# --- connections --------------------------------------------------------------------------------


async def test_broadcast() -> None:
    async with served(auto_accept_connections=True) as told, told.peer() as one, told.peer() as two:
        await one.upgrade()
        await two.upgrade()
        assert told.server.connections == told.connections
        told.connections[0].close()  # is passed over
        told.server.broadcast("text")
        told.server.broadcast(b"bytes")
        told.server.broadcast_utf(7)
        told.server.broadcast_bytes(bytearray(b"more"))
        assert [(await two.frame()).payload for _ in range(4)] == [b"text", b"bytes", b"7", b"more"]
        assert (await one.close_frame())[0] == 1000
        for peer in (one, two):
            peer.send(close(1000))


async def test_handle_upgrade_takes_over_a_transport() -> None:
    class Front(asyncio.Protocol):
        """An HTTP server of somebody else."""

        def connection_made(self, transport: Any) -> None:
            self.transport = transport

        def data_received(self, data: bytes) -> None:
            head, _, early = data.partition(b"\r\n\r\n")
            server.handle_upgrade(parse_request_head(head + b"\r\n\r\n"), self.transport, early)

    server = WebSocketServer(echo)
    front = await asyncio.get_running_loop().create_server(Front, "127.0.0.1", 0)
    port = front.sockets[0].getsockname()[1]
    async with open_peer(port) as peer:
        peer.send(upgrade_request("/upgrade"), frame(1, b"early"))
        assert (await peer.answer()).status == 101
        assert await peer.message() == b"early"
        assert server.connections[0].request is not None
        assert server.connections[0].request.resource == "/upgrade"
        peer.send(close(1000))
        peer.finish()
        await peer.ended()
    await server.close()
    async with open_peer(port) as peer:  # a closed server takes nobody in
        peer.send(upgrade_request())
        assert await peer.ended() == b""
    front.close()


# --- signals ------------------------------------------------------------------------------------


@pytest.mark.real_time
async def test_forever_ends_with_sigterm_and_closes_in_order() -> None:
    serving = serve(echo, "127.0.0.1")
    task = asyncio.ensure_future(serving.forever())
    await until(lambda: serving._server.port)
    async with open_peer(serving._server.port) as peer:
        await peer.upgrade()
        os.kill(os.getpid(), signal.SIGTERM)
        assert (await peer.close_frame())[0] == 1001
        peer.send(close(1001))
        peer.finish()
        await task
    assert not asyncio.get_running_loop().remove_signal_handler(signal.SIGTERM)


async def test_forever_ends_when_it_is_cancelled() -> None:
    serving = serve(echo, "127.0.0.1")
    task = asyncio.ensure_future(serving.forever())
    await until(lambda: serving._server.port)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert serving._server.port == 0


PROGRAM = """
import logging, sys
from twinax import WebSocketServer
logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
server = WebSocketServer(auto_accept_connections=True)
server.run("127.0.0.1")
print("closed in order")
"""

LIKE_WINDOWS = """
import asyncio, sys
def lacking(self, number, callback, *args):
    raise NotImplementedError
asyncio.SelectorEventLoop.add_signal_handler = lacking
sys.modules["uvloop"] = None
"""


@pytest.mark.real_time
@pytest.mark.parametrize(
    ("number", "before", "last_words"),
    [
        pytest.param(signal.SIGINT, "", b"closed in order\n", id="SIGINT"),
        pytest.param(signal.SIGTERM, "", b"closed in order\n", id="SIGTERM"),
        pytest.param(signal.SIGINT, LIKE_WINDOWS, b"KeyboardInterrupt\n", id="where loops know no signals"),
    ],
)
async def test_run_blocks_until_a_signal(number: signal.Signals, before: str, last_words: bytes) -> None:
    program = await asyncio.create_subprocess_exec(
        sys.executable, "-u", "-c", before + PROGRAM, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    assert program.stdout is not None
    line = (await program.stdout.readline()).decode()
    assert line.startswith("listening on ws://127.0.0.1:")
    async with open_peer(int(line.rsplit(":", 1)[1])) as peer:
        await peer.upgrade()
        program.send_signal(number)
        assert (await peer.close_frame())[0] == 1001
        peer.send(close(1001))
        peer.finish()
    assert (await program.stdout.read()).endswith(last_words)
    assert await program.wait() == (-signal.SIGINT if before else 0)
