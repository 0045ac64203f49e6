"""`recv` and ``async for``: what a task that waits for a message may expect of it."""

import asyncio
import contextvars

import pytest

import frame_bytes
from support.peers import accepted
from twinax import ConcurrencyError, ConnectionClosedError, ConnectionClosedOK


async def waiting(*tasks: "asyncio.Task[object]") -> None:
    """Let tasks run up to where they wait."""
    for _ in range(3):
        await asyncio.sleep(0)
    assert not any(task.done() for task in tasks)


@pytest.mark.every_loop
async def test_a_message_that_waits_is_received_without_a_turn_of_the_loop() -> None:
    async with accepted() as pair:
        pair.peer.send(frame_bytes.frame(frame_bytes.TEXT, b"one"), frame_bytes.frame(frame_bytes.BINARY, b"two"))
        assert await pair.connection.recv() == "one"
        turns: list[None] = []
        asyncio.get_running_loop().call_soon(turns.append, None)
        assert await pair.connection.recv() == b"two"
        assert turns == []


@pytest.mark.every_loop
async def test_a_task_that_waits_answers_in_the_write_of_the_read_event() -> None:
    async with accepted() as pair:
        connection = pair.connection
        writes: list[bytes] = []
        connection.attach(lambda data: (writes.append(bytes(data)), connection.wire.write(data)))

        async def echo() -> None:
            async for message in connection:
                await connection.send(message)

        task = asyncio.create_task(echo())
        await waiting(task)
        pair.peer.send(*[frame_bytes.frame(frame_bytes.TEXT, b"%d" % number) for number in range(10)])
        assert [await pair.peer.message() for _ in range(10)] == [b"%d" % number for number in range(10)]
        assert len(writes) == 1
        pair.peer.send(frame_bytes.close(1000))
        await task


async def test_recv_can_be_a_task_and_can_be_waited_for_with_a_timeout() -> None:
    async with accepted() as pair:
        task = asyncio.create_task(pair.connection.recv())
        await waiting(task)
        pair.peer.text("to a task")
        assert await task == "to a task"
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(pair.connection.recv(), 10)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(10):
                await pair.connection.recv()
        pair.peer.text("after the timeouts")
        assert await asyncio.wait_for(pair.connection.recv(), 10) == "after the timeouts"


@pytest.mark.every_loop
async def test_cancelling_a_receiver_loses_no_message() -> None:
    async with accepted() as pair:
        task = asyncio.create_task(pair.connection.recv())
        await waiting(task)
        assert task.cancel("enough")
        with pytest.raises(asyncio.CancelledError, match="enough"):
            await task
        pair.peer.text("kept")
        assert await pair.connection.recv() == "kept"


async def test_a_receiver_that_is_cancelled_before_it_waits_leaves_the_connection_free() -> None:
    async with accepted() as pair:
        task = asyncio.create_task(pair.connection.recv())
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        pair.peer.text("free")
        assert await pair.connection.recv() == "free"


async def test_cancelling_one_receiver_does_not_touch_another() -> None:
    async with accepted() as pair:
        first = asyncio.create_task(pair.connection.recv())
        second = asyncio.create_task(pair.connection.recv())
        second.cancel()
        with pytest.raises(asyncio.CancelledError):
            await second
        await waiting(first)
        pair.peer.text("for the first")
        assert await first == "for the first"


async def test_the_receiver_keeps_its_context() -> None:
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable")

    async def receive() -> tuple[object, str]:
        variable.set("of the task")
        return await pair.connection.recv(), variable.get()

    async with accepted() as pair:
        task = asyncio.create_task(receive())
        await waiting(task)
        variable.set("of the test")
        pair.peer.text("hello")
        assert await task == ("hello", "of the task")


async def test_a_second_receiver_is_refused_and_the_first_goes_on() -> None:
    async with accepted() as pair:
        first = asyncio.create_task(pair.connection.recv())
        await waiting(first)
        with pytest.raises(ConcurrencyError, match="another task is receiving"):
            await pair.connection.recv()
        with pytest.raises(ConcurrencyError, match="another task is receiving"):
            await anext(pair.connection)
        with pytest.raises(ConcurrencyError, match="another task is receiving"):
            pair.connection.recv_stream()
        pair.peer.text("for the first")
        assert await first == "for the first"


async def test_recv_beside_a_listener_is_refused() -> None:
    async with accepted() as pair:
        messages: list[object] = []
        listener = pair.connection.on("message", messages.append)
        with pytest.raises(ConcurrencyError, match="listener for 'message'"):
            await pair.connection.recv()
        pair.connection.off("message", listener)
        pair.peer.text("now")
        assert await pair.connection.recv() == "now"
        assert messages == []


async def test_messages_before_the_close_are_received_and_answered() -> None:
    async with accepted() as pair:

        async def answer() -> None:
            pair.connection.send(await pair.connection.recv())

        task = asyncio.create_task(answer())
        await waiting(task)
        pair.peer.text("first")
        pair.peer.text("second")
        pair.peer.send(frame_bytes.close(1000))
        assert await pair.peer.message() == b"first"
        await task
        assert await pair.connection.recv() == "second"
        with pytest.raises(ConnectionClosedOK):
            await pair.connection.recv()
        assert [message async for message in pair.connection] == []


async def test_iteration_raises_when_the_connection_breaks() -> None:
    async with accepted() as pair:
        received: list[object] = []

        async def receive() -> None:
            async for message in pair.connection:
                received.append(message)  # noqa: PERF401 - what came before the end counts

        task = asyncio.create_task(receive())
        await waiting(task)
        pair.peer.text("before")
        pair.peer.finish()
        with pytest.raises(ConnectionClosedError) as caught:
            await task
        assert received == ["before"]
        assert caught.value.code == 1006
        assert "without a close frame" in caught.value.report.cause


async def test_a_full_inbox_is_drained_by_a_slow_receiver_without_loss() -> None:
    async with accepted(receive_queue_messages=4) as pair:
        pair.peer.send(*[frame_bytes.frame(frame_bytes.TEXT, b"%d" % number) for number in range(50)])
        received = []
        for _ in range(50):
            received.append(await pair.connection.recv())
            await asyncio.sleep(0)
        assert received == [str(number) for number in range(50)]
