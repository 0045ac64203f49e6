"""The lists inside header fields: what they mean, every refusal, round trips, and linear work."""

import string
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinax.protocol.grammar import (
    MAX_ELEMENTS,
    Extension,
    build_extensions,
    build_protocols,
    check_protocol,
    parse_extensions,
    parse_protocols,
    parse_token_list,
    parse_upgrade,
)

TOKEN_CHARACTERS = "!#$%&'*+-.^_`|~" + string.digits + string.ascii_letters
tokens = st.text(TOKEN_CHARACTERS, min_size=1, max_size=8)
names = tokens.map(str.lower)
extension_lists = st.lists(st.tuples(names, st.lists(st.tuples(names, st.none() | tokens), max_size=4)), max_size=4)

# --- lists of tokens ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("Upgrade", ["upgrade"]),
        ("keep-alive, Upgrade", ["keep-alive", "upgrade"]),
        ("keep-alive,Upgrade", ["keep-alive", "upgrade"]),
        (" a\t,\t b ,", ["a", "b"]),
        (",, ,a", ["a"]),
        ("", []),
        ("a, a", ["a", "a"]),
    ],
)
def test_token_list(header: str, expected: list[str]) -> None:
    assert parse_token_list(header) == expected


@pytest.mark.parametrize("header", ["a b", '"a, upgrade"', "a;b", "a/b", "é", "a\x00", "a\nb", "\u212a"])
def test_token_list_is_refused(header: str) -> None:
    with pytest.raises(ValueError, match="is not a token"):
        parse_token_list(header)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("WebSocket", ["websocket"]),
        ("h2c, HTTP/2.0, websocket", ["h2c", "http/2.0", "websocket"]),
        ("", []),
    ],
)
def test_upgrade(header: str, expected: list[str]) -> None:
    assert parse_upgrade(header) == expected


@pytest.mark.parametrize("header", ["/1", "a/", "a/b/c", "web socket", '"websocket"'])
def test_upgrade_is_refused(header: str) -> None:
    with pytest.raises(ValueError, match="is not a token"):
        parse_upgrade(header)


# --- subprotocols -------------------------------------------------------------------------------


def test_protocols_keep_order_and_case() -> None:
    assert parse_protocols("Chat.v2 , chat.v1,x") == ["Chat.v2", "chat.v1", "x"]
    assert parse_protocols("") == []


def test_protocols_that_differ_in_case_are_two() -> None:
    assert parse_protocols("chat, Chat") == ["chat", "Chat"]


@pytest.mark.parametrize(
    ("header", "text"), [("a, b, a", "named twice"), ("a b", "not a token"), ("a;b", "not a token"), ("é", "token")]
)
def test_protocols_are_refused(header: str, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        parse_protocols(header)


@pytest.mark.parametrize("name", ["", "a b", "a,b", "a\r\n", "é", "\x00", '"a"', "a/b"])
def test_protocol_must_be_a_token(name: str) -> None:
    with pytest.raises(ValueError, match="is not a token"):
        check_protocol(name)
    with pytest.raises(ValueError, match="is not a token"):
        build_protocols(["ok", name])


@pytest.mark.parametrize("name", [None, b"a", 1])
def test_protocol_must_be_a_string(name: Any) -> None:
    with pytest.raises(TypeError, match="must be str"):
        check_protocol(name)


def test_protocols_to_offer_are_unique() -> None:
    with pytest.raises(ValueError, match="named twice"):
        build_protocols(["a", "a"])


@given(st.lists(tokens, unique=True, max_size=20))
def test_protocols_come_back_as_they_were_built(protocols: list[str]) -> None:
    assert parse_protocols(build_protocols(protocols)) == protocols


# --- extensions ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", []),
        (" \t", []),
        ("foo", [("foo", [])]),
        ("foo, bar", [("foo", []), ("bar", [])]),
        (",foo,, ,bar,", [("foo", []), ("bar", [])]),
        ("Foo; Bar=Baz", [("foo", [("bar", "Baz")])]),
        ("foo;a;b=1;c", [("foo", [("a", None), ("b", "1"), ("c", None)])]),
        ("foo ; a = 1 ,\tbar", [("foo", [("a", "1")]), ("bar", [])]),
        ('foo; a="10"', [("foo", [("a", "10")])]),
        ('foo; a="1\\0" , bar', [("foo", [("a", "10")]), ("bar", [])]),
        ("foo; a=1; a=2, foo", [("foo", [("a", "1"), ("a", "2")]), ("foo", [])]),
        (
            "permessage-deflate; client_max_window_bits; server_max_window_bits=10, permessage-deflate",
            [
                ("permessage-deflate", [("client_max_window_bits", None), ("server_max_window_bits", "10")]),
                ("permessage-deflate", []),
            ],
        ),
    ],
)
def test_extensions(header: str, expected: list[Extension]) -> None:
    assert parse_extensions(header) == expected


@pytest.mark.parametrize(
    ("header", "text"),
    [
        (";", "';' at 0"),
        ("=", "'=' at 0"),
        ("foo bar", "'b' at 4"),
        ("foo=bar", "'=' at 3"),
        ("foo;", "missing at the end"),
        ("foo; ", "missing at the end"),
        ("foo;,", "',' at 4"),
        ("foo;;a", "';' at 4"),
        ("foo; =1", "'=' at 5"),
        ("foo; a=", "missing at the end"),
        ("foo; a=;b", "';' at 7"),
        ("foo; a=1 2", "'2' at 9"),
        ('foo; a="1"2', "'2' at 10"),
        ('foo; a=""', "'' is not a token"),
        ('foo; a="a b"', "'a b' is not a token"),
        ('foo; a="a,b"', "'a,b' is not a token"),
        ('foo; a="\\""', "is not a token"),
        ('foo; a="1', "does not end"),
        ('foo; a="1\\', "does not end"),
        ('foo; a="1\\"', "does not end"),
        ('foo; a="', "does not end"),
        ('"foo"', "'\"' at 0"),
        ("foo; (a)=1", r"'\(' at 5"),
        ("é", "'é' at 0"),
        ("foo\r\nX: y", r"'\\r' at 3"),
        ("foo\x00", r"'\\x00' at 3"),
    ],
)
def test_extensions_are_refused(header: str, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        parse_extensions(header)


@given(extension_lists)
def test_extensions_come_back_as_they_were_built(extensions: list[Extension]) -> None:
    assert parse_extensions(build_extensions(extensions)) == extensions


@given(extension_lists)
def test_quotes_and_spaces_do_not_matter(extensions: list[Extension]) -> None:
    def quote(value: str) -> str:
        return '"' + "".join("\\" + character for character in value) + '"'

    header = " ,\t".join(
        " ; ".join([name, *(p if v is None else f"{p} = {quote(v)}" for p, v in parameters)])
        for name, parameters in extensions
    )
    assert parse_extensions(header) == extensions


@given(st.text('ab=;,"\\ \té', max_size=30))
def test_any_text_is_parsed_or_refused(header: str) -> None:
    with suppress(ValueError):
        extensions = parse_extensions(header)
        assert parse_extensions(build_extensions(extensions)) == extensions


@pytest.mark.parametrize(
    "extension", [("", []), ("a b", []), ("a", [("", None)]), ("a", [("b", "")]), ("a", [("b", "1\r\n")])]
)
def test_nothing_is_smuggled_into_extensions(extension: Extension) -> None:
    with pytest.raises(ValueError, match="is not a token"):
        build_extensions([extension])


@pytest.mark.parametrize("parse", [parse_token_list, parse_upgrade, parse_protocols, parse_extensions])
def test_number_of_elements_is_bounded(parse: Callable[[str], list[object]]) -> None:
    assert len(parse(",".join(f"a{number}" for number in range(MAX_ELEMENTS)))) == MAX_ELEMENTS
    for header in (",".join(f"a{number}" for number in range(MAX_ELEMENTS + 1)), "," * MAX_ELEMENTS):
        with pytest.raises(ValueError, match="more than 100 elements"):
            parse(header)


def test_number_of_parameters_is_bounded() -> None:
    assert len(parse_extensions("a" + ";b" * (MAX_ELEMENTS - 1))[0][1]) == MAX_ELEMENTS - 1
    with pytest.raises(ValueError, match="more than 100 elements"):
        parse_extensions("a" + ";b" * MAX_ELEMENTS)


# --- work ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("parse", [parse_token_list, parse_upgrade, parse_protocols, parse_extensions])
@pytest.mark.parametrize("unit", [",", " ", "a,", "a;b=c,", "a;b;", 'a;b="c",', 'a;b="\\c\\c', '"', "\\", "a;b=c;"])
def test_work_is_linear(parse: Callable[[str], object], unit: str, count_lines: Callable[..., int]) -> None:
    def run(header: str) -> None:
        with suppress(ValueError):
            parse(header)

    small = count_lines(run, unit * (4096 // len(unit)))
    large = count_lines(run, unit * (8192 // len(unit)))
    assert large <= 2.5 * small + 50
    assert large <= 60 * MAX_ELEMENTS
