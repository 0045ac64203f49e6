"""Bytes that break a rule, at least one vector for every member of `Rule`, for both roles where both apply."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from frame_bytes import BINARY, CLOSE, CONT, PING, PONG, TEXT, frame
from twinax import rules

__all__ = ["BAD_UTF8", "VIOLATIONS", "Violation"]

Rule = rules.Rule
SERVER, CLIENT = ("server",), ("client",)
BOTH = ("server", "client")

BAD_UTF8 = {
    "a continuation byte": b"\x80",
    "overlong in two bytes": b"\xc0\xaf",
    "overlong in three bytes": b"\xe0\x80\xaf",
    "overlong in four bytes": b"\xf0\x80\x80\xaf",
    "low surrogate": b"\xed\xb0\x80",
    "high surrogate": b"\xed\xa0\x80",
    "CESU pair": b"\xed\xa0\xbd\xed\xb8\x80",
    "beyond U+10FFFF": b"\xf4\x90\x80\x80",
    "lead byte F5": b"\xf5\x80\x80\x80",
    "byte FE": b"\xfe",
    "byte FF": b"\xff",
    "two leads": b"\xc3\xc3",
    "in the middle": "κόσμε".encode() + b"\xed\xa0\x80" + b"edited",
    "after much ASCII": b"a" * 100 + b"\xff" + b"a" * 20,
}
"""Fail at the first bad byte, without the end of the message."""

UNFINISHED_UTF8 = {
    "one of two": b"\xc3",
    "one of three": b"\xe2",
    "two of three": b"ab\xe2\x82",
    "three of four": b"\xf0\x9f\x98",
}


@dataclass(frozen=True)
class Violation:
    """What a peer sends, and what it is told.

    Attributes:
        rule: The rule that is broken.
        name: Names the vector among those of the rule.
        build: Makes the bytes; its argument is whether frames to this role are masked.
        says: What the reason of the close frame must name.
        roles: The roles in which it is a violation.
        settings: Settings of the connection.
        now: The clock.
    """

    rule: Rule
    name: str
    build: Callable[[bool], bytes]
    says: tuple[str, ...] = ()
    roles: tuple[str, ...] = BOTH
    settings: dict[str, Any] = field(default_factory=dict)
    now: float = -1.0


def _header() -> Iterator[Violation]:
    for rsv in range(1, 8):
        for opcode in (TEXT, BINARY, PING, CLOSE):
            yield Violation(
                Rule.RESERVED_BITS,
                f"rsv {rsv} opcode {opcode:x}",
                lambda m, o=opcode, r=rsv: frame(o, b"abc", rsv=r, masked=m),
                (f"{rsv:#05b}",),
            )
    yield Violation(
        Rule.RESERVED_BITS,
        "in a continuation",
        lambda m: frame(TEXT, b"a", fin=False, masked=m) + frame(CONT, b"b", rsv=4, masked=m),
        ("0b100",),
    )
    for opcode in (*range(3, 8), *range(0xB, 0x10)):
        for fin in (True, False):
            yield Violation(
                Rule.UNKNOWN_OPCODE,
                f"{opcode:x} fin {fin}",
                lambda m, o=opcode, f=fin: frame(o, b"abc", fin=f, masked=m),
                (f"{opcode:#x}",),
            )
    for size, width in ((0, 2), (1, 2), (125, 2), (0, 8), (125, 8), (126, 8), (65535, 8)):
        yield Violation(
            Rule.LENGTH_NOT_MINIMAL,
            f"{size} in {width}",
            lambda m, s=size, w=width: frame(BINARY, b"a" * s, length_bytes=w, masked=m),
            (f" {size} ",),
        )
    for size in (1 << 63, (1 << 63) + 5, (1 << 64) - 1):
        yield Violation(
            Rule.LENGTH_TOP_BIT, f"{size:#x}", lambda m, s=size: frame(TEXT, b"abc", length=s, masked=m), ("64-bit",)
        )
    for opcode in (TEXT, BINARY, CLOSE, PING, PONG, CONT):
        yield Violation(
            Rule.MASK_MISSING, f"opcode {opcode:x}", lambda m, o=opcode: frame(o, b"", masked=False), roles=SERVER
        )
        yield Violation(
            Rule.MASK_UNEXPECTED, f"opcode {opcode:x}", lambda m, o=opcode: frame(o, b"", masked=True), roles=CLIENT
        )
    for opcode in (CLOSE, PING, PONG):
        yield Violation(
            Rule.CONTROL_FRAGMENTED, f"opcode {opcode:x}", lambda m, o=opcode: frame(o, b"ab", fin=False, masked=m)
        )
        for size, width in ((126, None), (65536, None), (5, 2), (5, 8), ((1 << 63) - 1, None)):
            yield Violation(
                Rule.CONTROL_TOO_LONG,
                f"opcode {opcode:x} length {size} in {width}",
                lambda m, o=opcode, s=size, w=width: frame(o, b"abc", length=s, length_bytes=w, masked=m),
                ("125",),
            )


def _fragments() -> Iterator[Violation]:
    for payload in (b"", b"abc"):
        for fin in (True, False):
            yield Violation(
                Rule.CONTINUATION_WITHOUT_START,
                f"{len(payload)} bytes fin {fin}",
                lambda m, p=payload, f=fin: frame(CONT, p, fin=f, masked=m),
            )
            for opcode in (TEXT, BINARY):
                yield Violation(
                    Rule.START_INSIDE_MESSAGE,
                    f"opcode {opcode} after {len(payload)} bytes, fin {fin}",
                    lambda m, p=payload, f=fin, o=opcode: (
                        frame(TEXT, p, fin=False, masked=m) + frame(o, b"x", fin=f, masked=m)
                    ),
                )
    yield Violation(
        Rule.CONTINUATION_WITHOUT_START,
        "after a finished message",
        lambda m: frame(TEXT, b"", fin=False, masked=m) + frame(CONT, masked=m) + frame(CONT, b"x", masked=m),
    )
    yield Violation(
        Rule.START_INSIDE_MESSAGE,
        "after a continuation",
        lambda m: (
            frame(BINARY, b"a", fin=False, masked=m)
            + frame(CONT, b"b", fin=False, masked=m)
            + frame(BINARY, b"c", masked=m)
        ),
    )


def _text() -> Iterator[Violation]:
    for name, bad in BAD_UTF8.items():
        yield Violation(Rule.TEXT_NOT_UTF8, name, lambda m, b=bad: frame(TEXT, b, masked=m))
        yield Violation(
            Rule.TEXT_NOT_UTF8, f"{name}, unfinished message", lambda m, b=bad: frame(TEXT, b, fin=False, masked=m)
        )
        yield Violation(
            Rule.TEXT_NOT_UTF8, f"{name}, frame not all there", lambda m, b=bad: frame(TEXT, b, length=900, masked=m)
        )
        yield Violation(
            Rule.TEXT_NOT_UTF8,
            f"{name}, over two fragments",
            lambda m, b=bad: (
                frame(TEXT, b[:1], fin=False, masked=m) + frame(CONT, b[1:] + b"\xff", fin=False, masked=m)
            ),
        )
    for name, bad in UNFINISHED_UTF8.items():
        yield Violation(Rule.TEXT_NOT_UTF8, name, lambda m, b=bad: frame(TEXT, b, masked=m))
        yield Violation(
            Rule.TEXT_NOT_UTF8,
            f"{name}, empty end",
            lambda m, b=bad: frame(TEXT, b, fin=False, masked=m) + frame(CONT, b"", masked=m),
        )


def _close() -> Iterator[Violation]:
    yield Violation(Rule.CLOSE_PAYLOAD_OF_ONE_BYTE, "one byte", lambda m: frame(CLOSE, b"\x03", masked=m))
    for code in (0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535):
        yield Violation(
            Rule.CLOSE_CODE_INVALID,
            str(code),
            lambda m, c=code: frame(CLOSE, c.to_bytes(2, "big") + b"why", masked=m),
            (f" {code},",),
        )
    for name, bad in (BAD_UTF8 | UNFINISHED_UTF8).items():
        if len(bad) <= 123:
            yield Violation(Rule.CLOSE_REASON_NOT_UTF8, name, lambda m, b=bad: frame(CLOSE, b"\x03\xe8" + b, masked=m))


def _limits() -> Iterator[Violation]:
    small = {"max_received_frame_size": 1000, "max_received_message_size": 1000}
    for opcode in (TEXT, BINARY):
        for size in (1001, 65536, 1 << 31, (1 << 32) - 1, (1 << 63) - 1):
            yield Violation(
                Rule.FRAME_TOO_BIG,
                f"opcode {opcode} length {size}",
                lambda m, o=opcode, s=size: frame(o, b"abc", length=s, masked=m),
                (f" {size} ", "max_received_frame_size=1000"),
                settings=small,
            )
    yield Violation(
        Rule.FRAME_TOO_BIG, "frames mode", lambda m: frame(BINARY, b"abc", length=1001, masked=m), ("1001",),
        settings={**small, "assemble_fragments": False},
    )  # fmt: skip
    yield Violation(
        Rule.FRAME_TOO_BIG, "limit 0", lambda m: frame(BINARY, b"a", masked=m), ("=0",),
        settings={"max_received_frame_size": 0},
    )  # fmt: skip
    message = {"max_received_frame_size": None, "max_received_message_size": 1000}
    for size in (1001, 1 << 31, (1 << 32) - 1, (1 << 63) - 1):
        yield Violation(
            Rule.MESSAGE_TOO_BIG,
            f"one frame of {size}",
            lambda m, s=size: frame(TEXT, b"abc", length=s, masked=m),
            (f"{size} bytes on top of 0", "max_received_message_size=1000"),
            settings=message,
        )
        yield Violation(
            Rule.MESSAGE_TOO_BIG,
            f"second fragment of {size}",
            lambda m, s=size: frame(TEXT, b"ab", fin=False, masked=m) + frame(CONT, b"c", length=s, masked=m),
            (f"{size} bytes on top of 2", "max_received_message_size=1000"),
            settings=message,
        )
    yield Violation(
        Rule.MESSAGE_TOO_BIG, "whole and there", lambda m: frame(TEXT, b"a" * 1001, masked=m), ("1001",),
        settings=message,
    )  # fmt: skip
    yield Violation(
        Rule.MESSAGE_TOO_BIG,
        "one byte after a fragment that used the whole budget",
        lambda m: frame(TEXT, b"a" * 1000, fin=False, masked=m) + frame(CONT, b"a", masked=m),
        ("1 bytes on top of 1000",),
        settings=message,
    )
    yield Violation(
        Rule.TOO_MANY_FRAGMENTS,
        "an empty fragment after one that used the whole budget",
        lambda m: frame(TEXT, b"a" * 1000, fin=False, masked=m) + frame(CONT, b"", masked=m),
        ("1 fragments", "on top of 1000", "max_received_message_size=1000"),
        settings=message,
    )
    yield Violation(
        Rule.TOO_MANY_FRAGMENTS,
        "fragments of one byte",
        lambda m: frame(BINARY, b"a", fin=False, masked=m) + frame(CONT, b"a", fin=False, masked=m) * 40,
        ("16 fragments", "max_received_message_size=1000"),
        settings=message,
    )
    yield Violation(
        Rule.TOO_MANY_FRAGMENTS,
        "budget 0",
        lambda m: frame(BINARY, b"", fin=False, masked=m) + frame(CONT, b"", masked=m),
        ("=0",),
        settings={"max_received_message_size": 0},
    )
    yield Violation(
        Rule.MESSAGE_TOO_BIG, "message limit 0", lambda m: frame(BINARY, b"a", masked=m), ("=0",),
        settings={"max_received_message_size": 0},
    )  # fmt: skip
    for name, empty in (("messages", True), ("fragments", False)):
        yield Violation(
            Rule.TOO_MANY_EMPTY_FRAMES,
            name,
            lambda m, fin=empty: (
                frame(TEXT, b"", fin=fin, masked=m) + frame(TEXT if fin else CONT, b"", fin=fin, masked=m) * 16
            ),
            ("max_empty_frames=16",),
        )
    for opcode in (PING, PONG):
        yield Violation(
            Rule.TOO_MANY_CONTROL_FRAMES,
            f"opcode {opcode:x}",
            lambda m, o=opcode: frame(o, b"x", masked=m) * 201,
            ("max_control_frames_per_second=100 ",),
            now=5.0,
        )


VIOLATIONS = [*_header(), *_fragments(), *_text(), *_close(), *_limits()]
