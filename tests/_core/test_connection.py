"""The connection's states: what arrives in which, and the closing handshake from both sides."""

import pytest

from cores import Core
from frame_bytes import BINARY, CLOSE, CONT, PING, PONG, TEXT, close, frame
from twinax.close import Close
from twinax.errors import LocalProtocolError


def to(role: str) -> dict[str, bool]:
    """Frames to this role are masked, or not."""
    return {"masked": role == "server"}


# --- messages -------------------------------------------------------------------------------------


@pytest.mark.parametrize("chunk", [None, 1, 2, 5, 13])
def test_everything_in_one_stream(core: Core, role: str, chunk: int | None) -> None:
    m = to(role)
    data = (
        frame(TEXT, "café".encode(), **m)
        + frame(TEXT, b"ab\xe2", fin=False, **m)
        + frame(PING, b"inside", **m)
        + frame(CONT, b"", fin=False, **m)
        + frame(PONG, b"unasked", **m)
        + frame(CONT, b"\x82\xac", **m)
        + frame(BINARY, bytes(range(256)) * 300, **m)
        + frame(TEXT, b"", **m)
        + close(4001, "tschüss".encode(), **m)
    )
    connection = core.connection(role).listening().feed(data, chunk=chunk)
    assert connection.events == [
        ("message", "café"),
        ("ping", b"inside"),
        ("pong", b"unasked"),
        ("message", "ab€"),
        ("message", bytes(range(256)) * 300),
        ("message", ""),
        ("close", 4001, "tschüss"),
    ]
    assert connection.sent_pairs() == [(PONG, b"inside"), (CLOSE, b"\x0f\xa1")]
    assert connection.close_rcvd == Close(4001, "tschüss")


def test_what_was_read_stays_when_the_buffer_is_reused(core: Core) -> None:
    connection = core.server()
    for data in (frame(BINARY, b"first"), frame(BINARY, b"second", fin=False), frame(CONT, b" third")):
        buffer = bytearray(core.HEADROOM) + data
        connection.receive(buffer, len(buffer), 0.0)
        buffer[:] = b"!" * len(buffer)
    assert [connection.take(), connection.take()] == [b"first", b"second third"]


def test_bytes_behind_the_end_are_not_read(core: Core) -> None:
    data = frame(TEXT, b"abc")
    connection = core.server().listening()
    buffer = bytearray(core.HEADROOM) + data + b"\x00" * 1000
    for _ in range(2):
        connection.receive(buffer, core.HEADROOM + len(data), 0.0)
    assert connection.messages == ["abc", "abc"]


def test_an_empty_read(core: Core) -> None:
    connection = core.server().listening()
    connection.receive(bytearray(core.HEADROOM), core.HEADROOM, 0.0)
    connection.feed(frame(TEXT, b"abc")[:4])
    connection.receive(bytearray(core.HEADROOM), core.HEADROOM, 0.0)
    connection.feed(frame(TEXT, b"abc")[4:])
    assert connection.messages == ["abc"]


# --- a turn of the loop ---------------------------------------------------------------------------


def test_many_frames_are_shared_out_over_turns(core: Core) -> None:
    connection = core.server().listening()
    buffer = bytearray(core.HEADROOM) + frame(TEXT, b"x") * 600
    connection.receive(buffer, len(buffer), 0.0)
    assert len(connection.messages) == 256
    assert connection.switches == ["hold", "continue"]
    connection.continue_receive(0.0)
    assert len(connection.messages) == 512
    connection.continue_receive(0.0)
    assert len(connection.messages) == 600
    assert not connection.has_backlog
    assert connection.switches == ["hold", "continue"] * 2


def test_many_bytes_are_shared_out_over_turns(core: Core) -> None:
    connection = core.server().listening()
    buffer = bytearray(core.HEADROOM) + frame(BINARY, b"x" * 30_000) * 6
    connection.receive(buffer, len(buffer), 0.0)
    assert len(connection.messages) == 3
    connection.continue_receive(0.0)
    assert len(connection.messages) == 6


def test_fragments_are_shared_out_over_turns(core: Core) -> None:
    connection = core.server(assemble_fragments=False)
    data = frame(BINARY, b"x" * 30_000, fin=False) + frame(CONT, b"x" * 30_000, fin=False) * 5
    buffer = bytearray(core.HEADROOM) + data
    connection.receive(buffer, len(buffer), 0.0)
    assert len(connection.events) == 3
    connection.continue_receive(0.0)
    assert len(connection.events) == 6


def test_a_large_frame_does_not_switch_reading_off(core: Core) -> None:
    connection = core.server().listening().feed(frame(BINARY, b"x" * 300_000), chunk=65536)
    assert connection.messages == [b"x" * 300_000]
    assert connection.switches == []


def test_bytes_that_come_during_a_backlog_keep_their_place(core: Core) -> None:
    connection = core.server().listening()
    texts = [b"%d" % i for i in range(1000)]
    buffer = bytearray(core.HEADROOM) + b"".join(frame(TEXT, text) for text in texts)
    connection.receive(buffer, len(buffer) - 3, 0.0)
    connection.receive(bytearray(core.HEADROOM) + buffer[-3:], core.HEADROOM + 3, 0.0)
    while connection.has_backlog:
        connection.continue_receive(0.0)
    assert connection.messages == [text.decode() for text in texts]


# --- control frames -------------------------------------------------------------------------------


def test_every_ping_is_answered(core: Core, role: str) -> None:
    pings = [b"", b"a", b"x" * 125]
    connection = core.connection(role).feed(b"".join(frame(PING, ping, **to(role)) for ping in pings))
    assert connection.sent_pairs() == [(PONG, ping) for ping in pings]


def test_an_answer_can_be_suppressed(core: Core) -> None:
    connection = core.server()
    connection.hooks["ping"] = lambda: False
    connection.feed(frame(PING, b"x"))
    assert connection.events == [("ping", b"x")]
    assert connection.sent() == []


@pytest.mark.parametrize("how", ["begin_close", "close_now"])
def test_no_pong_after_a_close_frame_of_the_ping_listener(core: Core, how: str) -> None:
    connection = core.server()
    connection.hooks["ping"] = lambda: getattr(connection, how)(1000, "")
    connection.feed(frame(PING, b"x"))
    assert connection.sent_pairs() == [(CLOSE, b"\x03\xe8")]


# --- the closing handshake ------------------------------------------------------------------------


@pytest.mark.parametrize(("code", "echo"), [(None, b""), (1000, b"\x03\xe8"), (4999, b"\x13\x87")])
def test_the_peer_closes(core: Core, role: str, code: int | None, echo: bytes) -> None:
    m = to(role)
    connection = core.connection(role).listening()
    connection.feed(frame(TEXT, b"a", **m) + close(code, b"why" if code else b"", **m) + frame(TEXT, b"b", **m))
    assert connection.state_name == "closed"
    assert connection.events == [("message", "a"), ("close", code or 1005, "why" if code else "")]
    assert connection.sent_pairs() == [(CLOSE, echo)]
    assert connection.close_sent == Close(code or 1005)
    connection.feed(close(1001, **m) + frame(PING, **m) + b"\xff\xff")
    assert len(connection.events) == 2
    assert len(connection.sent()) == 1


@pytest.mark.parametrize("chunk", [None, 1])
def test_we_close(core: Core, role: str, chunk: int | None) -> None:
    m = to(role)
    connection = core.connection(role).listening()
    connection.begin_close(1001, "going")
    assert connection.state_name == "closing"
    assert not connection.is_open
    discarded = frame(TEXT, b"late", **m) + frame(PING, b"late", **m) + frame(PONG, **m)
    discarded += frame(TEXT, b"late", fin=False, **m) + frame(CONT, b"later", **m)
    connection.feed(discarded, chunk=chunk)
    assert connection.events == []
    connection.feed(close(1001, b"ok", **m), chunk=chunk)
    assert connection.events == [("close", 1001, "ok")]
    assert connection.state_name == "closed"
    assert connection.sent_pairs() == [(CLOSE, b"\x03\xe9going")]
    assert (connection.close_sent, connection.close_rcvd) == (Close(1001, "going"), Close(1001, "ok"))


def test_both_close_at_the_same_time(core: Core) -> None:
    server, client = core.server(), core.client()
    server.begin_close(1000, "s")
    client.begin_close(1001, "c")
    from_server, from_client = (b"".join(c.written) for c in (server, client) if not c.go_on())
    server.feed(from_client)
    client.feed(from_server)
    assert server.events == [("close", 1001, "c")]
    assert client.events == [("close", 1000, "s")]
    assert {server.state_name, client.state_name} == {"closed"}
    assert len(server.sent()) == len(client.sent()) == 1


def test_closing_again_changes_nothing(core: Core) -> None:
    connection = core.server()
    connection.begin_close(1000, "")
    connection.begin_close(1001, "again")
    assert connection.sent_pairs() == [(CLOSE, b"\x03\xe8")]
    with pytest.raises(LocalProtocolError):
        connection.begin_close(1005, "")
    assert connection.close_sent == Close(1000)


def test_what_may_not_be_sent_changes_nothing(core: Core) -> None:
    connection = core.server()
    for code, reason in ((1006, ""), (1000, "x" * 124), (None, "x")):
        with pytest.raises(LocalProtocolError):
            connection.begin_close(code, reason)
    with pytest.raises(LocalProtocolError):
        connection.close_now(1005, "")
    assert connection.state_name == "open"
    assert connection.sent() == []


def test_a_violation_while_closing_sends_no_second_close_frame(core: Core) -> None:
    connection = core.server()
    connection.begin_close(1000, "")
    connection.feed(frame(TEXT, b"\xff"))
    assert connection.state_name == "failed"
    assert connection.sent_pairs() == [(CLOSE, b"\x03\xe8")]
    assert connection.events == [("failure", "text message is not valid UTF-8 (RFC 6455 8.1)")]


def test_messages_after_our_close_frame_keep_their_limits(core: Core) -> None:
    connection = core.server(max_received_message_size=100)
    connection.begin_close(1000, "")
    connection.feed(frame(BINARY, b"x" * 101))
    assert connection.state_name == "failed"


def test_the_owner_fails_the_connection(core: Core) -> None:
    connection = core.server().listening()
    error = ValueError("x")
    connection.fail(1011, "broken \ud800 " + "é" * 100, error)
    connection.fail(1002, "again", ValueError())
    connection.feed(frame(TEXT, b"late"))
    assert connection.failure is error
    assert len(connection.events) == 1
    ((opcode, payload),) = connection.sent_pairs()
    assert opcode == CLOSE
    assert payload[:11] == b"\x03\xf3broken ? "
    assert payload.endswith("é...".encode())


def test_the_owner_drops_the_connection(core: Core) -> None:
    connection = core.server().listening()
    connection.close_now(1008, "enough")
    connection.close_now(1000, "again")
    connection.feed(frame(TEXT, b"late"))
    assert connection.state_name == "failed"
    assert connection.events == []
    assert connection.sent_pairs() == [(CLOSE, b"\x03\xf0enough")]


@pytest.mark.parametrize("how", ["begin_close", "close_now", "mark_lost"])
def test_a_listener_ends_the_connection(core: Core, how: str) -> None:
    connection = core.server()
    got = []

    def listener(message: str) -> None:
        got.append(message)
        getattr(connection, how)(*(() if how == "mark_lost" else (1000, "")))

    connection.listen(listener)
    connection.feed(frame(TEXT, b"a") + frame(TEXT, b"b") + frame(TEXT, b"c", fin=False) + frame(CONT, b"d"))
    assert got == ["a"]
    assert connection.state_name == {"begin_close": "closing", "close_now": "failed", "mark_lost": "lost"}[how]


def test_lost(core: Core) -> None:
    connection = core.server().listening()
    connection.feed(frame(TEXT, b"part", fin=False))
    connection.mark_lost()
    connection.feed(frame(CONT, b"late") + close(1000))
    connection.fail(1011, "late", ValueError())
    assert connection.events == []
    assert connection.sent() == []
    assert connection.close_rcvd is None


# --- frames mode ----------------------------------------------------------------------------------


@pytest.mark.parametrize("chunk", [None, 1, 3])
def test_single_frames(core: Core, role: str, chunk: int | None) -> None:
    m = to(role)
    connection = core.connection(role, assemble_fragments=False).listening()
    connection.feed(
        frame(TEXT, b"ab\xe2", fin=False, **m)
        + frame(PING, b"p", **m)
        + frame(CONT, b"\x82\xac", **m)
        + frame(BINARY, b"", **m)
        + frame(TEXT, b"whole", **m)
        + close(1000, b"bye", **m)
        + frame(TEXT, b"late", **m),
        chunk=chunk,
    )
    assert connection.events == [
        ("frame", False, 0, TEXT, b"ab\xe2"),
        ("frame", True, 0, PING, b"p"),
        ("ping", b"p"),
        ("frame", True, 0, CONT, b"\x82\xac"),
        ("frame", True, 0, BINARY, b""),
        ("frame", True, 0, TEXT, b"whole"),
        ("frame", True, 0, CLOSE, b"\x03\xe8bye"),
        ("close", 1000, "bye"),
    ]


def test_single_frames_have_no_limit_over_all_fragments(core: Core) -> None:
    connection = core.server(assemble_fragments=False, max_received_message_size=100)
    connection.feed(frame(BINARY, b"x" * 90, fin=False) + frame(CONT, b"y" * 90, fin=False) * 10 + frame(CONT, b"z"))
    assert len(connection.events) == 12
    assert connection.state_name == "open"


@pytest.mark.parametrize("data", [frame(CONT), frame(TEXT, fin=False) + frame(TEXT), frame(TEXT, rsv=4)])
def test_single_frames_keep_the_rules(core: Core, data: bytes) -> None:
    connection = core.server(assemble_fragments=False).feed(data)
    assert connection.failure.close_code == 1002


@pytest.mark.parametrize("chunk", [None, 1])
def test_single_frames_after_our_close_frame_are_discarded(core: Core, chunk: int | None) -> None:
    connection = core.server(assemble_fragments=False)
    connection.feed(frame(TEXT, b"a", fin=False))
    connection.begin_close(1000, "")
    connection.feed(frame(CONT, b"b") + frame(TEXT, b"c") + frame(PING) + close(1000), chunk=chunk)
    assert connection.events == [("frame", False, 0, TEXT, b"a"), ("close", 1000, "")]


@pytest.mark.parametrize("data", [close(1000), frame(PING), frame(TEXT)])
def test_a_listener_of_a_single_frame_drops_the_connection(core: Core, data: bytes) -> None:
    connection = core.server(assemble_fragments=False)
    connection.hooks["frame"] = lambda: connection.close_now(1008, "")
    connection.feed(data + frame(TEXT, b"late"))
    assert connection.state_name == "failed"
    assert [event[0] for event in connection.events] == ["frame"]
    assert connection.sent_pairs() == [(CLOSE, b"\x03\xf0")]


def test_parts_of_single_frames_are_none(core: Core) -> None:
    connection = core.server(assemble_fragments=False)
    connection.open_parts()
    connection.feed(frame(TEXT, b"abc", fin=False) + frame(CONT, b"def"), chunk=2)
    assert connection.take_part() is None
    assert [event[4] for event in connection.events] == [b"abc", b"def"]


# --- what bytes cannot cause ----------------------------------------------------------------------


def test_an_error_of_the_owner_ends_this_connection_only(core: Core) -> None:
    connection = core.server()
    connection.hooks["frame"] = lambda: 1 / 0
    connection.hooks["ping"] = lambda: 1 / 0
    connection.feed(frame(PING, b"x") + frame(TEXT, b"late"))
    assert connection.state_name == "failed"
    assert isinstance(connection.failure, ZeroDivisionError)
    assert connection.sent_pairs() == [(CLOSE, b"\x03\xf3internal error")]


@pytest.mark.parametrize(
    ("limit", "data", "code"),
    [
        ({"max_received_frame_size": 3}, frame(TEXT, b"abcd"), 1009),
        ({"max_received_message_size": 3}, frame(TEXT, b"abcd"), 1009),
        ({"max_received_message_size": 3}, frame(TEXT, b"ab", fin=False) + frame(CONT, b"cd"), 1009),
        ({"max_received_message_size": 70}, frame(TEXT, b"ab", fin=False) + frame(CONT, fin=False) * 2, 1009),
        ({"max_empty_frames": 1}, frame(TEXT) * 2, 1008),
        ({"control_frame_burst": 1}, frame(PING) * 2, 1008),
        ({}, frame(CONT), 1002),
        ({}, frame(TEXT, fin=False) + frame(BINARY), 1002),
        ({}, frame(TEXT, b"\xff"), 1007),
    ],
)
def test_limits_and_rules(core: Core, limit: dict[str, int], data: bytes, code: int) -> None:
    connection = core.server(**limit).feed(data, now=1.0)
    assert connection.failure.close_code == connection.close_sent.code == code
    assert [event[0] for event in connection.events if event[0] != "ping"] == ["failure"]


def test_control_frames_come_back_with_time(core: Core) -> None:
    connection = core.server(max_control_frames_per_second=2.0, control_frame_burst=1)
    for now in (1.0, 1.5, 2.0, 100.0):
        connection.feed(frame(PING), now=now)
    assert connection.state_name == "open"
