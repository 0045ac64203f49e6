"""What holds for any bytes: the same events however they are cut, and in both implementations; known states only."""

import contextvars
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cores import Core
from frame_bytes import BINARY, CLOSE, TEXT, frame

from .streams import chunks, cut, masking, small_limits, streams

TRANSITIONS = {
    "open": {"open", "closing", "closed", "failed", "lost"},
    "closing": {"closing", "closed", "failed", "lost"},
    "closed": {"closed", "lost"},
    "failed": {"failed", "lost"},
    "lost": {"lost"},
}
LARGE = st.sampled_from(["ä" * 70_000, b"\xff" * 70_000])
MODES = ("listener", "waiting", "parts", "echo")


class Run:
    """One connection fed with pieces."""

    def __init__(self, core: Core, masked: bool, limits: dict[str, Any], mode: str) -> None:
        self.connection = core.connection("server" if masked else "client", **limits)
        self.mode = mode
        self.taken: list[tuple[Any, ...]] = []  # apart: when it is taken depends on how the bytes are cut
        if mode == "listener":
            self.connection.listening()
        elif mode == "echo":
            self.connection.listen(self.connection.send)

    def feed(self, piece: bytes, now: float) -> "Run":
        before = self.connection.state_name
        self.connection.feed(piece, now=now)
        while True:
            self.take()
            if not self.connection.go_on_due:
                break
            self.connection.go_on(now)
        assert self.connection.state_name in TRANSITIONS[before]
        assert not self.connection.is_stopped
        assert not self.connection.has_backlog
        return self

    def take(self) -> None:
        connection = self.connection
        if connection.parts_open and not self.take_parts():
            return
        while connection.waiting:
            self.taken.append(("message", connection.take()))
        if self.mode == "parts":
            connection.open_parts()
            self.take_parts()

    def take_parts(self) -> bool:
        """Take what is there of a message in parts; tell whether it was the end."""
        self.taken += [("part", part) for part in iter(self.connection.take_part, None)]
        if not self.connection.parts_ended:
            return False
        self.taken.append(("end of parts",))
        self.connection.close_parts()
        return True

    def facts(self) -> tuple[Any, ...]:
        """What must be the same in both implementations."""
        connection = self.connection
        return (
            connection.events,
            self.taken,
            b"".join(connection.written),
            connection.state_name,
            connection.close_sent,
            connection.close_rcvd,
            str(connection.failure),
            type(connection.failure),
            getattr(connection.failure, "rule", None),
        )


@given(
    data=st.data(),
    masked=masking,
    limits=small_limits,
    sizes=chunks,
    mode=st.sampled_from(["listener", "waiting", "echo"]),
)
@settings(max_examples=150, deadline=None)
def test_any_chunking_gives_the_same_events(
    core: Core, data: st.DataObject, masked: bool, limits: dict[str, Any], sizes: list[int], mode: str
) -> None:
    stream = data.draw(streams(masked))
    whole = Run(core, masked, limits, mode).feed(stream, 1.0)
    pieces = Run(core, masked, limits, mode)
    for piece in cut(stream, sizes):
        pieces.feed(piece, 1.0)
    bytewise = Run(core, masked, limits, mode)
    for i in range(len(stream)):
        bytewise.feed(stream[i : i + 1], 1.0)
    assert whole.facts() == pieces.facts() == bytewise.facts()


@given(data=st.data(), masked=masking, limits=small_limits, sizes=chunks)
@settings(max_examples=200, deadline=None)
def test_parts_put_together_are_the_messages(
    core: Core, data: st.DataObject, masked: bool, limits: dict[str, Any], sizes: list[int]
) -> None:
    limits = {**limits, "assemble_fragments": True}
    stream = data.draw(streams(masked))
    whole = Run(core, masked, limits, "waiting").feed(stream, 1.0)
    parts = Run(core, masked, limits, "parts")
    for piece in cut(stream, sizes):
        parts.feed(piece, 1.0)
    assert whole.facts()[2:] == parts.facts()[2:]
    assert whole.connection.events == parts.connection.events

    def contents(run: Run) -> list[object]:
        got: list[Any] = [b""]
        for event in run.taken:
            if event[0] == "message":
                got[-1] = event[1]
                got.append(b"")
            elif event[0] == "part":
                got[-1] = event[1] if got[-1] == b"" else got[-1] + event[1]
            elif event[0] == "end of parts":
                got.append(b"")
        return got

    messages, from_parts = contents(whole), contents(parts)
    assert from_parts[: len(messages) - 1] == messages[:-1]
    assert len(messages) == len(from_parts)


@given(data=st.data(), masked=masking, limits=small_limits, sizes=chunks, mode=st.sampled_from(MODES))
@settings(max_examples=400, deadline=None)
def test_both_implementations_do_the_same(
    both: tuple[Core, Core], data: st.DataObject, masked: bool, limits: dict[str, Any], sizes: list[int], mode: str
) -> None:
    stream = data.draw(streams(masked) | st.binary(max_size=60))
    runs = [Run(core, masked, limits, mode) for core in both]
    now = -1.0
    for piece in cut(stream, sizes):
        now += data.draw(st.sampled_from([0.0, 0.25, 1.0])) if now < 0 else 0.125
        python, compiled = (run.feed(piece, now) for run in runs)
        assert python.facts() == compiled.facts()
        assert python.connection.written == compiled.connection.written
        assert python.connection.switches == compiled.connection.switches
        assert python.connection.arrivals == compiled.connection.arrivals


class Task:
    """A coroutine that echoes with ``async for``, and what a loop would do for it: the wake-up is the connection's."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        self.taken: list[Any] = []
        self.ended: BaseException | None = None
        self._coroutine = self._echo()
        self._step()

    async def _echo(self) -> None:
        async for message in self.connection:
            self.taken.append(message)
            await self.connection.send(message)

    def _step(self, _arrival: Any = None) -> None:
        try:
            arrival = self._coroutine.send(None)
        except Exception as error:
            self.ended = error
        else:
            assert arrival._asyncio_future_blocking
            arrival._asyncio_future_blocking = False
            arrival.add_done_callback(self._step, context=contextvars.copy_context())


@given(data=st.data(), masked=masking, limits=small_limits, sizes=chunks)
@settings(max_examples=300, deadline=None)
def test_a_task_receives_the_same_on_both(
    both: tuple[Core, Core], data: st.DataObject, masked: bool, limits: dict[str, Any], sizes: list[int]
) -> None:
    """Whether it takes messages one by one as they are decoded, or many of them from the inbox."""
    limits = {**limits, "assemble_fragments": True}
    stream = data.draw(streams(masked))
    outcomes = []
    for core in both:
        connection = core.connection("server" if masked else "client", **limits)
        task = Task(connection)
        for piece in cut(stream, sizes):
            connection.feed(piece, now=1.0)
        connection.mark_lost()
        connection.wake_receiver()
        sent = connection.sent_pairs()
        outcomes.append(
            (
                task.taken,
                type(task.ended),
                [event for event in connection.events if event[0] != "message"],
                [pair for pair in sent if pair[0] < CLOSE],
                # Pongs may go before or after the answers of the task.
                [pair for pair in sent if pair[0] >= CLOSE],
                connection.close_sent,
            )
        )
    assert outcomes[0] == outcomes[1]


@given(
    messages=st.lists(
        st.text(max_size=200) | st.binary(max_size=200) | st.sampled_from(["ä" * 70_000, b"\xff" * 70_000])
    ),
    threshold=st.sampled_from([1, 2, 3, 50, 16384, None]),
    sizes=chunks,
    role=st.sampled_from(["server", "client"]),
)
@settings(deadline=None)
def test_what_one_sends_the_other_gets(
    core: Core, messages: list[str | bytes], threshold: int | None, sizes: list[int], role: str
) -> None:
    if threshold is not None and threshold < 50:
        messages = [message[:100] for message in messages]
    sender = core.connection(role, fragmentation_threshold=threshold)
    receiver = core.connection("client" if role == "server" else "server", max_empty_frames=None).listening()
    for message in messages:
        sender.send(message)
    sender.begin_close(4000, "done")
    sender.go_on()
    for piece in cut(b"".join(sender.written), sizes):
        receiver.feed(piece)
    assert receiver.messages == messages
    assert receiver.events[-1] == ("close", 4000, "done")
    receiver.go_on()
    sender.feed(b"".join(receiver.written))
    assert sender.events == [("close", 4000, "")]
    assert {sender.state_name, receiver.state_name} == {"closed"}


@pytest.mark.parametrize("size", [1, 3, 14, 4096])
def test_messages_of_every_length_around_the_borders(core: Core, size: int) -> None:
    lengths = [*range(20), *range(120, 132), 65534, 65535, 65536, 65537]
    data = b"".join(frame(TEXT, b"t" * n) + frame(BINARY, b"\xfe" * n) for n in lengths)
    connection = core.server().listening().feed(data, chunk=size)
    assert connection.messages == [message for n in lengths for message in ("t" * n, b"\xfe" * n)]
