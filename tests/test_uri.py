"""Addresses: parts, encodings, every refusal, redirects."""

import string
import urllib.parse
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinax.errors import HandshakeError, InvalidURI
from twinax.uri import WebSocketURI, parse_host, parse_uri, resolve_redirect

# --- parts --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("ws://example.com", WebSocketURI("ws", "example.com", 80, "/")),
        ("wss://example.com", WebSocketURI("wss", "example.com", 443, "/")),
        ("WSS://Example.COM:8443/A/b?c=D&e", WebSocketURI("wss", "example.com", 8443, "/A/b?c=D&e")),
        ("ws://example.com?x=1", WebSocketURI("ws", "example.com", 80, "/?x=1")),
        ("ws://example.com?x=a/b", WebSocketURI("ws", "example.com", 80, "/?x=a/b")),
        ("ws://example.com/?", WebSocketURI("ws", "example.com", 80, "/?")),
        ("ws://example.com:/", WebSocketURI("ws", "example.com", 80, "/")),
        ("ws://example.com:080/", WebSocketURI("ws", "example.com", 80, "/")),
        ("ws://example.com:65535/", WebSocketURI("ws", "example.com", 65535, "/")),
        ("ws://example.com./", WebSocketURI("ws", "example.com.", 80, "/")),
        ("ws://my_host-1/", WebSocketURI("ws", "my_host-1", 80, "/")),
        ("ws://127.0.0.1:9", WebSocketURI("ws", "127.0.0.1", 9, "/")),
        ("ws://[::1]", WebSocketURI("ws", "::1", 80, "/")),
        ("ws://[2001:DB8:0::1]:8080/x", WebSocketURI("ws", "2001:db8::1", 8080, "/x")),
        ("ws://[fe80::1%25eth0]/", WebSocketURI("ws", "fe80::1%eth0", 80, "/")),
        ("ws://[fe80::1%eth0]/", WebSocketURI("ws", "fe80::1%eth0", 80, "/")),
        ("ws://bücher.example/é?ü", WebSocketURI("ws", "xn--bcher-kva.example", 80, "/%C3%A9?%C3%BC")),
        ("ws://a/%41%zz", WebSocketURI("ws", "a", 80, "/%41%zz")),
        ('ws://a/"<>\\^`{|}', WebSocketURI("ws", "a", 80, "/%22%3C%3E%5C%5E%60%7B%7C%7D")),
        ("ws://a/-._~!$&'()*+,;=:@[]/?", WebSocketURI("ws", "a", 80, "/-._~!$&'()*+,;=:@[]/?")),
        ("ws://a/x@y", WebSocketURI("ws", "a", 80, "/x@y")),
        ("ws://u:p@a/", WebSocketURI("ws", "a", 80, "/", ("u", "p"))),
        ("ws://u@a", WebSocketURI("ws", "a", 80, "/", ("u", ""))),
        ("ws://@a", WebSocketURI("ws", "a", 80, "/", ("", ""))),
        ("ws://u%40b:p%3A:%C3%A9@a/", WebSocketURI("ws", "a", 80, "/", ("u@b", "p::é"))),
    ],
)
def test_parts(uri: str, expected: WebSocketURI) -> None:
    assert parse_uri(uri) == expected


@pytest.mark.parametrize(
    ("uri", "host", "origin", "secure"),
    [
        ("ws://Example.com/", "example.com", "http://example.com", False),
        ("ws://example.com:80/", "example.com", "http://example.com", False),
        ("ws://example.com:443/", "example.com:443", "http://example.com:443", False),
        ("wss://example.com:443/", "example.com", "https://example.com", True),
        ("wss://example.com:80/", "example.com:80", "https://example.com:80", True),
        ("ws://[::1]/", "[::1]", "http://[::1]", False),
        ("wss://[fe80::1%25eth0]:1/", "[fe80::1]:1", "https://[fe80::1]:1", True),
    ],
)
def test_host_header_and_origin(uri: str, host: str, origin: str, secure: bool) -> None:
    parsed = parse_uri(uri)
    assert (parsed.host_header, parsed.origin, parsed.secure) == (host, origin, secure)


def test_password_is_not_shown() -> None:
    uri = parse_uri("wss://user:secret@example.com:8443/x?y")
    assert str(uri) == "wss://example.com:8443/x?y"
    assert "secret" not in repr(uri)


BAD = [
    ("", "scheme must be ws:// or wss://"),
    ("example.com", "scheme must be"),
    ("//example.com/", "scheme must be"),
    ("ws:example.com", "scheme must be"),
    ("ws:/example.com", "scheme must be"),
    ("http://example.com/", "scheme must be ws:// or wss://, so use ws://"),
    ("HTTPS://example.com/", "so use wss://"),
    ("ftp://example.com/", "scheme must be ws:// or wss://$"),
    ("ws://example.com/#a", "fragment"),
    ("ws://example.com/#", "fragment"),
    ("ws://example.com#/", "fragment"),
    ("ws://", "there is no host"),
    ("ws:///x", "there is no host"),
    ("ws://:80/", "there is no host"),
    ("ws://u:p@/", "there is no host"),
    ("ws://example.com/ x", "' ' at 17 is not allowed"),
    (" ws://example.com/", "' ' at 0"),
    ("ws://example.com/\r\nX: y", r"'\\r' at 17"),
    ("ws://exam\nple.com/", r"'\\n' at 9"),
    ("ws://example.com/\x00", r"'\\x00' at 17"),
    ("ws://example.com/\t", r"'\\t' at 17"),
    ("ws://example.com/\x7f", r"'\\x7f' at 17"),
    ("ws://example.com:0/", "port '0' is not a number from 1 to 65535"),
    ("ws://example.com:65536/", "port '65536'"),
    ("ws://example.com:-1/", "port '-1'"),
    ("ws://example.com:8_0/", "port '8_0'"),
    ("ws://example.com:80:80/", "port '80:80'"),
    ("ws://example.com:\u0668/", "port"),
    ("ws://::1/", "there is no host"),
    ("ws://[::1/", "brackets"),
    ("ws://[::1]x/", "brackets"),
    ("ws://[::1]80/", "brackets"),
    ("ws://[::g]/", "'::g' is not an IPv6 address"),
    ("ws://[127.0.0.1]/", "is not an IPv6 address"),
    ("ws://[]/", "'' is not an IPv6 address"),
    ("ws://[::1%25]/", "zone"),
    ("ws://[::1%25a]b]/", "brackets"),
    ("ws://[::1%25a/b]/", "brackets"),
    ("ws://[::1%25a%b]/", "zone"),
    ("ws://a..b/", "label that is empty or too long"),
    ("ws://.a/", "label that is empty"),
    ("ws://./", "label that is empty"),
    (f"ws://{'a' * 64}/", "too long"),
    (f"ws://{'a.' * 127}bcd/", "too long"),
    ("ws://evil.example\\x/", "no host has"),
    ("ws://a%2eb/", "no host has"),
    ("ws://a;b/", "no host has"),
    ("ws://<a>/", "no host has"),
    ("ws://a\uff0fb/", "no host has"),
    ("ws://" + "é" * 70 + "/", "cannot be encoded with IDNA"),
    ("ws://u@v@a/", "an @ in a user name"),
    ("ws://u%FF@a/", "not UTF-8"),
    ("ws://u%0D%0A:p@a/", "control character"),
    ("ws://u:p%00@a/", "control character"),
    ("ws://u%3Av:p@a/", "holds a colon"),
]


@pytest.mark.parametrize(("uri", "text"), BAD)
def test_no_websocket_uri(uri: str, text: str) -> None:
    with pytest.raises(InvalidURI, match=text) as caught:
        parse_uri(uri)
    assert caught.value.problem in str(caught.value)


def test_what_is_parsed_already_may_be_given() -> None:
    parsed = parse_uri("wss://user:pass@example.com:8443/a?b=c")
    assert parse_uri(parsed) is parsed
    for parse in (urllib.parse.urlsplit, urllib.parse.urlparse):
        assert parse_uri(parse("wss://user:pass@example.com:8443/a?b=c")) == parsed
        with pytest.raises(InvalidURI, match="the scheme must be"):
            parse_uri(parse("//example.com/"))


@pytest.mark.parametrize("uri", [None, b"ws://a/", 1])
def test_uri_must_be_a_string(uri: Any) -> None:
    with pytest.raises(TypeError, match="uri must be str"):
        parse_uri(uri)


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("ws://user:secret@exam ple/", "ws://***@exam ple/"),
        ("http://user:secret@example/", "http://***@example/"),
        ("user:secret@example", "***@example"),
        ("ws://us@er:secret@example/", "ws://***@example/"),
    ],
)
def test_errors_show_no_password(uri: str, shown: str) -> None:
    with pytest.raises(InvalidURI) as caught:
        parse_uri(uri)
    assert caught.value.uri == shown
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None


labels = st.text(string.ascii_lowercase + string.digits, min_size=1, max_size=10)


@given(
    st.sampled_from(["ws", "wss"]),
    st.lists(labels, min_size=1, max_size=3).map(".".join) | st.ip_addresses(v=6).map(str),
    st.integers(1, 65535),
    st.text(string.ascii_letters + "/%-=&?", max_size=20).map(lambda path: f"/{path}"),
)
def test_address_comes_back_as_it_was_written(scheme: str, host: str, port: int, resource: str) -> None:
    uri = WebSocketURI(scheme, host, port, resource)
    assert parse_uri(str(uri)) == uri


@given(st.text(max_size=30))
def test_any_text_is_parsed_or_refused(text: str) -> None:
    for uri in (text, f"ws://{text}", f"ws://a/{text}"):
        try:
            parsed = parse_uri(uri)
        except InvalidURI:
            continue
        line = f"{parsed.resource} {parsed.host_header}"
        assert line.isascii()
        assert line.isprintable()
        assert line.count(" ") == 1


# --- hosts --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Example.com", ("example.com", None)),
        ("a:8080", ("a", 8080)),
        ("[::1]:1", ("::1", 1)),
        ("[::1]", ("::1", None)),
    ],
)
def test_host(text: str, expected: tuple[str, int | None]) -> None:
    assert parse_host(text) == expected


@pytest.mark.parametrize("text", ["", ":80", "a b", "a/b", "u@a", "a:b", "::1", "[::1", "a,b", "a\x00"])
def test_no_host(text: str) -> None:
    with pytest.raises(ValueError):
        parse_host(text)


# --- redirects ----------------------------------------------------------------------------------

BASE = "ws://user:secret@example.com:8080/a/b?c"


@pytest.mark.parametrize(
    ("location", "target", "keeps_user"),
    [
        ("/x?y", "ws://example.com:8080/x?y", True),
        ("x", "ws://example.com:8080/a/x", True),
        ("?z", "ws://example.com:8080/a/b?z", True),
        ("../x", "ws://example.com:8080/x", True),
        ("", "ws://example.com:8080/a/b?c", True),
        ("#f", "ws://example.com:8080/a/b?c", True),
        ("http://example.com:8080/x", "ws://example.com:8080/x", True),
        ("WS://EXAMPLE.com:8080/x#f", "ws://example.com:8080/x", True),
        ("//example.com:8080/x", "ws://example.com:8080/x", True),
        ("//example.com/x", "ws://example.com/x", False),
        ("http://other.example/x", "ws://other.example/x", False),
        ("https://example.com:8080/x", "wss://example.com:8080/x", False),
        ("wss://example.com/x", "wss://example.com/x", False),
        ("http://bücher.example/é", "ws://xn--bcher-kva.example/%C3%A9", False),
    ],
)
def test_redirect(location: str, target: str, keeps_user: bool) -> None:
    found = resolve_redirect(parse_uri(BASE), location)
    assert str(found) == target
    assert found.user_info == (("user", "secret") if keeps_user else None)


@pytest.mark.parametrize("location", ["http://example.com/", "ws://example.com/", "HTTP://other.example:443/"])
def test_redirect_never_leaves_tls(location: str) -> None:
    with pytest.raises(HandshakeError, match="without TLS, which is not followed from wss"):
        resolve_redirect(parse_uri("wss://example.com/"), location)


def test_redirect_within_tls() -> None:
    assert str(resolve_redirect(parse_uri("wss://a.example/"), "https://b.example/x")) == "wss://b.example/x"


@pytest.mark.parametrize(
    ("location", "text"),
    [
        ("http://u:p@example.com/", "with a user name"),
        ("ftp://example.com/", "scheme must be"),
        ("javascript:alert(1)", "scheme must be"),
        ("https:///x", "there is no host"),
        ("http://[::1/", "cannot be followed"),
        ("http://example.com:99999/", "port"),
        ("/a\r\nb", "control characters"),
        ("/a b", "spaces"),
        ("\x00", "control characters"),
    ],
)
def test_redirect_is_refused(location: str, text: str) -> None:
    with pytest.raises(HandshakeError, match=text):
        resolve_redirect(parse_uri(BASE), location)
