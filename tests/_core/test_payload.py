"""Large messages: collected in the object that is handed over, whose memory is used again once nobody holds it."""

import gc
from typing import Any

import pytest

from cores import Core
from frame_bytes import BINARY, CONT, TEXT, frame
from twinax._core.payload import Payload

KEY = b"\x01\x02\x03\x04"
SIZE = 300_000


def content(size: int, start: int = 0) -> bytes:
    return (bytes((start + i) % 251 for i in range(251)) * (size // 251 + 1))[:size]


def large(payload: bytes) -> bytes:
    """Return a binary frame with a key that changes nothing: masking megabytes byte by byte takes a test too long."""
    return bytes([0x82, 0xFF]) + len(payload).to_bytes(8, "big") + bytes(4) + payload


def receive(connection: Any, data: bytes, first: int) -> bool:
    """Hand over `first` bytes as a wire does, then the rest as the core asks for it; tell whether it did ask."""
    headroom = connection.core.HEADROOM
    buffer = bytearray(headroom) + data[:first]
    target = connection.receive(buffer, len(buffer), -1.0)
    asked = target is not None
    while first < len(data):
        if target is None:
            connection.feed(data[first:])
            break
        with memoryview(target) as view:
            count = min(len(view), 100_000, len(data) - first)
            view[:count] = data[first : first + count]
        first += count
        target = connection.receive_payload(count, -1.0)
    return asked


@pytest.mark.parametrize("opcode", [TEXT, BINARY])
@pytest.mark.parametrize("masked", [True, False])
def test_read_into_the_message_itself(core: Core, opcode: int, masked: bool) -> None:
    connection = core.connection("server" if masked else "client").listening()
    payload = content(SIZE) if opcode == BINARY else ("aé€😀" * 30_000).encode()
    asked = receive(connection, frame(opcode, payload, masked=masked) + frame(TEXT, b"next", masked=masked), 1000)
    assert asked is (core.name == "compiled")
    first, second = connection.messages
    assert first == (payload if opcode == BINARY else payload.decode())
    assert second == "next"


def test_over_fragments(core: Core) -> None:
    connection = core.server().listening()
    parts = [content(100_000, 1), content(150_000, 2), content(70_000, 3)]
    data = b"".join(frame(BINARY if i == 0 else CONT, part, fin=i == 2, key=KEY) for i, part in enumerate(parts))
    for at in range(0, len(data), 90_000):
        connection.feed(data[at : at + 90_000])
    assert connection.messages == [b"".join(parts)]


def test_text_that_is_not_utf8_fails_as_soon_as_it_is_read(core: Core) -> None:
    connection = core.server(max_received_message_size=1 << 21, max_received_frame_size=1 << 21).listening()
    data = frame(TEXT, b"a" * 500_000 + b"\xff" + b"a" * 500_000, key=KEY)
    receive(connection, data, 1000)
    assert connection.messages == []
    assert connection.state_name == "failed"
    assert connection.receive_payload(1000, -1.0) is None


def test_what_somebody_holds_is_never_written_over(core: Core) -> None:
    """The pool of large objects gives away only what nobody else can see."""
    connection = core.server().listening()
    expected = [content(SIZE, i) for i in range(30)]
    for payload in expected:
        receive(connection, large(payload), 500)
    assert connection.messages == expected
    connection.events.clear()
    hashes = set()
    for i in range(30):
        size = SIZE - 1000 * i
        receive(connection, large(content(size, i)), 500)
        [message] = connection.messages
        assert message == content(size, i)
        assert len(message) == size
        assert message + b"" == content(size, i)
        hashes.add(hash(message))
        assert hash(message) == hash(content(size, i))
        connection.events.clear()
    assert len(hashes) == 30


def test_a_pool_does_not_grow(core: Core) -> None:
    tracemalloc = pytest.importorskip("tracemalloc", reason="PyPy does not tell what was allocated")
    connection = core.server()
    connection.listen(lambda message: None)
    for size in range(150_000, 400_000, 10_000):
        receive(connection, large(bytes(size)), 500)
    gc.collect()
    tracemalloc.start()
    try:
        for size in range(150_000, 400_000, 10_000):
            for _ in range(5):
                receive(connection, large(bytes(size)), 500)
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 9 << 20


def test_paused_in_the_middle(core: Core) -> None:
    connection = core.server().listening()
    data = large(content(SIZE))
    buffer = bytearray(core.HEADROOM) + data[:1000]
    connection.receive(buffer, len(buffer), -1.0)
    connection.stop_input()
    connection.feed(data[1000:])  # what was under way already
    assert connection.messages == []
    connection.start_input()
    connection.go_on()
    assert connection.messages == [content(SIZE)]


def test_a_promise_is_not_believed_whole(core: Core) -> None:
    """With the limits off a header may announce more than there is."""
    connection = core.server(max_received_frame_size=None, max_received_message_size=None).listening()
    header = bytes([0x82, 0xFF]) + (1 << 50).to_bytes(8, "big") + KEY
    connection.feed(header + b"x" * 100_000)
    assert connection.is_open


def test_the_readable_twin_has_no_target() -> None:
    payload = Payload()
    payload.expect(10)
    assert payload.target(10) is None
    with pytest.raises(NotImplementedError):
        payload.took(1, 0)


def test_it_moves_while_somebody_looks_at_it(core: Core) -> None:
    """Transports of asyncio hold the buffer until everything is done that came of what they have read into it."""
    connection = core.server(max_received_message_size=None, max_received_frame_size=None).listening()
    payload = content(3_000_000)
    data = large(payload)
    buffer = bytearray(core.HEADROOM) + data[:50_000]
    target, at, views = connection.receive(buffer, len(buffer), -1.0), 50_000, []
    while target is not None and at < len(data):
        views.append(memoryview(target))
        count = min(len(views[-1]), len(data) - at)
        views[-1][:count] = data[at : at + count]
        at += count
        target = connection.receive_payload(count, -1.0)
        del views[:-2]
    for view in views:
        assert len(bytes(view)) > 0  # what it shows is there as long as it is
        view.release()
    connection.feed(data[at:])
    assert connection.messages == [payload]


@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_what_is_there_is_taken_while_a_wire_is_about_to_read_into_it(core: Core, opcode: int) -> None:
    connection = core.server()
    data = large(b"x" * 100_000) if opcode == BINARY else b"\x81" + large(b"x" * 100_000)[1:]
    buffer = bytearray(core.HEADROOM) + data[:1000]
    target = connection.receive(buffer, len(buffer), -1.0)
    connection.open_parts()
    parts, at = list(iter(connection.take_part, None)), 1000
    if target is not None:
        with memoryview(target) as view:
            at += len(view)
            view[:] = data[1000:at]
        connection.receive_payload(at - 1000, -1.0)
    connection.feed(data[at:])
    parts += iter(connection.take_part, None)
    assert connection.parts_ended
    assert parts[0][:0].join(parts) == ("x" * 100_000 if opcode == TEXT else b"x" * 100_000)
