"""What a connection keeps is bounded by its limits for any split of the bytes, and so is the work for them."""

import gc
import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from cores import Core
from frame_bytes import BINARY, CONT, PING, TEXT, frame

KIB = 1024
LIMIT = 64 * KIB
LIMITS = {
    "max_received_frame_size": LIMIT,
    "max_received_message_size": LIMIT,
    "receive_queue_size": LIMIT,
    "max_unsent_size": LIMIT,
}
# The assembler's buffer has an eighth to spare, a finished message is a copy of it, a str may take four bytes for two.
BOUND = 5 * LIMIT + 32 * KIB


def bytewise(data: bytes) -> Iterator[bytes]:
    return (data[i : i + 1] for i in range(len(data)))


def unfinished_frame() -> Iterator[bytes]:
    return bytewise(frame(BINARY, b"x" * LIMIT)[:-1])


def one_byte_fragments() -> Iterator[bytes]:
    yield frame(BINARY, b"x", fin=False)
    for _ in range(1000):
        yield frame(CONT, b"x", fin=False)


def empty_fragments() -> Iterator[bytes]:
    yield frame(TEXT, b"x", fin=False)
    for index in range(1000):
        yield frame(CONT, b"x" * (index % 16 == 0), fin=False)


def unfinished_characters() -> Iterator[bytes]:
    yield from bytewise(frame(TEXT, "😀".encode() * (LIMIT // 4))[:-1])


def unfinished_control_frame() -> Iterator[bytes]:
    yield frame(BINARY, b"x" * (LIMIT - 64), fin=False)
    yield from bytewise(frame(PING, b"x" * 125)[:-1])


def messages_not_taken() -> Iterator[bytes]:
    for _ in range(1000):
        yield frame(BINARY, b"x" * 1000)


def small_messages_not_taken() -> Iterator[bytes]:
    for _ in range(20_000):
        yield frame(TEXT, b"xy")


def pings_to_a_peer_that_does_not_read() -> Iterator[bytes]:
    for _ in range(5_000):
        yield frame(PING, b"x" * 125)


STREAMS: list[Callable[[], Iterator[bytes]]] = [
    unfinished_frame,
    one_byte_fragments,
    empty_fragments,
    unfinished_characters,
    unfinished_control_frame,
    messages_not_taken,
    small_messages_not_taken,
    pings_to_a_peer_that_does_not_read,
]


def receive_as_a_transport_would(connection: Any, pieces: Iterator[bytes]) -> None:
    """Feed until reading is stopped, as a transport does that stops in time."""
    for piece in pieces:
        if connection.is_stopped or connection.state_name != "open":
            break
        buffer = bytearray(connection.core.HEADROOM) + piece
        connection.receive(buffer, len(buffer), -1.0)
        while connection.has_backlog and not connection.is_stopped:
            connection.continue_receive(-1.0)
        connection.events.clear()
        connection.switches.clear()


def retained(core: Core, pieces: Iterator[bytes], prepare: Callable[[Any], object] = lambda connection: None) -> int:
    """Return the bytes that a connection has allocated and kept, itself included."""
    tracemalloc = pytest.importorskip("tracemalloc", reason="PyPy does not tell what was allocated")
    warm_up = core.server(**LIMITS).feed(frame(TEXT, b"xy", fin=False) + frame(CONT, b"\xc3\xa9"))
    warm_up.take()
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        connection = core.server(**LIMITS)
        connection.set_writable(False)
        prepare(connection)
        receive_as_a_transport_would(connection, pieces)
        gc.collect()
        return tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("stream", STREAMS, ids=lambda stream: stream.__name__)
def test_memory_is_bounded(core: Core, stream: Callable[[], Iterator[bytes]]) -> None:
    assert retained(core, stream()) < BOUND


@pytest.mark.parametrize("stream", STREAMS[:4], ids=lambda stream: stream.__name__)
def test_memory_of_parts_is_bounded(core: Core, stream: Callable[[], Iterator[bytes]]) -> None:
    assert retained(core, stream(), lambda connection: connection.open_parts()) < BOUND


def test_memory_of_an_idle_connection(core: Core) -> None:
    assert retained(core, iter(())) < 12 * KIB


def test_memory_is_given_back_after_a_failure(core: Core) -> None:
    pieces = [frame(BINARY, b"x" * (LIMIT - 64), fin=False), frame(TEXT)]
    assert retained(core, iter(pieces)) < 16 * KIB


def test_memory_is_given_back_after_a_backlog(core: Core) -> None:
    pieces = [frame(BINARY, b"x" * 20_000) * 50]
    assert retained(core, iter(pieces), lambda connection: connection.listen(lambda message: None)) < 16 * KIB


@pytest.mark.parametrize("seed", range(20))
def test_memory_for_random_streams_and_splits(core: Core, seed: int) -> None:
    chance = random.Random(seed)

    def pieces() -> Iterator[bytes]:
        opcode = BINARY
        for _ in range(3_000):
            fin = chance.random() < 0.02
            data = frame(opcode, chance.randbytes(chance.choice([0, 1, 2, 100, 5000])), fin=fin)
            data += frame(PING, b"x" * chance.randrange(126)) if chance.random() < 0.1 else b""
            opcode = BINARY if fin else CONT
            size = chance.choice([1, 7, 1000, 100_000]) if len(data) < 300 else 4096
            yield from (data[i : i + size] for i in range(0, len(data), size))

    assert retained(core, pieces()) < BOUND


# --- work -----------------------------------------------------------------------------------------

WORK: dict[str, Callable[[int], bytes]] = {
    "one frame": lambda n: frame(BINARY, b"x" * n),
    "text of one frame": lambda n: frame(TEXT, b"\xc3\xa9" * (n // 2)),
    "fragments of one byte": lambda n: (
        frame(TEXT, b"x", fin=False) + frame(CONT, b"x", fin=False) * (n // 7) + frame(CONT)
    ),
    "small messages": lambda n: frame(TEXT, b"x") * (n // 7),
    "pings": lambda n: frame(PING, b"x" * 125) * (n // 131),
}
UNLIMITED = {"max_received_message_size": None, "max_received_frame_size": None}


@pytest.mark.parametrize("name", WORK)
@pytest.mark.parametrize("chunk", [1, 100_000])
def test_work_is_linear(name: str, chunk: int, count_lines: Callable[..., int]) -> None:
    from cores import load_core

    core = load_core("python")
    assert core is not None

    def lines(size: int) -> int:
        connection = core.server(**UNLIMITED).listening()
        return count_lines(lambda: connection.feed(WORK[name](size), chunk=chunk))

    assert lines(16_000) < 2.2 * lines(8_000) + 500


@pytest.mark.parametrize("name", WORK)
def test_every_turn_gets_on(core: Core, name: str) -> None:
    data = WORK[name](300_000)
    connection = core.server(**UNLIMITED).listening()
    buffer = bytearray(core.HEADROOM) + data
    connection.receive(buffer, len(buffer), -1.0)
    turns = 1
    while connection.has_backlog:
        assert turns < 1000
        connection.continue_receive(-1.0)
        turns += 1
    frames = 300_000 / 7
    assert turns <= frames / 256 + 300_000 / 65536 + 2
    assert connection.state_name == "open"


def test_a_turn_without_room_to_get_on_asks_for_none(core: Core) -> None:
    connection = core.server().listening()
    data = frame(TEXT, b"x") * 256 + frame(TEXT, b"unfinished")[:-1]
    buffer = bytearray(core.HEADROOM) + data
    connection.receive(buffer, len(buffer), -1.0)
    connection.continue_receive(-1.0)
    assert not connection.has_backlog, "nothing to do until bytes come"
    connection.feed(frame(TEXT, b"unfinished")[-1:])
    assert connection.messages[-1] == "unfinished"


def test_nothing_waits_once_the_connection_has_ended(core: Core) -> None:
    connection = core.server().feed(frame(TEXT, b"x") * 300 + frame(TEXT, masked=False) + b"rest" * 1000)
    while connection.waiting:
        connection.take()
        connection.go_on()
    assert connection.state_name == "failed"
    assert not connection.has_backlog
    connection.continue_receive(-1.0)
    assert not connection.has_backlog
