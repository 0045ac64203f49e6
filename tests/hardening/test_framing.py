"""Every rule of framing, broken: what the peer is told, what is kept, what is discarded."""

import struct
from typing import Any

import pytest

from cores import Core
from frame_bytes import BINARY, CLOSE, CONT, PING, TEXT, frame, parse_frames
from twinax.close import is_code_on_wire
from twinax.errors import RemoteProtocolError
from twinax.rules import Rule

from .violations import BAD_UTF8, VIOLATIONS, Violation

CASES = [
    pytest.param(violation, role, id=f"{violation.rule.name}: {violation.name}, {role}")
    for violation in VIOLATIONS
    for role in violation.roles
]

# No message comes before a violation of a limit of 0.
CASES_AFTER_A_MESSAGE = [case for case in CASES if 0 not in case.values[0].settings.values()]

# They need an extension to be broken: shown in tests/_core/test_pipeline.py.
OF_EXTENSIONS = {
    Rule.COMPRESSED_DATA_INVALID,  # tests/extensions/test_deflate.py
    Rule.EXTENSION_DATA_INVALID,  # tests/extensions/test_zstd.py
    Rule.RESERVED_BITS_MISPLACED,
    Rule.ENCODED_FRAME_TOO_BIG,
    Rule.ENCODED_MESSAGE_TOO_BIG,
    Rule.DECODED_MESSAGE_TOO_BIG,
}


def test_every_rule_has_a_vector() -> None:
    assert {violation.rule for violation in VIOLATIONS} | OF_EXTENSIONS == set(Rule)


def check_failure(peer: Any, violation: Violation) -> None:
    assert peer.state_name == "failed"
    assert isinstance(peer.failure, RemoteProtocolError)
    assert peer.failure.rule is violation.rule
    last = peer.sent()[-1]
    assert last.opcode == CLOSE
    assert struct.unpack(">H", last.payload[:2]) == (violation.rule.close_code,)
    reason = last.payload[2:].decode()
    assert reason == str(peer.failure) == peer.close_sent.reason
    for part in violation.says:
        assert part in reason
    assert [item.opcode for item in peer.sent()].count(CLOSE) == 1
    assert peer.events[-1] == ("failure", reason)
    assert all((item.key is not None) == peer.masks for item in peer.sent())


@pytest.mark.parametrize(("violation", "role"), CASES)
@pytest.mark.parametrize("chunk", [None, 1, 3], ids=["whole", "by byte", "by three"])
def test_violation(core: Core, violation: Violation, role: str, chunk: int | None) -> None:
    masked = role == "server"
    peer = core.connection(role, **violation.settings)
    before = b"" if violation.settings.get("max_received_message_size", 1) == 0 else b"before"
    if violation.settings.get("max_received_frame_size", 1) == 0:
        before = b""
    peer.listening().feed(frame(TEXT, before, masked=masked), now=violation.now)
    expected = peer.messages[:] or [("frame", True, 0, TEXT, b"before")]
    peer.feed(violation.build(masked) + frame(TEXT, b"after", masked=masked), now=violation.now, chunk=chunk)
    got = [event for event in peer.events if event[0] in ("message", "frame")]
    assert [event[1] if event[0] == "message" else event for event in got][: len(expected)] == expected
    assert all(event[1:] == ("",) for event in got[len(expected) :]), "only empty messages may come before the end"
    check_failure(peer, violation)
    events, written = peer.events[:], peer.written[:]
    peer.feed(frame(TEXT, b"more", masked=masked) + frame(CLOSE, masked=masked), now=violation.now)
    assert (peer.events, peer.written) == (events, written), "after a failure nothing is taken and nothing sent"


@pytest.mark.parametrize(("violation", "role"), CASES_AFTER_A_MESSAGE)
def test_messages_of_the_same_read_are_kept(core: Core, violation: Violation, role: str) -> None:
    masked = role == "server"
    peer = core.connection(role, **(violation.settings | {"assemble_fragments": True}))
    peer.feed(frame(TEXT, "café".encode(), masked=masked) + violation.build(masked), now=violation.now)
    assert peer.waiting >= 1
    assert peer.take() == "café"
    check_failure(peer, violation)


# --- fail fast ------------------------------------------------------------------------------------


def fails_after(core: Core, data: bytes, **settings: Any) -> int:
    """Return how many bytes a server takes before it fails."""
    peer = core.server(**settings)
    for count in range(1, len(data) + 1):
        peer.feed(data[count - 1 : count])
        if peer.state_name == "failed":
            return count
    raise AssertionError("it did not fail")


@pytest.mark.parametrize("violation", [v for v in VIOLATIONS if v.rule.section == "RFC 6455 5.5"], ids=lambda v: v.name)
def test_control_header_fails_after_two_bytes(core: Core, violation: Violation) -> None:
    assert fails_after(core, violation.build(True)) == 2


@pytest.mark.parametrize("rule", [Rule.RESERVED_BITS, Rule.UNKNOWN_OPCODE, Rule.MASK_MISSING])
def test_header_fails_after_two_bytes(core: Core, rule: Rule) -> None:
    for violation in VIOLATIONS:
        if violation.rule is rule and violation.name != "in a continuation":
            assert fails_after(core, violation.build(True)) == 2


def test_too_big_fails_before_the_payload(core: Core) -> None:
    assert fails_after(core, frame(TEXT, b"abc", length=1 << 40)) == 14
    assert fails_after(core, frame(TEXT, b"abc", length=200), max_received_frame_size=100) == 8
    assert fails_after(core, frame(TEXT, b"abc", length=200), max_received_message_size=100) == 8


@pytest.mark.parametrize("name", BAD_UTF8)
@pytest.mark.parametrize("fin", [True, False])
def test_text_fails_at_the_first_bad_byte(core: Core, name: str, fin: bool) -> None:
    bad = BAD_UTF8[name]
    whole = "good, Zoë: €".encode() + bad
    # The first prefix that no continuation can save, by trying all continuations that could.
    saviours = [b"", b"\x80", b"\x80\x80", b"\x80\x80\x80", b"\xa0\x80", b"\x90\x80\x80"]

    def can_be_saved(prefix: bytes) -> bool:
        for saviour in saviours:
            try:
                (prefix + saviour).decode()
            except UnicodeDecodeError:
                continue
            return True
        return False

    first_bad = next(n for n in range(len(whole) + 1) if not can_be_saved(whole[:n]))
    assert fails_after(core, frame(TEXT, whole, length=900, fin=fin)) == 8 + first_bad
    parts = frame(TEXT, whole[: first_bad - 1], fin=False)
    assert fails_after(core, parts + frame(CONT, whole[first_bad - 1 :] + b"x", length=90)) == len(parts) + 7


# --- borders that are no violation -------------------------------------------------------------------


def test_close_codes(core: Core) -> None:
    for code in (*range(5003), 65535):
        peer = core.server().feed(frame(CLOSE, code.to_bytes(2, "big")))
        if 1000 <= code <= 1003 or 1007 <= code <= 1014 or 3000 <= code <= 4999:
            assert is_code_on_wire(code)
            assert peer.events == [("close", code, "")]
            assert peer.sent_pairs() == [(CLOSE, code.to_bytes(2, "big"))]
        else:
            assert not is_code_on_wire(code)
            assert peer.failure.rule is Rule.CLOSE_CODE_INVALID
            assert peer.close_rcvd is None


@pytest.mark.parametrize("chunk", [None, 1])
@pytest.mark.parametrize("size", [0, 1, 125, 126, 65535, 65536])
def test_lengths_at_the_borders(core: Core, role: str, size: int, chunk: int | None) -> None:
    masked = role == "server"
    peer = core.connection(role).listening()
    peer.feed(frame(BINARY, b"\xfe" * size, masked=masked) + frame(TEXT, b"z" * size, masked=masked), chunk=chunk)
    assert peer.messages == [b"\xfe" * size, "z" * size]


def test_a_frame_and_a_message_of_exactly_the_limit(core: Core) -> None:
    limits = {"max_received_frame_size": 1000, "max_received_message_size": 1000}
    peer = core.server(**limits).listening().feed(frame(TEXT, b"a" * 1000))
    peer.feed(frame(TEXT, b"a" * 1000), chunk=7)
    peer.feed(frame(BINARY, b"a" * 600, fin=False) + frame(CONT, b"b" * 400))
    peer.feed(frame(BINARY, b"a" * 600, fin=False) + frame(CONT, b"b" * 336, fin=False) + frame(CONT, b""))
    assert [len(message) for message in peer.messages] == [1000, 1000, 1000, 936]
    # A fragment after the first counts for 64 bytes at the least.
    peer.feed(frame(BINARY, b"a" * 600, fin=False) + frame(CONT, b"b" * 337, fin=False) + frame(CONT, b""))
    assert peer.failure.rule is Rule.TOO_MANY_FRAGMENTS


def test_no_limits(core: Core) -> None:
    unlimited = {"max_received_frame_size": None, "max_received_message_size": None, "max_empty_frames": None}
    peer = core.server(**unlimited).listening()
    peer.feed(frame(TEXT, b"") * 1000)
    peer.feed(frame(BINARY, b"x" * 3_000_000))
    peer.feed(frame(BINARY, b"a", fin=False) + frame(CONT, b"", fin=False) * 1000 + frame(CONT, b"b"))
    assert peer.messages[1000:] == [b"x" * 3_000_000, b"ab"]
    peer.feed(frame(BINARY, b"abc", length=(1 << 63) - 1))
    assert peer.state_name == "open", "it waits for the rest of 2**63 - 1 bytes"


def test_no_limits_do_not_wrap(core: Core) -> None:
    unlimited = {"max_received_frame_size": None, "max_received_message_size": None}
    peer = core.server(**unlimited)
    peer.feed(frame(BINARY, b"abc", fin=False) + frame(CONT, b"", length=(1 << 63) - 1))
    assert peer.failure.rule is Rule.MESSAGE_TOO_BIG
    assert "9223372036854775807 bytes on top of 3" in str(peer.failure)


@pytest.mark.parametrize("chunk", [None, 1])
def test_empty_frames_in_a_row(core: Core, chunk: int | None) -> None:
    peer = core.server().listening()
    peer.feed(frame(TEXT) * 16 + frame(TEXT, b"a") + frame(BINARY) * 16, chunk=chunk)
    assert peer.messages == [""] * 16 + ["a"] + [b""] * 16
    peer.feed(frame(PING), chunk=chunk)  # a control frame is no data frame: it does not end the row
    peer.feed(frame(BINARY), chunk=chunk)
    assert peer.failure.rule is Rule.TOO_MANY_EMPTY_FRAMES
    assert len(peer.messages) == 33


def test_control_frames_are_charged_by_the_clock(core: Core) -> None:
    peer = core.server()
    peer.feed(frame(PING) * 200, now=10.0)
    peer.feed(frame(PING) * 25, now=10.25)  # so many came back
    peer.feed(frame(PING) * 100, now=11.25)
    peer.feed(frame(PING) * 200, now=100.0)  # the bucket never holds more than the burst
    assert peer.state_name == "open"
    peer.feed(frame(PING), now=100.0078125)
    assert peer.failure.rule is Rule.TOO_MANY_CONTROL_FRAMES
    assert len([item for item in peer.sent() if item.opcode != CLOSE]) == 525


@pytest.mark.parametrize(("limit", "now"), [(None, 1.0), (100.0, -1.0)], ids=["no limit", "no clock"])
def test_control_frames_are_not_charged(core: Core, limit: float | None, now: float) -> None:
    peer = core.server(max_control_frames_per_second=limit).feed(frame(PING) * 1000, now=now)
    assert len(peer.sent()) == 1000


def test_the_reason_names_a_limit_as_it_was_given(core: Core) -> None:
    for limit, said in ((100, "=100 "), (100.0, "=100 "), (0.5, "=0.5 ")):
        peer = core.server(max_control_frames_per_second=limit, control_frame_burst=1)
        peer.feed(frame(PING) * 2, now=0.0)
        assert said in peer.close_sent.reason


def test_longest_reason_fits(core: Core) -> None:
    peer = core.server(max_received_frame_size=None, max_received_message_size=(1 << 62) + 1)
    peer.feed(frame(BINARY, b"a" * 1_000_000, fin=False) + frame(CONT, length=(1 << 63) - 1))
    (sent,) = parse_frames(b"".join(peer.written))
    assert len(sent.payload) <= 125
    assert "max_received_message_size=4611686018427387905" in peer.close_sent.reason
