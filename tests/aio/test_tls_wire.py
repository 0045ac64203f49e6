"""TLS to peers that read slowly, or not at all: what the transport is not given counts, and is not lost."""

import asyncio
import ssl
from typing import Any

import pytest
import trustme

from frame_bytes import BINARY, close
from support.peers import Pair, accepted, open_peer
from support.waiting import until
from twinax import ConnectionClosedError, WebSocketConnection, WebSocketServer, connect
from twinax.aio.tls_wire import SLICE, TLSWire
from twinax.protocol import parse_request_head

pytestmark = pytest.mark.every_loop

LARGE = bytes(range(251)) * 80_000  # 20 MB, and no two slices are alike
# More than what may be between the wire and a peer that reads nothing: in the transports, and in a small socket.
IN_BETWEEN = 600_000
HELD = len(LARGE) - IN_BETWEEN

UNFRAGMENTED: dict[str, Any] = {
    "slow": True,
    "keepalive": False,
    "fragment_outgoing_messages": False,
    "max_unsent_size": None,
}


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def tls(authority: trustme.CA) -> dict[str, Any]:
    """Settings of TLS for both ends."""
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(server)
    client = ssl.create_default_context()
    authority.configure_trust(client)
    return {"ssl": server, "client_ssl": client}


def send_large(pair: Pair) -> None:
    """Send a message that a peer which does not read cannot have taken."""
    pair.connection.send(LARGE)
    pair.connection.flush()
    assert pair.connection.output_buffer_full
    assert pair.connection.wire.unsent > HELD
    assert pair.connection.buffered_amount > HELD


async def ended(connection: WebSocketConnection) -> Any:
    """Wait for the end; return the report."""
    async with asyncio.timeout(120):
        await connection.wait_closed()
    assert connection.close_report is not None
    return connection.close_report


# --- peers that do not read ---------------------------------------------------------------------


async def test_a_peer_that_takes_nothing_is_dropped(tls: dict[str, Any]) -> None:
    async with accepted(**tls, **UNFRAGMENTED, send_stall_timeout=0.3) as pair:
        send_large(pair)
        report = await ended(pair.connection)
    assert (report.code, report.closed_by) == (1006, "local")
    assert "send_stall_timeout=0.3" in report.cause
    assert report.bytes_unsent > HELD


async def test_a_client_drops_a_server_that_takes_nothing(tls: dict[str, Any]) -> None:
    gone = asyncio.Event()

    async def handler(connection: WebSocketConnection) -> None:
        connection.pause()
        await gone.wait()

    server = WebSocketServer(handler, keepalive=False)
    await server.listen("127.0.0.1", ssl=tls["ssl"])
    try:
        options: dict[str, Any] = {"fragment_outgoing_messages": False, "max_unsent_size": None, "keepalive": False}
        url = f"wss://127.0.0.1:{server.port}/"
        connection = await connect(url, ssl=tls["client_ssl"], send_stall_timeout=0.3, **options)
        assert isinstance(connection.wire, TLSWire)
        connection.send(LARGE)
        connection.flush()
        assert connection.buffered_amount > 0
        report = await ended(connection)
        assert "send_stall_timeout=0.3" in report.cause
        assert report.bytes_unsent > 0
    finally:
        gone.set()
        await server.close()


async def test_abort_drops_what_is_held_and_counts_it(tls: dict[str, Any]) -> None:
    async with accepted(**tls, **UNFRAGMENTED) as pair:
        send_large(pair)
        wire = pair.connection.wire
        unsent = wire.unsent
        wire.abort()
        wire.write(b"too late")
        wire.abort()
        report = await ended(pair.connection)
        assert wire.unsent == unsent
        assert report.bytes_unsent == unsent
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await pair.peer.frame()


async def test_a_peer_that_is_gone(tls: dict[str, Any]) -> None:
    async with accepted(**tls, **UNFRAGMENTED) as pair:
        send_large(pair)
        draining = asyncio.ensure_future(pair.connection.drain())
        await asyncio.sleep(0)
        pair.peer.reset()
        with pytest.raises(ConnectionClosedError):
            await draining
        report = await ended(pair.connection)
    assert (report.code, report.closed_by) == (1006, "network")
    assert report.bytes_unsent > HELD


async def test_a_peer_that_does_not_read_ends_after_the_close_timeout(tls: dict[str, Any]) -> None:
    async with accepted(**tls, **UNFRAGMENTED, close_timeout=0.2) as pair:
        send_large(pair)
        pair.connection.close()
        report = await ended(pair.connection)
    assert "close_timeout=0.2" in report.cause
    assert report.bytes_unsent > HELD


# --- peers that read late -----------------------------------------------------------------------


async def test_a_slow_reader_gets_everything_in_order_and_then_the_close_frame(tls: dict[str, Any]) -> None:
    drained: list[int] = []
    # A busy machine may need longer for 40 MB through small buffers than a close has time.
    async with accepted(**tls, **UNFRAGMENTED, close_timeout=None) as pair:
        connection = pair.connection
        connection.on("drain", lambda: drained.append(connection.wire.unsent))
        send_large(pair)
        connection.send("in between")
        connection.send(LARGE)
        closed = connection.close(1000, "bye")
        frames = [await pair.peer.frame() for _ in range(3)]
        assert [frame.payload for frame in frames] == [LARGE, b"in between", LARGE]
        assert frames[0].opcode == BINARY
        assert await pair.peer.close_frame() == (1000, "bye")
        pair.peer.send(close(1000))
        assert await pair.peer.ended() == b""
        await pair.peer.close()
        async with asyncio.timeout(120):
            await closed
        assert drained
        assert max(drained) <= connection.config.low_water_mark
        assert connection.close_report.was_clean
        assert connection.close_report.bytes_unsent == 0


async def test_send_waits_until_the_low_mark(tls: dict[str, Any]) -> None:
    async with accepted(**tls, **UNFRAGMENTED, high_water_mark=1 << 20, low_water_mark=1000) as pair:
        connection = pair.connection
        sending = asyncio.ensure_future(wait_for(connection.send(LARGE)))
        await until(lambda: connection.output_buffer_full)
        assert not sending.done()
        assert (await pair.peer.frame()).payload == LARGE
        async with asyncio.timeout(120):
            await sending
        assert connection.buffered_amount <= 1000
        pair.peer.reset()
        await ended(connection)


async def wait_for(awaitable: Any) -> None:
    await awaitable


async def test_between_the_marks_nobody_waits(tls: dict[str, Any]) -> None:
    async with accepted(**tls, **UNFRAGMENTED, high_water_mark=len(LARGE) + 1000) as pair:
        pair.connection.send(LARGE)
        pair.connection.flush()
        assert pair.connection.wire.unsent > HELD
        assert not pair.connection.output_buffer_full
        assert pair.connection.wire.stalled_for(1e9) == 0
        assert (await pair.peer.frame()).payload == LARGE
        await until(lambda: pair.connection.buffered_amount == 0)
        pair.peer.reset()
        await ended(pair.connection)


@pytest.mark.parametrize("way", ["close", "finish"])
async def test_the_end_comes_after_what_is_held(tls: dict[str, Any], way: str) -> None:
    heard: list[object] = []
    async with accepted(**tls, **UNFRAGMENTED) as pair:
        wire = pair.connection.wire
        pair.connection.on("message", heard.append)
        buffer = bytearray(LARGE)
        wire.write(buffer)
        buffer[:] = bytes(len(buffer))  # it may be used again
        assert wire.unsent > HELD
        getattr(wire, way)()
        wire.finish()
        wire.write(b"too late")
        pair.peer.text("who reads this?")
        assert await pair.peer.ended() == LARGE
        await pair.peer.close()
        report = await ended(pair.connection)
    assert heard == ([] if way == "close" else ["who reads this?"])
    assert report.bytes_unsent == 0


async def test_pieces_larger_and_smaller_than_a_slice(tls: dict[str, Any]) -> None:
    sizes = [1, SLICE - 1, SLICE, SLICE + 1, 0, 3, 2 * SLICE, 5 * SLICE + 7, 2]
    pieces = [LARGE[:size] for size in sizes]
    async with accepted(**tls, **UNFRAGMENTED) as pair:
        wire = pair.connection.wire
        wire.write_pieces(pieces)
        wire.write(b"small")
        wire.finish()
        assert await pair.peer.ended() == b"".join(pieces) + b"small"
        await pair.peer.close()
        await ended(pair.connection)


async def test_a_peer_that_ends_tls_while_much_is_held(tls: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    async with accepted(**{**UNFRAGMENTED, "slow": False}, **tls) as pair:
        pair.connection.wire.write(LARGE)
        assert pair.connection.wire.unsent > 0
        await pair.peer.close()
        report = await ended(pair.connection)
    assert report.closed_by == "network"
    assert not [record for record in caplog.records if "SSL connection is closed" in record.message]


async def test_a_transport_that_is_taken_over(tls: dict[str, Any]) -> None:
    class Front(asyncio.Protocol):
        """An HTTP server of somebody else."""

        def connection_made(self, transport: Any) -> None:
            self.transport = transport

        def data_received(self, data: bytes) -> None:
            server.handle_upgrade(parse_request_head(data), self.transport)

    server = WebSocketServer(lambda connection: connection.wait_closed())
    front = await asyncio.get_running_loop().create_server(Front, "127.0.0.1", 0, ssl=tls["ssl"])
    async with open_peer(front.sockets[0].getsockname()[1], ssl=tls["client_ssl"]) as peer:
        assert (await peer.upgrade()).status == 101
        (connection,) = server.connections
        assert isinstance(connection.wire, TLSWire)
        peer.send(close(1000))
        await peer.close_frame()
        await peer.close()
        await ended(connection)
    await server.close()
    front.close()
    await front.wait_closed()
