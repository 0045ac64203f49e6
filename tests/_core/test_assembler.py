"""From fragments to a message (interpreted; what the compiled one does shows in test_connection)."""

import pytest

from twinax._core.assembler import Assembler
from twinax._core.cursor import Cursor
from twinax.errors import RemoteProtocolError
from twinax.rules import Rule

TEXT, BINARY = 1, 2


def feed(assembler: Assembler, data: bytes, key: int = 0) -> None:
    cursor = Cursor()
    cursor.load(bytearray(data), 0, len(data))
    assembler.announce(len(data))
    assembler.append(cursor, len(data), key)
    assert cursor.available() == 0


def test_text_over_fragments_that_cut_characters() -> None:
    assembler = Assembler(10_000)
    text = "aé€😀z"
    assembler.begin(TEXT)
    for byte in text.encode():
        feed(assembler, bytes([byte]))
    assert assembler.finish() == text
    assert assembler.opcode == 0
    assembler.begin(BINARY)
    feed(assembler, b"\xff\xfe")
    assert assembler.finish() == b"\xff\xfe"


def test_nothing_is_an_empty_message() -> None:
    assembler = Assembler(0)
    for opcode, empty in ((TEXT, ""), (BINARY, b"")):
        assembler.begin(opcode)
        assembler.announce(0)
        assert assembler.finish() == empty


def test_text_that_ends_inside_a_character() -> None:
    assembler = Assembler(100)
    assembler.begin(TEXT)
    feed(assembler, b"ab\xe2\x82")
    with pytest.raises(RemoteProtocolError) as caught:
        assembler.finish()
    assert caught.value.rule is Rule.TEXT_NOT_UTF8


def test_text_that_cannot_become_valid() -> None:
    assembler = Assembler(100)
    assembler.begin(TEXT)
    feed(assembler, b"ab\xed")
    with pytest.raises(RemoteProtocolError):
        feed(assembler, b"\xa0")


@pytest.mark.parametrize("limit", [0, 1, 63, 64, 65, 1000])
def test_first_fragment_may_use_the_whole_budget(limit: int) -> None:
    assembler = Assembler(limit)
    assembler.begin(BINARY)
    feed(assembler, b"x" * limit)
    for length, rule in ((0, Rule.TOO_MANY_FRAGMENTS), (1, Rule.MESSAGE_TOO_BIG)):
        with pytest.raises(RemoteProtocolError) as caught:
            assembler.announce(length)
        assert caught.value.rule is rule
    assembler.reset()
    assembler.begin(BINARY)
    assembler.announce(limit)  # a new message has a new budget


def test_empty_fragments_use_the_budget_up() -> None:
    assembler = Assembler(640)
    assembler.begin(TEXT)
    for _ in range(11):
        feed(assembler, b"")
    with pytest.raises(RemoteProtocolError, match=r"11 fragments, .* max_received_message_size=640"):
        assembler.announce(0)


def test_parts_are_whole_characters_and_count_for_the_limit() -> None:
    assembler = Assembler(200)
    assembler.begin(TEXT)
    feed(assembler, b"a\xe2\x82")
    assert assembler.take_part() == "a"
    feed(assembler, b"\xacb")
    assert assembler.take_part() == "€b"
    assert assembler.take_part() == ""
    with pytest.raises(RemoteProtocolError, match="on top of 5"):
        assembler.announce(196)
    assert assembler.finish() == ""
    assembler.begin(BINARY)
    feed(assembler, b"\xff")
    assert assembler.take_part() == b"\xff"
    feed(assembler, b"\xfe")
    assert assembler.finish() == b"\xfe"
