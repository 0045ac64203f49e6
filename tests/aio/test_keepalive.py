"""Liveness: pings, round-trip times, and peers that fall silent."""

import asyncio
from typing import Any

import pytest

from frame_bytes import PING, PONG, Frame, close, frame
from support.loops import VirtualLoop
from support.peers import Pair, accepted
from support.waiting import until
from twinax import ConnectionClosedError

TIMES = {"keepalive_interval": 20.0, "keepalive_grace_period": 10.0}


def now() -> float:
    return asyncio.get_running_loop().time()


async def leave(pair: Pair) -> None:
    pair.peer.send(close(1000))
    pair.peer.finish()
    await pair.connection.wait_closed()


# --- keepalive ----------------------------------------------------------------------------------


async def test_a_silent_peer_is_pinged_and_its_pong_keeps_it() -> None:
    async with accepted(**TIMES) as pair:
        for number in range(1, 5):
            ping = await pair.peer.frame()
            assert ping.opcode == PING
            assert now() - pair.connection.opened_at == pytest.approx(20 * number)
            pair.peer.send(frame(PONG, ping.payload))
            await until(lambda: pair.connection.latency is not None)
        assert pair.connection.latency == 0
        await leave(pair)


async def test_a_peer_that_answers_is_pinged_again_after_an_interval_not_after_the_grace_period() -> None:
    async with accepted(keepalive_interval=20.0, keepalive_grace_period=300.0) as pair:
        for number in range(1, 5):
            ping = await pair.peer.frame()
            assert now() - pair.connection.opened_at == pytest.approx(20 * number)
            pair.peer.send(frame(PONG, ping.payload))
        await pair.connection.wait_closed()
        assert pair.connection.close_report.duration == pytest.approx(5 * 20 + 300)
        assert "300.0 s of them after a ping" in pair.connection.close_report.cause


@pytest.mark.every_loop
async def test_pings_go_on_whatever_the_resolution_of_the_clock() -> None:
    # uvloop counts milliseconds and rounds: its timers run up to half of one early.
    async with asyncio.timeout(30), accepted(keepalive_interval=0.01) as pair:
        for _ in range(20):
            ping = await pair.peer.frame()
            assert ping.opcode == PING
            pair.peer.send(frame(PONG, ping.payload))
        await leave(pair)


async def test_a_peer_that_talks_is_not_pinged() -> None:
    async with accepted(**TIMES, on_connect=lambda connection: connection.on("message", str)) as pair:
        for _ in range(10):
            await asyncio.sleep(15)
            pair.peer.text("here")
        await asyncio.sleep(19)
        await leave(pair)
        frames = [await pair.peer.frame()]
        assert [f.opcode for f in frames] == [8]


async def test_any_byte_after_the_ping_is_life() -> None:
    async with accepted(**TIMES, on_connect=lambda connection: connection.on("message", str)) as pair:
        for _ in range(3):
            assert (await pair.peer.frame()).opcode == PING
            await asyncio.sleep(9.5)
            pair.peer.text("no pong, but life")
        await leave(pair)
        assert pair.connection.close_code == 1000


async def test_a_dead_peer_is_given_up() -> None:
    events: list[Any] = []

    def listen(connection: Any) -> None:
        connection.on("close", lambda code, reason: events.append((code, reason)))
        connection.on("error", events.append)

    async with accepted(**TIMES, on_connect=listen) as pair:
        pair.peer.text("last words")
        assert await pair.connection.recv() == "last words"
        await pair.connection.wait_closed()
        report = pair.connection.close_report
        assert report.duration == pytest.approx(30)
        assert (report.code, report.closed_by, report.phase) == (1006, "local", "open")
        assert report.sent is None  # nothing is written to the dead
        assert report.cause.startswith("peer not responding: nothing received for 30.0 s, 10.0 s of them after a ping")
        assert report.seconds_since_rcvd == pytest.approx(30)
        assert any("keepalive ping" in line for line in report.trace)
        assert events == [(1006, report.cause)]
        assert pair.server.connections == []


async def test_without_dropping_it_pings_on() -> None:
    async with accepted(**TIMES, drop_connection_on_keepalive_timeout=False) as pair:
        for number in range(4):
            assert (await pair.peer.frame()).opcode == PING
            assert now() - pair.connection.opened_at == pytest.approx(20 + 30 * number)
        await leave(pair)


async def test_without_keepalive_silence_is_golden() -> None:
    async with accepted(keepalive=False) as pair:
        await asyncio.sleep(86400)
        pair.connection.send("still here")
        assert (await pair.peer.frame()).payload == b"still here"
        await leave(pair)


async def test_native_keepalive_sends_no_pings() -> None:
    async with accepted(use_native_keepalive=True, **TIMES) as pair:
        await asyncio.sleep(3600)
        pair.connection.send("still here")
        assert (await pair.peer.frame()).payload == b"still here"
        await leave(pair)


async def test_a_paused_connection_does_not_judge_its_peer() -> None:
    async with accepted(**TIMES) as pair:
        pair.connection.pause()
        await asyncio.sleep(200)
        assert pair.connection.connected
        pair.connection.resume()
        assert (await pair.peer.frame()).opcode == PING
        await leave(pair)


async def test_a_process_that_slept_does_not_blame_its_peer() -> None:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    async with accepted(**TIMES) as pair:
        ping = await pair.peer.frame()
        loop.now += 60  # the machine was suspended: the timer is 50 s late, the pong may wait in the kernel
        await asyncio.sleep(0)
        pair.peer.send(frame(PONG, ping.payload))
        await until(lambda: pair.connection.latency is not None)
        assert pair.connection.connected
        ping = await pair.peer.frame()
        await pair.connection.wait_closed()
        assert pair.connection.close_report.event_loop_lag == pytest.approx(50)
        assert "the event loop was blocked for 50.0 s" in str(pair.connection.close_report)


async def test_a_process_that_slept_gives_up_a_peer_that_stays_silent() -> None:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    async with accepted(**TIMES) as pair:
        await pair.peer.frame()
        loop.now += 60
        await pair.connection.wait_closed()
        assert pair.connection.close_code == 1006


async def test_nothing_is_pinged_while_closing() -> None:
    async with accepted(**TIMES, close_timeout=None) as pair:
        pair.connection.close()
        await pair.peer.close_frame()
        await pair.connection.wait_closed()
        assert await pair.peer.ended() == b""
        assert "peer not responding" in pair.connection.close_report.cause


# --- ping and pong ------------------------------------------------------------------------------


async def test_round_trip_time() -> None:
    async with accepted() as pair:
        assert pair.connection.latency is None
        waiting = pair.connection.ping()
        ping = await pair.peer.frame()
        await asyncio.sleep(0.25)
        pair.peer.send(frame(PONG, ping.payload))
        assert await waiting == pytest.approx(0.25)
        assert pair.connection.latency == pytest.approx(0.25)
        await leave(pair)


async def test_pings_with_payloads_of_the_application() -> None:
    pongs: list[bytes] = []
    async with accepted(on_connect=lambda connection: connection.on("pong", pongs.append)) as pair:
        one, two = pair.connection.ping(b"one"), pair.connection.ping("zwö")
        assert pair.connection.ping(b"one") is one
        assert [(await pair.peer.frame()).payload for _ in range(3)] == [b"one", "zwö".encode(), b"one"]
        pair.peer.send(frame(PONG, b"unasked"), frame(PONG, b"one"))
        await one
        assert not two.done()
        pair.peer.send(frame(PONG, "zwö".encode()))
        await two
        await leave(pair)
    assert pongs == [b"unasked", b"one", "zwö".encode()]


async def test_a_pong_answers_the_pings_before_it() -> None:
    async with accepted() as pair:
        pings = [pair.connection.ping() for _ in range(3)]
        payloads = [(await pair.peer.frame()).payload for _ in range(3)]
        assert len(set(payloads)) == 3
        pair.peer.send(frame(PONG, payloads[1]))
        await asyncio.gather(*pings[:2])
        assert not pings[2].done()
        pings[2].cancel()
        pair.peer.send(frame(PONG, payloads[2]))
        await leave(pair)


async def test_pings_that_nobody_answers_fail_with_the_connection() -> None:
    async with accepted() as pair:
        waiting = pair.connection.ping()
        pair.connection.ping()  # whose awaitable nobody kept
        await pair.peer.frame()
        pair.peer.finish()
        with pytest.raises(ConnectionClosedError):
            await waiting


async def test_pings_are_answered() -> None:
    async with accepted() as pair:
        pair.peer.send(frame(PING, b"a"), frame(PING, b"b" * 125), frame(PING))
        assert [await pair.peer.frame() for _ in range(3)] == [
            Frame(PONG, b"a"),
            Frame(PONG, b"b" * 125),
            Frame(PONG, b""),
        ]
        await leave(pair)


async def test_a_listener_may_cancel_the_pong() -> None:
    seen: list[bytes] = []

    def listen(connection: Any) -> None:
        @connection.on("ping")
        def ping(cancel: Any, data: bytes) -> None:
            seen.append(data)
            if data == b"quiet":
                cancel()

    async with accepted(on_connect=listen) as pair:
        pair.peer.send(frame(PING, b"quiet"), frame(PING, b"loud"))
        assert await pair.peer.frame() == Frame(PONG, b"loud")
        await leave(pair)
    assert seen == [b"quiet", b"loud"]


async def test_pong_unasked() -> None:
    async with accepted() as pair:
        pair.connection.pong(b"bytes")
        pair.connection.pong("text")
        pair.connection.pong()
        assert [await pair.peer.frame() for _ in range(3)] == [
            Frame(PONG, b"bytes"),
            Frame(PONG, b"text"),
            Frame(PONG, b""),
        ]
        await leave(pair)


async def test_payloads_that_are_none() -> None:
    async with accepted() as pair:
        for method in (pair.connection.ping, pair.connection.pong, pair.server.broadcast_bytes):
            with pytest.raises(TypeError):
                method(5)  # type: ignore[arg-type]  # bytes(5) would be five zeros
        await leave(pair)


async def test_a_ping_between_fragments() -> None:
    async with accepted() as pair:
        pair.peer.send(frame(1, b"a", fin=False), frame(PING, b"p"), frame(0, b"b"))
        assert await pair.peer.frame() == Frame(PONG, b"p")
        assert await pair.connection.recv() == "ab"
        await leave(pair)
