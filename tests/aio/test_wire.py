"""The wire: what is asked of a transport at the edges of its life."""

import asyncio
import contextvars
import socket
import sys
from typing import Any

import pytest

from frame_bytes import CLOSE, TEXT, frame
from support.peers import accepted, upgrade_request
from support.waiting import until
from twinax import ConnectionClosedError
from twinax.aio import loop as loop_module
from twinax.aio.loop import LAG_WINDOW, LoopState, get_hub, get_loop_state
from twinax.aio.sockets import HAS_SOCKETS, SocketWire
from twinax.aio.transport_wire import TransportWire


@pytest.fixture(params=["socket", "transport"], autouse=True)
def kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Which wire the connections of the test run on."""
    if request.param == "socket" and not HAS_SOCKETS:
        pytest.skip("!!! no epoll: nothing is tested on sockets of our own")
    if request.param == "socket" and sys.implementation.name == "pypy":
        pytest.skip("PyPy has no os.readv, and leaves its sockets to the event loop")
    monkeypatch.setattr(loop_module, "USES_SOCKETS", request.param == "socket")
    return str(request.param)


async def test_after_the_end_nothing_happens_any_more() -> None:
    async with accepted() as pair:
        wire = pair.connection.wire
        pair.peer.reset()
        await pair.connection.wait_closed()
        assert wire.is_lost
        wire.write(b"x")
        wire.finish()
        wire.pause_reading()
        wire.resume_reading()
        wire.set_up(high=2, low=1, no_delay=True, native_keepalive=None)
        assert wire.unsent == 0
        assert wire.stalled_for(5.0) == 0


async def test_after_our_fin_nothing_is_written() -> None:
    async with accepted() as pair:
        wire = pair.connection.wire
        wire.write(b"before")
        wire.finish()
        wire.finish()
        wire.write(b"after")
        assert await pair.peer.ended() == b"before"
        pair.peer.finish()
        await pair.connection.wait_closed()


@pytest.mark.parametrize("kind", ["transport"], indirect=True)  # for sockets: test_a_reset_while_we_send
async def test_fin_to_a_peer_that_is_gone_already(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    async with accepted() as pair:
        wire = pair.connection.wire

        def gone() -> None:
            raise OSError(107, "Transport endpoint is not connected")

        monkeypatch.setattr(wire.transport, "write_eof", gone)
        wire.finish()
        await pair.connection.wait_closed()
        assert pair.connection.close_code == 1006


async def test_what_a_wire_shows(kind: str) -> None:
    async with accepted() as pair:
        wire = pair.connection.wire
        assert isinstance(wire, SocketWire if kind == "socket" else TransportWire)
        name = pair.peer.writer.get_extra_info("sockname")
        assert (wire.remote_address, wire.remote_port) == name
        assert wire.rcvd_size == len(upgrade_request())
        assert wire.last_sent > 0
        assert not wire.is_tls
        assert wire.socket.family == socket.AF_INET
        assert wire.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert kind in repr(wire).lower()
        pair.peer.reset()
        with pytest.raises(ConnectionClosedError):
            await pair.connection.recv()
        assert (wire.remote_address, wire.remote_port) == name


async def test_all_connections_of_a_loop_share_a_buffer(kind: str) -> None:
    async with accepted() as one, accepted() as two:
        state = get_loop_state(asyncio.get_running_loop())
        assert state is get_loop_state(asyncio.get_running_loop())
        if kind == "transport":
            assert one.connection.wire.get_buffer(-1) is two.connection.wire.get_buffer(-1)
        else:
            hub = get_hub(asyncio.get_running_loop())
            assert hub is get_hub(asyncio.get_running_loop())
            assert hub.buffer is state.buffer
        for pair in (one, two):
            pair.peer.reset()
            await pair.connection.wait_closed()


@pytest.mark.every_loop
async def test_more_than_the_kernel_takes_at_once() -> None:
    message = bytes(range(256)) * 20_000
    async with accepted(max_unsent_size=None, fragmentation_threshold=1 << 30) as pair:
        for _ in range(3):
            pair.connection.send(message)
        assert pair.connection.buffered_amount > 0
        for _ in range(3):
            assert (await pair.peer.frame()).payload == message
        await pair.connection.drain()
        assert pair.connection.buffered_amount == 0
        closed = pair.connection.close()
        assert await pair.peer.close_frame() == (1000, "Normal connection closure")
        pair.peer.send(frame(CLOSE, b"\x03\xe8"))
        assert await pair.peer.ended() == b""
        await pair.peer.close()
        await closed


@pytest.mark.every_loop
async def test_what_is_unsent_leaves_when_other_sockets_come() -> None:
    """The first sockets are watched by the loop, more of them together: they move with what is known of them."""
    message = bytes(range(256)) * 20_000
    async with accepted(max_unsent_size=None, fragmentation_threshold=1 << 30) as pair:
        pair.connection.send(message)
        pair.connection.flush()
        assert pair.connection.buffered_amount > 0
        async with accepted() as second, accepted() as third:
            assert (await pair.peer.frame()).payload == message
            for other in (second, third, pair):
                other.peer.text("hello")
                assert await other.connection.recv() == "hello"
                other.peer.reset()
                await other.connection.wait_closed()
        assert pair.connection.buffered_amount == 0


@pytest.mark.every_loop
async def test_close_sends_what_is_left() -> None:
    message = b"x" * 5_000_000
    async with accepted(fragmentation_threshold=1 << 30) as pair:
        wire = pair.connection.wire
        wire.write(message)
        assert wire.unsent > 0
        wire.close()
        assert await pair.peer.ended() == message
        await pair.connection.wait_closed()


@pytest.mark.every_loop
async def test_finish_sends_what_is_left() -> None:
    message = b"x" * 5_000_000
    async with accepted() as pair:
        wire = pair.connection.wire
        wire.write(message)
        wire.finish()
        assert await pair.peer.ended() == message
        pair.peer.finish()
        await pair.connection.wait_closed()


async def test_abort_keeps_the_number_of_unsent_bytes() -> None:
    async with accepted(slow=True) as pair:
        wire = pair.connection.wire
        wire.write(b"x" * 1_000_000)
        unsent = wire.unsent
        assert unsent > 0
        wire.abort()
        await pair.connection.wait_closed()
        assert wire.unsent == unsent
        assert pair.connection.close_report is not None
        assert pair.connection.close_report.bytes_unsent == unsent


async def test_a_reset_while_we_send(kind: str) -> None:
    async with accepted() as pair:
        pair.peer.send(frame(TEXT, b"last words"))
        pair.peer.reset()
        while pair.connection.close_report is None:
            pair.connection.wire.write(b"x" * 1000)
            await asyncio.sleep(0)
        assert pair.connection.close_code == 1006
        if kind == "socket":  # a failed write does not throw away what came before
            assert await pair.connection.recv() == "last words"


async def test_pausing_leaves_bytes_to_the_kernel() -> None:
    received: list[object] = []
    async with accepted(on_connect=lambda connection: connection.on("message", received.append)) as pair:
        wire = pair.connection.wire
        pair.peer.send(frame(TEXT, b"first"))
        await until(lambda: received == ["first"])
        wire.pause_reading()
        before = wire.rcvd_size
        pair.peer.send(frame(TEXT, b"second"))
        await pair.peer.writer.drain()
        for _ in range(20):
            await asyncio.sleep(0)
        assert wire.rcvd_size == before
        wire.resume_reading()
        await until(lambda: received == ["first", "second"])
        pair.peer.reset()
        await pair.connection.wait_closed()


async def test_context_variables_are_those_of_the_listening(kind: str) -> None:
    name: contextvars.ContextVar[str] = contextvars.ContextVar("name", default="unset")
    seen: list[str] = []
    name.set("of the listening")
    async with accepted(
        on_connect=lambda connection: connection.on("message", lambda _: seen.append(name.get()))
    ) as pair:
        name.set("of the test")
        pair.peer.send(frame(TEXT, b"x"))
        await until(lambda: bool(seen))
        assert seen == ["of the listening"]
        pair.peer.reset()
        await pair.connection.wait_closed()


def test_longest_delay_of_the_last_minute() -> None:
    state = LoopState()
    assert state.lag(10.0) == 0
    assert state.record_timer(9.0, 10.0) == 1.0
    assert state.record_timer(19.9, 20.0) == pytest.approx(0.1)
    assert state.lag(20.0) == 1.0
    assert state.record_timer(31.0, 30.0) == 0  # timers may run early by the clock's resolution
    assert state.lag(10.0 + LAG_WINDOW) == 1.0
    assert state.lag(10.1 + LAG_WINDOW) == 0
    assert state.record_timer(80.0, 80.5) == 0.5
    assert state.lag(80.5) == 0.5


@pytest.mark.every_loop
async def test_a_frame_of_many_megabytes() -> None:
    payload = bytes(range(256)) * 12_000
    limits = {"max_received_frame_size": None, "max_received_message_size": None}
    async with accepted(**limits) as pair:
        header = bytes([0x82, 0xFF]) + len(payload).to_bytes(8, "big") + bytes(4)  # a key that changes nothing
        for _ in range(2):
            pair.peer.send(header, payload)
            assert await pair.connection.recv() == payload
        pair.peer.reset()
        await pair.connection.wait_closed()


@pytest.mark.every_loop
async def test_a_stream_begins_in_the_middle_of_a_large_frame() -> None:
    payload = bytes(range(256)) * 1000
    async with accepted() as pair:
        data = bytes([0x82, 0xFF]) + len(payload).to_bytes(8, "big") + bytes(4) + payload
        pair.peer.send(data[:100_000])
        await until(lambda: pair.connection.wire.rcvd_size >= len(upgrade_request()) + 100_000)
        stream = pair.connection.recv_stream()
        first = await anext(stream)
        pair.peer.send(data[100_000:])
        assert first + await stream.read() == payload
        pair.peer.reset()
        await pair.connection.wait_closed()


async def test_nobody_closes_the_socket_behind_our_back() -> None:
    async with accepted() as pair:
        assert not hasattr(pair.connection.socket, "close")
        assert pair.connection.socket.getpeername() == pair.peer.writer.get_extra_info("sockname")
        pair.peer.reset()
        await pair.connection.wait_closed()


async def test_tcp_keepalive_after_the_longest_time_that_the_kernel_takes() -> None:
    async with accepted(use_native_keepalive=True, keepalive_interval=86_400) as pair:
        await until(lambda: pair.connection.wire.socket.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE))
        assert pair.connection.wire.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 32_767
        pair.peer.reset()
        await pair.connection.wait_closed()


@pytest.mark.parametrize("kind", ["socket"], indirect=True)
async def test_what_comes_through_while_the_rest_is_read(kind: str) -> None:
    """A write has failed, what the peer said before is read, and a listener lets a CancelledError through."""
    failures: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: failures.append(context))
    async with accepted() as pair:

        def cancelled(_: object) -> None:
            raise asyncio.CancelledError

        pair.connection.on("message", cancelled)
        pair.connection.pause()
        pair.peer.text("last words")
        await pair.peer.writer.drain()
        pair.peer.reset()
        pair.connection.send("to nobody")
        pair.connection.resume()
        await pair.connection.wait_closed()
        assert pair.connection.close_code == 1006
    assert all(isinstance(context["exception"], asyncio.CancelledError) for context in failures)
