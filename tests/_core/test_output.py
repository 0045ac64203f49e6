"""The way out: messages to frames, holding back, control frames between fragments, the close frame's place."""

import array
import enum
import gc
from typing import Any

import pytest

from cores import Core
from frame_bytes import BINARY, CLOSE, CONT, PING, PONG, TEXT, Frame, close, frame
from twinax.close import Close
from twinax.errors import LocalProtocolError


def texts(connection: Any) -> list[bytes]:
    return [item.payload for item in connection.sent()]


# --- messages -------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 1, 125, 126, 16384])
def test_a_message_is_a_frame(core: Core, role: str, size: int) -> None:
    connection = core.connection(role)
    assert connection.send("é" + "x" * size) is core.DONE
    assert connection.send(b"\xff" * size) is core.DONE
    sent = connection.sent()
    assert sent[-1].payload == b"\xff" * size
    assert b"".join(item.payload for item in sent[:-1]) == ("é" + "x" * size).encode()
    assert (sent[0].opcode, sent[-1].opcode) == (TEXT, BINARY)
    assert all((item.key is not None) == (role == "client") for item in sent)


def test_done_can_be_awaited_many_times(core: Core) -> None:
    async def wait() -> list[object]:
        return [await core.DONE, await core.DONE]

    with pytest.raises(StopIteration) as caught:
        wait().send(None)
    assert caught.value.value == [None, None]
    assert list(core.DONE) == []


class Bytes(bytes):
    """What libraries derive from bytes."""

    def __len__(self) -> int:
        return 3


class Word(enum.StrEnum):
    """A text of another class."""

    HELLO = "hello"


@pytest.mark.parametrize(
    ("data", "payload"),
    [
        (bytearray(b"abc"), b"abc"),
        (memoryview(b"abcdef"), b"abcdef"),
        (memoryview(b"abcdef")[1:3], b"bc"),
        (memoryview(b"abcdef")[::2], b"ace"),
        (memoryview(b"abcdef")[::-1], b"fedcba"),
        (memoryview(array.array("H", [1, 2, 3])), array.array("H", [1, 2, 3]).tobytes()),
        (array.array("d", [1.5, 2.5]), array.array("d", [1.5, 2.5]).tobytes()),
        (memoryview(array.array("d", [1.5, 2.5, 3.5]))[::2], array.array("d", [1.5, 3.5]).tobytes()),
        (memoryview(bytes(range(12))).cast("B", (3, 4)), bytes(range(12))),
        (memoryview(b""), b""),
        (Bytes(b"abcdef"), b"abcdef"),
    ],
)
def test_anything_with_bytes_is_binary(core: Core, role: str, data: Any, payload: bytes) -> None:
    connection = core.connection(role)
    connection.send(data)
    connection.send_bytes(data)
    assert connection.sent_pairs() == [(BINARY, payload)] * 2


def test_classes_derived_from_str(core: Core) -> None:
    connection = core.server()
    connection.send(Word.HELLO)
    assert connection.sent_pairs() == [(TEXT, b"hello")]


@pytest.mark.parametrize("data", [None, 5, 1.5, ["a"], object()])
def test_what_has_no_bytes_is_refused(core: Core, data: object) -> None:
    connection = core.server()
    with pytest.raises(TypeError):
        connection.send(data)
    with pytest.raises(TypeError):
        connection.send_bytes("text" if data is None else data)
    with pytest.raises(UnicodeEncodeError):
        connection.send("\ud800")
    assert connection.sent() == []


def test_what_is_sent_is_not_changed_afterwards(core: Core) -> None:
    connection = core.server(fragmentation_threshold=4)
    data = bytearray(b"abcdefgh")
    connection.set_writable(False)
    connection.send(data)
    connection.send_bytes(memoryview(data))
    data[:] = b"........"
    connection.set_writable(True)
    assert b"".join(texts(connection)) == b"abcdefgh" * 2


@pytest.mark.parametrize("size", [1, 7, 16384, None])
def test_long_messages_are_fragmented(core: Core, role: str, size: int | None) -> None:
    connection = core.connection(role, fragmentation_threshold=size)
    text = "aé€😀" * 5000 if size != 1 else "aé€😀" * 50
    connection.send(text)
    sent = connection.sent()
    payload = text.encode()
    pieces = [payload[i : i + (size or len(payload))] for i in range(0, len(payload), size or len(payload))]
    assert [item.payload for item in sent] == pieces
    assert [item.opcode for item in sent] == [TEXT] + [CONT] * (len(pieces) - 1)
    assert [item.fin for item in sent] == [False] * (len(pieces) - 1) + [True]


def test_exactly_the_threshold_is_one_frame(core: Core) -> None:
    connection = core.server(fragmentation_threshold=4)
    for text in ("", "abcd", "abcde", "abcdefgh"):
        connection.send(text)
    assert texts(connection) == [b"", b"abcd", b"abcd", b"e", b"abcd", b"efgh"]
    assert [item.fin for item in connection.sent()] == [True, True, False, True, False, True]


def test_one_write_for_what_one_read_causes(core: Core) -> None:
    connection = core.server()
    connection.listen(connection.send)
    connection.feed(frame(TEXT, b"a") + frame(TEXT, b"b") + frame(PING, b"c") + frame(BINARY, b"d"))
    assert connection.written == [frame(TEXT, b"a", masked=False) + frame(TEXT, b"b", masked=False)
                                  + frame(PONG, b"c", masked=False) + frame(BINARY, b"d", masked=False)]  # fmt: skip


def test_one_write_for_what_one_turn_sends(core: Core) -> None:
    connection = core.server()
    connection.send("a")
    connection.send("b")
    assert connection.written == []
    assert connection.flush_due
    assert connection.held_size == 6
    connection.go_on()
    assert len(connection.written) == 1
    assert connection.held_size == 0
    connection.flush()
    assert len(connection.written) == 1


def test_much_is_written_at_once(core: Core) -> None:
    connection = core.server()
    connection.send(b"x" * 70_000)
    assert len(b"".join(connection.written)) >= 65536
    assert connection.held_size < 65536


class Unsubscribing:
    """Garbage whose finalizer sends."""

    def __init__(self, connection: Any) -> None:
        self.myself = self
        self.connection = connection

    def __del__(self) -> None:
        self.connection.send("unsubscribe")


def test_garbage_that_sends_while_a_large_message_is_sent(core: Core) -> None:
    """Every point at which the collector may run, one after the other: frames never get into each other."""
    before = gc.get_threshold()
    for threshold in range(1, 30):
        connection = core.server(fragmentation_threshold=1 << 20)
        written = connection.written
        connection.attach(lambda data, to=written: to.append(bytes(data)), lambda pieces, to=written: to.extend(pieces))
        Unsubscribing(connection)
        gc.set_threshold(gc.get_count()[0] + threshold)
        try:
            connection.send(b"x" * 10_000)
        finally:
            gc.set_threshold(*before)
        gc.collect()
        connection.flush()
        assert sorted(connection.sent_pairs()) == [(TEXT, b"unsubscribe"), (BINARY, b"x" * 10_000)]


# --- a peer that does not read --------------------------------------------------------------------


def test_messages_are_held_back(core: Core) -> None:
    connection = core.server(fragmentation_threshold=4)
    connection.set_writable(False)
    assert not connection.is_writable
    assert not connection.transport_ready
    assert connection.send("abc") == "wait"
    assert connection.send(b"abcdefghi") == "wait"
    assert connection.held_size == 12
    assert connection.sent() == []
    connection.set_writable(True)
    assert connection.is_writable
    assert connection.writable_calls == 1
    assert [(f.opcode, f.payload, f.fin) for f in connection.sent()] == [
        (TEXT, b"abc", True), (BINARY, b"abcd", False), (CONT, b"efgh", False), (CONT, b"i", True),
    ]  # fmt: skip
    assert connection.held_size == 0
    assert connection.send("now") is core.DONE


def test_control_frames_go_before_what_is_held(core: Core) -> None:
    connection = core.server()
    connection.set_writable(False)
    connection.send("held")
    connection.send_control(PING, b"now")
    assert connection.sent_pairs() == [(PING, b"now")]
    connection.set_writable(True)
    assert connection.sent_pairs() == [(PING, b"now"), (TEXT, b"held")]


def test_control_frames_go_between_fragments(core: Core) -> None:
    connection = core.server(fragmentation_threshold=70_000)
    connection.hooks["write"] = lambda: connection.set_writable(False)
    assert connection.send("x" * 300_000) == "wait"
    connection.send("next")
    connection.send_control(PING, b"urgent")
    held = connection.held_size
    assert held > 200_000
    for _ in range(20):
        connection.set_writable(True)
        connection.go_on()
    sent = connection.sent()
    assert [(f.opcode, f.fin, len(f.payload)) for f in sent] == [
        (TEXT, False, 70_000), (PING, True, 6), (CONT, False, 70_000), (CONT, False, 70_000), (CONT, False, 70_000),
        (CONT, True, 20_000), (TEXT, True, 4),
    ]  # fmt: skip
    assert connection.held_size == 0


def test_only_the_latest_pong_waits(core: Core) -> None:
    connection = core.server()
    connection.set_writable(False)
    connection.send("held")
    connection.feed(b"".join(frame(PING, b"%d" % i) for i in range(50)))
    assert connection.sent() == []
    connection.set_writable(True)
    assert connection.sent_pairs() == [(PONG, b"49"), (TEXT, b"held")]
    connection.feed(frame(PING, b"a") + frame(PING, b"b"))
    assert connection.sent_pairs()[2:] == [(PONG, b"a"), (PONG, b"b")], "a peer that reads gets every answer"


def test_a_pong_waits_for_the_transport_although_a_stream_ends(core: Core) -> None:
    connection = core.server()
    connection.set_writable(False)
    connection.feed(frame(PING, b"x"))
    connection.begin_stream()
    connection.end_stream()
    assert connection.sent() == []
    connection.set_writable(True)
    assert connection.sent_pairs() == [(PONG, b"x")]


def test_too_much_held_is_an_overflow(core: Core) -> None:
    connection = core.server(max_unsent_size=1000)
    connection.set_writable(False)
    connection.send(b"x" * 5000)  # one message, whatever its size
    with pytest.raises(OverflowError, match="5001 of 1000"):
        connection.send(b"y")
    assert connection.overflows == [(5001, 1000)]
    assert connection.held_size == 5000
    connection.set_writable(True)
    assert texts(connection) == [b"x" * 5000]


def test_empty_messages_are_not_held_for_ever(core: Core) -> None:
    connection = core.server(max_unsent_size=6400)
    connection.set_writable(False)
    for _ in range(100):
        connection.send("")
    with pytest.raises(OverflowError):
        connection.send("")
    connection.set_writable(True)
    assert len(connection.sent()) == 100


def test_no_limit_of_unsent_bytes(core: Core) -> None:
    connection = core.server(max_unsent_size=None)
    connection.set_writable(False)
    for _ in range(1000):
        connection.send("x")
    assert connection.held_size == 1000


def test_defaults_of_the_base_class(core: Core) -> None:
    connection = core.CoreConnection(core.CoreSettings(max_unsent_size=100), None)
    written: list[bytes] = []
    connection.attach(lambda data: written.append(bytes(data)))
    connection.set_writable(False)
    assert connection.send("a") is core.DONE
    with pytest.raises(LocalProtocolError, match="max_unsent_size=100"):
        connection.send("b" * 200)
    connection.set_writable(True)
    connection.flush()
    assert written == [b"\x81\x01a"]
    with pytest.raises(TypeError):
        connection.send(5)


# --- frames of the caller's own ---------------------------------------------------------------------


def test_frames_as_they_are(core: Core) -> None:
    connection = core.server(fragmentation_threshold=2)
    assert connection.send_frame_bytes(0x41, b"long payload") is core.DONE
    connection.set_writable(False)
    assert connection.send_frame_bytes(0x00, b"held, and not cut") == "wait"
    assert connection.send_frame_bytes(0x89, b"ping") == "wait"
    connection.set_writable(True)
    assert connection.sent() == [
        Frame(TEXT, b"long payload", False, 4), Frame(PING, b"ping"), Frame(CONT, b"held, and not cut", False),
    ]  # fmt: skip


def test_a_stream_keeps_other_messages_back(core: Core) -> None:
    connection = core.server()
    connection.begin_stream()
    assert connection.is_streaming
    connection.send_part(TEXT, b"one")
    assert connection.send("other") is core.DONE or connection.held_size
    connection.send_frame_bytes(0x82, b"frame")
    connection.send_control(PONG, b"between")
    connection.send_part(CONT, b"two")
    connection.send_part(0x80 | CONT, b"")
    connection.end_stream()
    assert not connection.is_streaming
    assert [(f.opcode, f.payload, f.fin) for f in connection.sent()] == [
        (TEXT, b"one", False), (PONG, b"between", True), (CONT, b"two", False), (CONT, b"", True),
        (TEXT, b"other", True), (BINARY, b"frame", True),
    ]  # fmt: skip
    assert connection.writable_calls == 1


def test_a_stream_ends_while_the_transport_is_full(core: Core) -> None:
    connection = core.server()
    connection.begin_stream()
    connection.send("later")
    connection.set_writable(False)
    connection.end_stream()
    assert connection.sent() == []
    assert connection.writable_calls == 0
    connection.set_writable(True)
    assert texts(connection) == [b"later"]


# --- the close frame --------------------------------------------------------------------------------


def test_close_goes_after_all_messages(core: Core) -> None:
    connection = core.server(fragmentation_threshold=4)
    connection.set_writable(False)
    connection.send("held back")
    connection.begin_close(1000, "done")
    assert connection.state_name == "closing"
    assert connection.sent() == []
    assert connection.close_sent == Close(1000, "done")
    connection.set_writable(True)
    assert connection.sent_pairs() == [(TEXT, b"held"), (CONT, b" bac"), (CONT, b"k"), (CLOSE, b"\x03\xe8done")]


def test_close_waits_for_a_stream(core: Core) -> None:
    connection = core.server()
    connection.begin_stream()
    connection.send_part(TEXT, b"half")
    connection.send("other")
    connection.begin_close(1001, "")
    assert texts(connection) == [b"half"]
    connection.send_part(0x80, b"rest")
    connection.end_stream()
    assert texts(connection) == [b"half", b"rest", b"other", b"\x03\xe9"]
    with pytest.raises(LocalProtocolError, match="closing"):
        connection.send_part(TEXT, b"late")


def test_a_stream_is_given_up_when_the_peer_closes(core: Core) -> None:
    connection = core.server()
    connection.begin_stream()
    connection.send_part(TEXT, b"half")
    connection.send("other")
    connection.begin_close(1001, "")
    connection.feed(close(1000))
    with pytest.raises(LocalProtocolError, match="closed"):
        connection.send_part(0x80, b"rest")
    connection.end_stream()
    assert texts(connection) == [b"half", b"\x03\xe8"]


def test_a_failure_goes_before_what_is_held(core: Core) -> None:
    connection = core.server()
    connection.set_writable(False)
    connection.send("held")
    connection.begin_close(1000, "")
    connection.feed(frame(TEXT, masked=False))
    (sent,) = connection.sent()
    assert (sent.opcode, sent.payload[:2]) == (CLOSE, b"\x03\xea")
    assert connection.close_sent.code == 1002
    connection.set_writable(True)
    assert len(connection.sent()) == 1, "what was held back is given up"
    assert connection.held_size == 4
    assert connection.writable_calls == 0


def test_the_peers_close_goes_before_what_is_held(core: Core) -> None:
    connection = core.server()
    connection.set_writable(False)
    connection.send("held")
    connection.feed(frame(PING, b"x") + close(4000, b"bye"))
    assert connection.sent_pairs() == [(CLOSE, b"\x0f\xa0")]
    connection.set_writable(True)
    assert len(connection.sent()) == 1


def test_a_close_frame_without_code(core: Core) -> None:
    connection = core.client()
    connection.begin_close(None, "")
    assert connection.sent_pairs() == [(CLOSE, b"")]
    assert connection.close_sent == Close(1005)


@pytest.mark.parametrize("how", ["closing", "closed", "failed", "lost"])
def test_nothing_is_sent_unless_open(core: Core, how: str) -> None:
    connection = core.server()
    steps = {
        "closing": lambda: connection.begin_close(1000, ""),
        "closed": lambda: connection.feed(close(1000)),
        "failed": lambda: connection.close_now(1011, "broken"),
        "lost": connection.mark_lost,
    }
    steps[how]()
    assert connection.state_name == how
    assert not connection.is_open
    sent = connection.sent()
    for call in (
        lambda: connection.send("x"),
        lambda: connection.send(b"x"),
        lambda: connection.send_bytes(bytearray(b"x")),
        lambda: connection.send_frame_bytes(0x81, b"x"),
        lambda: connection.send_part(0x81, b"x"),
        lambda: connection.send_control(PING, b"x"),
    ):
        with pytest.raises(LocalProtocolError, match=f"the connection is {how}"):
            call()
    connection.begin_close(1000, "again")
    connection.close_now(1000, "again") if how != "closing" else None
    connection.end_stream()
    connection.set_writable(False)
    connection.set_writable(True)
    assert connection.sent() == sent


@pytest.mark.parametrize(("opcode", "name"), [(PING, "ping"), (PONG, "pong")])
def test_control_payload_of_125_at_most(core: Core, opcode: int, name: str) -> None:
    connection = core.server()
    connection.send_control(opcode, b"x" * 125)
    with pytest.raises(LocalProtocolError, match=f"{name} with 126 bytes"):
        connection.send_control(opcode, b"x" * 126)
    assert connection.sent_pairs() == [(opcode, b"x" * 125)]


# --- a transport that calls back from its write -----------------------------------------------------


def test_full_and_writable_again_within_a_write(core: Core) -> None:
    connection = core.server(fragmentation_threshold=70_000)
    calls = []

    def write() -> None:
        connection.set_writable(False)
        if len(calls) < 2:
            calls.append(connection.send("sent within the write"))
        connection.set_writable(True)

    connection.hooks["write"] = write
    connection.send("x" * 300_000)
    connection.send("after")
    sent = connection.sent()
    assert [f.opcode for f in sent] == [TEXT, CONT, CONT, CONT, CONT, TEXT, TEXT, TEXT]
    assert [f.payload for f in sent[5:]] == [b"sent within the write"] * 2 + [b"after"]
    assert connection.held_size == 0


@pytest.mark.parametrize("how", ["begin_close", "close_now"])
def test_closed_within_a_write(core: Core, how: str) -> None:
    connection = core.server(fragmentation_threshold=70_000)
    connection.hooks["write"] = lambda: getattr(connection, how)(1001, "")
    connection.send("x" * 300_000)
    sent = connection.sent()
    assert [f.opcode for f in sent][-1] == CLOSE
    assert [f.opcode for f in sent].count(CLOSE) == 1
    assert len(sent) == (6 if how == "begin_close" else 2)


def test_sending_from_the_drain_event(core: Core) -> None:
    connection = core.server(fragmentation_threshold=4)
    connection.hooks["writable"] = lambda: connection.send("more") if connection.writable_calls == 1 else None
    connection.set_writable(False)
    connection.send("abcdefgh")
    connection.set_writable(True)
    assert texts(connection) == [b"abcd", b"efgh", b"more"]
