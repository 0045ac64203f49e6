"""Peers that read slowly, or not at all."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from frame_bytes import CONT, PING, PONG, TEXT, close, frame
from support.loops import VirtualLoop
from support.peers import Pair, accepted
from support.waiting import until
from twinax import ConnectionClosed, ConnectionClosedError

# The smallest buffers that the kernel allows, so that a peer is slow at once. No timer runs while it
# reads, or the clock would jump there whenever TCP takes its time.
SLOW: dict[str, Any] = {
    "slow": True,
    "keepalive": False,
    "send_stall_timeout": None,
    "close_timeout": None,
    "high_water_mark": 1024,
    "low_water_mark": 256,
    "fragment_outgoing_messages": False,
}
BLOCK = bytes(10_000)


def be_patient() -> None:
    """For tests in which timers run while a slow peer reads."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    loop.grace = 0.3


async def fill(pair: Pair) -> int:
    """Send until the transport is full and stays so; return how many blocks it took."""
    blocks = 0
    calm = 0
    while calm < 3:
        calm += 1
        while not pair.connection.output_buffer_full:
            pair.connection.send(BLOCK)
            pair.connection.flush()
            blocks += 1
            calm = 0
        await asyncio.sleep(0.001)  # lets the kernel take what it has room for
    return blocks


async def leave(pair: Pair) -> None:
    """Close from our side, with everything read to the end."""
    pair.connection.close()
    await pair.peer.close_frame()
    pair.peer.send(close(1000))
    pair.peer.finish()
    await pair.connection.wait_closed()


async def test_send_waits_for_a_slow_peer() -> None:
    drained: list[str] = []
    async with accepted(
        **SLOW, on_connect=lambda connection: connection.on("drain", lambda: drained.append("."))
    ) as pair:
        blocks = await fill(pair)
        assert pair.connection.output_buffer_full
        assert pair.connection.buffered_amount > 1024
        drained.clear()
        sending = asyncio.ensure_future(wait_for(pair.connection.send("last")))
        draining = asyncio.ensure_future(pair.connection.drain())
        await asyncio.sleep(1)
        assert not sending.done()
        assert not draining.done()
        assert drained == []
        for _ in range(blocks):
            assert await pair.peer.message() == BLOCK
        assert await pair.peer.message() == b"last"
        await asyncio.gather(sending, draining)
        assert drained
        assert pair.connection.buffered_amount == 0
        await pair.connection.drain()  # nothing to wait for
        await leave(pair)


async def wait_for(awaitable: Any) -> None:
    await awaitable


async def test_waiting_can_be_cancelled() -> None:
    async with accepted(**SLOW) as pair:
        blocks = await fill(pair)
        draining = asyncio.ensure_future(pair.connection.drain())
        await asyncio.sleep(1)
        draining.cancel()
        with pytest.raises(asyncio.CancelledError):
            await draining
        for _ in range(blocks):
            await pair.peer.message()
        await leave(pair)


async def test_whoever_waits_hears_of_the_end() -> None:
    async with accepted(**SLOW) as pair:
        await fill(pair)
        sending = asyncio.ensure_future(wait_for(pair.connection.send("last")))
        await asyncio.sleep(1)
        pair.peer.reset()
        with pytest.raises(ConnectionClosedError):
            await sending
        assert pair.connection.close_report.bytes_unsent > 0
        assert "bytes unsent" in str(pair.connection.close_report)


async def test_hard_cap() -> None:
    async with accepted(**SLOW, max_unsent_size=50_000) as pair:
        await fill(pair)
        for _ in range(20):
            with contextlib.suppress(ConnectionClosedError):
                pair.connection.send(BLOCK)
        with pytest.raises(ConnectionClosedError):
            pair.connection.send(BLOCK)
        await pair.connection.wait_closed()
        report = pair.connection.close_report
        assert (report.code, report.closed_by) == (1006, "local")
        assert "max_unsent_size=50000" in report.cause
        assert report.bytes_unsent > 40_000


async def test_a_listener_is_not_to_blame_for_a_peer_that_does_not_read() -> None:
    """Nothing is logged as an error: anybody can have an echo server give up, as often as he likes."""
    async with accepted(**SLOW, max_unsent_size=50_000) as pair:
        pair.connection.on("message", lambda message: pair.connection.send(BLOCK))
        while not pair.connection.has_ended:
            pair.peer.text("more")
            await asyncio.sleep(0)
        report = pair.connection.close_report
        assert (report.code, report.closed_by) == (1006, "local")
        assert "max_unsent_size=50000" in report.cause


async def test_a_peer_without_progress_is_dropped() -> None:
    async with accepted(**{**SLOW, "send_stall_timeout": 30.0}) as pair:
        await fill(pair)
        be_patient()
        for _ in range(5):
            pair.connection.send(BLOCK)
        began = asyncio.get_running_loop().time()
        await asyncio.sleep(20)
        await pair.peer.message()  # progress, but what waits fills the transport again
        await asyncio.sleep(20)
        assert pair.connection.connected
        await pair.connection.wait_closed()
        # Progress is looked for every 30 s, so that the last of it may be noticed that much later.
        assert 50 <= asyncio.get_running_loop().time() - began <= 80.1
        report = pair.connection.close_report
        assert (report.code, report.closed_by) == (1006, "local")
        assert "send_stall_timeout=30.0" in report.cause


async def test_without_a_stall_timeout_it_waits() -> None:
    async with accepted(**SLOW) as pair:
        blocks = await fill(pair)
        await asyncio.sleep(86400)
        for _ in range(blocks):
            await pair.peer.message()
        await leave(pair)


async def test_pongs_collapse_while_the_peer_does_not_read() -> None:
    be_patient()  # TCP may find room for some more after 200 ms, and answers would leave then
    async with accepted(**SLOW) as pair:
        blocks = await fill(pair)
        for number in range(100):
            pair.peer.send(frame(PING, str(number).encode()))
        await asyncio.sleep(1)
        for _ in range(blocks):
            await pair.peer.message()
        pong = await pair.peer.frame()
        assert (pong.opcode, pong.payload) == (PONG, b"99")  # RFC 6455 5.5.3: the most recent one
        await leave(pair)


async def test_a_ping_goes_between_the_fragments_that_wait() -> None:
    options = {**SLOW, "fragment_outgoing_messages": True, "fragmentation_threshold": 4096}
    async with accepted(**options) as pair:
        pair.connection.send("x" * 4096 * 100)
        pair.connection.flush()
        await until(lambda: pair.connection.output_buffer_full)
        pair.connection.send("after")
        pair.connection.ping(b"urgent")
        frames = [await pair.peer.frame()]
        while frames[-1].payload != b"after":
            frames.append(await pair.peer.frame())
        opcodes = [f.opcode for f in frames]
        assert opcodes[0] == TEXT
        assert opcodes[-1] == TEXT
        assert opcodes.count(CONT) == 99
        at = opcodes.index(PING)
        assert 0 < at < len(opcodes) - 2
        await leave(pair)


async def test_close_goes_after_what_waits() -> None:
    async with accepted(**SLOW) as pair:
        blocks = await fill(pair)
        pair.connection.send("last")
        pair.connection.close(1000, "bye")
        with pytest.raises(ConnectionClosed):
            pair.connection.send("too late")
        for _ in range(blocks):
            assert await pair.peer.message() == BLOCK
        assert await pair.peer.message() == b"last"
        assert await pair.peer.close_frame() == (1000, "bye")
        pair.peer.send(close(1000))
        await pair.connection.wait_closed()


async def test_close_to_a_peer_that_does_not_read_times_out() -> None:
    async with accepted(**{**SLOW, "close_timeout": 5.0}) as pair:
        await fill(pair)
        began = asyncio.get_running_loop().time()
        await pair.connection.close()
        assert asyncio.get_running_loop().time() - began == pytest.approx(5)
        assert pair.connection.close_code == 1006
        assert pair.connection.close_report.bytes_unsent > 0


async def test_a_peer_that_closes_while_it_does_not_read() -> None:
    async with accepted(**SLOW) as pair:
        blocks = await fill(pair)
        for _ in range(5):
            pair.connection.send(BLOCK)
        pair.peer.send(close(1000))
        while (message := await pair.peer.frame()).opcode != 8:
            assert message.payload == BLOCK
            blocks -= 1
        assert blocks == 0  # what was held back is given up: the peer has said that it is over
        await pair.connection.wait_closed()
        assert pair.connection.close_code == 1000


async def parts_of(*parts: Any) -> AsyncIterator[Any]:
    for part in parts:
        yield part


async def test_a_stream_waits_for_a_slow_peer() -> None:
    async with accepted(**SLOW) as pair:
        blocks = await fill(pair)
        sent: list[int] = []

        async def parts() -> AsyncIterator[bytes]:
            for number in range(50):
                sent.append(number)
                yield BLOCK

        task = asyncio.ensure_future(wait_for(pair.connection.send(parts())))
        await asyncio.sleep(1)
        assert sent == []
        for _ in range(blocks):
            await pair.peer.message()
        await asyncio.sleep(1)
        assert 0 < len(sent) < 50
        assert await pair.peer.message() == BLOCK * 50
        await task
        await leave(pair)


async def test_broadcast_goes_on_past_those_that_do_not_read() -> None:
    async with accepted(**SLOW, max_unsent_size=30_000) as pair:
        await fill(pair)
        pair.connection.send(BLOCK)
        for _ in range(10):
            pair.server.broadcast(BLOCK)
        await pair.connection.wait_closed()
        assert "max_unsent_size" in pair.connection.close_report.cause


async def test_slow_progress_is_progress() -> None:
    be_patient()
    async with accepted(**{**SLOW, "high_water_mark": 1 << 20, "send_stall_timeout": 30.0}) as pair:
        pair.connection.send(bytes(2 << 20))
        pair.connection.flush()
        await until(lambda: pair.connection.output_buffer_full)
        for _ in range(3):
            await asyncio.sleep(25)
            await pair.peer.reader.readexactly(50_000)  # far less than what lets the transport go on
            assert pair.connection.connected
        await pair.connection.wait_closed()
        assert "send_stall_timeout" in pair.connection.close_report.cause
