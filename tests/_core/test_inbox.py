"""Delivery: to a listener at once, or into a bounded inbox; reading stops and goes on."""

from typing import Any

import pytest

from cores import Core
from frame_bytes import BINARY, CLOSE, CONT, PING, TEXT, close, frame


def numbered(count: int, start: int = 0) -> bytes:
    return b"".join(frame(TEXT, b"%d" % i) for i in range(start, start + count))


def take_all(connection: Any) -> list[Any]:
    return [connection.take() for _ in range(connection.waiting)]


# --- listener or waiting --------------------------------------------------------------------------


def test_a_listener_gets_messages_at_once(core: Core) -> None:
    connection = core.server().listening().feed(numbered(3) + frame(BINARY, b"\xff"))
    assert connection.messages == ["0", "1", "2", b"\xff"]
    assert connection.waiting == 0
    assert connection.arrivals == 0


def test_without_a_listener_messages_wait(core: Core) -> None:
    connection = core.server().feed(numbered(2))
    assert connection.waiting == 2
    assert connection.arrivals == 1
    assert take_all(connection) == ["0", "1"]
    with pytest.raises(IndexError):
        connection.take()


def test_nothing_to_take(core: Core) -> None:
    with pytest.raises(IndexError, match="no message is waiting"):
        core.server().take()
    assert core.server().waiting == 0


def test_a_late_listener_gets_what_waits_first(core: Core) -> None:
    connection = core.server().feed(numbered(2))
    connection.drain_messages()
    assert connection.waiting == 2, "without a listener nothing is handed over"
    connection.listening().feed(numbered(1, 2))
    assert connection.messages == [], "in order: the two that wait come first"
    connection.drain_messages()
    assert connection.messages == ["0", "1", "2"]
    connection.feed(numbered(1, 3))
    assert connection.messages[3:] == ["3"]
    connection.listen(None)
    connection.feed(numbered(1, 4))
    assert connection.take() == "4"


def test_draining_stops_when_the_listener_pauses(core: Core) -> None:
    connection = core.server().feed(numbered(3))
    got: list[str] = []

    def listener(message: str) -> None:
        got.append(message)
        connection.stop_input()

    connection.listen(listener)
    connection.drain_messages()
    assert got == ["0"]
    connection.drain_messages()
    assert got == ["0"]
    connection.start_input()
    connection.drain_messages()
    assert got == ["0", "1"]


def test_a_listener_that_raises(core: Core) -> None:
    connection = core.server()

    def listener(message: str) -> None:
        raise ValueError(message)

    connection.listen(listener)
    connection.feed(numbered(2))
    assert connection.events == [("listener error", "ValueError('0')"), ("listener error", "ValueError('1')")]
    assert connection.state_name == "open"


def test_a_listener_that_returns_something(core: Core) -> None:
    connection = core.server()
    connection.listen(lambda message: message * 2 if message == "1" else core.DONE)
    connection.feed(numbered(2))
    assert connection.events == [("listener result", "11")]


class Interrupted(BaseException):
    """Stands for CancelledError or KeyboardInterrupt."""


def test_a_listener_that_is_interrupted_leaves_the_stream_in_step(core: Core) -> None:
    connection = core.server()
    got: list[str] = []

    def listener(message: str) -> None:
        got.append(message)
        if message == "1":
            raise Interrupted

    connection.listen(listener)
    data = numbered(4)
    with pytest.raises(Interrupted):
        connection.feed(data[:-3])
    connection.feed(data[-3:])
    assert got == ["0", "1", "2", "3"]


# --- pausing and fullness -------------------------------------------------------------------------


def test_pausing_stops_in_the_middle_of_a_read(core: Core) -> None:
    connection = core.server()
    got: list[str] = []

    def listener(message: str) -> None:
        got.append(message)
        if message == "1":
            connection.stop_input()

    connection.listen(listener)
    connection.feed(numbered(4) + frame(TEXT, b"unfinished")[:8])
    assert got == ["0", "1"]
    assert connection.is_stopped
    assert connection.has_backlog
    assert connection.switches == ["hold"]
    connection.feed(frame(TEXT, b"unfinished")[8:])  # the transport had it under way already
    assert got == ["0", "1"]
    connection.stop_input()
    assert connection.switches == ["hold"], "once is enough"
    connection.start_input()
    assert connection.switches == ["hold", "continue"]
    connection.go_on()
    assert got == ["0", "1", "2", "3", "unfinished"]
    assert not connection.has_backlog
    assert not connection.is_stopped
    connection.start_input()
    assert connection.switches == ["hold", "continue"]


def test_much_arrives_while_paused(core: Core) -> None:
    connection = core.server().listening()
    connection.stop_input()
    data = b"".join(frame(TEXT, b"x" * 200) for _ in range(5)) + frame(PING, b"p")
    connection.feed(data, chunk=100)
    assert connection.events == []
    connection.start_input()
    connection.go_on()
    assert connection.messages == ["x" * 200] * 5
    assert connection.events[-1] == ("ping", b"p")


def test_full_by_count(core: Core) -> None:
    connection = core.server(receive_queue_messages=4).feed(numbered(10))
    assert connection.waiting == 4
    assert connection.switches == ["hold"]
    assert connection.has_backlog
    assert connection.take() == "0"
    assert connection.is_stopped, "reading goes on when the inbox is half empty"
    assert connection.take() == "1"
    assert not connection.is_stopped
    assert connection.switches == ["hold", "continue"]
    connection.go_on()
    assert connection.waiting == 4
    assert take_all(connection) == ["2", "3", "4", "5"]
    connection.go_on()
    assert take_all(connection) == ["6", "7", "8", "9"]
    assert not connection.has_backlog


def test_full_by_size(core: Core) -> None:
    connection = core.server(receive_queue_size=100).feed(frame(BINARY, b"x" * 60) * 4)
    assert connection.waiting == 2
    connection.take()
    assert connection.is_stopped
    connection.take()
    assert not connection.is_stopped
    connection.go_on()
    assert connection.waiting == 2


def test_paused_and_full(core: Core) -> None:
    connection = core.server(receive_queue_messages=2).feed(numbered(3))
    connection.stop_input()
    take_all(connection)
    assert connection.is_stopped
    connection.start_input()
    assert connection.switches == ["hold", "continue"]
    connection.go_on()
    assert connection.take() == "2"


def test_a_full_inbox_does_not_keep_the_peers_close_frame_away(core: Core) -> None:
    connection = core.server(receive_queue_messages=2).feed(numbered(3))
    connection.begin_close(1000, "")
    assert not connection.is_stopped
    connection.feed(numbered(5) + close(1000))
    assert connection.state_name == "closed"
    assert take_all(connection) == ["0", "1"], "what follows our close frame is discarded"


def test_pausing_does_not_keep_the_peers_close_frame_away(core: Core) -> None:
    connection = core.server().listening()
    connection.begin_close(1000, "")
    connection.stop_input()
    assert not connection.is_stopped
    connection.feed(numbered(1) + close(1000))
    assert connection.events == [("close", 1000, "")]


def test_a_pause_ends_when_the_application_closes(core: Core) -> None:
    connection = core.server().listening()
    connection.stop_input()
    connection.feed(numbered(1) + close(1000))
    connection.begin_close(1000, "")
    connection.go_on()
    assert connection.events == [("close", 1000, "")]
    assert connection.state_name == "closed"


# --- a message in parts ---------------------------------------------------------------------------


def take_parts(connection: Any) -> list[Any]:
    return list(iter(connection.take_part, None))


def test_parts_as_they_arrive(core: Core) -> None:
    connection = core.server()
    connection.open_parts()
    assert connection.parts_open
    assert connection.take_part() is None
    data = frame(TEXT, "aé".encode() + b"\xe2", fin=False) + frame(CONT, b"\x82\xac end")
    connection.feed(data[:7])
    assert take_parts(connection) == ["a"]
    connection.feed(data[7:9])
    assert take_parts(connection) == ["é"]
    connection.feed(data[9:] + numbered(1))
    assert "".join(take_parts(connection)) == "€ end"
    assert connection.parts_ended
    connection.close_parts()
    assert not connection.parts_open
    assert connection.take() == "0"


def test_parts_begin_with_what_has_come_already(core: Core) -> None:
    connection = core.server().feed(frame(BINARY, b"begin", fin=False) + frame(CONT, b"abc")[:8])
    connection.open_parts()
    assert take_parts(connection) == [b"beginab"]
    connection.feed(frame(CONT, b"abc")[8:])
    assert take_parts(connection) == [b"c"]
    assert connection.parts_ended


def test_a_message_in_one_part(core: Core) -> None:
    connection = core.server()
    connection.open_parts()
    connection.feed(numbered(2))
    assert take_parts(connection) == ["0"]
    assert connection.parts_ended
    assert connection.waiting == 1


@pytest.mark.parametrize(("opcode", "empty"), [(TEXT, ""), (BINARY, b"")])
def test_an_empty_message_is_one_empty_part(core: Core, opcode: int, empty: str | bytes) -> None:
    connection = core.server()
    connection.open_parts()
    connection.feed(frame(opcode))
    assert take_parts(connection) == [empty]
    assert connection.parts_ended


def test_parts_fill_the_inbox(core: Core) -> None:
    connection = core.server(receive_queue_messages=4)
    connection.open_parts()
    connection.feed(frame(BINARY, b"x" * 100), chunk=2)
    assert connection.is_stopped
    assert len(take_parts(connection)) == 4
    assert not connection.is_stopped
    connection.go_on()
    connection = core.server(receive_queue_size=10)
    connection.open_parts()
    connection.feed(frame(BINARY, b"x" * 100)[:50])
    assert connection.is_stopped
    connection.take_part()
    assert not connection.is_stopped


def test_parts_that_are_dropped_leave_room(core: Core) -> None:
    connection = core.server(receive_queue_size=10)
    connection.open_parts()
    connection.feed(frame(BINARY, b"x" * 100))
    assert connection.is_stopped
    connection.close_parts()
    assert not connection.is_stopped
    connection.feed(frame(BINARY, b"next"))
    assert connection.take() == b"next"


def test_parts_keep_the_limit_of_a_message(core: Core) -> None:
    connection = core.server(max_received_message_size=100)
    connection.open_parts()
    for _ in range(2):
        connection.feed(frame(BINARY, b"x" * 40, fin=False) if not connection.arrivals else frame(CONT, b"x" * 61))
        take_parts(connection)
    assert connection.state_name == "failed"
    assert not connection.parts_ended


def test_parts_after_our_close_frame_are_discarded(core: Core) -> None:
    connection = core.server(receive_queue_size=10)
    connection.open_parts()
    connection.feed(frame(BINARY, b"ab", fin=False))
    connection.begin_close(1000, "")
    connection.feed(frame(CONT, b"x" * 100, fin=False) + frame(CONT, b"x" * 100)[:50], chunk=20)
    assert take_parts(connection) == [b"ab"]
    connection.feed(frame(CONT, b"x" * 100)[50:] + frame(CLOSE))
    assert connection.state_name == "closed"
    assert not connection.parts_ended


def test_defaults_of_the_base_class(core: Core) -> None:
    connection = core.CoreConnection(core.CoreSettings(receive_queue_messages=1), None)
    connection.attach(bytearray().extend)
    data = bytearray(core.HEADROOM) + numbered(2)
    connection.receive(data, len(data), 0.0)
    assert connection.take() == "0"
    connection.continue_receive(0.0)
    assert connection.take() == "1"
    connection.listen(lambda message: 1 / int(message))
    data = bytearray(core.HEADROOM) + numbered(2) + frame(PING) + frame(0xA) + frame(TEXT, fin=False) + close(1000)
    connection.receive(data, len(data), 0.0)
    assert connection.state_name == "closed"
    connection = core.CoreConnection(core.CoreSettings(assemble_fragments=False), None)
    connection.attach(bytearray().extend)
    data = bytearray(core.HEADROOM) + numbered(1) + frame(3)
    connection.receive(data, len(data), 0.0)
    assert connection.state_name == "failed"
