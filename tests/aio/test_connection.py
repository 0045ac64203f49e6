"""`WebSocketConnection`: messages both ways, listeners, pausing, frames."""

import asyncio
import functools
import socket
from typing import Any

import pytest

import frame_bytes
from frame_bytes import CONT, Frame, close, frame
from support.peers import Pair, RawPeer, accepted
from support.waiting import until
from twinax import (
    ConcurrencyError,
    ConnectionClosed,
    ConnectionClosedError,
    LocalProtocolError,
    WebSocketConnection,
    WebSocketFrame,
)


async def leave(pair: Pair) -> None:
    """Have the peer close in order."""
    pair.peer.send(close(1000))
    pair.peer.finish()
    await pair.connection.wait_closed()


# --- sending ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "opcode", "payload"),
    [
        ("héllo", 1, "héllo".encode()),
        ("", 1, b""),
        (b"\x00\xff", 2, b"\x00\xff"),
        (b"", 2, b""),
        (bytearray(b"abc"), 2, b"abc"),
        (memoryview(b"abcdef")[::2], 2, b"ace"),
        (memoryview(b"\x01\x00\x02\x00").cast("H"), 2, b"\x01\x00\x02\x00"),
        (42, 1, b"42"),
        (-1.5, 1, b"-1.5"),
    ],
)
async def test_send(data: Any, opcode: int, payload: bytes) -> None:
    async with accepted() as pair:
        assert await pair.connection.send(data) is None
        assert await pair.peer.frame() == Frame(opcode, payload)
        await leave(pair)


@pytest.mark.parametrize("data", [None, True, [1, 2], {"a": 1}, object()])
async def test_send_refuses_what_is_no_message(data: Any) -> None:
    async with accepted() as pair:
        with pytest.raises(TypeError, match=r"send\(\) takes str, bytes-like"):
            pair.connection.send(data)
        await leave(pair)


async def test_send_utf_and_send_bytes() -> None:
    async with accepted() as pair:
        pair.connection.send_utf("text")
        pair.connection.send_utf([1, 2])
        pair.connection.send_bytes(b"bytes")
        pair.connection.send_bytes(bytearray(b"more"))
        with pytest.raises(TypeError):
            pair.connection.send_bytes("text")  # type: ignore[arg-type]
        assert [await pair.peer.frame() for _ in range(4)] == [
            Frame(1, b"text"),
            Frame(1, b"[1, 2]"),
            Frame(2, b"bytes"),
            Frame(2, b"more"),
        ]
        await leave(pair)


async def test_what_is_sent_may_be_changed_afterwards() -> None:
    async with accepted() as pair:
        data = bytearray(b"before")
        pair.connection.send(data)
        data[:] = b"after!"
        assert (await pair.peer.frame()).payload == b"before"
        await leave(pair)


async def test_long_messages_are_fragmented() -> None:
    async with accepted(fragmentation_threshold=4) as pair:
        await pair.connection.send("abcdefghij")
        assert [await pair.peer.frame() for _ in range(3)] == [
            Frame(1, b"abcd", fin=False),
            Frame(CONT, b"efgh", fin=False),
            Frame(CONT, b"ij"),
        ]
        await pair.connection.send("abcd")
        assert await pair.peer.frame() == Frame(1, b"abcd")
        await leave(pair)


async def test_fragmentation_can_be_switched_off() -> None:
    async with accepted(fragmentation_threshold=4, fragment_outgoing_messages=False) as pair:
        await pair.connection.send("abcdefghij")
        assert await pair.peer.frame() == Frame(1, b"abcdefghij")
        await leave(pair)


async def test_send_frame() -> None:
    async with accepted() as pair:
        pair.connection.send_frame(WebSocketFrame(1, b"a", fin=False))
        pair.connection.send_frame(WebSocketFrame(0, b"b"))
        assert [await pair.peer.frame() for _ in range(2)] == [Frame(1, b"a", fin=False), Frame(0, b"b")]
        await leave(pair)
        with pytest.raises(ConnectionClosed):
            pair.connection.send_frame(WebSocketFrame(1, b"c"))


async def test_fragment_and_send() -> None:
    async with accepted(fragmentation_threshold=4) as pair:
        pair.connection.fragment_and_send(WebSocketFrame(1, "größe".encode()))
        await pair.connection.fragment_and_send(WebSocketFrame(2, b"\xff\xfe"))
        assert [await pair.peer.frame() for _ in range(3)] == [
            Frame(1, "grö".encode(), fin=False),
            Frame(CONT, "ße".encode()),
            Frame(2, b"\xff\xfe"),
        ]
        for opcode in (0, 3, 8, 9, 10):
            with pytest.raises(LocalProtocolError, match="cannot be fragmented"):
                pair.connection.fragment_and_send(WebSocketFrame(opcode, b"x"))
        with pytest.raises(LocalProtocolError, match="not UTF-8"):
            pair.connection.fragment_and_send(WebSocketFrame(1, b"\xff"))
        await leave(pair)


async def test_all_that_one_turn_sends_leaves_in_one_write() -> None:
    async with accepted() as pair:
        writes: list[bytes] = []
        wire = pair.connection.wire
        pair.connection.attach(lambda data: (writes.append(bytes(data)), wire.write(data)))
        for number in range(100):
            pair.connection.send(str(number))
        for number in range(100):
            assert (await pair.peer.frame()).payload == str(number).encode()
        assert len(writes) == 1
        await leave(pair)


# --- listeners ----------------------------------------------------------------------------------


@pytest.mark.every_loop
async def test_a_listener_gets_every_message() -> None:
    received: list[Any] = []
    async with accepted(on_connect=lambda connection: connection.on("message", received.append)) as pair:
        pair.peer.send(
            frame(1, b"text"),
            frame(2, b"bytes"),
            frame(1, "é".encode()[:1], fin=False),
            frame(9),
            frame(0, "é".encode()[1:]),
            frame(1),
        )
        await until(lambda: len(received) == 4)
        await leave(pair)
    assert received == ["text", b"bytes", "é", ""]


async def test_every_chunking_gives_the_same_messages() -> None:
    data = frame(1, b"x" * 200) + frame(2, b"a", fin=False) + frame(0, b"b") + frame(1, "ü".encode())
    for size in (1, 2, 3, 7, 50):
        received: list[Any] = []
        async with accepted(on_connect=lambda connection, to=received: connection.on("message", to.append)) as pair:
            for start in range(0, len(data), size):
                pair.peer.send(data[start : start + size])
                await asyncio.sleep(0)
            await until(lambda to=received: len(to) == 3)
            await leave(pair)
        assert received == ["x" * 200, b"ab", "ü"]


async def test_messages_that_wait_go_to_a_listener_that_comes_later() -> None:
    received: list[Any] = []
    async with accepted() as pair:
        pair.peer.send(*(frame(1, str(n).encode()) for n in range(3)))
        await until(lambda: pair.connection.waiting == 3)
        pair.connection.on("message", received.append)
        pair.peer.text("3")
        await until(lambda: len(received) == 4)
        assert received == ["0", "1", "2", "3"]
        await leave(pair)


async def test_several_listeners() -> None:
    received: list[Any] = []

    def listen(connection: WebSocketConnection) -> None:
        connection.on("message", lambda message: received.append(("first", message)))

        @connection.on("message")
        def second(message: Any) -> None:
            received.append(("second", message))

        assert len(connection.listeners("message")) == 2

    async with accepted(on_connect=listen) as pair:
        pair.peer.text("hello")
        await until(lambda: len(received) == 2)
        await leave(pair)
    assert received == [("first", "hello"), ("second", "hello")]


async def test_once_and_off() -> None:
    received: list[Any] = []
    always: list[Any] = []
    async with accepted() as pair:
        pair.connection.once("message", received.append)
        pair.connection.on("message", always.append)
        pair.peer.text("one")
        pair.peer.text("two")
        await until(lambda: len(always) == 2)
        assert received == ["one"]
        pair.connection.off("message", always.append)
        pair.connection.off("message", print)  # was never there
        pair.peer.text("three")
        assert await pair.connection.recv() == "three"
        await leave(pair)
    assert always == ["one", "two"]


async def test_coroutine_functions_get_one_message_at_a_time() -> None:
    order: list[Any] = []

    async def listen(message: str) -> None:
        order.append(f"{message} begins")
        await asyncio.sleep(1)
        order.append(f"{message} ends")

    async with accepted(on_connect=lambda connection: connection.on("message", listen)) as pair:
        pair.peer.text("one")
        pair.peer.text("two")
        await until(lambda: order)
        pair.peer.send(close(1000))
        pair.peer.finish()
        await asyncio.sleep(5)
    assert order == ["one begins", "one ends", "two begins", "two ends"]


async def test_partials_and_callable_objects_of_coroutine_functions() -> None:
    class Listener:
        def __init__(self) -> None:
            self.got: list[Any] = []

        async def __call__(self, message: Any) -> None:
            await asyncio.sleep(0)
            self.got.append(message)

    listener = Listener()
    got: list[Any] = []

    async def with_prefix(prefix: str, message: Any) -> None:
        got.append(prefix + message)

    def listen(connection: WebSocketConnection) -> None:
        connection.on("message", listener)
        connection.on("message", functools.partial(with_prefix, "> "))

    async with accepted(on_connect=listen) as pair:
        pair.peer.text("hello")
        await until(lambda: listener.got and got)
        await leave(pair)
    assert (listener.got, got) == (["hello"], ["> hello"])


async def test_a_plain_function_that_returns_a_coroutine_runs_it() -> None:
    got: list[Any] = []

    async def later(message: Any) -> None:
        got.append(message)

    def plain(message: Any) -> Any:
        return later(message)

    for count in (1, 2):
        got.clear()

        def listen(connection: WebSocketConnection, count: int = count) -> None:
            for _ in range(count):
                connection.on("message", plain)

        async with accepted(on_connect=listen) as pair:
            pair.peer.text("hello")
            await until(lambda count=count: len(got) == count)
            await leave(pair)


async def test_a_coroutine_listener_that_is_taken_off_loses_nothing() -> None:
    got: list[Any] = []

    async def listen(message: Any) -> None:
        got.append(message)

    async with accepted() as pair:
        pair.connection.on("message", listen)
        pair.peer.text("one")
        await until(lambda: got)
        pair.connection.off("message", listen)
        pair.peer.text("two")
        assert await pair.connection.recv() == "two"
        pair.connection.on("message", listen)
        pair.peer.text("three")
        await until(lambda: len(got) == 2)
        pair.connection.off("message", listen)
        pair.connection.on("message", got.append)
        pair.peer.text("four")
        await until(lambda: len(got) == 3)
        await leave(pair)
    assert got == ["one", "three", "four"]


def raising(message: Any) -> None:
    raise KeyError("mine")


async def raising_later(message: Any) -> None:
    await asyncio.sleep(0)
    raise KeyError("mine")


def returning_what_raises(message: Any) -> Any:
    return raising_later(message)


@pytest.mark.parametrize("listener", [raising, raising_later, returning_what_raises])
async def test_a_failing_listener_closes_with_1011_and_the_server_goes_on(listener: Any, errors: list[Any]) -> None:
    ended: list[Any] = []

    def listen(connection: WebSocketConnection) -> None:
        connection.on("message", listener)
        connection.on("close", lambda code, reason: ended.append((code, reason)))
        connection.on("error", ended.append)

    async with accepted(on_connect=listen) as pair:
        pair.peer.text("hello")
        assert await pair.peer.close_frame() == (1011, "internal error")  # no word of what went wrong
        assert await pair.peer.ended() == b""
        pair.peer.finish()
        await pair.connection.wait_closed()
        report = pair.connection.close_report
        assert isinstance(report.error, KeyError)
        assert (report.code, report.closed_by) == (1011, "local")
        assert pair.server.sockets
    (error, end) = ended
    assert isinstance(error, KeyError)
    assert end == (1011, "internal error")
    (record,) = errors
    assert "'message'" in record.getMessage()
    assert isinstance(record.exc_info[1], KeyError)


@pytest.mark.parametrize("event", ["ping", "pong", "close", "pause"])
async def test_failing_listeners_of_other_events(event: str, errors: list[Any]) -> None:
    def fail(*args: Any) -> None:
        raise KeyError("mine")

    async with accepted(on_connect=lambda connection: connection.on(event, fail)) as pair:
        if event == "pause":
            pair.connection.pause()
        pair.peer.send(frame(9, b"x"), frame(10, b"x"), close(1000))
        code, _ = await pair.peer.close_frame()
        assert code == (1000 if event == "close" else 1011)
        pair.peer.finish()
        await pair.connection.wait_closed()
    assert [f"listener of {event!r} failed" in record.getMessage() for record in errors] == [True]


async def test_a_listener_that_uses_the_closed_connection_has_not_failed() -> None:
    async with accepted() as pair:
        pair.connection.on("close", lambda code, reason: pair.connection.send("bye"))
        await leave(pair)
        assert pair.connection.close_code == 1000
        assert any("used the closed connection" in line for line in pair.connection.trace_lines())


async def test_cancelled_listeners_are_nobodys_failure() -> None:
    async def cancelled(code: int, reason: str) -> None:
        raise asyncio.CancelledError

    async with accepted(on_connect=lambda connection: connection.on("close", cancelled)) as pair:
        await leave(pair)


async def test_unknown_events_and_what_cannot_be_called() -> None:
    async with accepted() as pair:
        for method in (pair.connection.on, pair.connection.once, pair.connection.off):
            with pytest.raises(ValueError, match="has no event 'mesage'; its events are close, drain"):
                method("mesage", print)
        with pytest.raises(TypeError, match="not callable"):
            pair.connection.on("message", 7)  # type: ignore[type-var]
        await leave(pair)


async def test_a_listener_and_a_receiver_exclude_each_other() -> None:
    async with accepted() as pair:
        pair.connection.on("message", print)
        with pytest.raises(ConcurrencyError, match="listener for 'message'"):
            await pair.connection.recv()
        with pytest.raises(ConcurrencyError, match="listener for 'message'"):
            pair.connection.recv_stream()
        pair.connection.off("message", print)
        task = asyncio.ensure_future(pair.connection.recv())
        await asyncio.sleep(0)
        with pytest.raises(ConcurrencyError, match="a task is receiving"):
            pair.connection.on("message", print)
        with pytest.raises(ConcurrencyError):
            await pair.connection.recv()
        pair.peer.text("for the task")
        assert await task == "for the task"
        pair.connection.on("message", print)
        await leave(pair)


# --- pausing ------------------------------------------------------------------------------------


async def test_pause_and_resume() -> None:
    events: list[Any] = []

    def listen(connection: WebSocketConnection) -> None:
        connection.on("message", events.append)
        for event in ("pause", "resume"):
            connection.on(event, lambda event=event: events.append((event,)))

    async with accepted(on_connect=listen) as pair:
        pair.connection.pause()
        pair.connection.pause()
        assert pair.connection.input_paused
        pair.peer.send(frame(1, b"one"), frame(1, b"two"))
        await asyncio.sleep(1)
        assert events == [("pause",)]
        pair.connection.resume()
        pair.connection.resume()
        await until(lambda: len(events) == 4)
        assert events == [("pause",), ("resume",), "one", "two"]
        await leave(pair)
        pair.connection.pause()
        assert len(events) == 4


async def test_pausing_within_a_listener_stops_between_two_messages() -> None:
    received: list[Any] = []

    def listen(connection: WebSocketConnection) -> None:
        def receive(message: Any) -> None:
            received.append(message)
            connection.pause()

        connection.on("message", receive)

    async with accepted(on_connect=listen) as pair:
        pair.peer.send(*(frame(1, str(n).encode()) for n in range(3)))
        for count in (1, 2, 3):
            await asyncio.sleep(1)
            assert received == [str(n) for n in range(count)]
            pair.connection.resume()
        await leave(pair)


async def test_pausing_a_coroutine_listener() -> None:
    received: list[Any] = []

    async def receive(message: Any) -> None:
        received.append(message)
        pair.connection.pause()

    async with accepted() as pair:
        pair.connection.on("message", receive)
        pair.peer.send(*(frame(1, str(n).encode()) for n in range(3)))
        for count in (1, 2, 3):
            await asyncio.sleep(1)
            assert received == [str(n) for n in range(count)]
            pair.connection.resume()
        await leave(pair)


async def test_closing_ends_a_pause() -> None:
    async with accepted() as pair:
        pair.connection.pause()
        pair.connection.close()
        await pair.peer.close_frame()
        pair.peer.send(close(1000))
        pair.peer.finish()
        await pair.connection.wait_closed()
        assert pair.connection.close_report.was_clean


async def test_a_full_inbox_makes_the_peer_wait() -> None:
    async with accepted(receive_queue_messages=4, receive_queue_size=1000) as pair:
        pair.peer.send(*(frame(2, bytes(300)) for _ in range(1000)))
        await asyncio.sleep(1)
        assert pair.connection.waiting <= 4
        assert pair.connection.input_paused
        assert pair.connection.wire.rcvd_size < 300_000  # the rest is in the kernel or not sent yet
        for _ in range(1000):
            assert await pair.connection.recv() == bytes(300)
        assert not pair.connection.input_paused
        await leave(pair)


# --- frames -------------------------------------------------------------------------------------


async def test_frames_instead_of_messages() -> None:
    frames: list[WebSocketFrame] = []
    messages: list[Any] = []

    def listen(connection: WebSocketConnection) -> None:
        connection.on("frame", frames.append)
        connection.on("message", messages.append)

    async with accepted(assemble_fragments=False, on_connect=listen) as pair:
        pair.peer.send(frame(1, b"a", fin=False), frame(9, b"p"), frame(0, b"b"), frame(2, b"whole"), close(1000, b"x"))
        assert await pair.peer.frame() == Frame(10, b"p")
        await pair.peer.close_frame()
        pair.peer.finish()
        await pair.connection.wait_closed()
    assert [(f.opcode, f.fin, f.binary_payload) for f in frames] == [
        (1, False, b"a"),
        (9, True, b"p"),
        (0, True, b"b"),
        (2, True, b"whole"),
        (8, True, b"\x03\xe8x"),
    ]
    assert frames[-1].close_status == 1000
    assert all(f.mask for f in frames)
    assert messages == []


# --- limits of messages -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "option"),
    [
        (frame(2, length=1001), "max_received_frame_size=1000"),
        (frame(2, bytes(900), fin=False) + frame(0, length=900), "max_received_message_size=1500"),
        (
            frame(2, bytes(999), fin=False) + frame(0, bytes(450), fin=False) + frame(0),
            "max_received_message_size=1500",
        ),
    ],
)
async def test_sizes_are_limited_from_the_header(data: bytes, option: str) -> None:
    async with accepted(max_received_frame_size=1000, max_received_message_size=1500) as pair:
        pair.peer.send(data)
        code, reason = await pair.peer.close_frame()
        assert code == 1009
        assert option in reason
        pair.peer.finish()
        await pair.connection.wait_closed()


async def test_a_whole_message_in_one_frame_is_limited_too() -> None:
    async with accepted(max_received_message_size=100) as pair:
        pair.peer.send(frame(1, b"x" * 100), frame(1, b"x" * 101))
        assert await pair.connection.recv() == "x" * 100
        assert (await pair.peer.close_frame())[0] == 1009
        with pytest.raises(ConnectionClosedError) as caught:
            await pair.connection.recv()
        assert caught.value.code == 1009


# --- fairness -----------------------------------------------------------------------------------


async def test_a_deep_backlog_starves_nobody() -> None:
    order: list[str] = []
    async with accepted() as busy:
        peer = RawPeer(*await asyncio.open_connection("127.0.0.1", busy.server.port))
        busy.server.off("request", busy.server.listeners("request")[0])

        @busy.server.on("request")
        def accept(request: Any) -> None:
            request.accept().on("message", lambda message: order.append("other"))

        await peer.upgrade()
        busy.connection.on("message", lambda message: order.append("busy"))
        # 40,000 frames fit into a read of 64 KiB only in part; each turn takes 256 of them.
        busy.peer.send(frame(1, b"", key=bytes(4)) * 16 + frame(1, b"x", key=bytes(4)) * 20_000)
        await until(lambda: order)
        peer.text("hello")
        await until(lambda: len(order) >= 20_001)
        await until(lambda: "other" in order)
        assert order.index("other") < 10_000
        await peer.close()
        await leave(busy)


async def test_sixty_four_kibibytes_a_turn() -> None:
    turns: list[int] = []
    async with accepted() as pair:
        loop = asyncio.get_running_loop()
        counted = 0

        def receive(message: Any) -> None:
            nonlocal counted
            counted += 1
            if counted == 1:
                loop.call_soon(tick)

        def tick() -> None:
            turns.append(counted)
            if counted < 600:
                loop.call_soon(tick)

        pair.connection.on("message", receive)
        pair.peer.send(frame(1, b"x", key=bytes(4)) * 600)
        await until(lambda: counted == 600)
        await leave(pair)
    assert turns[0] == 256


# --- what it shows ------------------------------------------------------------------------------


async def test_what_a_connection_shows() -> None:
    async with accepted() as pair:
        connection = pair.connection
        assert (connection.protocol, connection.extensions, connection.websocket_version) == (None, [], 13)
        assert connection.connected
        assert connection.state == "open"
        assert (connection.close_code, connection.close_reason, connection.close_report) == (None, None, None)
        assert not connection.is_client
        assert connection.config is pair.server.config
        assert connection.buffered_amount == 0
        assert not connection.output_buffer_full
        assert not connection.mask_outgoing_packets
        assert not connection.socket_had_error
        assert connection.socket.getpeername() == pair.peer.writer.get_extra_info("sockname")
        assert repr(connection) == f"<WebSocketConnection #{connection.id} server open 127.0.0.1>"
        await leave(pair)
        assert connection.state == "lost"
    async with accepted() as other:
        assert other.connection.id > connection.id
        await leave(other)


async def test_tcp_options() -> None:
    for no_delay in (True, False):
        async with accepted(disable_nagle_algorithm=no_delay, use_native_keepalive=True, keepalive_interval=30) as pair:
            sock = pair.connection.wire.socket
            assert bool(sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)) is no_delay
            assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 30
            await leave(pair)


async def test_ping_with_too_much_payload_raises() -> None:
    async with accepted() as pair:
        for method in (pair.connection.ping, pair.connection.pong):
            with pytest.raises(LocalProtocolError, match="126 bytes"):
                method(b"x" * 126)
        await leave(pair)


def test_frame_bytes_agree() -> None:
    assert frame_bytes.parse_frames(frame(1, b"x" * 70_000))[0].payload == b"x" * 70_000


async def test_pausing_within_a_deep_backlog() -> None:
    received: list[Any] = []
    async with accepted(on_connect=lambda connection: connection.on("message", received.append)) as pair:
        pair.peer.send(frame(1, b"x", key=bytes(4)) * 600)
        await until(lambda: len(received) == 256)
        pair.connection.pause()
        await asyncio.sleep(1)
        assert len(received) == 256
        pair.connection.resume()
        await until(lambda: len(received) == 600)
        await leave(pair)


async def test_plain_listeners_beside_coroutine_functions() -> None:
    order: list[str] = []

    async def slow(message: str) -> None:
        order.append(f"slow {message} begins")
        await asyncio.sleep(1)
        order.append(f"slow {message} ends")

    def listen(connection: WebSocketConnection) -> None:
        connection.on("message", slow)
        connection.on("message", lambda message: order.append(f"plain {message}"))

    async with accepted(on_connect=listen) as pair:
        pair.peer.text("1")
        await asyncio.sleep(3)
        await leave(pair)
    assert order == ["slow 1 begins", "slow 1 ends", "plain 1"]
