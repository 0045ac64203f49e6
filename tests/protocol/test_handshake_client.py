"""The client's side of the handshake: every part of a request, every check of an answer."""

import re
import string
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinax.errors import HandshakeError, HandshakeRejected
from twinax.headers import Headers
from twinax.protocol.handshake import accept_key, generate_key
from twinax.protocol.handshake_client import AcceptedHandshake, build_rejection, build_request, check_response
from twinax.protocol.handshake_server import build_accept, build_reject, read_request
from twinax.protocol.head import HeadBuffer, ResponseHead, parse_request_head, parse_response_head
from twinax.uri import parse_uri

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
URI = parse_uri("ws://example.com/chat?x=1")
FIELDS = [("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Accept", ACCEPT)]


def request(uri: str = "ws://example.com/", **parts: Any) -> Headers:
    return parse_request_head(build_request(parse_uri(uri), KEY, **parts)).headers


def answer(*more: tuple[str, str], without: str = "", status: int = 101, version: str = "HTTP/1.1") -> ResponseHead:
    fields = [field for field in FIELDS if field[0] != without]
    return ResponseHead(status, "Switching Protocols", Headers([*fields, *more]), version)


# --- requests -----------------------------------------------------------------------------------


def test_least_request() -> None:
    assert build_request(URI, KEY) == (
        b"GET /chat?x=1 HTTP/1.1\r\nHost: example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )


def test_request_with_everything() -> None:
    headers = request(
        "wss://user:p%C3%A9@[::1]:8443/",
        protocols=["Chat", "mqtt"],
        origin="https://a",
        headers=[("X-A", "1"), ("X-A", "2")],
        cookies={"a": "1", "b": "2"},
        extensions="foo; a=1",
    )
    assert headers["Host"] == "[::1]:8443"
    assert headers["Sec-WebSocket-Protocol"] == "Chat, mqtt"
    assert headers["Sec-WebSocket-Extensions"] == "foo; a=1"
    assert headers["Origin"] == "https://a"
    assert headers["Cookie"] == "a=1; b=2"
    assert headers["Authorization"] == "Basic dXNlcjpww6k="
    assert headers.get_all("X-A") == ["1", "2"]


def test_request_of_version_8() -> None:
    headers = request(version=8, origin="http://a")
    assert headers["Sec-WebSocket-Version"] == "8"
    assert headers["Sec-WebSocket-Origin"] == "http://a"
    assert "Origin" not in headers


@pytest.mark.parametrize("version", [0, 7, 12, 14])
def test_other_versions(version: int) -> None:
    with pytest.raises(ValueError, match="not supported, only 13 and 8"):
        build_request(URI, KEY, version=version)


@pytest.mark.parametrize(("protocols", "sent"), [("", None), ((), None), ("chat", "chat"), (["a", "B"], "a, B")])
def test_protocols_as_list_or_string(protocols: Any, sent: str | None) -> None:
    assert request(protocols=protocols).get("Sec-WebSocket-Protocol") == sent


def test_host_and_authorization_can_be_replaced() -> None:
    headers = request("ws://u:p@example.com/", headers={"host": "other", "authorization": "Bearer x"})
    assert headers.get_all("Host") == ["other"]
    assert headers.get_all("Authorization") == ["Bearer x"]


def test_origin_and_cookie_may_be_in_the_headers() -> None:
    headers = request(headers={"Origin": "http://a", "Cookie": "a=1"})
    assert (headers["Origin"], headers["Cookie"]) == ("http://a", "a=1")


@pytest.mark.parametrize(
    ("parts", "text"),
    [
        ({"headers": {"Origin": "a"}, "origin": "b"}, "'Origin' is given twice"),
        ({"headers": {"Cookie": "a=1"}, "cookies": {"b": "2"}}, "'Cookie' is given twice"),
        ({"headers": [("Host", "a"), ("host", "b")]}, "'Host' comes twice"),
        ({"headers": [("Authorization", "a"), ("authorization", "b")]}, "'Authorization' comes twice"),
        ({"headers": {"Upgrade": "x"}}, "belongs to the handshake"),
        ({"headers": {"Sec-WebSocket-Key": "x"}}, "belongs to the handshake"),
        ({"headers": {"Content-Length": "5"}}, "belongs to the handshake"),
        ({"headers": {"A": "b\r\nX: y"}}, "control character"),
        ({"headers": {"A\x00": "b"}}, "not a token"),
        ({"headers": {"Host": "a\r\nb"}}, "control character"),
        ({"origin": "a\r\nb"}, "control character"),
        ({"origin": "a\x00"}, "control character"),
        ({"protocols": ["a\r\nb"]}, "not a token"),
        ({"protocols": ["a", ""]}, "not a token"),
        ({"protocols": ["a", "a"]}, "named twice"),
        ({"protocols": "a b"}, "not a token"),
        ({"cookies": {"a": "b\n"}}, "cookie 'a'"),
        ({"cookies": {"a;b": "c"}}, "not a token"),
        ({"extensions": "a\r\nb"}, "control character"),
    ],
)
def test_nothing_is_smuggled_into_a_request(parts: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        build_request(URI, KEY, **parts)


def test_nothing_is_smuggled_into_a_key() -> None:
    with pytest.raises(ValueError, match="control character"):
        build_request(URI, "x\r\nX: y")


# --- answers ------------------------------------------------------------------------------------


def test_least_answer() -> None:
    assert check_response(answer(), KEY) == AcceptedHandshake(None, [])


@pytest.mark.parametrize("connection", ["upgrade", "keep-alive, Upgrade", "Upgrade,close"])
def test_connection_is_a_list(connection: str) -> None:
    check_response(answer(("Connection", connection), without="Connection"), KEY)


def test_upgrade_ignores_case() -> None:
    check_response(answer(("Upgrade", "WebSocket"), without="Upgrade"), KEY)


def test_subprotocol_and_extensions() -> None:
    head = answer(("Sec-WebSocket-Protocol", "Chat"), ("Sec-WebSocket-Extensions", 'Foo; a="1"'))
    found = check_response(head, KEY, protocols=["mqtt", "Chat"], offered_extensions=["FOO"])
    assert found == AcceptedHandshake("Chat", [("foo", [("a", "1")])])
    assert check_response(head, KEY, protocols="Chat", offered_extensions=["foo"]) == found


def test_subprotocol_can_be_optional() -> None:
    assert check_response(answer(), KEY, protocols=["a"], require_subprotocol=False).subprotocol is None
    with pytest.raises(HandshakeError, match="Sec-WebSocket-Protocol is missing"):
        check_response(answer(), KEY, protocols=["a"])


REFUSED: list[tuple[ResponseHead, str]] = [
    (answer(version="HTTP/1.0"), "HTTP/1.0, expected HTTP/1.1"),
    (answer(without="Upgrade"), "Upgrade is missing, expected 'websocket'"),
    (answer(("Upgrade", "h2c"), without="Upgrade"), "Upgrade 'h2c', expected 'websocket'"),
    (answer(("Upgrade", "h2c, websocket"), without="Upgrade"), "expected 'websocket'"),
    (answer(("Upgrade", "websocket")), "Upgrade 'websocket, websocket', expected 'websocket'"),
    (answer(("Upgrade", "web socket"), without="Upgrade"), "is not a token"),
    (answer(without="Connection"), "Connection is missing, expected 'Upgrade'"),
    (answer(("Connection", "close"), without="Connection"), "Connection 'close', expected 'Upgrade'"),
    (answer(("Connection", "not upgrade"), without="Connection"), "is not a token"),
    (answer(without="Sec-WebSocket-Accept"), f"Sec-WebSocket-Accept is missing, expected '{re.escape(ACCEPT)}'"),
    (answer(("Sec-WebSocket-Accept", "x"), without="Sec-WebSocket-Accept"), f"'x', expected '{re.escape(ACCEPT)}'"),
    (answer(("Sec-WebSocket-Accept", ACCEPT)), "2 Sec-WebSocket-Accept fields, expected one"),
    (answer(("Sec-WebSocket-Protocol", "b")), r"Sec-WebSocket-Protocol 'b', expected one of \['a'\]"),
    (answer(("Sec-WebSocket-Protocol", "A")), "Sec-WebSocket-Protocol 'A', expected one of"),
    (answer(("Sec-WebSocket-Protocol", "")), "Sec-WebSocket-Protocol '', expected one of"),
    (answer(("Sec-WebSocket-Protocol", "a"), ("Sec-WebSocket-Protocol", "a")), "2 Sec-WebSocket-Protocol fields"),
    (
        answer(("Sec-WebSocket-Protocol", "a"), ("Sec-WebSocket-Extensions", "bar")),
        "'bar': the server answered it, expected one of",
    ),
    (answer(("Sec-WebSocket-Protocol", "a"), ("Sec-WebSocket-Extensions", "foo;")), "missing at the end"),
]


@pytest.mark.parametrize(("head", "text"), REFUSED)
def test_refused(head: ResponseHead, text: str) -> None:
    with pytest.raises(HandshakeError, match=text) as caught:
        check_response(head, KEY, protocols=["a"], offered_extensions=["foo"])
    assert not isinstance(caught.value, HandshakeRejected)
    assert caught.value.status == 101


def test_what_was_not_asked_for_is_refused() -> None:
    with pytest.raises(HandshakeError, match="expected none, as none was requested"):
        check_response(answer(("Sec-WebSocket-Protocol", "a")), KEY)
    with pytest.raises(HandshakeError, match="expected none, as none was offered"):
        check_response(answer(("Sec-WebSocket-Extensions", "foo")), KEY)


def test_rejected() -> None:
    with pytest.raises(HandshakeRejected) as caught:
        check_response(parse_response_head(build_reject(403, "not you", {"X-A": "1"})), KEY)
    error = caught.value
    assert str(error) == "the server answered 403 Forbidden, expected 101 Switching Protocols: not you"
    assert (error.status, error.reason, error.body) == (403, "Forbidden", b"")
    assert ("X-A", "1") in error.headers


@pytest.mark.parametrize(
    ("head", "body", "text"),
    [
        (ResponseHead(404, "", Headers()), b"", "the server answered 404 Not Found, expected 101"),
        (ResponseHead(799, "", Headers()), b"x", "the server answered 799, expected 101"),
        (ResponseHead(200, "Fine", Headers()), b"page", "the server answered 200 Fine, expected 101"),
    ],
)
def test_rejection(head: ResponseHead, body: bytes, text: str) -> None:
    error = build_rejection(head, body)
    assert str(error).startswith(text)
    assert (error.status, error.reason, error.body) == (head.status, head.reason, body)


# --- both sides ---------------------------------------------------------------------------------

tokens = st.text("!#$%&'*+-.^_`|~" + string.digits + string.ascii_letters, min_size=1, max_size=10)


@given(
    protocols=st.lists(tokens, unique_by=str.lower, max_size=5),
    cookies=st.dictionaries(tokens, st.text(string.ascii_letters + "=:/", max_size=8), max_size=3),
    version=st.sampled_from([8, 13]),
    origin=st.none() | st.just("https://example.com"),
    choice=st.integers(0, 4),
    nonce=st.binary(min_size=16, max_size=16),
)
def test_both_sides_agree(
    protocols: list[str], cookies: dict[str, str], version: int, origin: str | None, choice: int, nonce: bytes
) -> None:
    key = generate_key(lambda size: nonce)
    sent = build_request(URI, key, protocols=protocols, cookies=cookies, version=version, origin=origin)
    collected = HeadBuffer().feed(sent)
    assert collected == sent
    found = read_request(parse_request_head(sent))
    assert (found.key, found.origin, found.websocket_version, found.resource) == (key, origin, version, "/chat?x=1")
    assert list(found.protocol_full_case_map.values()) == protocols
    assert found.requested_protocols == tuple(name.lower() for name in protocols)
    assert dict(found.cookies or ()) == cookies
    chosen = protocols[choice] if choice < len(protocols) else None
    reply = build_accept(found, subprotocol=chosen.swapcase() if chosen else None)
    result = check_response(parse_response_head(reply), key, protocols=protocols, require_subprotocol=False)
    assert result.subprotocol == chosen
    assert accept_key(key).encode() in reply
