"""The server's side of the handshake: every check of a request, every part of an answer."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinax.cookies import Cookie, SetCookie
from twinax.errors import HandshakeError, LocalProtocolError
from twinax.headers import Headers
from twinax.protocol.handshake_server import (
    HandshakeRequest,
    build_accept,
    build_reject,
    is_upgrade,
    match_protocol,
    read_request,
)
from twinax.protocol.head import RequestHead, parse_response_head

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
FIELDS = [
    ("Host", "example.com"),
    ("Upgrade", "websocket"),
    ("Connection", "Upgrade"),
    ("Sec-WebSocket-Key", KEY),
    ("Sec-WebSocket-Version", "13"),
]


def head(
    *more: tuple[str, str], without: str = "", method: str = "GET", target: str = "/chat?x=1", version: str = "HTTP/1.1"
) -> RequestHead:
    fields = [field for field in FIELDS if field[0] != without]
    return RequestHead(method, target, version, Headers([*fields, *more]))


def request(*more: tuple[str, str], without: str = "") -> HandshakeRequest:
    return read_request(head(*more, without=without))


# --- is it one? ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, False),
        ({"Upgrade": "h2c"}, False),
        ({"Upgrade": "websocket2"}, False),
        ({"Upgrade": "websocket"}, True),
        ({"Upgrade": "h2c , WebSocket"}, True),
        ({"Upgrade": '"x", websocket'}, True),
        ({"Sec-WebSocket-Key": "x"}, True),
        ({"Connection": "Upgrade"}, False),
    ],
)
def test_upgrade_or_plain_http(fields: dict[str, str], expected: bool) -> None:
    assert is_upgrade(RequestHead("GET", "/", "HTTP/1.1", Headers(fields))) is expected


# --- requests -----------------------------------------------------------------------------------


def test_least_request() -> None:
    found = request()
    assert found == HandshakeRequest(
        head=head(), resource="/chat?x=1", host="example.com", key=KEY, origin=None, websocket_version=13, cookies=[]
    )
    assert found.headers is found.head.headers


def test_request_with_everything() -> None:
    found = request(
        ("Origin", "https://example.com"),
        ("Sec-WebSocket-Protocol", "Chat.V2, chat"),
        ("Sec-WebSocket-Protocol", "mqtt"),
        ("Sec-WebSocket-Extensions", 'foo; A="1"'),
        ("Sec-WebSocket-Extensions", "bar"),
        ("Cookie", "a=1; b"),
        ("Cookie", "c=%20"),
    )
    assert found.origin == "https://example.com"
    assert found.requested_protocols == ("chat.v2", "chat", "mqtt")
    assert found.protocol_full_case_map == {"chat.v2": "Chat.V2", "chat": "chat", "mqtt": "mqtt"}
    assert found.requested_extensions == [("foo", [("a", "1")]), ("bar", [])]
    assert found.cookies == [Cookie("a", "1"), Cookie("b", None), Cookie("c", " ")]


def test_what_is_not_to_be_read_cannot_fail() -> None:
    found = read_request(
        head(("Sec-WebSocket-Extensions", ";;;"), ("Cookie", "a=1")), parse_cookies=False, parse_extensions=False
    )
    assert found.requested_extensions == []
    assert found.cookies is None


@pytest.mark.parametrize("connection", ["upgrade", "keep-alive, Upgrade", "Upgrade,keep-alive", "UPGRADE"])
def test_connection_is_a_list(connection: str) -> None:
    assert request(("Connection", connection), without="Connection").key == KEY


def test_connection_in_two_fields() -> None:
    assert request(("Connection", "keep-alive")).key == KEY


@pytest.mark.parametrize("upgrade", ["WebSocket", "h2c, websocket", "HTTP/2.0, websocket"])
def test_upgrade_is_a_list(upgrade: str) -> None:
    assert request(("Upgrade", upgrade), without="Upgrade").key == KEY


def test_version_8_reads_its_own_origin() -> None:
    found = request(
        ("Sec-WebSocket-Version", "8"),
        ("Sec-WebSocket-Origin", "http://a"),
        ("Origin", "http://b"),
        without="Sec-WebSocket-Version",
    )
    assert (found.websocket_version, found.origin) == (8, "http://a")


def test_version_13_reads_its_own_origin() -> None:
    assert request(("Sec-WebSocket-Origin", "http://a")).origin is None


def test_of_two_protocols_that_differ_in_case_the_first_counts() -> None:
    found = request(("Sec-WebSocket-Protocol", "Chat, chat"))
    assert found.requested_protocols == ("chat",)
    assert found.protocol_full_case_map == {"chat": "Chat"}


@pytest.mark.parametrize(
    ("target", "resource", "host"),
    [
        ("/", "/", "example.com"),
        ("//a/b", "//a/b", "example.com"),
        ("http://other.example:8080/x?y", "/x?y", "other.example:8080"),
        ("HTTPS://other.example", "/", "other.example"),
        ("wss://other.example?y", "/?y", "other.example"),
    ],
)
def test_target_may_be_absolute(target: str, resource: str, host: str) -> None:
    found = read_request(head(target=target))
    assert (found.resource, found.host) == (resource, host)


@pytest.mark.parametrize("length", ["0"])
def test_empty_body_is_none(length: str) -> None:
    assert request(("Content-Length", length)).key == KEY


def test_http_1_2_is_as_good() -> None:
    assert read_request(head(version="HTTP/1.2")).key == KEY


REFUSED: list[tuple[RequestHead, str]] = [
    (head(version="HTTP/1.0"), "HTTP/1.0, expected HTTP/1.1"),
    (head(without="Host"), "0 Host fields instead of one"),
    (head(("Host", "b")), "2 Host fields instead of one"),
    (head(("Host", ""), without="Host"), "Host '': there is no host"),
    (head(("Host", "a b"), without="Host"), "Host 'a b'"),
    (head(("Host", "a:x"), without="Host"), "port 'x'"),
    (head(("Host", "u@a"), without="Host"), "no host has"),
    (head(without="Upgrade"), "Upgrade is missing, expected websocket"),
    (head(("Upgrade", "h2c"), without="Upgrade"), "Upgrade 'h2c', expected websocket"),
    (head(("Upgrade", "websocket/13"), without="Upgrade"), "expected websocket"),
    (head(("Upgrade", "web socket"), without="Upgrade"), "is not a token"),
    (head(without="Connection"), "Connection is missing, expected Upgrade"),
    (head(("Connection", "keep-alive"), without="Connection"), "Connection 'keep-alive', expected Upgrade"),
    (head(("Connection", '"x, upgrade"'), without="Connection"), "is not a token"),
    (head(("Content-Length", "1")), "has a body"),
    (head(("Content-Length", "0"), ("Content-Length", "5")), "has a body"),
    (head(("Content-Length", "00")), "has a body"),
    (head(("Transfer-Encoding", "chunked")), "has a body"),
    (head(without="Sec-WebSocket-Version"), "0 Sec-WebSocket-Version fields"),
    (head(("Sec-WebSocket-Version", "13")), "2 Sec-WebSocket-Version fields"),
    *[
        (head(("Sec-WebSocket-Version", text), without="Sec-WebSocket-Version"), "expected one number")
        for text in ("", "x", "013", "+13", "13.0", "13, 8", "1000", "-1", "\xb9\xb3")
    ],
    (head(without="Sec-WebSocket-Key"), "0 Sec-WebSocket-Key fields"),
    (head(("Sec-WebSocket-Key", KEY)), "2 Sec-WebSocket-Key fields"),
    *[
        (head(("Sec-WebSocket-Key", text), without="Sec-WebSocket-Key"), "expected 16 bytes in base64")
        for text in ("", "x", KEY[:-1], "AAECAwQFBgcICQoLDA0ODx==", "AAECAwQFBgcICQoLDA0O")
    ],
    (head(("Origin", "http://a"), ("Origin", "http://a")), "2 Origin fields"),
    (head(target="*"), "expected a path"),
    (head(target="example.com:80"), "expected a path"),
    (head(target="/#a"), "without fragment"),
    (head(target="http://a/#b"), "without fragment"),
    (head(target="http://u@a/"), "Host 'u@a'"),
    (head(target="http:///"), "Host ''"),
    (head(("Sec-WebSocket-Protocol", "a, b, a")), "named twice"),
    (head(("Sec-WebSocket-Protocol", "a"), ("Sec-WebSocket-Protocol", "a")), "named twice"),
    (head(("Sec-WebSocket-Protocol", "a b")), "is not a token"),
    (head(("Sec-WebSocket-Extensions", "a;")), "missing at the end"),
]


@pytest.mark.parametrize(("refused", "text"), REFUSED)
def test_refused_with_400(refused: RequestHead, text: str) -> None:
    with pytest.raises(HandshakeError, match=text) as caught:
        read_request(refused)
    assert caught.value.status == 400
    # The message can go into the answer as it is.
    assert build_reject(400, str(caught.value)).startswith(b"HTTP/1.1 400 Bad Request\r\n")


@pytest.mark.parametrize("method", ["POST", "HEAD", "get", "CONNECT"])
def test_other_methods_are_refused_with_405(method: str) -> None:
    with pytest.raises(HandshakeError, match=f"method {method}, expected GET") as caught:
        read_request(head(method=method))
    assert (caught.value.status, caught.value.headers) == (405, (("Allow", "GET"),))


@pytest.mark.parametrize("version", ["0", "7", "9", "14", "255", "999"])
def test_other_versions_are_refused_with_426(version: str) -> None:
    with pytest.raises(HandshakeError, match=f"Sec-WebSocket-Version {version}, expected 13 or 8") as caught:
        read_request(head(("Sec-WebSocket-Version", version), without="Sec-WebSocket-Version"))
    assert caught.value.status == 426
    answer = parse_response_head(build_reject(426, str(caught.value), caught.value.headers))
    assert answer.headers["Sec-WebSocket-Version"] == "13, 8"
    assert answer.headers["Upgrade"] == "websocket"
    assert answer.headers["Connection"] == "close, Upgrade"


# --- accepting ----------------------------------------------------------------------------------


def test_least_answer() -> None:
    assert build_accept(request()) == (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
    )


def test_answer_with_everything() -> None:
    answer = parse_response_head(
        build_accept(
            request(("Sec-WebSocket-Protocol", "a, Chat")),
            subprotocol="cHAT",
            origin="http://example.com",
            cookies=[SetCookie("a", "1"), {"name": "b", "value": "2", "maxage": 5}],
            headers=[("X-A", "1"), ("X-A", "2"), ("Set-Cookie", "c=3")],
            extensions="foo; a=1",
        )
    )
    assert answer.status == 101
    assert answer.headers.items()[3:] == [
        ("Sec-WebSocket-Protocol", "Chat"),
        ("Sec-WebSocket-Extensions", "foo; a=1"),
        ("Origin", "http://example.com"),
        ("Set-Cookie", "a=1"),
        ("Set-Cookie", "b=2; Max-Age=5"),
        ("X-A", "1"),
        ("X-A", "2"),
        ("Set-Cookie", "c=3"),
    ]


def test_origin_of_version_8() -> None:
    found = request(("Sec-WebSocket-Version", "8"), without="Sec-WebSocket-Version")
    answer = parse_response_head(build_accept(found, origin="http://a"))
    assert answer.headers["Sec-WebSocket-Origin"] == "http://a"
    assert "Origin" not in answer.headers


def test_subprotocol_in_the_clients_case() -> None:
    found = request(("Sec-WebSocket-Protocol", "a, Chat"))
    assert [match_protocol(found, name) for name in ("Chat", "chat", "CHAT", "A")] == ["Chat", "Chat", "Chat", "a"]


def test_subprotocol_must_have_been_requested() -> None:
    with pytest.raises(LocalProtocolError, match=r"'b' was not requested \(requested: a, Chat\)"):
        build_accept(request(("Sec-WebSocket-Protocol", "a, Chat")), subprotocol="b")
    with pytest.raises(LocalProtocolError, match="requested: none"):
        build_accept(request(), subprotocol="b")


@pytest.mark.parametrize(
    "parts",
    [
        {"subprotocol": ""},
        {"subprotocol": "a b"},
        {"subprotocol": "a\r\n"},
        {"subprotocol": "é"},
        {"origin": "http://a\r\nX: y"},
        {"origin": "\x00"},
        {"cookies": [{"name": "a", "value": "b\r\n"}]},
        {"cookies": [{"name": "a"}]},
        {"cookies": [SetCookie("a", "1"), SetCookie("a", "2")]},
        {"headers": {"A": "b\r\nc"}},
        {"headers": {"A\r\n": "b"}},
        {"headers": {"Sec-WebSocket-Protocol": "a"}},
        {"headers": {"Connection": "close"}},
        {"extensions": "a\r\nX: y"},
    ],
)
def test_nothing_is_smuggled_into_an_answer(parts: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        build_accept(request(), **parts)


# --- rejecting ----------------------------------------------------------------------------------


def test_least_rejection() -> None:
    assert build_reject() == b"HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


def test_rejection_with_everything() -> None:
    assert build_reject(401, "who are you?", [("WWW-Authenticate", "Basic")], b"no") == (
        b"HTTP/1.1 401 Unauthorized\r\nConnection: close\r\nX-WebSocket-Reject-Reason: who are you?\r\n"
        b"Content-Length: 2\r\nContent-Type: text/plain; charset=utf-8\r\nWWW-Authenticate: Basic\r\n\r\nno"
    )


def test_body_as_text_and_of_another_type() -> None:
    answer = build_reject(400, headers={"content-type": "text/html"}, body="é")
    assert answer.endswith(b"Content-Length: 2\r\ncontent-type: text/html\r\n\r\n\xc3\xa9")
    assert answer.lower().count(b"content-type") == 1


@pytest.mark.parametrize("status", [204, 304])
def test_answers_without_body(status: int) -> None:
    assert b"Content-Length" not in build_reject(status)
    with pytest.raises(ValueError, match=f"status {status} has no body"):
        build_reject(status, body=b"x")


@pytest.mark.parametrize("status", [0, 100, 101, 199, 600])
def test_status_must_refuse(status: int) -> None:
    with pytest.raises(ValueError, match="does not refuse a connection"):
        build_reject(status)


@pytest.mark.parametrize(
    ("reason", "headers"),
    [
        ("a\r\nb", {}),
        ("a\x00", {}),
        ("€", {}),
        (None, {"A": "b\nc"}),
        (None, {"A b": "c"}),
        (None, {"Connection": "keep-alive"}),
        (None, {"Content-Length": "5"}),
        (None, {"transfer-encoding": "chunked"}),
        (None, {"Sec-WebSocket-Accept": "x"}),
        (None, {"X-WebSocket-Reject-Reason": "x"}),
    ],
)
def test_nothing_is_smuggled_into_a_rejection(reason: str | None, headers: dict[str, str]) -> None:
    with pytest.raises(ValueError):
        build_reject(403, reason, headers)


@given(st.integers(200, 599), st.text(), st.binary())
def test_any_rejection_is_one_answer_or_refused(status: int, reason: str, body: bytes) -> None:
    try:
        answer = build_reject(status, reason, body=body)
    except ValueError:
        return
    top, _, rest = answer.partition(b"\r\n\r\n")
    assert rest == body
    parsed = parse_response_head(top + b"\r\n\r\n")
    assert parsed.status == status
    assert parsed.headers["X-WebSocket-Reject-Reason"] == reason.strip(" \t")
