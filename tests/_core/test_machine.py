"""Calls of the application and bytes of the peer in any order, on both implementations in step.

What must hold after every step: both implementations did the same; what was written is valid for a peer
of the other role; the states follow their table; nothing is delivered after the end; nothing counts as
held back that is not.
"""

from collections.abc import Callable
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from cores import load_core
from frame_bytes import BINARY, CONT, PING, PONG, TEXT, close, frame

from .streams import small_limits
from .test_properties import TRANSITIONS

COMPARED = """
    events switches written held_size is_writable transport_ready is_streaming state_name waiting is_stopped has_backlog
    parts_open parts_ended close_sent close_rcvd is_open writable_calls overflows
""".split()  # noqa: SIM905
DATA = st.text(max_size=30) | st.binary(max_size=30)


class Machine(RuleBasedStateMachine):
    """Every rule is done to each implementation that there is."""

    @initialize(
        masks=st.booleans(),
        limits=small_limits,
        threshold=st.sampled_from([10, 30_000, None]),
        hook=st.sampled_from([None, "full", "full and free", "close", "drop", "send", "ping drop", "frame drop"]),
    )
    def begin(self, masks: bool, limits: dict[str, Any], threshold: int | None, hook: str | None) -> None:
        limits = {**limits, "fragmentation_threshold": threshold}
        self.large = 1000 if threshold == 10 else 100_000
        cores = [core for core in (load_core("python"), load_core("compiled")) if core is not None]
        self.to_us = {"masked": not masks}
        self.connections = [core.client(**limits) if masks else core.server(**limits) for core in cores]
        none = {"max_empty_frames": None, "max_received_frame_size": None, "max_received_message_size": None}
        self.peer = cores[0].connection("server" if masks else "client", **none).listening()
        self.peer_read = 0
        self.sent: list[Any] = []
        self.state = "open"
        self.events_at_end: int | None = None
        for connection in self.connections:
            self.hook(connection, hook)

    @staticmethod
    def hook(connection: Any, hook: str | None) -> None:
        """Have the transport, or a listener, call back in the middle of things; a few times."""
        left = [3]

        def once(call: Callable[[], object]) -> Callable[[], object]:
            def run() -> None:
                if left[0] and connection.is_open:
                    left[0] -= 1
                    call()

            return run

        def full_and_free() -> None:
            connection.set_writable(False)
            connection.set_writable(True)

        calls: dict[str, tuple[str, Callable[[], object]]] = {
            "full": ("write", lambda: connection.set_writable(False)),
            "full and free": ("write", full_and_free),
            "close": ("write", lambda: connection.begin_close(1000, "")),
            "drop": ("write", lambda: connection.close_now(1008, "")),
            "send": ("writable", lambda: connection.send_frame_bytes(0x89, b"hook")),
            "ping drop": ("ping", lambda: connection.close_now(1008, "")),
            "frame drop": ("frame", lambda: connection.close_now(1008, "")),
        }
        if hook is not None:
            name, call = calls[hook]
            connection.hooks[name] = once(call)

    def each(self, call: Callable[[Any], object]) -> tuple[str, object]:
        """Do `call` to every implementation; what comes of it must be the same."""
        results = []
        for connection in self.connections:
            try:
                result = call(connection)
            except Exception as error:
                results.append((type(error).__name__, str(error)))
            else:
                results.append(("", "DONE" if result is connection.core.DONE else result))
        assert all(result == results[0] for result in results)
        return results[0]

    # --- the application --------------------------------------------------------------------------

    @rule(data=DATA)
    def send_data(self, data: Any) -> None:
        self.send(data)

    def send(self, data: Any) -> None:
        was_open = self.connections[0].is_open
        if self.each(lambda c: c.send(data))[0] == "" and was_open:
            self.sent.append(data)

    @rule()
    def send_large(self) -> None:
        self.send(b"\xff" * self.large)

    @precondition(lambda self: self.connections[0].is_writable and not self.connections[0].is_streaming)
    @rule()
    def begin_stream(self) -> None:
        self.each(lambda c: c.begin_stream())
        self.parts: list[str] = []
        self.place = len(self.sent)  # what is sent during the stream comes later

    @precondition(lambda self: self.connections[0].is_streaming)
    @rule(text=st.text(max_size=5))
    def send_part(self, text: str) -> None:
        if self.each(lambda c: c.send_part(CONT if self.parts else TEXT, text.encode()))[0] == "":
            self.parts.append(text)

    @precondition(lambda self: self.connections[0].is_streaming)
    @rule()
    def end_stream(self) -> None:
        if self.each(lambda c: c.send_part(0x80 | (CONT if self.parts else TEXT), b""))[0] == "":
            self.sent.insert(self.place, "".join(self.parts))
        self.each(lambda c: c.end_stream())

    @rule(opcode=st.sampled_from([PING, PONG]), size=st.sampled_from([0, 5, 125, 126]))
    def send_control(self, opcode: int, size: int) -> None:
        self.each(lambda c: c.send_control(opcode, b"x" * size))

    @rule(code=st.sampled_from([1000, 1001, 1006, None]), reason=st.sampled_from(["", "why", "x" * 124]))
    def begin_close(self, code: int | None, reason: str) -> None:
        self.each(lambda c: c.begin_close(code, reason))

    @rule(how=st.sampled_from(["fail", "close_now", "mark_lost"]), really=st.integers(0, 5))
    def end(self, how: str, really: int) -> None:
        if really:
            return
        error = ValueError("x")
        arguments = {"fail": (1011, "x" * 200, error), "close_now": (1008, "x"), "mark_lost": ()}[how]
        self.each(lambda c: getattr(c, how)(*arguments))

    @rule(writable=st.booleans())
    def set_writable(self, writable: bool) -> None:
        self.each(lambda c: c.set_writable(writable))

    @rule(call=st.sampled_from(["stop_input", "start_input", "open_parts", "close_parts", "take_part", "flush"]))
    def reading(self, call: str) -> None:
        self.each(lambda c: getattr(c, call)())

    @rule(listens=st.booleans())
    def listen(self, listens: bool) -> None:
        self.each(lambda c: c.listening() and None if listens else c.listen(None))
        self.each(lambda c: c.drain_messages())

    @precondition(lambda self: self.connections[0].waiting)
    @rule()
    def take(self) -> None:
        self.each(lambda c: c.take())

    @rule()
    def turn(self) -> None:
        self.each(lambda c: c.go_on())

    # --- the peer -----------------------------------------------------------------------------------

    def feed(self, data: bytes) -> None:
        self.each(lambda c: c.feed(data) and None)

    @rule(opcode=st.sampled_from([TEXT, BINARY]), payload=st.text(max_size=9), count=st.sampled_from([1, 2, 9, 300]))
    def receive_messages(self, opcode: int, payload: str, count: int) -> None:
        self.feed(frame(opcode, payload.encode(), **self.to_us) * count)

    @rule(opcode=st.sampled_from([PING, PONG]), count=st.sampled_from([1, 3, 300]))
    def receive_control(self, opcode: int, count: int) -> None:
        self.feed(frame(opcode, b"p", **self.to_us) * count)

    @rule(fin=st.booleans(), opcode=st.sampled_from([TEXT, CONT, CONT]))
    def receive_fragment(self, fin: bool, opcode: int) -> None:
        self.feed(frame(opcode, b"abc", fin=fin, **self.to_us))

    @rule(data=st.binary(max_size=6), really=st.integers(0, 3))
    def receive_junk(self, data: bytes, really: int) -> None:
        if not really:
            self.feed(data)

    @rule(code=st.sampled_from([1000, None, 1005]), really=st.integers(0, 2))
    def receive_close(self, code: int | None, really: int) -> None:
        if not really:
            self.feed(close(code, **self.to_us))

    # --- what must hold ---------------------------------------------------------------------------------

    def drain_peer(self) -> None:
        for connection in self.connections:
            connection.flush()
        written = b"".join(self.connections[0].written)
        self.peer.feed(written[self.peer_read :])
        self.peer_read = len(written)

    @invariant()
    def both_are_alike(self) -> None:
        for name in COMPARED:
            values = [getattr(connection, name) for connection in self.connections]
            assert all(value == values[0] for value in values), name

    @invariant()
    def output_is_valid(self) -> None:
        self.drain_peer()
        assert self.peer.state_name in ("open", "closed"), self.peer.failure
        assert (self.peer.close_rcvd is None) or self.connections[0].state_name != "open"
        if self.peer.close_rcvd is not None:
            assert self.peer.close_rcvd == self.connections[0].close_sent
        # Nothing is lost, doubled or out of order; the end may be missing where it was given up or still waits.
        assert self.peer.messages == self.sent[: len(self.peer.messages)]

    @invariant()
    def held_size_is_right(self) -> None:
        self.drain_peer()
        connection = self.connections[0]
        assert connection.held_size >= 0
        if connection.is_writable and not connection.is_streaming and not connection.flush_due:
            assert connection.held_size == 0
            if connection.state_name in ("open", "closing"):
                assert self.peer.messages == self.sent

    @invariant()
    def states_follow_their_table(self) -> None:
        state = self.connections[0].state_name
        assert state in TRANSITIONS[self.state]
        self.state = state

    @invariant()
    def nothing_is_delivered_after_the_end(self) -> None:
        connection = self.connections[0]
        if self.events_at_end is None and connection.state_name in ("closed", "failed", "lost"):
            self.events_at_end = len(connection.events) + connection.waiting
        if self.events_at_end is not None:
            assert len(connection.events) + connection.waiting <= self.events_at_end


TestMachine = Machine.TestCase
TestMachine.settings = settings(max_examples=100, stateful_step_count=30, deadline=None)
