"""Cookies: those of a request, those to set, those that a client sends."""

import email.utils
import re
import string
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinax.cookies import MAX_COOKIES, Cookie, SetCookie, build_cookie_header, check_unique, parse_cookies

TOKEN_CHARACTERS = "!#$%&'*+-.^_`|~" + string.digits + string.ascii_letters
COOKIE_OCTETS = "".join(chr(c) for c in range(0x21, 0x7F) if chr(c) not in '",;\\')

# --- of a request -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "cookies"),
    [
        ("", []),
        ("a=b", [("a", "b")]),
        ("a=b; c=d", [("a", "b"), ("c", "d")]),
        ("a=b,c=d;e=f", [("a", "b"), ("c", "d"), ("e", "f")]),
        ("a=1; a=2", [("a", "1"), ("a", "2")]),
        ("  a  =  b  ;c= d", [("a", "b"), ("c", "d")]),
        ("a=b=c", [("a", "b=c")]),
        ("bare; a=b", [("bare", None), ("a", "b")]),
        ("a=", [("a", "")]),
        ("=b", [("", "b")]),
        ("; ,;a=b;;", [("a", "b")]),
        ('a="b c"', [("a", "b c")]),
        ('a=""', [("a", "")]),
        ('a=""b""', [("a", '"b"')]),
        ('a="', [("a", '"')]),
        ('a="b', [("a", '"b')]),
        ("a=%41%20b", [("a", "A b")]),
        ("a=%C3%A9", [("a", "é")]),
        ('a="%22"', [("a", '"')]),
        ("a=\xe9%41", [("a", "\xe9A")]),
        ("a=%zz%41", [("a", "%zz%41")]),
        ("a=%4", [("a", "%4")]),
        ("a=%", [("a", "%")]),
        ("a=%C3", [("a", "%C3")]),
        ("a=\xe9%C3%A9\xe9", [("a", "\xe9\xe9\xe9")]),
        ("a=\xc3%A9", [("a", "\xc3%A9")]),
        ("a=%C3\xa9", [("a", "%C3\xa9")]),
        ("a=%ED%A0%80", [("a", "%ED%A0%80")]),
        ("a=\\x41%41\\", [("a", "\\x41A\\")]),
        ("a=%5C%78%34%31", [("a", "\\x41")]),
        ("a=\ud800%41", [("a", "\ud800%41")]),
        ("a=1+2", [("a", "1+2")]),
        ("$Version=1", [("$Version", "1")]),
    ],
)
def test_cookies_of_a_request(header: str, cookies: list[tuple[str, str | None]]) -> None:
    assert parse_cookies(header) == cookies


def test_a_cookie_has_names_for_its_parts() -> None:
    (cookie,) = parse_cookies("a=b")
    assert isinstance(cookie, Cookie)
    assert (cookie.name, cookie.value) == ("a", "b")


def test_number_of_cookies_is_bounded() -> None:
    exactly = [(f"a{number}", "b") for number in range(MAX_COOKIES)]
    header = "; ".join(f"{name}={value}" for name, value in exactly)
    assert parse_cookies(header) == exactly
    assert parse_cookies(f"{header}; more=1, more=2") == exactly


@given(st.text(st.sampled_from('%41cCaA9\\xé€"')))
def test_escapes_are_those_of_uris(value: str) -> None:
    ((_, found),) = parse_cookies(f"a='{value}'")
    if re.search("%(?![0-9A-Fa-f]{2})", value):
        assert found == f"'{value}'"
        return
    try:
        expected = unquote(value, errors="strict")
    except UnicodeDecodeError:
        expected = value
    assert found == f"'{expected}'"


@given(st.text())
def test_any_text_is_parsed(header: str) -> None:
    for name, value in parse_cookies(header):
        assert name == name.strip()
        assert value is None or isinstance(value, str)


# --- of a client --------------------------------------------------------------------------------


def test_cookie_header_from_mapping_pairs_and_cookies() -> None:
    assert build_cookie_header({"a": "b", "c": "d e"}) == "a=b; c=d e"
    assert build_cookie_header([("a", "b"), ("a", "c")]) == "a=b; a=c"
    assert build_cookie_header([Cookie("a", None), Cookie("b", '"x"')]) == 'a; b="x"'
    assert build_cookie_header(()) == ""


@given(
    st.lists(
        st.tuples(
            st.text(TOKEN_CHARACTERS, min_size=1, max_size=8),
            st.none() | st.text(COOKIE_OCTETS.replace("%", ""), max_size=12),
        )
    )
)
def test_cookies_come_back_as_they_were_built(pairs: list[tuple[str, str | None]]) -> None:
    assert parse_cookies(build_cookie_header(pairs)) == pairs


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("", "x", "not a token"),
        ("a b", "x", "not a token"),
        ("a=b", "x", "not a token"),
        ("a\n", "x", "not a token"),
        ("a", "x;y", "value holds"),
        ("a", "x\r\ny", "value holds"),
        ("a", "\x00", "value holds"),
        ("a", "é", "value holds"),
    ],
)
def test_nothing_is_smuggled_into_a_cookie_header(name: str, value: str, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        build_cookie_header({name: value})


@pytest.mark.parametrize(("name", "value"), [(b"a", "x"), ("a", b"x"), ("a", 1)])
def test_name_and_value_must_be_strings(name: Any, value: Any) -> None:
    with pytest.raises(TypeError, match="must be str"):
        build_cookie_header([(name, value)])


# --- to set -------------------------------------------------------------------------------------


def test_all_attributes() -> None:
    cookie = SetCookie(
        name="id",
        value="42",
        path="/a",
        domain="Example.COM",
        expires=datetime(1994, 11, 6, 9, 49, 37, tzinfo=timezone(timedelta(hours=1))),
        max_age=60,
        secure=True,
        http_only=True,
        same_site="None",
        partitioned=True,
    )
    assert cookie.build() == (
        "id=42; Path=/a; Domain=example.com; Expires=Sun, 06 Nov 1994 08:49:37 GMT; Max-Age=60; "
        "Secure; HttpOnly; SameSite=None; Partitioned"
    )
    assert cookie.domain == "example.com"


def test_no_attributes() -> None:
    assert SetCookie("a", "").build() == "a="
    assert SetCookie("a", "b", path="", domain="").build() == "a=b"


def test_is_frozen() -> None:
    cookie = SetCookie("a", "b")
    with pytest.raises(AttributeError):
        cookie.value = "c\r\n"  # type: ignore[misc]  # that is the test


@given(st.datetimes(timezones=st.just(UTC)))
def test_date_is_the_one_of_http(moment: datetime) -> None:
    date = SetCookie("a", "b", expires=moment).build().removeprefix("a=b; Expires=")
    assert date == email.utils.format_datetime(moment, usegmt=True)


@pytest.mark.parametrize(
    ("given_age", "age"),
    [(0, 0), (60, 60), (1.4, 1), (2.5, 3), (0.0, 0), ("60", 60), ("59.5", 60), ("0", 0), (10**15, 10**15)],
)
def test_max_age_is_rounded(given_age: Any, age: int) -> None:
    cookie = SetCookie("a", "b", max_age=given_age)
    assert cookie.max_age == age
    assert isinstance(cookie.max_age, int)
    assert cookie.build() == f"a=b; Max-Age={age}"


@pytest.mark.parametrize("quoted", ['"b"', '""', "b"])
def test_value_in_double_quotes(quoted: str) -> None:
    assert SetCookie("a", quoted).build() == f"a={quoted}"


BAD = [
    ({"name": ""}, "the name is not a token"),
    ({"name": "a b"}, "the name is not a token"),
    ({"name": "a;"}, "the name is not a token"),
    ({"name": "a\r\n"}, "the name is not a token"),
    ({"name": "é"}, "the name is not a token"),
    ({"value": "a b"}, "value 'a b' holds"),
    ({"value": "a;b"}, "holds characters"),
    ({"value": "a,b"}, "holds characters"),
    ({"value": "a\\b"}, "holds characters"),
    ({"value": '"'}, "holds characters"),
    ({"value": '"a'}, "holds characters"),
    ({"value": 'a"b'}, "holds characters"),
    ({"value": '"a"b"'}, "holds characters"),
    ({"value": "a\r\nSet-Cookie: x"}, "holds characters"),
    ({"value": "a\n"}, "holds characters"),
    ({"value": "\x00"}, "holds characters"),
    ({"value": "é"}, "holds characters"),
    ({"path": "/a;b"}, "path '/a;b' holds"),
    ({"path": "/\r\n"}, "path .* holds"),
    ({"path": "/é"}, "path '/é' holds"),
    ({"domain": "a\x00b"}, "domain .* holds"),
    ({"domain": "a;secure"}, "domain .* holds"),
    ({"expires": datetime(2020, 1, 1)}, "expires has no time zone"),  # that is the test
    ({"expires": datetime.min.replace(tzinfo=timezone(timedelta(hours=5)))}, "cannot be told in UTC"),
    ({"max_age": -1}, "max_age -1 is not a number of seconds, 0 or more"),
    ({"max_age": -0.6}, "0 or more"),
    ({"max_age": float("nan")}, "0 or more"),
    ({"max_age": float("inf")}, "0 or more"),
    ({"max_age": "9" * 400}, "0 or more"),
    ({"max_age": "-1"}, "is not a number of seconds"),
    ({"max_age": "1e3"}, "is not a number of seconds"),
    ({"max_age": ""}, "is not a number of seconds"),
    ({"max_age": "\u0661"}, "is not a number of seconds"),
    ({"same_site": "lax"}, "same_site 'lax' is none of"),
    ({"same_site": "None"}, "same_site 'None' needs secure"),
    ({"partitioned": True}, "partitioned needs secure"),
    ({"name": "__Secure-a"}, "prefix __Secure- needs secure"),
    ({"name": "__Host-a", "path": "/"}, "prefix __Host- needs"),
    ({"name": "__Host-a", "secure": True}, "prefix __Host- needs"),
    ({"name": "__HOST-a", "secure": True, "path": "/x"}, "prefix __Host- needs"),
    ({"name": "__Host-a", "secure": True, "path": "/", "domain": "a.b"}, "prefix __Host- needs"),
]


@pytest.mark.parametrize(("attributes", "text"), BAD)
def test_bad_cookie_cannot_be_made(attributes: dict[str, Any], text: str) -> None:
    values: dict[str, Any] = {"name": "a", "value": "b", **attributes}
    with pytest.raises(ValueError, match=text) as caught:
        SetCookie(**values)
    assert str(caught.value).startswith(f"cookie {values['name']!r}: ")


@pytest.mark.parametrize(
    "attributes",
    [
        {"name": 1},
        {"value": None},
        {"value": b"b"},
        {"path": 1},
        {"domain": b"a"},
        {"expires": 0},
        {"expires": "tomorrow"},
        {"max_age": True},
        {"max_age": [1]},
        {"secure": 1},
        {"http_only": "yes"},
        {"partitioned": None},
    ],
)
def test_types_are_checked(attributes: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match="must be"):
        SetCookie(**{"name": "a", "value": "b", **attributes})


def test_prefixes_in_order() -> None:
    assert SetCookie("__Host-a", "b", path="/", secure=True).build() == "__Host-a=b; Path=/; Secure"
    assert SetCookie("__Secure-a", "b", domain="c", secure=True).build() == "__Secure-a=b; Domain=c; Secure"


def test_of_a_cookie_is_that_cookie() -> None:
    cookie = SetCookie("a", "b")
    assert SetCookie.of(cookie) is cookie


@pytest.mark.parametrize(
    "mapping",
    [
        {"name": "a", "value": "b", "maxage": "5000", "httponly": True},
        {"name": "a", "value": "b", "max_age": 5000, "http_only": True},
        {"name": "a", "value": "b", "maxAge": 5000.2, "httpOnly": True},
    ],
)
def test_of_a_mapping(mapping: dict[str, Any]) -> None:
    assert SetCookie.of(mapping) == SetCookie("a", "b", max_age=5000, http_only=True)


@pytest.mark.parametrize(
    ("mapping", "text"),
    [
        ({}, "missing: name, value"),
        ({"name": "a"}, "missing: value"),
        ({"name": "a", "value": "b", "color": 1}, "no attribute 'color'"),
        ({"name": "a", "value": "b", 5: 1}, "no attribute 5"),
        ({"name": "a", "value": "b", "maxage": 1, "max_age": 1}, "'max_age' in two spellings"),
        ({"name": "a", "value": "b;"}, "holds characters"),
    ],
)
def test_of_a_bad_mapping(mapping: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        SetCookie.of(mapping)


def test_of_something_else() -> None:
    with pytest.raises(TypeError, match="SetCookie or a mapping, not str"):
        SetCookie.of("a=b")  # type: ignore[arg-type]  # that is the test


def test_names_must_be_unique() -> None:
    check_unique([])
    check_unique([SetCookie("a", "1"), SetCookie("A", "1")])
    with pytest.raises(ValueError, match="cookie 'a' is set twice"):
        check_unique([SetCookie("a", "1"), SetCookie("b", "1"), SetCookie("a", "2")])


@given(
    st.text(TOKEN_CHARACTERS, min_size=1, max_size=8).filter(lambda name: not name.startswith("__")),
    st.text(COOKIE_OCTETS.replace("%", ""), max_size=12),
)
def test_what_is_set_comes_back(name: str, value: str) -> None:
    assert parse_cookies(SetCookie(name, value).build()) == [Cookie(name, value)]
