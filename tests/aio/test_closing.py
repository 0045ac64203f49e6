"""How a connection ends: every way to die ends in one `close` event with a report that says how."""

import asyncio
import errno
import os
import ssl
from typing import Any

import pytest
import trustme

from frame_bytes import close, frame
from support.peers import Pair, accepted, open_peer, upgrade_request
from support.waiting import until
from twinax import (
    Close,
    CloseReport,
    ConnectionClosedError,
    ConnectionClosedOK,
    LocalProtocolError,
    RemoteProtocolError,
    Rule,
    WebSocketConnection,
    WebSocketServer,
)
from twinax.aio.closing import explain_loss


class Witness:
    """Writes down the events of a connection's end."""

    def __init__(self) -> None:
        self.events: list[tuple[Any, ...]] = []

    def watch(self, connection: WebSocketConnection) -> None:
        connection.on("close", lambda code, reason: self.events.append(("close", code, reason)))
        connection.on("error", lambda error: self.events.append(("error", error)))

    @property
    def close(self) -> tuple[int, str]:
        """The one close event, which is also the last event."""
        assert [event[0] for event in self.events].count("close") == 1
        assert self.events[-1][0] == "close"
        return self.events[-1][1:]

    @property
    def errors(self) -> list[BaseException]:
        return [event[1] for event in self.events if event[0] == "error"]


@pytest.fixture
def witness() -> Witness:
    return Witness()


async def end(pair: Pair) -> CloseReport:
    """Wait for the end; the server must have forgotten the connection."""
    async with asyncio.timeout(120):
        await pair.connection.wait_closed()
    await asyncio.sleep(0)
    assert pair.server.connections == []
    report = pair.connection.close_report
    assert report is not None
    assert (pair.connection.close_code, pair.connection.close_reason) == (report.code, report.reason)
    assert not pair.connection.connected
    return report


# --- the peer closes ----------------------------------------------------------------------------


@pytest.mark.every_loop
async def test_peer_closes_with_a_code(witness: Witness) -> None:
    async with accepted(on_connect=witness.watch) as pair:
        pair.peer.send(close(3001, b"enough"))
        assert await pair.peer.close_frame() == (3001, "")
        assert await pair.peer.ended() == b""  # the server ends the TCP connection first (RFC 6455 7.1.1)
        pair.peer.finish()
        report = await end(pair)
    assert witness.close == (3001, "enough")
    assert witness.errors == []
    assert (report.closed_by, report.phase, report.cause) == ("remote", "open", "the peer closed")
    assert (report.sent, report.rcvd) == (Close(3001), Close(3001, "enough"))
    assert report.was_clean
    assert report.error is None
    assert report.bytes_unsent == 0
    assert any("close frame received: 3001 enough" in line for line in report.trace)


async def test_peer_closes_without_a_code(witness: Witness) -> None:
    async with accepted(on_connect=witness.watch) as pair:
        pair.peer.send(close())
        assert await pair.peer.close_frame() == (None, "")
        assert await pair.peer.ended() == b""
        pair.peer.finish()
        report = await end(pair)
    assert witness.close == (1005, "Reason not provided")
    assert report.rcvd == Close(1005)
    assert report.was_clean


async def test_peer_closes_without_a_reason_and_gets_the_default_text(witness: Witness) -> None:
    async with accepted(on_connect=witness.watch) as pair:
        pair.peer.send(close(1001))
        pair.peer.finish()
        await end(pair)
    assert witness.close == (1001, "Remote peer is going away")


async def test_data_after_the_peers_close_is_ignored(witness: Witness) -> None:
    received: list[Any] = []

    def watch(connection: WebSocketConnection) -> None:
        witness.watch(connection)
        connection.on("message", received.append)

    async with accepted(on_connect=watch) as pair:
        pair.peer.send(frame(1, b"before"), close(1000), frame(1, b"after"), b"\xff\xff\xff")
        assert await pair.peer.close_frame() == (1000, "")
        pair.peer.send(frame(1, b"later"))
        await end(pair)
    assert received == ["before"]
    assert witness.close == (1000, "Normal connection closure")


async def test_peer_that_keeps_the_tcp_connection_is_cut_off_after_linger_timeout() -> None:
    async with accepted(linger_timeout=2.0) as pair:
        began = pair.connection.wire.loop.time()
        pair.peer.send(close(1000))
        report = await end(pair)
        assert pair.connection.wire.loop.time() - began == pytest.approx(2.0)
    assert report.code == 1000
    assert report.was_clean
    assert report.error is None


# --- we close -----------------------------------------------------------------------------------


@pytest.mark.every_loop
async def test_our_close_is_answered(witness: Witness) -> None:
    async with accepted(on_connect=witness.watch) as pair:
        waiting = asyncio.ensure_future(pair.connection.close(3000, "bye"))
        assert await pair.peer.close_frame() == (3000, "bye")
        assert pair.connection.state == "closing"
        pair.peer.send(close(1001, b"other words"))
        pair.peer.finish()
        assert await pair.peer.ended() == b""
        await waiting
        report = await end(pair)
    assert witness.close == (3000, "bye")  # ours, whatever the peer answered
    assert (report.closed_by, report.phase, report.cause) == ("local", "open", "close() was called")
    assert (report.sent, report.rcvd) == (Close(3000, "bye"), Close(1001, "other words"))
    assert witness.errors == []


async def test_close_says_1000_and_its_text_by_default() -> None:
    async with accepted() as pair:
        pair.connection.close()
        assert await pair.peer.close_frame() == (1000, "Normal connection closure")
        pair.peer.send(close(1000))
        await end(pair)


async def test_send_close_frame_is_close() -> None:
    async with accepted(close_timeout=5.0) as pair:
        closing = asyncio.ensure_future(pair.connection.send_close_frame(3000, "bye"))
        assert await pair.peer.close_frame() == (3000, "bye")
        pair.peer.send(close(3000))
        await closing
        assert (await end(pair)).was_clean


async def test_close_with_an_empty_reason_sends_none() -> None:
    async with accepted() as pair:
        pair.connection.close(1000, "")
        assert await pair.peer.close_frame() == (1000, "")
        pair.peer.send(close(1000))
        report = await end(pair)
    assert report.reason == "Normal connection closure"


async def test_our_close_is_never_answered(witness: Witness) -> None:
    async with accepted(on_connect=witness.watch, close_timeout=5.0) as pair:
        began = pair.connection.wire.loop.time()
        await pair.connection.close(1000)
        assert pair.connection.wire.loop.time() - began == pytest.approx(5.0)
        report = await end(pair)
    code, reason = witness.close
    assert code == 1006
    assert reason == report.cause
    assert report.cause == "close() was called, but no close frame from the peer within close_timeout=5.0 s"
    assert (report.closed_by, report.phase) == ("local", "closing")
    assert report.sent == Close(1000, "Normal connection closure")
    assert report.rcvd is None


async def test_our_close_is_answered_with_fin_only(witness: Witness) -> None:
    async with accepted(on_connect=witness.watch) as pair:
        pair.connection.close(1000)
        await pair.peer.close_frame()
        pair.peer.finish()
        report = await end(pair)
    assert witness.close[0] == 1006
    assert report.cause == "close() was called, but the peer ended the TCP connection without a close frame"
    assert (report.closed_by, report.phase) == ("local", "closing")


async def test_our_close_is_answered_with_reset(witness: Witness) -> None:
    async with accepted(on_connect=witness.watch) as pair:
        pair.connection.close(1000)
        await pair.peer.close_frame()
        pair.peer.reset()
        report = await end(pair)
    assert witness.close[0] == 1006
    assert "ECONNRESET" in report.cause
    assert report.cause.startswith("close() was called, but ")
    assert isinstance(report.error, ConnectionResetError)
    assert witness.errors == [report.error]


async def test_without_close_timeout_a_close_waits() -> None:
    async with accepted(close_timeout=None, keepalive=False) as pair:
        pair.connection.close()
        await pair.peer.close_frame()
        await asyncio.sleep(86400)
        assert pair.connection.state == "closing"
        pair.peer.send(close(1000))
        await end(pair)


async def test_data_after_our_close_frame_is_discarded() -> None:
    received: list[Any] = []
    async with accepted(on_connect=lambda connection: connection.on("message", received.append)) as pair:
        pair.connection.close()
        await pair.peer.close_frame()
        pair.peer.send(frame(1, b"late"), frame(9, b"late"), frame(2, b"late"), close(1000))
        assert await pair.peer.ended() == b""  # no pong either
        report = await end(pair)
    assert received == []
    assert report.was_clean


async def test_everything_sent_before_close_goes_first() -> None:
    async with accepted() as pair:
        pair.connection.send("one")
        pair.connection.send(b"two")
        pair.connection.close()
        assert [(await pair.peer.frame()).payload for _ in range(2)] == [b"one", b"two"]
        assert await pair.peer.close_frame() == (1000, "Normal connection closure")
        pair.peer.send(close(1000))
        await end(pair)


async def test_closing_twice_is_one_close_and_both_wait() -> None:
    async with accepted() as pair:
        first = asyncio.ensure_future(pair.connection.close(3000))
        second = asyncio.ensure_future(pair.connection.close(3001, "again"))
        assert await pair.peer.close_frame() == (3000, "")
        pair.peer.send(close(3000))
        await asyncio.gather(first, second)
        await pair.connection.close(1000)  # closed already: done at once
        report = await end(pair)
    assert report.code == 3000


async def test_cancelling_close_lets_the_closing_go_on() -> None:
    async with accepted() as pair:
        task = asyncio.ensure_future(pair.connection.close())
        await pair.peer.close_frame()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        pair.peer.send(close(1000))
        assert (await end(pair)).was_clean


@pytest.mark.parametrize("code", [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000])
async def test_codes_that_may_not_be_sent(code: int) -> None:
    async with accepted() as pair:
        with pytest.raises(LocalProtocolError):
            pair.connection.close(code)
        with pytest.raises(LocalProtocolError):
            pair.connection.drop(code)
        assert pair.connection.connected
        pair.peer.send(close(1000))
        await end(pair)


async def test_a_reason_that_is_too_long_is_refused() -> None:
    async with accepted() as pair:
        with pytest.raises(LocalProtocolError):
            pair.connection.close(1000, "é" * 62)
        pair.connection.close(1000, "é" * 61)
        assert await pair.peer.close_frame() == (1000, "é" * 61)
        pair.peer.send(close(1000))
        await end(pair)


async def test_sending_after_close_raises_with_the_code_of_the_close() -> None:
    async with accepted() as pair:
        pair.connection.close(1000, "done")
        with pytest.raises(ConnectionClosedOK) as caught:
            pair.connection.send("late")
        assert caught.value.code == 1000
        await pair.peer.close_frame()
        pair.peer.send(close(1000))
        await end(pair)
        with pytest.raises(ConnectionClosedOK):
            pair.connection.send("later")
        with pytest.raises(ConnectionClosedOK):
            pair.connection.ping()


async def test_leaving_the_context_closes() -> None:
    async with accepted() as pair:

        async def use() -> None:
            async with pair.connection as connection:
                assert connection is pair.connection

        task = asyncio.ensure_future(use())
        assert (await pair.peer.close_frame())[0] == 1000
        pair.peer.send(close(1000))
        await task
        assert pair.connection.close_code == 1000


async def test_leaving_the_context_with_an_exception_closes_with_1011() -> None:
    async with accepted() as pair:

        async def use() -> None:
            async with pair.connection:
                raise KeyError("mine")

        task = asyncio.ensure_future(use())
        assert (await pair.peer.close_frame())[0] == 1011
        pair.peer.send(close(1011))
        with pytest.raises(KeyError):
            await task


# --- the network --------------------------------------------------------------------------------


@pytest.mark.every_loop
async def test_fin_without_a_close_frame(witness: Witness) -> None:
    async with accepted(on_connect=witness.watch) as pair:
        pair.peer.finish()
        report = await end(pair)
        assert await pair.peer.ended() == b""
    assert witness.close == (1006, "the peer ended the TCP connection without a close frame")
    assert witness.errors == []
    assert (report.closed_by, report.phase) == ("network", "open")
    assert (report.sent, report.rcvd) == (None, None)


@pytest.mark.every_loop
async def test_reset(witness: Witness) -> None:
    async with accepted(on_connect=witness.watch) as pair:
        pair.peer.reset()
        report = await end(pair)
    code, reason = witness.close
    assert code == 1006
    assert reason.startswith("socket error ECONNRESET")
    assert report.closed_by == "network"
    assert isinstance(report.error, OSError)
    assert report.error.errno == errno.ECONNRESET
    assert witness.errors == [report.error]
    assert pair.connection.socket_had_error


async def test_waiting_receivers_hear_of_the_end() -> None:
    async with accepted() as pair:
        receiving = asyncio.ensure_future(pair.connection.recv())
        pinging = pair.connection.ping()
        await pair.peer.frame()
        pair.peer.finish()
        with pytest.raises(ConnectionClosedError) as caught:
            await receiving
        assert caught.value.report is pair.connection.close_report
        with pytest.raises(ConnectionClosedError):
            await pinging


async def test_what_came_before_the_end_is_received_after_it() -> None:
    async with accepted() as pair:
        pair.peer.send(frame(1, b"one"), frame(2, b"two"))
        pair.peer.finish()
        report = await end(pair)
        assert report.messages_unread == 2
        assert await pair.connection.recv() == "one"
        assert await pair.connection.recv() == b"two"
        with pytest.raises(ConnectionClosedError):
            await pair.connection.recv()


async def test_report_tells_ages_and_duration() -> None:
    async with accepted(keepalive=False) as pair:
        await asyncio.sleep(10)
        pair.peer.text("hello")
        await pair.connection.recv()
        await asyncio.sleep(3)
        await pair.connection.send("hello")
        await asyncio.sleep(4)
        pair.peer.finish()
        report = await end(pair)
    assert report.seconds_since_rcvd == pytest.approx(7)
    assert report.seconds_since_sent == pytest.approx(4)
    assert report.duration == pytest.approx(17)
    assert report.event_loop_lag == 0


# --- violations ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bad", "code", "rule"),
    [
        (frame(1, b"x", rsv=4), 1002, Rule.RESERVED_BITS),
        (frame(3), 1002, Rule.UNKNOWN_OPCODE),
        (frame(1, b"x", masked=False), 1002, Rule.MASK_MISSING),
        (frame(0, b"x"), 1002, Rule.CONTINUATION_WITHOUT_START),
        (frame(1, b"x", fin=False) + frame(1, b"y"), 1002, Rule.START_INSIDE_MESSAGE),
        (frame(9, b"x" * 126), 1002, Rule.CONTROL_TOO_LONG),
        (frame(9, b"x", fin=False), 1002, Rule.CONTROL_FRAGMENTED),
        (frame(1, b"\xff"), 1007, Rule.TEXT_NOT_UTF8),
        (frame(8, b"\x03"), 1002, Rule.CLOSE_PAYLOAD_OF_ONE_BYTE),
        (close(1005), 1002, Rule.CLOSE_CODE_INVALID),
        (close(1000, b"\xff"), 1007, Rule.CLOSE_REASON_NOT_UTF8),
        (frame(2, length=(1 << 20) + 1), 1009, Rule.FRAME_TOO_BIG),
        (frame(2, b"x" * 125, length_bytes=2), 1002, Rule.LENGTH_NOT_MINIMAL),
        (frame(2, length=1 << 63, length_bytes=8), 1002, Rule.LENGTH_TOP_BIT),
        (frame(2, b"", fin=False) + frame(0, b"", fin=False) * 17, 1008, Rule.TOO_MANY_EMPTY_FRAMES),
        (frame(9) * 201, 1008, Rule.TOO_MANY_CONTROL_FRAMES),
    ],
    ids=lambda value: value.name if isinstance(value, Rule) else "",
)
async def test_peer_can_read_why_it_was_cut_off(bad: bytes, code: int, rule: Rule, witness: Witness) -> None:
    received: list[Any] = []

    def watch(connection: WebSocketConnection) -> None:
        witness.watch(connection)
        connection.on("message", received.append)

    async with accepted(on_connect=watch) as pair:
        # What follows the violation is on its way already: were the socket closed on it, the peer would be reset.
        pair.peer.send(frame(1, b"good"), bad, b"\x00" * 100_000)
        told, reason = await pair.peer.close_frame()
        assert told == code
        assert await pair.peer.ended() == b""  # FIN, not RST
        pair.peer.send(b"\x00" * 1000)
        pair.peer.finish()
        report = await end(pair)
    assert received == ["good"]
    assert witness.close == (code, reason)
    (error,) = witness.errors
    assert isinstance(error, RemoteProtocolError)
    assert error.rule is rule
    assert report.error is error
    assert report.cause == str(error)
    assert (report.closed_by, report.phase) == ("local", "open")
    assert report.sent == Close(code, reason)
    assert report.rcvd is None


async def test_peer_that_does_not_leave_after_a_violation_is_aborted() -> None:
    async with accepted(close_timeout=5.0) as pair:
        began = pair.connection.wire.loop.time()
        pair.peer.send(frame(3))
        assert (await pair.peer.close_frame())[0] == 1002
        report = await end(pair)
        assert pair.connection.wire.loop.time() - began == pytest.approx(5.0)
    assert report.code == 1002


async def test_a_failure_while_the_inbox_is_full_can_still_be_read(errors: list[Any]) -> None:
    async with accepted(receive_queue_messages=1) as pair:
        pair.peer.text("fills the inbox")
        await until(lambda: pair.connection.input_paused)
        pair.peer.send(b"\x00" * 50_000)
        began = pair.connection.wire.loop.time()
        pair.connection.handler_failed(KeyError("mine"))
        assert (await pair.peer.close_frame())[0] == 1011
        assert await pair.peer.ended() == b""
        pair.peer.finish()
        await end(pair)
        assert pair.connection.wire.loop.time() == began  # it was read on, up to the peer's FIN
    assert len(errors) == 1


# --- giving up ----------------------------------------------------------------------------------


async def test_drop_writes_a_close_frame_and_ends_at_once(witness: Witness) -> None:
    async with accepted(on_connect=witness.watch) as pair:
        began = pair.connection.wire.loop.time()
        pair.connection.drop(1008, "no more of you")
        report = await end(pair)
        assert pair.connection.wire.loop.time() == began
        assert await pair.peer.close_frame() == (1008, "no more of you")
        with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
            await pair.peer.frame()
    assert witness.close == (1008, "no more of you")
    assert (report.closed_by, report.sent) == ("local", Close(1008, "no more of you"))
    assert "drop() was called" in report.cause


async def test_drop_says_1002_by_default() -> None:
    async with accepted() as pair:
        pair.connection.drop()
        assert await pair.peer.close_frame() == (1002, "Protocol error")
        assert (await end(pair)).code == 1002


async def test_drop_without_a_close_frame(witness: Witness) -> None:
    async with accepted(on_connect=witness.watch) as pair:
        pair.connection.drop(skip_close_frame=True)
        report = await end(pair)
        assert await pair.peer.ended() == b""
        pair.connection.drop()  # nothing to drop any more
    assert witness.close[0] == 1006
    assert report.sent is None


async def test_drop_after_close_gives_up_waiting() -> None:
    async with accepted() as pair:
        pair.connection.close(3000)
        assert await pair.peer.close_frame() == (3000, "")
        pair.connection.drop()
        report = await end(pair)
    assert report.code == 3000


# --- before and beside --------------------------------------------------------------------------


async def test_client_gone_before_accept(witness: Witness) -> None:
    server = WebSocketServer()
    requests: list[Any] = []
    server.on("request", requests.append)
    await server.listen("127.0.0.1")
    async with open_peer(server.port) as peer:
        peer.send(upgrade_request())
        await until(lambda: requests)
    await until(lambda: not server.pending_requests)
    connection = requests[0].accept()
    witness.watch(connection)
    assert witness.events == []  # on the next turn, so that there is time to listen
    await connection.wait_closed()
    assert witness.close == (1006, "TCP connection lost before handshake completed.")
    assert witness.errors == []
    assert connection.close_report.phase == "handshake"
    assert server.connections == []
    await server.close()


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def server_tls(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


@pytest.fixture(scope="module")
def client_tls(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


@pytest.mark.every_loop
async def test_tls_peer_closes(server_tls: ssl.SSLContext, client_tls: ssl.SSLContext, witness: Witness) -> None:
    async with accepted(on_connect=witness.watch, ssl=server_tls, client_ssl=client_tls) as pair:
        pair.peer.send(close(1000))
        assert await pair.peer.close_frame() == (1000, "")
        assert await pair.peer.ended() == b""
        await pair.peer.close()
        report = await end(pair)
    assert witness.close[0] == 1000
    assert report.was_clean


@pytest.mark.every_loop
async def test_tls_peer_can_read_why(server_tls: ssl.SSLContext, client_tls: ssl.SSLContext, witness: Witness) -> None:
    async with accepted(on_connect=witness.watch, ssl=server_tls, client_ssl=client_tls) as pair:
        pair.peer.send(frame(3), b"\x00" * 50_000)
        assert (await pair.peer.close_frame())[0] == 1002
        assert await pair.peer.ended() == b""
        await pair.peer.close()
        report = await end(pair)
    assert witness.close[0] == 1002
    assert report.error is not None


@pytest.mark.every_loop
async def test_tls_connection_that_ends_without_a_close_frame(
    server_tls: ssl.SSLContext, client_tls: ssl.SSLContext, witness: Witness
) -> None:
    async with accepted(on_connect=witness.watch, ssl=server_tls, client_ssl=client_tls) as pair:
        await pair.peer.close()
        report = await end(pair)
    assert witness.close[0] == 1006
    assert report.closed_by == "network"


@pytest.mark.every_loop
async def test_tls_peer_that_is_reset(server_tls: ssl.SSLContext, client_tls: ssl.SSLContext, witness: Witness) -> None:
    async with accepted(on_connect=witness.watch, ssl=server_tls, client_ssl=client_tls) as pair:
        pair.peer.reset()
        report = await end(pair)
    assert witness.close[0] == 1006
    assert report.closed_by == "network"


@pytest.mark.every_loop
async def test_tls_peer_that_sends_a_broken_record(
    server_tls: ssl.SSLContext, client_tls: ssl.SSLContext, witness: Witness
) -> None:
    async with accepted(on_connect=witness.watch, ssl=server_tls, client_ssl=client_tls) as pair:
        # Application data of 32 bytes that nobody has encrypted.
        os.write(pair.peer.writer.get_extra_info("socket").fileno(), b"\x17\x03\x03\x00\x20" + bytes(32))
        report = await end(pair)
    assert witness.close[0] == 1006
    assert report.closed_by == "network"
    assert isinstance(report.error, ssl.SSLError)
    assert report.cause == f"TLS error: {report.error}"
    assert "BAD_RECORD_MAC" in report.cause


# --- when two things go wrong -------------------------------------------------------------------


async def test_a_violation_while_we_are_closing(witness: Witness) -> None:
    async with accepted(on_connect=witness.watch) as pair:
        pair.connection.close(1000, "bye")
        assert await pair.peer.close_frame() == (1000, "bye")
        pair.peer.send(frame(3))
        assert await pair.peer.ended() == b""  # one close frame was all
        pair.peer.finish()
        report = await end(pair)
    assert witness.close[0] == 1006
    assert report.cause == "close() was called, but unknown opcode 0x3 (RFC 6455 5.2)"
    assert (report.closed_by, report.phase, report.sent) == ("local", "closing", Close(1000, "bye"))
    assert witness.errors == [report.error]


async def test_a_reset_after_a_violation_changes_nothing(witness: Witness) -> None:
    async with accepted(on_connect=witness.watch) as pair:
        pair.peer.send(frame(3))
        assert (await pair.peer.close_frame())[0] == 1002
        pair.peer.reset()
        report = await end(pair)
    assert witness.close[0] == 1002
    assert isinstance(report.error, RemoteProtocolError)


async def test_a_reset_after_the_closing_handshake_changes_nothing(witness: Witness) -> None:
    async with accepted(on_connect=witness.watch) as pair:
        pair.peer.send(close(1000))
        await pair.peer.close_frame()
        pair.peer.reset()
        report = await end(pair)
    assert witness.close[0] == 1000
    assert witness.errors == []
    assert report.was_clean


@pytest.mark.parametrize("event", ["close", "error"])
async def test_what_a_listener_lets_through_does_not_keep_anybody_waiting(event: str) -> None:
    """It looks at the result of a task that was cancelled, say: that raises a CancelledError."""
    failures: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: failures.append(context))

    def cancelled(*_: object) -> None:
        raise asyncio.CancelledError

    async with accepted() as pair:
        pair.connection.on(event, cancelled)
        waiting = asyncio.create_task(pair.connection.wait_closed())
        await asyncio.sleep(0)
        pair.peer.reset()
        await waiting
        assert (await end(pair)).code == 1006
    assert [type(context["exception"]) for context in failures] == [asyncio.CancelledError]


def test_losses_in_words() -> None:
    assert explain_loss(None) == "the peer ended the TCP connection without a close frame"
    assert explain_loss(OSError(errno.EPIPE, "Broken pipe")) == "socket error EPIPE: Broken pipe"
    assert explain_loss(OSError(99999, "x")) == "socket error 99999: x"
    assert explain_loss(OSError("no number")) == "OSError: no number"
    assert explain_loss(ssl.SSLError(1, "[SSL: BAD_RECORD_TYPE] bad")) == "TLS error: [SSL: BAD_RECORD_TYPE] bad"
    assert explain_loss(KeyError("x")) == "KeyError: 'x'"
