"""Checks of option values: what they let through, and what they say about the rest."""

import ipaddress
import re
from typing import Any

import pytest

from twinax.checks import as_network, as_pairs, as_rules, as_sequence, check_callable, check_names, check_number


@pytest.mark.parametrize(
    ("value", "kind", "optional", "error", "text"),
    [
        (1, int, False, None, ""),
        (10, int, False, None, ""),
        (1.5, float, False, None, ""),
        (2, float, False, None, ""),
        (None, int, True, None, ""),
        (None, int, False, TypeError, "x=None: an integer, 1 to 10"),
        (None, float, False, TypeError, "x=None: a number, 1 to 10"),
        (True, int, True, TypeError, "x=True: an integer, 1 to 10, or None"),
        (1.5, int, False, TypeError, "x=1.5: an integer, 1 to 10"),
        ("5", float, False, TypeError, "x='5': a number, 1 to 10"),
        (0, int, False, ValueError, "x=0 is out of range: 1 to 10"),
        (11, int, True, ValueError, "x=11 is out of range: 1 to 10, or None"),
        (float("nan"), float, False, ValueError, "x=nan is out of range: 1 to 10"),
    ],
)
def test_numbers(value: Any, kind: type, optional: bool, error: type[Exception] | None, text: str) -> None:
    if error is None:
        check_number("x", value, kind, 1, 10, optional=optional)
        return
    with pytest.raises(error) as caught:
        check_number("x", value, kind, 1, 10, optional=optional)
    assert str(caught.value) == text


def test_bounds_are_shown_as_people_write_them() -> None:
    for low, high, text in (
        (125, 2**62, "125 to 2**62"),
        (0.001, 86400 * 365, "0.001 to 31536000"),
        (0, 1e9, "0 to 1000000000"),
    ):
        with pytest.raises(ValueError, match=f": {re.escape(text)}$"):
            check_number("x", -1, float, low, high, optional=False)


def test_sequences() -> None:
    assert as_sequence("x", ["a"]) == ("a",)
    assert as_sequence("x", iter("ab")) == ("a", "b")
    for lone in ("a", b"a"):
        with pytest.raises(TypeError, match="a list is meant"):
            as_sequence("x", lone)


def test_rules() -> None:
    assert as_rules("x", None) is None
    assert as_rules("x", "*") == "*"
    assert as_rules("x", ["a"]) == ("a",)


def test_networks() -> None:
    assert as_network("10.0.0.1") == ipaddress.ip_network("10.0.0.1/32")
    network = ipaddress.ip_network("2001:db8::/32")
    assert as_network(network) == network
    with pytest.raises(ValueError, match="has host bits set"):
        as_network("10.0.0.1/8")


def test_pairs() -> None:
    assert as_pairs({"a": "1"}) == (("a", "1"),)
    assert as_pairs([("a", 1)]) == (("a", "1"),)


def test_names() -> None:
    assert check_names(["b", "a"]) == ("b", "a")
    with pytest.raises(ValueError, match="twice"):
        check_names(["a", "A"])


def test_callables() -> None:
    check_callable("x", None)
    check_callable("x", print)
    with pytest.raises(TypeError, match="x='print'"):
        check_callable("x", "print")
