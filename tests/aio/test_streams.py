"""Messages in parts, both ways."""

import asyncio
import gc
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from frame_bytes import CONT, Frame, close, frame
from support.peers import Pair, accepted
from support.waiting import until
from twinax import ConcurrencyError, ConnectionClosedError, ConnectionClosedOK
from twinax.aio.streams import MessageStream


async def leave(pair: Pair) -> None:
    pair.peer.send(close(1000))
    pair.peer.finish()
    await pair.connection.wait_closed()


async def collect(stream: AsyncIterator[Any]) -> list[Any]:
    return [part async for part in stream]


# --- in -----------------------------------------------------------------------------------------


async def test_parts_as_they_arrive() -> None:
    async with accepted() as pair:
        stream = pair.connection.recv_stream()
        pair.peer.send(frame(1, "aé".encode()[:2], fin=False))
        assert await anext(stream) == "a"  # whole characters only
        pair.peer.send(frame(0, "é".encode()[1:], fin=False))
        assert await anext(stream) == "é"
        pair.peer.send(frame(0, b"last"))
        assert await collect(stream) == ["last"]
        pair.peer.text("next")
        assert await pair.connection.recv() == "next"
        await leave(pair)


async def test_a_large_frame_comes_in_parts_too() -> None:
    async with accepted() as pair:
        stream = pair.connection.recv_stream()
        data = frame(2, bytes(range(256)) * 1000)
        pair.peer.send(data[:1000])
        first = await anext(stream)
        assert 0 < len(first) < 1000
        pair.peer.send(data[1000:])
        rest = await collect(stream)
        assert first + b"".join(rest) == bytes(range(256)) * 1000
        await leave(pair)


@pytest.mark.parametrize(("opcode", "empty"), [(1, ""), (2, b"")])
@pytest.mark.parametrize("comes", ["before", "whole", "in fragments"])
async def test_an_empty_message_is_text_or_bytes(opcode: int, empty: str | bytes, comes: str) -> None:
    async with accepted() as pair:
        data = frame(opcode) if comes != "in fragments" else frame(opcode, fin=False) + frame(CONT)
        for receive in (collect, MessageStream.read):
            if comes == "before":
                pair.peer.send(data)
                await until(lambda: pair.connection.waiting)
            stream = pair.connection.recv_stream()
            if comes != "before":
                pair.peer.send(data)
            received = await receive(stream)
            assert received == ([empty] if receive is collect else empty)
        await leave(pair)


async def test_an_empty_fragment_at_the_end_is_no_part() -> None:
    async with accepted() as pair:
        stream = pair.connection.recv_stream()
        pair.peer.send(frame(1, b"a", fin=False))
        assert await anext(stream) == "a"
        pair.peer.send(frame(CONT))
        assert await collect(stream) == []
        await leave(pair)


async def test_a_message_that_is_there_is_one_part() -> None:
    async with accepted() as pair:
        pair.peer.text("whole")
        await until(lambda: pair.connection.waiting)
        assert await collect(pair.connection.recv_stream()) == ["whole"]
        await leave(pair)


async def test_a_message_that_comes_whole_while_waiting() -> None:
    async with accepted() as pair:
        waiting = asyncio.ensure_future(collect(pair.connection.recv_stream()))
        await asyncio.sleep(0)
        pair.peer.send(frame(2, b"whole"), frame(2, b"next"))
        assert await waiting == [b"whole"]
        assert await pair.connection.recv() == b"next"
        await leave(pair)


async def test_read_gives_the_rest_in_one_piece() -> None:
    async with accepted() as pair:
        pair.peer.send(frame(2, b"a", fin=False), frame(0, b"b", fin=False), frame(0, b"c"))
        assert await pair.connection.recv_stream().read() == b"abc"
        pair.peer.send(frame(1, b"x", fin=False), frame(0, b"y"))
        assert await pair.connection.recv_stream().read() == "xy"
        await leave(pair)


async def test_a_stream_of_a_connection_that_ends() -> None:
    async with accepted() as pair:
        stream = pair.connection.recv_stream()
        pair.peer.send(frame(1, b"begun", fin=False))
        assert await anext(stream) == "begun"
        pair.peer.finish()
        with pytest.raises(ConnectionClosedError):
            await anext(stream)
        with pytest.raises(ConnectionClosedError):
            await pair.connection.recv()


async def test_a_stream_of_a_connection_that_is_closed_in_order() -> None:
    async with accepted() as pair:
        stream = pair.connection.recv_stream()
        await leave(pair)
        with pytest.raises(ConnectionClosedOK):
            await anext(stream)


async def test_whoever_leaves_a_stream_gives_up_the_rest_of_its_message() -> None:
    async with accepted() as pair:
        pair.peer.send(frame(1, b"first", fin=False))
        async for part in pair.connection.recv_stream():
            assert part == "first"
            break
        gc.collect()  # PyPy does not count references
        pair.peer.send(frame(0, b"rest", fin=False), frame(0, b"end"), frame(1, b"next"))
        assert await pair.connection.recv() == "next"
        await leave(pair)


async def test_a_stream_can_be_closed_and_another_opened_inside_the_same_message() -> None:
    async with accepted() as pair:
        async with pair.connection.recv_stream() as stream:
            pair.peer.send(frame(2, b"first", fin=False))
            assert await anext(stream) == b"first"
        assert await collect(stream) == []
        second = pair.connection.recv_stream()
        pair.peer.send(frame(0, b"rest"), frame(2, b"of the next", fin=False))
        assert await anext(second) == b"of the next"
        await second.aclose()
        await second.aclose()
        pair.peer.send(frame(0, b"rest"), frame(2, b"whole"))
        assert await pair.connection.recv() == b"whole"
        await leave(pair)


async def test_a_stream_that_is_left_before_its_message_has_begun_drops_nothing() -> None:
    async with accepted() as pair:
        await pair.connection.recv_stream().aclose()
        pair.peer.send(frame(1, b"in two ", fin=False), frame(0, b"parts"))
        assert await pair.connection.recv() == "in two parts"
        await leave(pair)


async def test_a_stream_that_another_thread_collects() -> None:
    async with accepted() as pair:
        pair.connection.on("pause", lambda: None)
        streams = [pair.connection.recv_stream()]
        pair.peer.send(frame(1, b"a" * 300_000, fin=False))
        await until(lambda: pair.connection.input_paused)
        thread = threading.Thread(target=lambda: (streams.clear(), gc.collect()))
        thread.start()
        thread.join()
        await until(lambda: not pair.connection.is_received)
        pair.peer.send(frame(0, b"end"))
        pair.peer.text("next")
        assert await pair.connection.recv() == "next"
        await leave(pair)


async def test_one_receiver_at_a_time() -> None:
    async with accepted() as pair:
        stream = pair.connection.recv_stream()
        with pytest.raises(ConcurrencyError):
            pair.connection.recv_stream()
        with pytest.raises(ConcurrencyError):
            await pair.connection.recv()
        pair.peer.text("x")
        assert await collect(stream) == ["x"]
        assert await collect(stream) == []
        await leave(pair)


async def test_size_limits_hold_for_streams() -> None:
    async with accepted(max_received_message_size=1000) as pair:
        stream = pair.connection.recv_stream()
        pair.peer.send(frame(2, bytes(600), fin=False))
        assert len(await anext(stream)) == 600
        pair.peer.send(frame(0, bytes(600)))
        assert (await pair.peer.close_frame())[0] == 1009
        pair.peer.finish()
        with pytest.raises(ConnectionClosedError) as caught:
            await anext(stream)
        assert caught.value.code == 1009


async def test_a_stream_that_nobody_reads_makes_the_peer_wait() -> None:
    async with accepted(receive_queue_size=10_000, max_received_message_size=None) as pair:
        stream = pair.connection.recv_stream()
        for _ in range(1000):
            pair.peer.send(frame(2 if _ == 0 else 0, bytes(1000), fin=False))
        await asyncio.sleep(1)
        assert pair.connection.input_paused
        pair.peer.send(frame(0, b"end"))
        assert len(await stream.read()) == 1_000_003
        await leave(pair)


async def test_cancelling_a_wait_for_a_part_loses_nothing() -> None:
    async with accepted() as pair:
        stream = pair.connection.recv_stream()
        waiting = asyncio.ensure_future(stream.__anext__())
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        pair.peer.send(frame(1, b"a", fin=False), frame(0, b"b"))
        assert "".join(await collect(stream)) == "ab"
        await leave(pair)


# --- out ----------------------------------------------------------------------------------------


async def agen(*parts: Any) -> AsyncIterator[Any]:
    for part in parts:
        yield part
        await asyncio.sleep(0)


@pytest.mark.parametrize("kind", [iter, lambda parts: agen(*parts)])
@pytest.mark.parametrize(
    ("parts", "frames"),
    [
        (["a", "b"], [Frame(1, b"a", fin=False), Frame(CONT, b"b", fin=False), Frame(CONT, b"")]),
        ([b"a", bytearray(b"b")], [Frame(2, b"a", fin=False), Frame(CONT, b"b", fin=False), Frame(CONT, b"")]),
        ([b"a", b"", b"b"], [Frame(2, b"a", fin=False), Frame(CONT, b"b", fin=False), Frame(CONT, b"")]),
        ([], [Frame(1, b"")]),
        ([""], [Frame(1, b"")]),
        ([b""], [Frame(2, b"")]),
    ],
)
async def test_parts_are_fragments(kind: Any, parts: list[Any], frames: list[Frame]) -> None:
    async with accepted() as pair:
        await pair.connection.send(kind(parts))
        assert [await pair.peer.frame() for _ in frames] == frames
        await leave(pair)


async def test_a_stream_need_not_be_awaited() -> None:
    async with accepted() as pair:
        pair.connection.send(agen("a", "b"))
        assert await pair.peer.message() == b"ab"
        await leave(pair)


async def test_other_messages_wait_but_pings_do_not() -> None:
    async with accepted() as pair:
        gate = asyncio.Event()

        async def parts() -> AsyncIterator[str]:
            yield "a"
            await gate.wait()
            yield "b"

        streaming = asyncio.ensure_future(pair.connection.send(parts()))
        assert await pair.peer.frame() == Frame(1, b"a", fin=False)
        second = asyncio.ensure_future(pair.connection.send(iter(["c"])))
        pair.connection.send("between")
        pair.connection.ping(b"p")
        assert await pair.peer.frame() == Frame(9, b"p")
        gate.set()
        await streaming
        await second
        assert await pair.peer.message() == b"b"  # what is left of it
        assert {await pair.peer.message(), await pair.peer.message()} == {b"between", b"c"}
        await leave(pair)


async def test_parts_of_two_kinds(errors: list[Any]) -> None:
    async with accepted() as pair:
        with pytest.raises(TypeError, match="a part of a text message is bytes"):
            await pair.connection.send(agen("a", b"b"))
        assert (await pair.peer.close_frame()) == (1011, "message could not be finished")
        pair.peer.finish()
        await pair.connection.wait_closed()
    assert len(errors) == 1


async def test_a_stream_that_fails(errors: list[Any]) -> None:
    def parts() -> Iterator[str]:
        yield "a"
        raise KeyError("mine")

    async with accepted() as pair:
        pair.connection.send(parts())
        assert (await pair.peer.close_frame())[0] == 1011
        pair.peer.finish()
        await pair.connection.wait_closed()
        assert isinstance(pair.connection.close_report.error, KeyError)
    assert "'send'" in errors[0].getMessage()


async def test_a_stream_that_is_cancelled() -> None:
    async with accepted() as pair:
        streaming = pair.connection.send(agen(*(["a"] * 1000)))
        await pair.peer.frame()
        streaming.cancel()
        assert (await pair.peer.close_frame())[0] == 1011
        pair.peer.finish()
        await pair.connection.wait_closed()
        assert "cancelled" in pair.connection.close_report.cause


async def test_a_stream_whose_connection_ends() -> None:
    async with accepted() as pair:
        gate = asyncio.Event()

        async def parts() -> AsyncIterator[str]:
            yield "a"
            await gate.wait()
            yield "b"

        streaming = asyncio.ensure_future(pair.connection.send(parts()))
        await pair.peer.frame()
        await leave(pair)
        gate.set()
        with pytest.raises(ConnectionClosedOK):
            await streaming
