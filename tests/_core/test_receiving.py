"""Tasks that wait for messages, at the level of the core: what the event loop sees is tested in tests/aio."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from cores import Core
from frame_bytes import BINARY, CLOSE, PONG, TEXT, close, frame
from twinax.close import CloseReport
from twinax.errors import ConcurrencyError, ConnectionClosedError, ConnectionClosedOK


def run(scene: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(scene, 10))


def open_connection(core: Core, **settings: Any) -> Any:
    connection = core.server(**settings)
    connection.set_loop(asyncio.get_running_loop())
    return connection


async def settle() -> None:
    for _ in range(3):
        await asyncio.sleep(0)


async def feed(connection: Any, data: bytes) -> None:
    """Feed from the event loop, as a transport does, and not from this task."""
    asyncio.get_running_loop().call_soon(connection.feed, data)
    await settle()


def test_a_message_that_waits(core: Core) -> None:
    async def scene() -> None:
        connection = open_connection(core).feed(frame(TEXT, b"a") + frame(BINARY, b"b"))
        assert await connection.recv() == "a"
        assert [message async for message in Limited(connection, 1)] == [b"b"]

    run(scene())


class Limited:
    """The first few of an asynchronous iteration."""

    def __init__(self, connection: Any, count: int) -> None:
        self.iterator = aiter(connection)
        self.count = count

    def __aiter__(self) -> "Limited":
        return self

    async def __anext__(self) -> Any:
        if self.count == 0:
            raise StopAsyncIteration
        self.count -= 1
        return await anext(self.iterator)


def test_a_task_goes_on_within_the_read_event(core: Core) -> None:
    async def scene() -> None:
        connection = open_connection(core)

        async def echo() -> None:
            while True:
                connection.send(await connection.recv())

        task = asyncio.create_task(echo())
        await settle()
        assert connection.is_received
        await feed(connection, frame(TEXT, b"a") + frame(TEXT, b"b") + close(1000))
        assert connection.sent_pairs() == [(TEXT, b"a"), (TEXT, b"b"), (CLOSE, b"\x03\xe8")]
        assert connection.written[0] == frame(TEXT, b"a", masked=False) + frame(TEXT, b"b", masked=False)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(scene())


def test_bytes_handed_over_by_another_task(core: Core) -> None:
    async def scene() -> None:
        connection = open_connection(core)
        task = asyncio.ensure_future(connection.recv())
        await settle()
        connection.feed(frame(TEXT, b"a") + frame(TEXT, b"b"))
        assert connection.state_name == "open"
        assert await task == "a"
        assert await connection.recv() == "b"

    run(scene())


def test_a_task_drops_the_connection_before_the_peers_close_frame(core: Core) -> None:
    async def scene() -> None:
        connection = open_connection(core)

        async def drop() -> None:
            await connection.recv()
            connection.close_now(1008, "")

        task = asyncio.create_task(drop())
        await settle()
        await feed(connection, frame(TEXT, b"a") + close(1000))
        await task
        assert connection.state_name == "failed"
        assert connection.close_rcvd is None
        assert connection.events == []
        assert connection.sent_pairs() == [(CLOSE, b"\x03\xf0")]

    run(scene())


def test_what_waits_longer_than_the_inbox_is_large(core: Core) -> None:
    async def scene() -> None:
        connection = open_connection(core, receive_queue_messages=2)
        got: list[Any] = []

        async def collect() -> None:
            async for message in Limited(connection, 300):
                got.append(message)
                if len(got) % 7 == 0:
                    await asyncio.sleep(0)

        task = asyncio.create_task(collect())
        await settle()
        await feed(connection, b"".join(frame(TEXT, b"%d" % i) for i in range(300)))
        while not task.done():
            await asyncio.sleep(0)
            connection.go_on()
        assert got == [str(i) for i in range(300)]

    run(scene())


def test_cancelling_loses_no_message(core: Core) -> None:
    async def scene() -> None:
        connection = open_connection(core)
        task = asyncio.ensure_future(connection.recv())
        await settle()
        task.cancel("enough")
        connection.feed(frame(TEXT, b"a"))
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await connection.recv() == "a"

    run(scene())


@pytest.mark.parametrize("how", ["task", "listener", "parts", "reserved"])
def test_one_receiver_at_a_time(core: Core, how: str) -> None:
    async def scene() -> None:
        connection = open_connection(core)
        assert not connection.is_received
        task = asyncio.ensure_future(connection.recv()) if how == "task" else None
        await settle()
        {"listener": connection.listening, "parts": connection.open_parts}.get(how, lambda: None)()
        if how == "reserved":
            connection.reserve(True)
        assert connection.is_received
        with pytest.raises(ConcurrencyError, match="only one can"):
            await connection.recv()
        if task is not None:
            await feed(connection, frame(TEXT, b"a"))
            assert await task == "a"

    run(scene())


@pytest.mark.parametrize("kind", [ConnectionClosedOK, ConnectionClosedError])
@pytest.mark.parametrize("waits", [True, False])
def test_the_connection_is_gone(core: Core, kind: type[Exception], waits: bool) -> None:
    report = CloseReport(code=1000, reason="", closed_by="remote", phase="open", cause="for the test")

    class Closing(core.Recorder):  # type: ignore[misc, name-defined]
        def _closed_error(self) -> Exception:
            return kind(report)

    async def scene() -> None:
        connection = Closing(core, None, {})
        connection.set_loop(asyncio.get_running_loop())

        async def iterate() -> list[Any]:
            return [message async for message in connection]

        task = asyncio.create_task(iterate())
        if waits:
            await settle()
        await feed(connection, frame(TEXT, b"last") + frame(PONG))
        connection.mark_lost()
        connection.wake_receiver()
        if kind is ConnectionClosedOK:
            assert await task == ["last"]
        else:
            with pytest.raises(kind):
                await task
        with pytest.raises(kind):
            await connection.recv()

    run(scene())


def test_the_awaitable_is_closed(core: Core) -> None:
    async def scene() -> None:
        connection = open_connection(core)
        receiving = connection.recv()
        receiving.close()
        arrival = receiving.send(None)
        assert arrival.get_loop() is asyncio.get_running_loop()
        assert not arrival.cancel(), "nobody waits for it"
        with pytest.raises(ValueError, match="x"):
            receiving.throw(ValueError("x"))
        with pytest.raises(KeyError):
            receiving.throw(KeyError)
        assert not connection.is_received
        receiving.close()
        assert iter(receiving) is receiving
        receiving.send(None)  # it waits, but nobody asked to be woken
        connection.feed(frame(TEXT, b"a"))
        assert not connection.is_received
        assert connection.take() == "a"

    run(scene())


def test_the_base_class_knows_no_loop(core: Core) -> None:
    connection = core.CoreConnection(core.CoreSettings(), None)
    with pytest.raises(NotImplementedError):
        connection._cancelled_error(None)


def test_whoever_waits_is_gone_when_the_message_comes(core: Core) -> None:
    """Something that steps coroutines by itself: it has begun to wait, and forgets about it."""

    async def scene() -> None:
        for _ in range(20):
            connection = open_connection(core)
            receiving = iter(connection.recv().__await__())
            assert next(receiving) is not None
            del receiving
            await feed(connection, frame(TEXT, b"a"))
            assert await connection.recv() == "a"

    run(scene())
