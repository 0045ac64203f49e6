"""Basic authentication: the field both ways, the challenge, and who is let in."""

import base64
import hmac
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinax.protocol.basic_auth import build_basic, build_challenge, check_credentials, parse_basic

USERS = {"ann": "secret", "é": "pass:word", "none": ""}
printable = st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=20)


def encoded(text: bytes) -> str:
    return base64.b64encode(text).decode()


def test_example_of_the_rfc() -> None:
    assert build_basic("Aladdin", "open sesame") == "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="
    assert parse_basic("basic  QWxhZGRpbjpvcGVuIHNlc2FtZQ== ") == ("Aladdin", "open sesame")


@given(printable.filter(lambda name: ":" not in name), printable)
def test_credentials_come_back_as_they_were_built(username: str, password: str) -> None:
    assert parse_basic(build_basic(username, password)) == (username, password)


@pytest.mark.parametrize(("username", "password"), [("a:b", "c"), ("a\r\n", "c"), ("a", "\x00"), ("\x7f", "")])
def test_what_basic_cannot_say(username: str, password: str) -> None:
    with pytest.raises(ValueError, match="holds a colon"):
        build_basic(username, password)


BAD_FIELDS = [
    ("", "not of the scheme Basic"),
    ("Bearer abc", "not of the scheme Basic"),
    ("Basic", "no colon"),
    ("Basic !!!", "not base64 of UTF-8"),
    ("Basic é", "not base64 of UTF-8"),
    ("Basic " + encoded(b"a:\xff"), "not base64 of UTF-8"),
    ("Basic " + encoded(b"abc"), "no colon"),
]


@pytest.mark.parametrize(("header", "text"), BAD_FIELDS)
def test_malformed_field(header: str, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        parse_basic(header)
    assert check_credentials(header, USERS) is None


@pytest.mark.parametrize(
    ("username", "password", "found"),
    [
        ("ann", "secret", "ann"),
        ("é", "pass:word", "é"),
        ("none", "", "none"),
        ("ann", "Secret", None),
        ("ann", "secre", None),
        ("ann", "", None),
        ("Ann", "secret", None),
        ("bob", "secret", None),
        ("bob", "", None),
        ("", "", None),
    ],
)
def test_who_is_let_in(username: str, password: str, found: str | None) -> None:
    assert check_credentials(build_basic(username, password), USERS) == found


def test_no_field() -> None:
    assert check_credentials(None, USERS) is None


def test_unknown_users_cost_a_comparison_too(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[int, int]] = []
    compare = hmac.compare_digest

    def count(a: bytes, b: bytes) -> bool:
        compared.append((len(a), len(b)))
        return compare(a, b)

    monkeypatch.setattr(hmac, "compare_digest", count)
    for username, password in [("ann", "secret"), ("ann", "x"), ("bob", "x"), ("bob", "a" * 1000)]:
        check_credentials(build_basic(username, password), USERS)
    assert compared == [(32, 32)] * 4


@given(st.text(max_size=40))
def test_any_field_is_read_or_refused(header: str) -> None:
    assert check_credentials(header, {}) is None
    with suppress(ValueError):
        parse_basic(f"Basic {header}")


def test_challenge() -> None:
    assert build_challenge("here") == 'Basic realm="here", charset="UTF-8"'
    assert build_challenge('a"b\\c') == 'Basic realm="a\\"b\\\\c", charset="UTF-8"'


@pytest.mark.parametrize("realm", ["a\r\nb", "\x00", "é"])
def test_challenge_is_printable_ascii(realm: str) -> None:
    with pytest.raises(ValueError, match="printable ASCII"):
        build_challenge(realm)
