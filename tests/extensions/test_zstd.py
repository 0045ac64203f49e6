"""x-permessage-zstd: negotiation, messages between all pairs of options, hostile ones, and real sockets."""

import itertools
import json
import logging
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from frame_bytes import frame, parse_frames
from support.peers import upgrade_request
from support.servers import served
from support.waiting import until
from twinax import NegotiationError, RemoteProtocolError, Rule, WebSocketConnection, connect
from twinax.extensions import (
    RSV2,
    Extension,
    FrameCodec,
    MemoryBudget,
    MessageCodec,
    Parameters,
    PerMessageDeflate,
    PerMessageZstd,
)
from twinax.extensions.zstd import find_zstd
from twinax.protocol import build_extensions, parse_extensions

zstd: Any = find_zstd()
NAME = "x-permessage-zstd"
TEXT = json.dumps([{"id": i, "name": f"name {i}", "price": i * 7 % 100} for i in range(100)])
SMALLEST = "server_max_window_bits=10; client_max_window_bits=10"
DEFAULTS = "server_max_window_bits=12; client_max_window_bits=12"


def parameters(text: str) -> Any:
    return parse_extensions(f"{NAME}; {text}" if text else NAME)[0][1]


def written(found: Parameters) -> str:
    return build_extensions([(NAME, list(found))]).removeprefix(NAME).removeprefix("; ")


# --- negotiation ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "offer"),
    [
        ({}, DEFAULTS),
        ({"server_max_window_bits": 10, "client_max_window_bits": 10}, SMALLEST),
        ({"server_no_context_takeover": True}, f"server_no_context_takeover; {DEFAULTS}"),
        ({"client_no_context_takeover": True}, f"client_no_context_takeover; {DEFAULTS}"),
    ],
)
def test_what_a_client_offers(options: dict[str, Any], offer: str) -> None:
    assert [written(item) for item in PerMessageZstd(**options).offers()] == [offer]


@pytest.mark.parametrize(
    ("options", "offer", "answer"),
    [
        ({}, "", DEFAULTS),
        ({}, DEFAULTS, DEFAULTS),
        ({}, SMALLEST, SMALLEST),
        ({"server_max_window_bits": 10, "client_max_window_bits": 10}, DEFAULTS, SMALLEST),
        ({}, "server_max_window_bits=23", DEFAULTS),
        ({}, "server_no_context_takeover", f"server_no_context_takeover; {DEFAULTS}"),
        ({"client_no_context_takeover": True}, "", f"client_no_context_takeover; {DEFAULTS}"),
        *(
            ({}, offer, None)
            for offer in (
                "level=3",
                "server_no_context_takeover=1",
                "server_max_window_bits",
                "server_max_window_bits=9",
                "client_max_window_bits=24",
                "client_max_window_bits=12; client_max_window_bits=12",
            )
        ),
    ],
)
def test_what_a_server_answers(options: dict[str, Any], offer: str, answer: str | None) -> None:
    if answer is None:
        with pytest.raises(NegotiationError):
            PerMessageZstd(**options).accept(parameters(offer))
    else:
        assert written(PerMessageZstd(**options).accept(parameters(offer))[0]) == answer


@pytest.mark.parametrize(
    ("options", "answer", "text"),
    [
        ({}, "", "'server_max_window_bits': it is not in the answer"),
        ({}, "server_max_window_bits=12", "'client_max_window_bits': it is not in the answer"),
        ({}, "server_max_window_bits=13; client_max_window_bits=12", "expected a number from 10 to 12"),
        ({}, f"{DEFAULTS}; level=3", "'level=3': it is unknown"),
        ({"server_no_context_takeover": True}, DEFAULTS, "it was asked for, and is not in the answer"),
    ],
)
def test_answers_that_a_client_refuses(options: dict[str, Any], answer: str, text: str) -> None:
    with pytest.raises(NegotiationError, match=text):
        PerMessageZstd(**options).agree(parameters(answer))


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"server_max_window_bits": 9}, ValueError),
        ({"client_max_window_bits": 24}, ValueError),
        ({"client_max_window_bits": None}, TypeError),
        ({"server_no_context_takeover": 1}, TypeError),
        ({"level": 23}, ValueError),
        ({"threshold": -1}, ValueError),
        ({"memory": 5}, TypeError),
    ],
)
def test_options_outside_their_range_are_refused_and_named(options: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error, match=next(iter(options))):
        PerMessageZstd(**options)


@pytest.fixture
def without_library(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("compression.zstd", "backports.zstd"):
        monkeypatch.setitem(sys.modules, name, None)
    find_zstd.cache_clear()
    yield
    find_zstd.cache_clear()


@pytest.mark.usefixtures("without_library")
def test_without_a_library_it_is_neither_offered_nor_accepted(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "twinax.extensions"):
        extension = PerMessageZstd()
    assert "pip install 'twinax[zstd]'" in caplog.text
    assert extension.offers() == []
    with pytest.raises(NegotiationError, match="no library for zstd"):
        extension.accept(parameters(DEFAULTS))


# --- messages -------------------------------------------------------------------------------------


def pair(server: dict[str, Any] | None = None, client: dict[str, Any] | None = None) -> tuple[Any, Any]:
    """The codecs of a client and a server that have agreed."""
    ours, theirs = PerMessageZstd(**(client or {})), PerMessageZstd(**(server or {}))
    answer, at_server = theirs.accept(ours.offers()[0])
    return ours.agree(answer), at_server


def encode(codec: Any, *parts: bytes) -> bytes:
    assert codec.begin_encode(1, None, None) == 0x40
    return b"".join(codec.encode(part, i == len(parts) - 1) for i, part in enumerate(parts))


def decode(codec: Any, *parts: bytes) -> bytes:
    assert codec.begin_decode(1, 0x40)
    pieces = []
    for i, part in enumerate(parts):
        decoded = codec.decode(part, i == len(parts) - 1)
        pieces += [decoded] if isinstance(decoded, bytes) else decoded
    assert all(len(piece) <= 65536 for piece in pieces)
    return b"".join(pieces)


MESSAGES = [b"", b"a", b"hello " * 1000, b"", bytes(range(256)) * 500, b"hello " * 1000, b"\x00" * 200_000]


@pytest.mark.parametrize("takeover", list(itertools.product([False, True], repeat=2)))
@pytest.mark.parametrize("bits", [10, 12, 17, 23])
@pytest.mark.parametrize("budget", [None, 0])
def test_messages_come_out_as_they_went_in(takeover: tuple[bool, bool], bits: int, budget: int | None) -> None:
    memory = MemoryBudget(budget)
    options: dict[str, Any] = {
        "server_no_context_takeover": takeover[0],
        "client_no_context_takeover": takeover[1],
        "server_max_window_bits": bits,
        "client_max_window_bits": bits,
        "memory": memory,
    }
    for there, back in (pair(options, options), pair(options, options)[::-1]):
        for message in MESSAGES:
            assert decode(back, encode(there, message)) == message
            half = len(message) // 2
            assert decode(back, encode(there, message[:half], b"", message[half:], b"")) == message
            data = encode(there, message)
            assert decode(back, b"", *(bytes([byte]) for byte in data[:50]), data[50:], b"") == message
        there.close()
        back.close()
        assert (memory.used, memory.contexts) == (0, 0)


def test_a_message_that_repeats_the_one_before_is_small_with_takeover_only() -> None:
    message = TEXT.encode()[:1500]
    keeping, _ = pair()
    forgetting, _ = pair({"client_no_context_takeover": True})
    sizes = [[len(encode(codec, message)) for _ in range(2)] for codec in (keeping, forgetting)]
    assert sizes[0][1] < sizes[0][0] // 4
    assert sizes[1][1] == sizes[1][0]


def test_every_part_of_a_stream_can_be_read_at_once() -> None:
    client, server = pair()
    client.begin_encode(1, None, None)
    server.begin_decode(1, 0x40)
    for part in (b"first", b"second " * 100, b"third"):
        assert b"".join(server.decode(client.encode(part, False), False)) == part
    assert b"".join(server.decode(client.encode(b"", True), True)) == b""


def test_a_message_for_many_does_for_every_context() -> None:
    client, server = pair()
    text = TEXT.encode()
    assert decode(server, encode(client, text)) == text
    assert client.share_key() == pair()[0].share_key()
    rsv, shared = pair()[0].encode_shared(1, text)
    assert rsv == 0x40
    for codec in (server, pair()[1]):
        assert decode(codec, shared) == text
    client.shared_sent()
    assert decode(server, encode(client, text)) == text


def test_what_an_idle_connection_gives_back() -> None:
    memory = MemoryBudget(None)
    client, server = pair({"memory": memory}, {"memory": memory})
    for _ in range(3):
        assert decode(server, encode(client, TEXT.encode())) == TEXT.encode()
        assert client.memory_used > 40_000
        assert memory.contexts == 2
        client.release()
        server.release()
        assert (client.memory_used, memory.contexts) == (0, 1)  # the decoder has what the client may refer to
    assert server.memory_used == memory.used


# --- hostile --------------------------------------------------------------------------------------

WIDE = zstd.compress(b"".join(bytes([i % 251, i % 241]) for i in range(50_000)), options={101: 17})


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"\xff" * 20, "none is open"),
        (b"\x28\xb5", "none is open"),
        (b"\x28\xb5\x2f\xfd" + b"\xff" * 20, "is not what x-permessage-zstd makes: "),
        (zstd.compress(b"abc") + b"\xff" * 20, "is not what x-permessage-zstd makes: "),
        (WIDE, "too much memory"),
        (zstd.compress(b"") * 65, "more than 64 zstd frames"),
    ],
)
def test_what_is_no_zstd_is_the_peers_fault(data: bytes, problem: str) -> None:
    _, server = pair()
    with pytest.raises(RemoteProtocolError, match=problem) as caught:
        decode(server, data)
    assert caught.value.rule is Rule.EXTENSION_DATA_INVALID
    assert caught.value.close_code == 1007


def test_without_takeover_a_frame_ends_with_its_message() -> None:
    _, server = pair({"client_no_context_takeover": True})
    with pytest.raises(RemoteProtocolError, match="ends within a zstd frame"):
        decode(server, zstd.compress(b"abc" * 1000)[:-3])


def test_a_message_may_have_several_frames() -> None:
    _, server = pair()
    skipped = b"\x50\x2a\x4d\x18\x03\x00\x00\x00abc"  # RFC 8878 3.1.2
    for _ in range(2):
        assert decode(server, zstd.compress(b"abc") + skipped + zstd.compress(b"def")) == b"abcdef"


def test_a_bomb_comes_in_steps() -> None:
    _, server = pair()
    bomb = zstd.compress(b"\x00" * 50_000_000, options={101: 12})
    assert len(bomb) < 60_000
    server.begin_decode(2, 0x40)
    pieces = iter(server.decode(bomb, True))
    assert all(len(next(pieces)) <= 65536 for _ in range(10))


@given(data=st.binary(max_size=200), cut=st.integers(0, 200), known=st.booleans())
@settings(max_examples=300, deadline=None)
def test_any_bytes_are_a_message_or_the_peers_fault(data: bytes, cut: int, known: bool) -> None:
    client, server = pair()
    faults = []
    try:
        if known:
            data = encode(client, b"hello " * 50) + data
        for _ in range(2):
            decode(server, data[:cut], data[cut:])
    except RemoteProtocolError as error:
        faults.append(error)
    assert all(error.rule is Rule.EXTENSION_DATA_INVALID and len(str(error)) <= 123 for error in faults)


# --- over real sockets ----------------------------------------------------------------------------


class Reversed(Extension):
    """Turns every frame round."""

    name = "x-reversed"
    rsv_bits = RSV2
    works_on = "frames"

    def agree(self, answer: Parameters) -> "ReversedCodec":
        return ReversedCodec()

    def accept(self, offer: Parameters) -> tuple[Parameters, "ReversedCodec"]:
        return (), ReversedCodec()


class ReversedCodec(FrameCodec):
    def encode_frame(self, fin: bool, opcode: int, payload: bytes) -> tuple[int, bytes]:
        return RSV2, payload[::-1]

    def decode_frame(self, fin: bool, rsv: int, opcode: int, payload: bytes) -> bytes:
        return payload[::-1]


class Swapped(Extension):
    """Swaps the case of ASCII letters in every message; owns no bit."""

    name = "x-swapped"

    def agree(self, answer: Parameters) -> "SwappedCodec":
        return SwappedCodec()

    def accept(self, offer: Parameters) -> tuple[Parameters, "SwappedCodec"]:
        return (), SwappedCodec()


class SwappedCodec(MessageCodec):
    def begin_encode(self, opcode: int, size: int | None, compress: bool | None) -> int | None:
        return 0

    def encode(self, part: bytes, final: bool) -> bytes:
        return part.swapcase()

    def begin_decode(self, opcode: int, rsv: int) -> bool:
        return True

    def decode(self, part: bytes, final: bool) -> bytes:
        return part.swapcase()


async def echo(connection: WebSocketConnection) -> None:
    async for message in connection:
        await connection.send(message)


def url_of(told: Any) -> str:
    return f"ws://127.0.0.1:{told.port}/"


@pytest.mark.parametrize(
    "extensions",
    [
        [PerMessageZstd()],
        [Swapped(), PerMessageZstd()],
        [PerMessageZstd(), Reversed()],
        [Swapped(), PerMessageZstd(), Reversed()],
        [PerMessageZstd(), Swapped(), PerMessageDeflate()],
    ],
    ids=lambda found: "+".join(item.name for item in found),
)
async def test_messages_come_back(extensions: list[Extension]) -> None:
    limits = {"max_received_message_size": 1 << 24, "fragmentation_threshold": 1000}
    async with served(auto_accept_connections=True, extensions=extensions, **limits) as told:
        told.server.on("connect", echo)
        async with connect(url_of(told), extensions=extensions, **limits) as client:
            names = [item.name for item in client.extensions]
            assert NAME in names
            assert "permessage-deflate" not in names  # both want RSV1
            for message in (TEXT, "short", b"\x00" * 500_000, "", TEXT, TEXT * 200):
                client.send(message)
                assert await client.recv() == message
            client.send(iter([TEXT, TEXT]))
            assert await client.recv() == TEXT * 2
            figures = client.extension_figures
            assert figures is not None
            assert figures.encoded_bytes_sent < figures.bytes_sent // 3
            assert figures.memory_used > 40_000


async def test_a_server_without_it_takes_deflate() -> None:
    async with served(auto_accept_connections=True) as told:
        told.server.on("connect", echo)
        async with connect(url_of(told), extensions=[PerMessageZstd(), PerMessageDeflate()]) as client:
            assert [item.name for item in client.extensions] == ["permessage-deflate"]
            client.send(TEXT)
            assert await client.recv() == TEXT


async def test_a_broadcast_reaches_every_kind_of_context() -> None:
    async with served(auto_accept_connections=True, extensions=[PerMessageZstd(), PerMessageDeflate()]) as told:
        kinds: list[list[Extension]] = [
            [PerMessageZstd()],
            [PerMessageZstd(server_no_context_takeover=True)],
            [PerMessageZstd(server_max_window_bits=10)],
            [PerMessageDeflate()],
            [],
        ]
        clients = [await connect(url_of(told), extensions=kind) for kind in kinds]
        await until(lambda: len(told.connections) == len(clients))
        for _ in range(3):
            told.server.broadcast(TEXT)
            for connection in told.connections:
                connection.send(TEXT)  # in a frame that the broadcast has not gone on with
        for client in clients:
            assert [await client.recv() for _ in range(6)] == [TEXT] * 6
            await client.close()


@pytest.mark.parametrize(
    ("payload", "code"),
    [(zstd.compress(b"\x00" * 50_000_000, options={101: 12}), 1009), (b"\xff" * 30, 1007), (WIDE, 1007)],
)
async def test_a_bomb_and_what_is_none_end_the_connection(payload: bytes, code: int) -> None:
    async with served(auto_accept_connections=True, extensions=[PerMessageZstd()]) as told, told.peer() as peer:
        peer.send(upgrade_request("/", f"Sec-WebSocket-Extensions: {NAME}"))
        assert (await peer.answer())["sec-websocket-extensions"] == f"{NAME}; {DEFAULTS}"
        peer.send(frame(2, payload, rsv=4))
        assert parse_frames(await peer.ended())[-1].payload[:2] == code.to_bytes(2, "big")
