"""Requests as they are kept, and the short cut that must find what the long way finds."""

import importlib
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cores import is_required
from twinax._core import HEADROOM
from twinax.cookies import Cookie
from twinax.errors import HandshakeError
from twinax.protocol import HandshakeRequest, handshake_request, parse_request_head, read_request, recognise_request

KEY = b"dGhlIHNhbXBsZSBub25jZQ=="
FIELDS = [
    b"Host: example.com",
    b"Upgrade: websocket",
    b"Connection: Upgrade",
    b"Sec-WebSocket-Key: " + KEY,
    b"Sec-WebSocket-Version: 13",
]


def head(*more: bytes, first: bytes = b"GET /chat?x=1 HTTP/1.1", without: bytes = b"") -> bytes:
    fields = [field for field in FIELDS if not without or not field.startswith(without)]
    return b"\r\n".join([first, *fields, *more, b"", b""])


@pytest.fixture
def recognise(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """`recognise_request` with the short cut of the compiled core, whichever core runs."""
    try:
        compiled = importlib.import_module("twinax._core._compiled")
    except ModuleNotFoundError:
        if is_required():
            raise
        pytest.skip("the compiled core was not built")
    monkeypatch.setattr(handshake_request, "recognise_upgrade", compiled.recognise_upgrade)

    def run(data: bytes, **options: bool) -> tuple[HandshakeRequest, int] | None:
        buffer = bytearray(HEADROOM) + data
        found = recognise_request(buffer, HEADROOM, len(buffer), **options)
        buffer[:] = b"\xaa" * len(buffer)  # the owner reuses it
        return found

    return run


def read(data: bytes) -> HandshakeRequest:
    return read_request(parse_request_head(data))


# --- what is recognised -------------------------------------------------------------------------

PLAIN = {
    "least": head(),
    "names in other cases": head().replace(b"Sec-WebSocket-Key", b"SEC-webSocket-kEY").replace(b"Host", b"hOST"),
    "values in other cases": head().replace(b": websocket", b": WebSocket").replace(b": Upgrade", b": upGRADE"),
    "keep-alive": head(b"Connection: keep-alive, Upgrade", without=b"Connection"),
    "spaces around values": head().replace(b": ", b":\t  ").replace(b"\r\nUpgrade", b" \t\r\nUpgrade"),
    "no spaces": head().replace(b": ", b":"),
    "port": head(b"Host: example.com:8080", without=b"Host"),
    "address": head(b"Host: 127.0.0.1:1", without=b"Host"),
    "origin": head(b"Origin: https://example.com"),
    "empty origin": head(b"Origin:"),
    "protocols": head(b"Sec-WebSocket-Protocol: Chat.V2, chat, CHAT"),
    "extensions": head(b"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"),
    "cookies": head(b"Cookie: a=1; b", b"cookie: c=2"),
    "ISO 8859-1": head(b"X-Name: J\xfcrgen", b"Origin: http://\xfc"),
    "a hundred fields": head(*[b"A: b"] * 95),
    "nearly 8 KiB": head(b"X: " + b"y" * 7_900),
    "other origin field": head(b"Sec-WebSocket-Origin: http://old"),
}


@pytest.mark.parametrize("name", PLAIN)
@pytest.mark.parametrize("tail", [b"", b"\x81\x80\x00\x00\x00\x00", b"\r\n"])
def test_plain_requests(recognise: Callable[..., Any], name: str, tail: bytes) -> None:
    request, size = recognise(PLAIN[name] + tail)
    assert size == len(PLAIN[name])
    assert request.unparsed == PLAIN[name]
    assert request == read(PLAIN[name])
    assert request.unparsed is None


def test_what_is_not_to_be_read(recognise: Callable[..., Any]) -> None:
    data = head(b"Sec-WebSocket-Extensions: ;;;", b"Cookie: a=1")
    request, _ = recognise(data, parse_cookies=False, parse_extensions=False)
    assert request.requested_extensions == []
    assert request.cookies is None


@pytest.mark.parametrize("field", [b"Sec-WebSocket-Protocol: a b", b"Sec-WebSocket-Extensions: ;"])
def test_lists_are_checked(recognise: Callable[..., Any], field: bytes) -> None:
    with pytest.raises(HandshakeError) as short:
        recognise(head(field))
    with pytest.raises(HandshakeError) as long:
        read(head(field))
    assert (short.value.status, str(short.value)) == (long.value.status, str(long.value)) == (400, str(long.value))


# --- what is left to the long way ---------------------------------------------------------------

OTHERS = {
    "nothing": b"",
    "unfinished": head()[:-1],
    "cut in a name": head()[:60],
    "method": head(first=b"POST / HTTP/1.1"),
    "version of HTTP": head(first=b"GET / HTTP/1.0"),
    "absolute target": head(first=b"GET http://example.com/ HTTP/1.1"),
    "fragment": head(first=b"GET /#x HTTP/1.1"),
    "space in target": head(first=b"GET /a b HTTP/1.1"),
    "bare LF": head().replace(b"\r\nUpgrade", b"\nUpgrade"),
    "CR in a value": head(b"X: a\rb"),
    "NUL in a value": head(b"X: a\0b"),
    "folded": head(b"X: a", b" b"),
    "space before the colon": head(b"X : a"),
    "no name": head(b": a"),
    "no colon": head(b"X"),
    "two keys": head(b"Sec-WebSocket-Key: " + KEY),
    "two Hosts": head(b"Host: example.com"),
    "two Connections": head(b"Connection: keep-alive"),
    "body": head(b"Content-Length: 0"),
    "chunked": head(b"Transfer-Encoding: chunked"),
    "version 8": head(b"Sec-WebSocket-Version: 8", without=b"Sec-WebSocket-Version"),
    "101 fields": head(*[b"A: b"] * 96),
    "over 8 KiB": head(b"X: " + b"y" * 8_200),
    **{f"without {field[:12]!r}": head(without=field) for field in FIELDS},
    **{
        f"key {key!r}": head(b"Sec-WebSocket-Key: " + key, without=b"Sec-WebSocket-Key")
        for key in (KEY[:-1], KEY + b"=", KEY[:-3] + b"B==", b"*" + KEY[1:], b"A" * 24, b"")
    },
    **{
        f"host {host!r}": head(b"Host: " + host, without=b"Host")
        for host in (
            *(b"", b".", b"a..b", b".a", b"a.", b"a:", b"a:0", b"a:65536", b"a:123456", b"a:8x", b"a:b:c", b"[::1]"),
            *(b"a/b", b"a b", b"@a", b"\xfc", b"a" * 64, b"a." * 127 + b"a"),
        )
    },
}


@pytest.mark.parametrize("name", OTHERS)
def test_all_others(recognise: Callable[..., Any], name: str) -> None:
    assert recognise(OTHERS[name]) is None


def test_without_the_compiled_core_there_is_no_short_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handshake_request, "recognise_upgrade", None)
    assert recognise_request(bytearray(head()), 0, len(head())) is None


@pytest.mark.parametrize("piece", [(0, 10**6), (-1, 100), (200, 100)])
def test_the_buffer_is_not_left(recognise: Callable[..., Any], piece: tuple[int, int]) -> None:
    with pytest.raises(IndexError):
        recognise_request(bytearray(head()), *piece)


# --- the two ways ---------------------------------------------------------------------------------

LINES = st.sampled_from(
    [
        *FIELDS,
        *(b"Connection: keep-alive, Upgrade", b"Origin: null", b"Sec-WebSocket-Protocol: a, B", b"Cookie: a=b"),
        *(b"Content-Length: 0", b"Upgrade: h2c, websocket", b"Host: [::1]:80", b"Sec-WebSocket-Extensions: x; y=1"),
        *(b"X:", b"", b" folded", b"Host", b"Sec-WebSocket-Version: 8"),
    ]
)
HEADS = st.one_of(
    st.lists(LINES, max_size=3).map(lambda more: head(*more)),
    st.tuples(st.sampled_from(FIELDS), LINES).map(lambda pair: head(pair[1], without=pair[0])),
    st.tuples(st.sampled_from([*PLAIN.values()]), st.integers(0), st.binary(max_size=3), st.integers(0, 2)).map(
        lambda p: (at := p[1] % len(p[0]), p[0][:at] + p[2] + p[0][at + p[3] :])[1]
    ),
)


@given(HEADS)
@example(head().replace(b"Host", b"Ho\rt"))
@example(head().replace(b"-Key", b"\rKey"))
def test_the_short_cut_finds_what_the_long_way_finds(data: bytes) -> None:
    compiled = pytest.importorskip("twinax._core._compiled")
    found = compiled.recognise_upgrade(bytearray(data), 0, len(data))
    if found is None:
        return
    raw, resource, host, key, origin, protocols, extensions = found
    assert data.startswith(raw)
    long = parse_request_head(raw)
    try:
        expected = read_request(long)
    except HandshakeError:  # what Python reads of the short cut's result is wrong, which it finds out by itself
        assert protocols is not None or extensions is not None
        return
    assert (resource, host, key, origin) == (expected.resource, expected.host, expected.key, expected.origin)
    assert expected.websocket_version == 13
    assert protocols == long.headers.combined("Sec-WebSocket-Protocol")
    assert extensions == long.headers.combined("Sec-WebSocket-Extensions")


# --- what a request keeps -------------------------------------------------------------------------


def test_cookies_are_read_when_they_are_asked_for() -> None:
    request = read(head(b"Cookie: a=1; b"))
    assert request.cookies == [Cookie("a", "1"), Cookie("b", None)]
    assert request.cookies is request.cookies


def test_a_request_is_compared_by_what_it_says() -> None:
    assert read(head()) == read(head())
    assert read(head()) != read(head(b"X: y"))
    assert read(head()) != head()
    with pytest.raises(TypeError):
        hash(read(head()))
    assert repr(read(head())) == "<HandshakeRequest /chat?x=1 on example.com>"
