"""The table of rules: every member is whole, and its sentence can be filled."""

import string

import pytest

from twinax.close import is_code_on_wire
from twinax.rules import Rule

VALUES = {
    "bits": 4,
    "opcode": 3,
    "length": 126,
    "code": 1005,
    "limit": 100,
    "received": 5,
    "fragments": 2,
    "kind": "ping",
    "problem": "a problem",
    "extension": "x-permessage-zstd",
}


@pytest.mark.parametrize("rule", Rule)
def test_every_rule_is_whole(rule: Rule) -> None:
    assert rule.section == "limit" or rule.section.startswith(("RFC 6455 ", "RFC 7692 "))
    assert is_code_on_wire(rule.close_code)
    names = [name for _, name, _, _ in string.Formatter().parse(rule.text) if name]
    assert set(names) <= set(VALUES)
    sentence = rule.explain(**VALUES)
    assert "{" not in sentence
    assert len(f"{sentence} ({rule.section})".encode()) <= 123  # it fits into a close frame
    for name in names:
        assert str(VALUES[name]) in sentence or hex(VALUES[name]) in sentence or "0b100" in sentence
    if rule.section == "limit":
        assert "max_" in rule.text  # which option sets it


def test_sections_and_codes() -> None:
    assert {rule.close_code for rule in Rule if rule.section != "limit"} == {1002, 1007}
    assert {rule.close_code for rule in Rule if rule.section == "limit"} == {1008, 1009}
    assert Rule.RESERVED_BITS.explain(bits=4) == "reserved bits 0b100 set, but no negotiated extension owns them"
