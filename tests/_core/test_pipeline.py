"""Messages and frames through codecs, in both directions, on both cores; what codecs do wrong ends one connection."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cores import Core
from frame_bytes import BINARY, CLOSE, CONT, PING, TEXT, frame
from twinax.errors import ExtensionError, RemoteProtocolError
from twinax.rules import Rule

from .streams import chunks, cut

RSV1, RSV2, RSV3 = 0x40, 0x20, 0x10


class Doubling:
    """A message codec: every byte goes out twice; what comes in doubled is halved, piece by piece."""

    threshold = 0

    def __init__(self, bits: int = RSV1, piece: int = 3) -> None:
        self.bits = bits
        self.piece = piece
        self.calls: list[Any] = []
        self.rest = b""

    def begin_encode(self, opcode: int, size: int | None, compress: bool | None) -> int | None:
        self.calls.append(("begin_encode", opcode, size, compress))
        return None if compress is False else self.bits

    def encode(self, part: bytes, final: bool) -> bytes:
        self.calls.append(("encode", part, final))
        return b"".join(bytes([byte, byte]) for byte in part)

    def begin_decode(self, opcode: int, bits: int) -> bool:
        self.calls.append(("begin_decode", opcode, bits))
        self.rest = b""
        return True

    def decode(self, part: bytes, final: bool) -> bytes | Iterator[bytes]:
        data = self.rest + part
        even = len(data) & ~1
        self.rest = data[even:]
        if final and self.rest:
            raise RemoteProtocolError(Rule.TEXT_NOT_UTF8)
        halved = data[:even:2]
        if self.piece >= len(halved):
            return halved
        return (halved[i : i + self.piece] for i in range(0, len(halved), self.piece))

    def release(self) -> None:
        self.calls.append("release")

    def close(self) -> None:
        self.calls.append("close")


class Reversing:
    """A frame codec: the payload of each data frame is turned round."""

    def __init__(self, bits: int = RSV2) -> None:
        self.bits = bits
        self.calls: list[Any] = []

    def encode_frame(self, fin: bool, opcode: int, payload: bytes) -> tuple[int, bytes]:
        assert type(fin) is bool
        return self.bits, payload[::-1]

    def decode_frame(self, fin: bool, bits: int, opcode: int, payload: bytes) -> bytes:
        assert type(fin) is bool
        return payload[::-1] if bits else payload

    def release(self) -> None:
        self.calls.append("release")

    def close(self) -> None:
        self.calls.append("close")


class Bomb(Doubling):
    """A codec that makes any number of bytes of nothing, and counts how often it is asked."""

    def __init__(self, size: int = 100, bits: int = RSV1) -> None:
        super().__init__(bits)
        self.size = size
        self.pulled = 0

    def decode(self, part: bytes, final: bool) -> Iterator[bytes]:
        while True:
            self.pulled += 1
            yield b"x" * self.size


def extend(core: Core, connection: Any, messages: list[Any] = [], frames: list[Any] = []) -> Any:  # noqa: B006
    """Give the connection a pipeline of these codecs; return it."""
    pipeline = core.Pipeline(
        [(type(codec).__name__, codec.bits, codec) for codec in messages],
        [(type(codec).__name__, codec.bits, codec) for codec in frames],
    )
    connection.extend(pipeline)
    return connection


def doubled(data: bytes) -> bytes:
    return b"".join(bytes([byte, byte]) for byte in data)


# --- out ------------------------------------------------------------------------------------------


def test_a_message_is_encoded_and_marked(core: Core) -> None:
    codec = Doubling()
    connection = extend(core, core.server(), [codec])
    connection.send("äb")
    connection.send(b"c", compress=True)
    connection.send("d", compress=False)
    assert [(f.rsv, f.opcode, f.payload) for f in connection.sent()] == [
        (4, TEXT, doubled("äb".encode())),
        (4, BINARY, b"cc"),
        (0, TEXT, b"d"),
    ]
    assert codec.calls[0] == ("begin_encode", TEXT, 3, None)
    assert codec.calls[2] == ("begin_encode", BINARY, 1, True)
    assert codec.calls[4] == ("begin_encode", TEXT, 1, False)


def test_messages_below_the_threshold_are_not_even_shown(core: Core) -> None:
    codec = Doubling()
    codec.threshold = 5
    connection = extend(core, core.server(), [codec])
    connection.send("four")
    connection.send("five!")
    connection.send("4", compress=True)
    assert [f.rsv for f in connection.sent()] == [0, 4, 4]
    assert [call[2] for call in codec.calls if call[0] == "begin_encode"] == [5, 1]


def test_only_the_first_fragment_is_marked(core: Core) -> None:
    connection = extend(core, core.client(fragmentation_threshold=4), [Doubling()])
    connection.send("abc")
    assert [(f.fin, f.rsv, f.opcode, f.payload) for f in connection.sent()] == [
        (False, 4, TEXT, b"aabb"),
        (True, 0, CONT, b"cc"),
    ]


def test_what_is_held_back_is_encoded_when_it_leaves(core: Core) -> None:
    codec = Doubling()
    connection = extend(core, core.server(fragmentation_threshold=4), [codec])
    connection.set_writable(False)
    connection.send("abc", compress=True)
    connection.send(b"d")
    connection.send(b"e", compress=False)
    assert codec.calls == []
    connection.set_writable(True)
    assert [(f.rsv, f.payload) for f in connection.sent()] == [(4, b"aabb"), (0, b"cc"), (4, b"dd"), (0, b"e")]
    assert [call[3] for call in codec.calls if call[0] == "begin_encode"] == [True, None, False]


def test_the_rest_of_a_message_is_not_encoded_again(core: Core) -> None:
    codec = Doubling()
    connection = extend(core, core.server(fragmentation_threshold=70_000), [codec])
    connection.hooks["write"] = lambda: connection.set_writable(False)
    connection.send(b"x" * 100_000)
    connection.hooks.clear()
    connection.set_writable(True)
    sent = connection.sent()
    assert b"".join(f.payload for f in sent) == b"x" * 200_000
    assert [f.rsv for f in sent] == [4, 0, 0]
    assert len(codec.calls) == 2


def test_two_message_codecs_encode_in_order_and_frame_codecs_last(core: Core) -> None:
    first, second, third = Doubling(RSV1), Doubling(RSV3), Reversing()
    connection = extend(core, core.server(fragmentation_threshold=6), [first, second], [third])
    connection.send(b"ab")
    connection.send_control(0x9, b"xy")
    assert [(f.rsv, f.opcode, f.payload) for f in connection.sent()] == [
        (7, BINARY, b"bbaaaa"),
        (2, CONT, b"bb"),
        (0, PING, b"xy"),
    ]
    assert second.calls[0] == ("begin_encode", BINARY, 4, None)


def test_a_stream_is_encoded_part_by_part(core: Core) -> None:
    codec = Doubling()
    connection = extend(core, core.server(), [codec])
    connection.begin_stream(True)
    connection.send_part(TEXT, b"ab")
    connection.send("later")
    connection.send_part(CONT, b"")
    connection.send_part(CONT, b"c")
    connection.send_part(0x80 | CONT, b"")
    connection.end_stream()
    assert [(f.fin, f.rsv, f.opcode, f.payload) for f in connection.sent()] == [
        (False, 4, TEXT, b"aabb"),
        (False, 0, CONT, b"cc"),
        (True, 0, CONT, b""),
        (True, 4, TEXT, b"llaatteerr"),
    ]
    assert codec.calls[0] == ("begin_encode", TEXT, None, True)


def test_a_codec_may_keep_the_beginning_of_a_stream(core: Core) -> None:
    class Keeping(Doubling):
        kept = b""

        def encode(self, part: bytes, final: bool) -> bytes:
            self.kept += part
            return self.kept if final else b""

    connection = extend(core, core.server(), [Keeping()])
    connection.begin_stream()
    connection.send_part(BINARY, b"a")
    connection.send_part(CONT, b"b")
    connection.send_part(0x80 | CONT, b"c")
    connection.end_stream()
    assert [(f.fin, f.rsv, f.opcode, f.payload) for f in connection.sent()] == [(True, 4, BINARY, b"abc")]


# --- in -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("chunk", [None, 1, 2, 5])
@pytest.mark.parametrize("piece", [1, 3, 1000])
def test_messages_are_decoded_however_they_come(core: Core, chunk: int | None, piece: int) -> None:
    data = (
        frame(TEXT, doubled("grün".encode()), rsv=4)
        + frame(TEXT, b"plain")
        + frame(BINARY, b"aab", rsv=4, fin=False)
        + frame(PING, b"between")
        + frame(CONT, b"", fin=False)
        + frame(CONT, b"bcc")
        + frame(BINARY, b"", rsv=4)
        + frame(TEXT, b"pl", fin=False)
        + frame(CONT, b"ain")
    )
    connection = extend(core, core.server().listening(), [Doubling(piece=piece)]).feed(data, chunk=chunk)
    assert connection.messages == ["grün", "plain", b"abc", b"", "plain"]
    assert connection.is_open


@pytest.mark.parametrize("chunk", [None, 1, 7])
def test_decoding_goes_the_other_way_round(core: Core, chunk: int | None) -> None:
    codecs = [Doubling(RSV1), Doubling(RSV3)]
    sender = extend(core, core.client(fragmentation_threshold=5), codecs, [Reversing()])
    for message in ("hello", b"", "", b"bytes" * 20):
        sender.send(message)
    sender.sent()
    receiver = extend(core, core.server().listening(), [Doubling(RSV1), Doubling(RSV3)], [Reversing()])
    receiver.feed(b"".join(sender.written), chunk=chunk)
    assert receiver.messages == ["hello", b"", "", b"bytes" * 20]


def test_a_message_in_parts_is_decoded_as_it_comes(core: Core) -> None:
    connection = extend(core, core.server(), [Doubling()])
    connection.open_parts()
    connection.feed(frame(TEXT, b"aabb", rsv=4, fin=False))
    assert connection.take_part() == "ab"
    connection.feed(frame(CONT, "ä".encode()[:1] * 2, fin=False))
    assert connection.take_part() is None
    connection.feed(frame(CONT, "ä".encode()[1:] * 2))
    assert connection.take_part() == "ä"
    assert connection.parts_ended


def test_frames_are_decoded_when_messages_are_not_assembled(core: Core) -> None:
    connection = extend(core, core.server(assemble_fragments=False), [], [Reversing()])
    connection.feed(
        frame(TEXT, b"abc", rsv=2, fin=False) + frame(CONT, b"de", rsv=2) + frame(CONT, b"", rsv=2)[:1], chunk=4
    )
    assert connection.events == [("frame", False, 0, TEXT, b"cba"), ("frame", True, 0, CONT, b"ed")]


def test_a_codec_may_want_to_see_messages_without_its_bits(core: Core) -> None:
    codec = Doubling(bits=0)
    connection = extend(core, core.server().listening(), [codec]).feed(frame(TEXT, b"aa") + frame(TEXT, b"bb"))
    assert connection.messages == ["a", "b"]


def test_a_codec_may_leave_a_message_alone(core: Core) -> None:
    class Choosy(Doubling):
        def begin_decode(self, opcode: int, bits: int) -> bool:
            return opcode == TEXT

    data = frame(TEXT, b"aa", rsv=4) + frame(BINARY, b"aa", rsv=4)
    assert extend(core, core.server().listening(), [Choosy()]).feed(data).messages == ["a", b"aa"]
    assert extend(core, core.server().listening(), [Choosy()]).feed(data, chunk=1).messages == ["a", b"aa"]


# --- limits ---------------------------------------------------------------------------------------


def failure_of(connection: Any) -> Rule | None:
    """The rule that was broken; the peer was sent its code."""
    if connection.failure is None:
        return None
    rule: Rule = connection.failure.rule
    assert connection.sent()[-1].payload[:2] == rule.close_code.to_bytes(2, "big")
    return rule


class RunLengths(Doubling):
    """A count and a byte on the wire become that many bytes."""

    def decode(self, part: bytes, final: bool) -> bytes | Iterator[bytes]:
        data = self.rest + part
        even = len(data) & ~1
        self.rest = data[even:]
        whole = b"".join(data[i + 1 : i + 2] * data[i] for i in range(0, even, 2))
        return (
            whole if self.piece >= len(whole) else (whole[i : i + self.piece] for i in range(0, len(whole), self.piece))
        )


@pytest.mark.parametrize("chunk", [None, 1])
@pytest.mark.parametrize("piece", [1, 1000])
@pytest.mark.parametrize("size", [99, 100, 101])
def test_the_limit_holds_for_what_is_decoded(core: Core, chunk: int | None, piece: int, size: int) -> None:
    connection = extend(core, core.server(max_received_message_size=100).listening(), [RunLengths(piece=piece)])
    connection.feed(frame(BINARY, bytes([60, 65, size - 60, 66]), rsv=4), chunk=chunk)
    assert failure_of(connection) == (Rule.DECODED_MESSAGE_TOO_BIG if size > 100 else None)
    assert connection.messages == ([] if size > 100 else [b"A" * 60 + b"B" * (size - 60)])


@pytest.mark.parametrize("chunk", [None, 1])
def test_a_bomb_is_not_asked_for_more_than_the_limit_and_one_piece(core: Core, chunk: int | None) -> None:
    codec = Bomb(100)
    connection = extend(core, core.server(max_received_message_size=1000).listening(), [codec])
    connection.feed(frame(BINARY, b"boom", rsv=4), chunk=chunk)
    assert failure_of(connection) is Rule.DECODED_MESSAGE_TOO_BIG
    assert codec.pulled == 11


def test_a_bomb_in_front_of_another_codec_is_stopped_as_well(core: Core) -> None:
    codec = Bomb(100, RSV3)
    swallowing = RunLengths()  # a count of 120 would make it larger still
    connection = extend(core, core.server(max_received_message_size=800).listening(), [swallowing, codec])
    connection.feed(frame(BINARY, b"boom", rsv=5))
    assert failure_of(connection) is Rule.DECODED_MESSAGE_TOO_BIG
    assert codec.pulled == 1


def test_what_one_codec_hands_to_the_next_is_limited_as_well(core: Core) -> None:
    class Swallowing(Doubling):
        def decode(self, part: bytes, final: bool) -> bytes:
            return b""

    codec = Bomb(100, RSV3)
    connection = extend(core, core.server(max_received_message_size=800).listening(), [Swallowing(), codec])
    connection.feed(frame(BINARY, b"boom", rsv=5))
    assert failure_of(connection) is Rule.ENCODED_MESSAGE_TOO_BIG
    assert codec.pulled == 10  # 800 bytes, an eighth of them and 64 more


@pytest.mark.parametrize("chunk", [None, 1])
@pytest.mark.parametrize(("size", "rule"), [(964, None), (965, Rule.ENCODED_MESSAGE_TOO_BIG)])
def test_a_message_may_be_a_little_larger_before_it_is_decoded(
    core: Core, chunk: int | None, size: int, rule: Rule | None
) -> None:
    connection = extend(core, core.server(max_received_message_size=800).listening(), [Doubling()])
    connection.feed(frame(BINARY, b"x" * (size - 99), rsv=4, fin=False) + frame(CONT, b"x" * 99), chunk=chunk)
    if size % 2:
        assert failure_of(connection) is rule
    else:
        assert [len(message) for message in connection.messages] == [size // 2]


@pytest.mark.parametrize(("size", "rule"), [(964, None), (966, Rule.ENCODED_FRAME_TOO_BIG)])
def test_a_frame_may_be_a_little_larger_before_it_is_decoded(core: Core, size: int, rule: Rule | None) -> None:
    connection = extend(core, core.server(max_received_frame_size=800).listening(), [Doubling()])
    connection.feed(frame(BINARY, b"x" * size, rsv=4))
    assert failure_of(connection) is rule


def test_the_margin_is_for_messages_that_are_decoded_only(core: Core) -> None:
    connection = extend(core, core.server(max_received_frame_size=800).listening(), [Doubling()])
    connection.feed(frame(BINARY, b"x" * 801))
    assert failure_of(connection) is Rule.FRAME_TOO_BIG


def test_a_frame_codec_may_not_make_too_much_of_a_frame(core: Core) -> None:
    class Growing(Reversing):
        def decode_frame(self, fin: bool, bits: int, opcode: int, payload: bytes) -> bytes:
            return payload * 100

    connection = extend(core, core.server(max_received_frame_size=200), [], [Growing()])
    connection.feed(frame(BINARY, b"abc", rsv=2))
    assert failure_of(connection) is Rule.ENCODED_FRAME_TOO_BIG


def test_tiny_fragments_are_charged_before_they_are_decoded_too(core: Core) -> None:
    connection = extend(core, core.server(max_received_message_size=800).listening(), [Doubling()])
    connection.feed(frame(BINARY, b"x", rsv=4, fin=False) + frame(CONT, b"x", fin=False) * 20)
    assert failure_of(connection) is Rule.TOO_MANY_FRAGMENTS


def test_without_limits_nothing_overflows(core: Core) -> None:
    connection = extend(
        core,
        core.server(max_received_frame_size=None, max_received_message_size=None).listening(),
        [Doubling()],
        [Reversing()],
    )
    connection.feed(frame(BINARY, b"aabb", rsv=4) + frame(TEXT, length=(1 << 63) - 1))
    assert connection.messages == [b"ab"]
    assert connection.is_open


def test_what_messages_become_is_work_of_the_turn(core: Core) -> None:
    connection = extend(core, core.server().listening(), [RunLengths(piece=10_000)])
    message = frame(BINARY, bytes([200, 65]) * 100, rsv=4)  # 20,000 bytes of 200
    data = bytearray(core.HEADROOM) + message * 10
    connection.receive(data, len(data), -1.0)
    assert 3 <= len(connection.messages) <= 4
    connection.go_on()
    assert connection.messages == [b"A" * 20_000] * 10


@pytest.mark.parametrize("chunk", [None, 1])
def test_text_is_checked_after_it_is_decoded(core: Core, chunk: int | None) -> None:
    connection = extend(core, core.server().listening(), [Doubling()])
    connection.feed(frame(TEXT, b"aa\xff\xff", rsv=4), chunk=chunk)
    assert failure_of(connection) is Rule.TEXT_NOT_UTF8


def test_text_fails_fast_inside_a_message_that_is_decoded(core: Core) -> None:
    connection = extend(core, core.server().listening(), [Doubling()])
    connection.feed(frame(TEXT, b"aa\xff\xff", rsv=4, fin=False))
    assert failure_of(connection) is Rule.TEXT_NOT_UTF8


# --- RSV bits -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "rule"),
    [
        (frame(TEXT, rsv=1), Rule.RESERVED_BITS),
        (frame(TEXT, rsv=5), Rule.RESERVED_BITS),
        (frame(TEXT, fin=False, rsv=4) + frame(CONT, rsv=4), Rule.RESERVED_BITS_MISPLACED),
        (frame(TEXT, fin=False) + frame(CONT, rsv=4), Rule.RESERVED_BITS_MISPLACED),
        (frame(TEXT, fin=False) + frame(CONT, rsv=2), None),
        (frame(PING, rsv=4), Rule.RESERVED_BITS_MISPLACED),
        (frame(PING, rsv=2), Rule.RESERVED_BITS_MISPLACED),
        (frame(CLOSE, rsv=1), Rule.RESERVED_BITS),
        (frame(CONT, rsv=2), Rule.CONTINUATION_WITHOUT_START),
        (frame(TEXT, fin=False, rsv=4) + frame(TEXT, rsv=4), Rule.START_INSIDE_MESSAGE),
    ],
)
def test_bits_are_taken_where_their_owner_uses_them(core: Core, data: bytes, rule: Rule | None) -> None:
    connection = extend(core, core.server().listening(), [Doubling()], [Reversing()])
    connection.feed(data)
    assert failure_of(connection) is rule


# --- codecs that fail -----------------------------------------------------------------------------


def failing(hook: str, result: Any = None) -> Any:
    """A codec in which one method raises, or returns what it must not return."""

    def fail(*_: object) -> Any:
        if result is None:
            raise ZeroDivisionError("mine")
        return result

    codec = Reversing() if "frame" in hook else Doubling()
    setattr(codec, hook, fail)
    return codec


@pytest.mark.parametrize(
    ("hook", "result"),
    [
        ("begin_encode", None),
        ("begin_encode", RSV2),
        ("begin_encode", -1),
        ("begin_encode", "RSV1"),
        ("encode", None),
        ("encode", "text"),
        ("encode_frame", None),
        ("encode_frame", (RSV1, b"")),
        ("encode_frame", 1),
    ],
)
def test_a_codec_that_fails_to_encode_ends_its_connection(core: Core, hook: str, result: Any) -> None:
    codec = failing(hook, result)
    connection = core.server()
    extend(core, connection, *([[], [codec]] if "frame" in hook else [[codec], []]))
    if "frame" in hook:
        connection.send("x")
    else:
        with pytest.raises(Exception, match="the connection is failed"):
            connection.send("x")
    assert isinstance(connection.failure, ExtensionError)
    assert (connection.failure.hook, connection.failure.extension) == (hook, type(codec).__name__)
    assert connection.failure.__cause__ is not None
    assert [f.payload for f in connection.sent()] == [(1011).to_bytes(2, "big") + b"internal error"]


@pytest.mark.parametrize(
    ("hook", "result"),
    [
        ("begin_decode", None),
        ("decode", None),
        ("decode", "text"),
        ("decode", 5),
        ("decode", ["text"]),
        ("decode_frame", None),
        ("decode_frame", 5),
    ],
)
@pytest.mark.parametrize("chunk", [None, 1])
def test_a_codec_that_fails_to_decode_ends_its_connection(
    core: Core, hook: str, result: Any, chunk: int | None
) -> None:
    codec = failing(hook, result)
    connection = core.server().listening()
    extend(core, connection, *([[], [codec]] if "frame" in hook else [[codec], []]))
    connection.feed(frame(TEXT, b"aa", rsv=2 if "frame" in hook else 4), chunk=chunk)
    assert isinstance(connection.failure, ExtensionError)
    assert connection.failure.hook == hook
    assert [f.payload for f in connection.sent()] == [(1011).to_bytes(2, "big") + b"internal error"]
    assert connection.messages == []


@pytest.mark.parametrize("hook", ["begin_decode", "decode", "decode_frame"])
def test_a_codec_may_blame_the_peer(core: Core, hook: str) -> None:
    codec = failing(hook)

    def blame(*_: object) -> Any:
        raise RemoteProtocolError(Rule.TEXT_NOT_UTF8)

    setattr(codec, hook, blame)
    connection = core.server().listening()
    extend(core, connection, *([[], [codec]] if "frame" in hook else [[codec], []]))
    connection.feed(frame(TEXT, b"aa", rsv=2 if "frame" in hook else 4))
    assert failure_of(connection) is Rule.TEXT_NOT_UTF8


def test_pieces_may_fail_as_well(core: Core) -> None:
    class Failing(Doubling):
        def decode(self, part: bytes, final: bool) -> Iterator[bytes]:
            yield b"good"
            raise ZeroDivisionError("mine")

    connection = extend(core, core.server().listening(), [Failing()]).feed(frame(TEXT, b"aa", rsv=4))
    assert isinstance(connection.failure, ExtensionError)
    assert connection.messages == []


def test_a_codec_that_fails_in_a_stream_ends_the_connection(core: Core) -> None:
    connection = extend(core, core.server(), [failing("encode")])
    connection.begin_stream()
    with pytest.raises(Exception, match="the connection is failed"):
        connection.send_part(TEXT, b"x")
    assert isinstance(connection.failure, ExtensionError)


def test_a_codec_that_fails_on_what_was_held_back_ends_the_connection(core: Core) -> None:
    connection = extend(core, core.server(), [failing("encode")])
    connection.set_writable(False)
    connection.send("x")
    connection.send("y")
    connection.set_writable(True)
    assert isinstance(connection.failure, ExtensionError)
    assert [f.opcode for f in connection.sent()] == [CLOSE]


# --- the end --------------------------------------------------------------------------------------


def test_codecs_are_closed_once(core: Core) -> None:
    message, frames = Doubling(), Reversing()
    connection = extend(core, core.server(), [message], [frames])
    connection.mark_lost()
    connection.mark_lost()
    assert message.calls == frames.calls == ["close"]


def test_codecs_are_released_when_nothing_went_through_since_the_last_time(core: Core) -> None:
    message, frames = Doubling(), Reversing()
    connection = extend(core, core.server().listening(), [message], [frames])
    assert connection.release_extensions()
    assert frames.calls == ["release"]
    for use in (
        lambda: connection.send("x"),
        lambda: connection.feed(frame(TEXT, b"aa", rsv=6)),
        lambda: connection.feed(frame(TEXT, b"aa", rsv=6), chunk=1),
    ):
        frames.calls.clear()
        connection.uses = 0
        use()
        use()
        assert connection.uses == 1  # told once, until it is released
        assert not connection.release_extensions()
        assert frames.calls == []
        assert connection.release_extensions()
        assert frames.calls == ["release"]


def test_codecs_are_not_released_within_a_message(core: Core) -> None:
    message = Doubling()
    connection = extend(core, core.server(), [message])
    connection.feed(frame(TEXT, b"aa", rsv=4, fin=False))
    assert [connection.release_extensions() for _ in range(3)] == [False] * 3
    connection.feed(frame(CONT))
    assert [connection.release_extensions() for _ in range(2)] == [False, True]
    connection.begin_stream()
    connection.send_part(TEXT, b"x")
    assert [connection.release_extensions() for _ in range(3)] == [False] * 3
    connection.send_part(0x80 | CONT, b"")
    connection.end_stream()
    assert [connection.release_extensions() for _ in range(2)] == [False, True]


def test_codecs_that_fail_at_the_end_are_told_of(core: Core) -> None:
    connection = extend(core, core.server(), [failing("release")])
    connection.release_extensions()
    assert isinstance(connection.failure, ExtensionError)
    last = extend(core, core.server(), [failing("close"), Doubling(RSV3)])
    last.mark_lost()
    assert isinstance(last.extension_error, ExtensionError)
    assert last.state_name == "lost"


def test_a_connection_without_extensions_has_nothing_to_release(core: Core) -> None:
    connection = core.server()
    connection.release_extensions()
    connection.mark_lost()
    assert connection.state_name == "lost"


# --- in another thread ----------------------------------------------------------------------------


def apart(core: Core, codec: Any, **settings: Any) -> Any:
    """A connection whose thread is a list of what it was given to do."""
    codec.offload_size = 5
    connection = extend(core, core.server(**settings), [codec])
    connection.jobs = []

    def run(work: Any, done: Any) -> bool:
        connection.jobs.append((work, done))
        return True

    connection.hooks["apart"] = run
    return connection


def finish(connection: Any) -> None:
    work, done = connection.jobs.pop(0)
    done(work())


def test_a_large_message_is_encoded_apart_and_others_wait_for_it(core: Core) -> None:
    connection = apart(core, Doubling())
    assert connection.send("large") == "wait"
    assert connection.send("next") == "wait"
    connection.send(b"also large", compress=True)
    assert not connection.is_writable
    assert connection.held_size == 19
    connection.send_control(0x9, b"ping")
    connection.begin_close(1000, "")
    finish(connection)
    finish(connection)
    assert connection.jobs == []
    assert [(f.opcode, f.rsv, f.payload[:8]) for f in connection.sent()] == [
        (PING, 0, b"ping"),
        (TEXT, 4, b"llaarrgg"),
        (TEXT, 4, b"nneexxtt"),
        (BINARY, 4, b"aallssoo"),
        (CLOSE, 0, b"\x03\xe8"),
    ]
    assert connection.held_size == 0


def test_a_message_that_is_not_to_be_compressed_stays(core: Core) -> None:
    connection = apart(core, Doubling())
    assert connection.send("large", compress=False) is core.DONE
    assert connection.jobs == []


def test_without_another_thread_it_is_encoded_here(core: Core) -> None:
    connection = apart(core, Doubling())
    del connection.hooks["apart"]
    assert connection.send("large") is core.DONE
    assert [f.payload for f in connection.sent()] == [b"llaarrggee"]
    assert connection.is_writable


def test_the_transport_may_be_full_when_it_is_done(core: Core) -> None:
    connection = apart(core, Doubling(), fragmentation_threshold=8)
    connection.send("large")
    connection.set_writable(False)
    connection.send("next")
    finish(connection)
    assert connection.sent() == []
    connection.set_writable(True)
    assert [(f.fin, f.rsv, f.payload) for f in connection.sent()] == [
        (False, 4, b"llaarrgg"),
        (True, 0, b"ee"),
        (True, 4, b"nneexxtt"),
    ]


@pytest.mark.parametrize("end", ["lost", "failed"])
def test_the_connection_may_be_over_when_it_is_done(core: Core, end: str) -> None:
    codec = Doubling()
    connection = apart(core, codec)
    connection.send("large")
    if end == "lost":
        connection.mark_lost()
        assert "close" not in codec.calls  # it works in the other thread
    else:
        connection.fail(1011, "enough", ValueError())
    finish(connection)
    assert codec.calls.count("close") == (end == "lost")
    assert [f.opcode for f in connection.sent()] == ([] if end == "lost" else [CLOSE])
    connection.mark_lost()
    assert codec.calls.count("close") == 1


def test_a_codec_that_fails_in_the_other_thread_ends_its_connection(core: Core) -> None:
    connection = apart(core, failing("encode"))
    connection.send("large")
    finish(connection)
    assert isinstance(connection.failure, ExtensionError)
    assert [f.opcode for f in connection.sent()] == [CLOSE]


def test_codecs_that_do_not_say_so_stay_in_the_thread_of_the_loop(core: Core) -> None:
    first, second = Doubling(RSV1), Doubling(RSV3)
    first.offload_size = 1
    connection = extend(core, core.server(), [first, second])
    assert connection.send("x") is core.DONE


# --- for many -------------------------------------------------------------------------------------


class Sharing(Doubling):
    """Remembers how often it encoded for many, and what it was told of."""

    def __init__(self, key: object = 1) -> None:
        super().__init__()
        self.key = key
        self.threshold = 3

    def share_key(self) -> object:
        return self.key

    def encode_shared(self, opcode: int, payload: bytes) -> tuple[int, bytes]:
        self.calls.append("encode_shared")
        return RSV1, b"".join(bytes([byte, byte]) for byte in payload)

    def shared_sent(self) -> None:
        self.calls.append("shared_sent")


def test_a_message_for_many_is_encoded_once(core: Core) -> None:
    codecs = [Sharing(), Sharing(), Sharing(2), Sharing(2)]
    connections = [extend(core, core.server(), [codec]) for codec in codecs] + [core.server()]
    message = core.SharedMessage("news")
    for connection in connections:
        connection.send_shared(message)
    assert [codec.calls.count("encode_shared") for codec in codecs] == [1, 0, 1, 0]
    assert [codec.calls.count("shared_sent") for codec in codecs] == [1, 1, 1, 1]
    sent = [[(f.opcode, f.rsv, f.payload) for f in connection.sent()] for connection in connections]
    assert sent == [[(TEXT, 4, b"nneewwss")]] * 4 + [[(TEXT, 0, b"news")]]
    assert connections[0].traffic == (1, 4, 8, 0, 0, 0)
    assert connections[4].traffic is None


def test_what_is_not_to_be_compressed_is_not_compressed_for_many_either(core: Core) -> None:
    codec = Sharing()
    connection = extend(core, core.server(), [codec])
    connection.send_shared(core.SharedMessage(bytearray(b"ab")))
    connection.send_shared(core.SharedMessage(b"abcd", False))
    connection.send_shared(core.SharedMessage(b"ab", True))
    assert [(f.opcode, f.rsv, f.payload) for f in connection.sent()] == [
        (BINARY, 0, b"ab"),
        (BINARY, 0, b"abcd"),
        (BINARY, 4, b"aabb"),
    ]
    assert codec.calls.count("shared_sent") == 1


def test_a_message_for_many_that_waits_is_encoded_by_itself_later(core: Core) -> None:
    codec = Sharing()
    connection = extend(core, core.server(), [codec])
    connection.set_writable(False)
    connection.send_shared(core.SharedMessage("news"))
    connection.set_writable(True)
    assert [(f.rsv, f.payload) for f in connection.sent()] == [(4, b"nneewwss")]
    assert "shared_sent" not in codec.calls


def test_codecs_that_share_nothing_encode_each(core: Core) -> None:
    codec = Doubling()
    connection = extend(core, core.server(), [codec])
    connection.send_shared(core.SharedMessage("x"))
    assert [f.payload for f in connection.sent()] == [b"xx"]
    closed = core.server()
    closed.mark_lost()
    with pytest.raises(Exception, match="the connection is lost"):
        closed.send_shared(core.SharedMessage("x"))


@pytest.mark.parametrize("hook", ["encode_shared", "shared_sent"])
def test_a_codec_that_fails_for_many_ends_its_connection(core: Core, hook: str) -> None:
    codec = Sharing()
    setattr(codec, hook, lambda *_: 1 / 0)
    connection = extend(core, core.server(), [codec])
    with pytest.raises(Exception, match="the connection is failed"):
        connection.send_shared(core.SharedMessage("news"))
    assert isinstance(connection.failure, ExtensionError)
    assert connection.failure.hook == hook


def test_traffic_is_counted_where_it_passes(core: Core) -> None:
    connection = extend(core, core.server().listening(), [Doubling()])
    connection.send("abc")
    connection.send("not me", compress=False)
    connection.begin_stream()
    connection.send_part(TEXT, b"a")
    connection.send_part(0x80 | CONT, b"b")
    connection.end_stream()
    connection.feed(frame(TEXT, b"aabb", rsv=4) + frame(TEXT, b"plain") + frame(TEXT, b"aa", rsv=4), chunk=1)
    connection.feed(frame(TEXT, b"aabb", rsv=4))
    assert connection.traffic == (2, 5, 10, 3, 5, 10)


# --- properties -----------------------------------------------------------------------------------


@given(
    messages=st.lists(st.tuples(st.text(max_size=40) | st.binary(max_size=40), st.sampled_from([None, True, False]))),
    threshold=st.sampled_from([0, 10]),
    fragments=st.sampled_from([1, 3, 16384]),
    sizes=chunks,
    with_frames=st.booleans(),
    piece=st.sampled_from([1, 2, 1000]),
)
@settings(deadline=None)
def test_what_one_sends_the_other_gets(
    both: tuple[Core, Core],
    messages: list[tuple[str | bytes, bool | None]],
    threshold: int,
    fragments: int,
    sizes: list[int],
    with_frames: bool,
    piece: int,
) -> None:
    wires = []
    for core in both:
        codecs = [Doubling(RSV1, piece), Doubling(RSV3, piece)]
        codecs[0].threshold = codecs[1].threshold = threshold
        frames = [Reversing()] if with_frames else []
        sender = extend(core, core.client(fragmentation_threshold=fragments), codecs, frames)
        for message, compress in messages:
            sender.send(message, compress)
        sender.go_on()
        wires.append(b"".join(sender.written))
        receiver = core.server(max_empty_frames=None).listening()
        extend(core, receiver, [Doubling(RSV1, piece), Doubling(RSV3, piece)], [Reversing()] if with_frames else [])
        for data in cut(wires[-1], sizes):
            receiver.feed(data)
        assert receiver.messages == [message for message, _ in messages]
    assert wires[0] == wires[1]
