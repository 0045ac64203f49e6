"""The wire: what is asked of a transport at the edges of its life."""

import asyncio
import socket

import pytest

from support.peers import accepted, upgrade_request
from twinax import ConnectionClosedError
from twinax.aio.loop import LAG_WINDOW, LoopState, get_loop_state


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


async def test_fin_to_a_peer_that_is_gone_already(monkeypatch: pytest.MonkeyPatch) -> None:
    async with accepted() as pair:
        wire = pair.connection.wire

        def gone() -> None:
            raise OSError(107, "Transport endpoint is not connected")

        monkeypatch.setattr(wire.transport, "write_eof", gone)
        wire.finish()
        await pair.connection.wait_closed()
        assert pair.connection.close_code == 1006


async def test_what_a_wire_shows() -> None:
    async with accepted() as pair:
        wire = pair.connection.wire
        name = pair.peer.writer.get_extra_info("sockname")
        assert (wire.remote_address, wire.remote_port) == name
        assert wire.rcvd_size == len(upgrade_request())
        assert wire.last_sent > 0
        assert not wire.is_tls
        assert wire.socket.family == socket.AF_INET
        assert wire.get_buffer(1 << 20) is wire.get_buffer(1)
        pair.peer.reset()
        with pytest.raises(ConnectionClosedError):
            await pair.connection.recv()


async def test_all_connections_of_a_loop_share_a_buffer() -> None:
    async with accepted() as one, accepted() as two:
        assert one.connection.wire.get_buffer(-1) is two.connection.wire.get_buffer(-1)
        assert get_loop_state(asyncio.get_running_loop()) is get_loop_state(asyncio.get_running_loop())
        for pair in (one, two):
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
