"""`W3CWebSocket`: states, events and the rules of the browsers' interface."""

import asyncio
import logging
import socket
from collections.abc import Callable
from typing import Any

import pytest
from raw_servers import Conversation, answer, raw_server, run

from twinax.aio.connection import WebSocketConnection
from twinax.aio.serve import serve
from twinax.aio.w3c import W3CWebSocket
from twinax.aio.w3c_events import CloseEvent, ErrorEvent, Event, EventTarget, MessageEvent
from twinax.errors import HandshakeRejected, InvalidURI, LocalProtocolError


async def echo(connection: WebSocketConnection) -> None:
    async for message in connection:
        await connection.send(message)


class Watch:
    """The events of a socket in order, and the end of it."""

    def __init__(self, ws: W3CWebSocket) -> None:
        self.ws = ws
        self.events: list[Event] = []
        self._ended = asyncio.Event()
        for name in ("open", "message", "error", "close"):
            ws.add_event_listener(name, self._record)

    def _record(self, event: Event) -> None:
        assert event.target is self.ws
        self.events.append(event)
        if event.type == "close":
            self._ended.set()

    async def closed(self) -> CloseEvent:
        await self._ended.wait()
        last = self.events[-1]
        assert isinstance(last, CloseEvent)
        return last

    @property
    def types(self) -> list[str]:
        return [event.type for event in self.events]


def next_event(ws: W3CWebSocket, name: str) -> "asyncio.Future[Any]":
    future = asyncio.get_running_loop().create_future()
    ws.add_event_listener(name, future.set_result, once=True)
    return future


def refused_uri() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"ws://127.0.0.1:{free.getsockname()[1]}/"


def test_a_conversation() -> None:
    async def main() -> None:
        async with serve(echo, "127.0.0.1", subprotocols=["chat"]) as server:
            ws = W3CWebSocket(f"ws://user:secret@127.0.0.1:{server.port}/x", ["other", "chat"])
            assert ws.url == f"ws://127.0.0.1:{server.port}/x"
            assert (ws.ready_state, ws.protocol, ws.extensions, ws.buffered_amount) == (ws.CONNECTING, "", "", 0)
            handled: list[Any] = []
            ws.onopen = handled.append
            ws.onmessage = handled.append
            ws.onclose = handled.append
            ws.onerror = handled.append
            await next_event(ws, "open")
            assert (ws.ready_state, ws.protocol) == (ws.OPEN, "chat")
            for data in ("hello", b"\0\1", "", b""):
                ws.send(data)
                event = await next_event(ws, "message")
                assert isinstance(event, MessageEvent)
                assert event.data == data
                assert type(event.data) is type(data)
                assert event.origin == f"ws://127.0.0.1:{server.port}"
            ws.close(3001, "done")
            assert ws.ready_state == ws.CLOSING
            event = await next_event(ws, "close")
            assert (event.code, event.was_clean, event.wasClean) == (3001, True, True)
            assert ws.ready_state == ws.CLOSED
            assert [event.type for event in handled] == ["open", *["message"] * 4, "close"]

    run(main())


def test_an_empty_text_message_is_delivered() -> None:
    async def script(conversation: Conversation) -> None:
        conversation.write(conversation.accept() + b"\x81\x00\x88\x02\x03\xe8")
        await conversation.reader.readexactly(8)

    async def main() -> list[Event]:
        async with raw_server(script) as server:
            watch = Watch(W3CWebSocket(server.uri))
            await watch.closed()
            return watch.events

    opened, message, closed = run(main())
    assert opened.type == "open"
    assert isinstance(message, MessageEvent)
    assert message.data == ""
    assert isinstance(closed, CloseEvent)
    assert (closed.code, closed.reason, closed.was_clean) == (1000, "", True)


@pytest.mark.parametrize(
    ("frame", "code", "reason"),
    [(b"\x88\x00", 1005, ""), (b"\x88\x05\x0f\xa0bye", 4000, "bye"), (b"\x88\x02\x03\xe9", 1001, "")],
)
def test_was_clean_is_true_for_any_close_handshake(frame: bytes, code: int, reason: str) -> None:
    async def script(conversation: Conversation) -> None:
        conversation.write(conversation.accept() + frame)
        await conversation.reader.read(1)

    async def main() -> None:
        async with raw_server(script) as server:
            watch = Watch(W3CWebSocket(server.uri))
            event = await watch.closed()
            assert (event.code, event.reason, event.was_clean) == (code, reason, True)
            assert watch.types == ["open", "close"]

    run(main())


def test_a_connection_that_breaks() -> None:
    async def main() -> None:
        async def script(conversation: Conversation) -> None:
            conversation.write(conversation.accept())

        async with raw_server(script) as server:
            watch = Watch(W3CWebSocket(server.uri))
            event = await watch.closed()
            assert (event.code, event.was_clean) == (1006, False)
            assert "without a close frame" in event.reason
            assert watch.types == ["open", "error", "close"]
            error = watch.events[1]
            assert isinstance(error, ErrorEvent)
            assert "without a close frame" in error.message

    run(main())


def test_a_server_that_breaks_a_rule() -> None:
    async def script(conversation: Conversation) -> None:
        conversation.write(conversation.accept() + b"\x83\x00")
        await conversation.ended()

    async def main() -> None:
        async with raw_server(script) as server:
            watch = Watch(W3CWebSocket(server.uri))
            event = await watch.closed()
            assert (event.code, event.was_clean) == (1002, False)
            assert watch.types == ["open", "error", "close"]

    run(main())


def test_a_refusal_says_its_status() -> None:
    async def main() -> None:
        async with raw_server(answer(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n")) as server:
            ws = W3CWebSocket(server.uri)
            watch = Watch(ws)
            event = await watch.closed()
            assert (event.code, event.was_clean) == (1006, False)
            assert watch.types == ["error", "close"]
            error = watch.events[0]
            assert isinstance(error, ErrorEvent)
            assert error.status == 401
            assert "401 Unauthorized" in error.message
            assert isinstance(error.error, HandshakeRejected)
            assert ws.ready_state == ws.CLOSED

    run(main())


def test_nobody_listens() -> None:
    async def main() -> None:
        watch = Watch(W3CWebSocket(refused_uri()))
        await watch.closed()
        error = watch.events[0]
        assert isinstance(error, ErrorEvent)
        assert error.status is None
        assert isinstance(error.error, Exception)
        assert isinstance(error.error.__cause__, ConnectionRefusedError)

    run(main())


@pytest.mark.parametrize("turns", [0, 1, 4, 30])
def test_close_while_connecting(turns: int) -> None:
    async def script(conversation: Conversation) -> None:
        await conversation.ended()

    async def main() -> None:
        async with raw_server(script) as server:
            ws = W3CWebSocket(server.uri)
            watch = Watch(ws)
            for _ in range(turns):
                await asyncio.sleep(0)
            ws.close(3000)
            assert ws.ready_state == ws.CLOSING
            assert watch.types == []
            ws.close()
            event = await watch.closed()
            assert (event.code, event.was_clean) == (1006, False)
            assert watch.types == ["error", "close"]
            ws.close()
            assert ws.ready_state == ws.CLOSED

    run(main())


def test_close_in_the_open_event() -> None:
    async def main() -> None:
        async with serve(echo, "127.0.0.1") as server:
            ws = W3CWebSocket(f"ws://127.0.0.1:{server.port}/")
            ws.onopen = lambda event: ws.close()
            watch = Watch(ws)
            event = await watch.closed()
            assert (event.code, event.was_clean) == (1000, True)

    run(main())


@pytest.mark.parametrize(
    ("code", "reason"), [(999, None), (1001, None), (2999, None), (5000, None), (1000, "x" * 124), (None, "ä" * 62)]
)
def test_close_refuses_what_the_standard_refuses(code: int | None, reason: str | None) -> None:
    async def main() -> None:
        async with serve(echo, "127.0.0.1") as server:
            ws = W3CWebSocket(f"ws://127.0.0.1:{server.port}/")
            with pytest.raises(ValueError):
                ws.close(code, reason)
            await next_event(ws, "open")
            with pytest.raises(ValueError):
                ws.close(code, reason)
            assert ws.ready_state == ws.OPEN
            ws.close(4999, "x" * 123)
            assert (await next_event(ws, "close")).code == 4999

    run(main())


def test_send_in_every_state() -> None:
    async def main() -> None:
        async with serve(echo, "127.0.0.1") as server:
            ws = W3CWebSocket(f"ws://127.0.0.1:{server.port}/")
            with pytest.raises(LocalProtocolError, match="CONNECTING"):
                ws.send("early")
            await next_event(ws, "open")
            with pytest.raises(TypeError):
                ws.send(5)  # type: ignore[arg-type]  # that is the mistake
            ws.close()
            ws.send("äö")
            ws.send(memoryview(b"12345678").cast("I"))
            assert ws.buffered_amount >= 12
            closed = await next_event(ws, "close")
            assert closed.was_clean
            assert ws.buffered_amount == 12
            ws.send(bytearray(3))
            assert ws.bufferedAmount == 15

    run(main())


def test_buffered_amount_is_real() -> None:
    async def script(conversation: Conversation) -> None:
        conversation.writer.transport.pause_reading()  # type: ignore[attr-defined]  # the transport of a stream
        conversation.write(conversation.accept())
        await go_on.wait()

    async def main() -> None:
        async with raw_server(script) as server:
            ws = W3CWebSocket(server.uri, close_timeout=0.0)
            await next_event(ws, "open")
            ws.send(b"x")
            await asyncio.sleep(0)
            assert ws.buffered_amount == 0
            for _ in range(12):
                ws.send(bytes(1 << 20))
            await asyncio.sleep(0)
            left = ws.buffered_amount
            assert 1 << 20 < left <= 13 << 20
            go_on.set()
            await next_event(ws, "close")
            assert ws.buffered_amount > 0

    go_on = asyncio.Event()
    run(main())


def test_a_peer_that_never_reads_ends_the_connection_and_raises_nothing() -> None:
    async def script(conversation: Conversation) -> None:
        conversation.writer.transport.pause_reading()  # type: ignore[attr-defined]  # the transport of a stream
        conversation.write(conversation.accept())
        await go_on.wait()

    async def main() -> None:
        async with raw_server(script) as server:
            ws = W3CWebSocket(server.uri, max_unsent_size=1 << 20)
            watch = Watch(ws)
            await next_event(ws, "open")
            for _ in range(12):
                ws.send(bytes(1 << 20))
            event = await watch.closed()
            assert (event.code, event.was_clean) == (1006, False)
            assert "max_unsent_size" in event.reason
            go_on.set()

    go_on = asyncio.Event()
    run(main())


def test_binary_type() -> None:
    async def main() -> None:
        ws = W3CWebSocket(refused_uri())
        assert ws.binary_type == "arraybuffer"
        ws.binaryType = "blob"
        assert ws.binary_type == "blob"
        with pytest.raises(ValueError):
            ws.binary_type = "string"  # type: ignore[assignment]  # that is the mistake
        await next_event(ws, "close")

    run(main())


def test_constants_and_names() -> None:
    async def main() -> None:
        ws = W3CWebSocket(refused_uri())
        assert (ws.CONNECTING, ws.OPEN, ws.CLOSING, ws.CLOSED) == (0, 1, 2, 3)
        assert (W3CWebSocket.CONNECTING, W3CWebSocket.CLOSED) == (0, 3)
        assert ws.readyState == ws.ready_state == 0
        assert "CONNECTING" in repr(ws)
        await next_event(ws, "close")
        assert ws.readyState == 3

    run(main())


def test_bad_arguments_are_refused_at_once() -> None:
    async def main() -> None:
        with pytest.raises(InvalidURI):
            W3CWebSocket("http://localhost/")
        with pytest.raises(ValueError, match="twice"):
            W3CWebSocket("ws://localhost/", ["a", "a"])
        with pytest.raises(TypeError, match="unknown option"):
            W3CWebSocket("ws://localhost/", cloze_timeout=1)  # type: ignore[call-arg]  # that is the mistake

    run(main())
    with pytest.raises(RuntimeError):
        W3CWebSocket("ws://localhost/")


# --- listeners ----------------------------------------------------------------------------------


def test_listeners_are_added_once_and_removed() -> None:
    seen: list[str] = []

    def listener(event: Event) -> None:
        seen.append(event.type)

    target = EventTarget()
    target.add_event_listener("mine", listener)
    target.addEventListener("mine", listener)
    assert target.dispatch_event(Event("mine"))
    assert target.dispatchEvent(Event("other"))
    assert seen == ["mine"]
    target.removeEventListener("mine", listener)
    target.remove_event_listener("mine", listener)
    target.dispatch_event(Event("mine"))
    assert seen == ["mine"]
    target.add_event_listener("mine", listener, once=True)
    target.dispatch_event(Event("mine"))
    target.dispatch_event(Event("mine"))
    assert seen == ["mine", "mine"]


@pytest.mark.parametrize("name", ["handle_event", "handleEvent"])
def test_listeners_may_be_objects(name: str) -> None:
    seen: list[Event] = []
    listener = type("Listener", (), {name: lambda self, event: seen.append(event)})()
    target = EventTarget()
    target.add_event_listener("mine", listener)
    event = Event("mine")
    target.dispatch_event(event)
    assert seen == [event]
    assert event.target is target


def test_what_cannot_be_called_is_no_listener() -> None:
    with pytest.raises(TypeError):
        EventTarget().add_event_listener("mine", 5)


@pytest.mark.parametrize("kind", ["function", "coroutine function"])
def test_a_listener_that_raises_does_not_keep_the_others_from_it(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    def fail(event: Event) -> None:
        raise KeyError("mine")

    async def fail_later(event: Event) -> None:
        raise KeyError("mine")

    listener: Callable[[Event], Any] = fail if kind == "function" else fail_later

    async def main() -> None:
        async with serve(echo, "127.0.0.1") as server:
            ws = W3CWebSocket(f"ws://127.0.0.1:{server.port}/")
            ws.onopen = listener
            ws.add_event_listener("open", listener)
            await next_event(ws, "open")
            ws.send("still here")
            assert (await next_event(ws, "message")).data == "still here"
            ws.close()
            await next_event(ws, "close")

    with caplog.at_level(logging.ERROR):
        run(main())
    assert caplog.text.count("listener of 'open' failed") == 2


def test_events_show_what_they_are() -> None:
    assert repr(Event("mine")) == "<Event mine>"
    assert repr(MessageEvent("x")) == "<MessageEvent message>"
    assert repr(ErrorEvent("broken")) == "<ErrorEvent broken>"
    assert repr(CloseEvent(1000, "bye", True)) == "<CloseEvent 1000 'bye' clean>"
