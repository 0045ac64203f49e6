"""Hostile handshakes: from bytes to an answer, whole and byte by byte, never anything but a refusal with a status."""

from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinax.cookies import parse_cookies
from twinax.errors import HandshakeError
from twinax.protocol import (
    HandshakeRequest,
    HeadBuffer,
    ResponseHead,
    build_reject,
    check_origin,
    parse_request_head,
    parse_response_head,
    read_request,
)
from twinax.uri import parse_uri

KEY = b"dGhlIHNhbXBsZSBub25jZQ=="
GOOD = (
    b"GET /chat HTTP/1.1\r\nHost: example.com\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"
    b"Sec-WebSocket-Key: " + KEY + b"\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


def whole(data: bytes) -> Iterator[bytes]:
    yield data


def bytewise(data: bytes) -> Iterator[bytes]:
    for index in range(len(data)):
        yield data[index : index + 1]


def serve(pieces: Iterator[bytes]) -> HandshakeRequest | None:
    """What a server does with the bytes of a client until the head is complete; None when it never is."""
    buffer = HeadBuffer()
    for piece in pieces:
        head = buffer.feed(piece)
        if head is not None:
            return read_request(parse_request_head(head))
    return None


def with_field(line: bytes) -> bytes:
    return GOOD.replace(b"\r\n\r\n", b"\r\n" + line + b"\r\n\r\n")


def replaced(old: bytes, new: bytes) -> bytes:
    assert old in GOOD
    return GOOD.replace(old, new)


VECTORS = {
    "no Host": (replaced(b"Host: example.com\r\n", b""), 400),
    "two Host": (with_field(b"Host: evil.example"), 400),
    "empty Host": (replaced(b"Host: example.com", b"Host:"), 400),
    "two keys": (with_field(b"Sec-WebSocket-Key: " + KEY), 400),
    "no key": (replaced(b"Sec-WebSocket-Key: " + KEY + b"\r\n", b""), 400),
    "key of 15 bytes": (replaced(KEY, b"AAECAwQFBgcICQoLDA0O"), 400),
    "key of 17 bytes": (replaced(KEY, b"AAECAwQFBgcICQoLDA0ODxA="), 400),
    "key not canonical": (replaced(KEY, b"dGhlIHNhbXBsZSBub25jZR=="), 400),
    "key no base64": (replaced(KEY, b"????????????????????????"), 400),
    "key of 8 KiB": (replaced(KEY, b"A" * 8000), 400),
    "two versions": (with_field(b"Sec-WebSocket-Version: 13"), 400),
    "version 12": (replaced(b"Version: 13", b"Version: 12"), 426),
    "version of 4000 digits": (replaced(b"Version: 13", b"Version: " + b"9" * 4000), 400),
    "folded line": (with_field(b"X: a\r\n b"), 400),
    "bare LF": (replaced(b"example.com\r\n", b"example.com\n"), 400),
    "bare LF everywhere": (GOOD.replace(b"\r\n", b"\n"), 400),
    "bare CR": (with_field(b"X: a\rb"), 400),
    "CR CR LF": (with_field(b"X: a\r"), 400),
    "NUL in a value": (with_field(b"X: a\x00b"), 400),
    "NUL in a name": (with_field(b"X\x00: a"), 400),
    "NUL in the target": (replaced(b"/chat", b"/ch\x00at"), 400),
    "space before the colon": (with_field(b"X : a"), 400),
    "no colon": (with_field(b"X"), 400),
    "no name": (with_field(b": a"), 400),
    "101 fields": (with_field(b"\r\n".join([b"X: a"] * 96)), 431),
    "10,000 fields": (with_field(b"\r\n".join([b"X: a"] * 10_000)), 431),
    "a long field": (with_field(b"X: " + b"a" * 9000), 431),
    "a field without end": (with_field(b"X: " + b"a" * 100_000), 431),
    "a long head": (with_field(b"\r\n".join([b"X: " + b"a" * 8000] * 3)), 431),
    "a long target": (replaced(b"/chat", b"/" + b"a" * 9000), 414),
    "POST": (replaced(b"GET", b"POST"), 405),
    "HTTP/1.0": (replaced(b"HTTP/1.1", b"HTTP/1.0"), 400),
    "HTTP/2.0": (replaced(b"HTTP/1.1", b"HTTP/2.0"), 505),
    "HTTP/0.9": (b"GET /\r\n\r\n", 400),
    "HTTP/2 preface": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
    "SSH": (b"SSH-2.0-OpenSSH_9.7\r\n\r\n", 400),
    "empty lines": (b"\r\n\r\n\r\n", 400),
    "a body": (with_field(b"Content-Length: 5"), 400),
    "a chunked body": (with_field(b"Transfer-Encoding: chunked"), 400),
    "two origins": (with_field(b"Origin: http://a\r\nOrigin: http://b"), 400),
    "protocol twice": (with_field(b"Sec-WebSocket-Protocol: a, a"), 400),
    "protocol not a token": (with_field(b"Sec-WebSocket-Protocol: a\xff"), 400),
    "extension with open quote": (with_field(b'Sec-WebSocket-Extensions: a; b="c'), 400),
    "extension with empty quotes": (with_field(b'Sec-WebSocket-Extensions: a; b=""'), 400),
    "extension without name": (with_field(b"Sec-WebSocket-Extensions: ;"), 400),
    "connection without upgrade": (replaced(b"keep-alive, Upgrade", b"keep-alive"), 400),
    "connection in quotes": (replaced(b"keep-alive, Upgrade", b'"Upgrade"'), 400),
}


@pytest.mark.parametrize("cut", [whole, bytewise])
@pytest.mark.parametrize("name", VECTORS)
def test_hostile_request_is_refused(name: str, cut: Callable[[bytes], Iterator[bytes]]) -> None:
    data, status = VECTORS[name]
    with pytest.raises(HandshakeError) as caught:
        serve(cut(data))
    assert caught.value.status == status
    # The refusal can be sent as it is, and holds nothing of the request that could split it.
    answer = build_reject(status, str(caught.value), caught.value.headers)
    assert answer.count(b"\r\n\r\n") == 1
    assert parse_response_head(answer).status == status


@pytest.mark.parametrize("cut", [whole, bytewise])
def test_good_request_is_accepted(cut: Callable[[bytes], Iterator[bytes]]) -> None:
    found = serve(cut(GOOD))
    assert found is not None
    assert found.key == KEY.decode()


@pytest.mark.parametrize("parameter", ["", "=7", "=8", "=15", "=16", "=99", "=-1", "=1e3", "=09", '="10"'])
def test_parameters_of_extensions_reach_the_extension_as_they_are(parameter: str) -> None:
    found = serve(whole(with_field(f"Sec-WebSocket-Extensions: permessage-deflate; x{parameter}; x".encode())))
    assert found is not None
    value = parameter.removeprefix("=").strip('"') if parameter else None
    assert found.requested_extensions == [("permessage-deflate", [("x", value), ("x", None)])]


def test_bad_cookies_cost_nobody_the_connection() -> None:
    found = serve(whole(with_field(b'Cookie: a=%zz; =; ;;, b="; \xff=\xfe; c=%C3')))
    assert found is not None
    assert ("a", "%zz") in (found.cookies or [])


@given(st.integers(0, len(GOOD) - 1), st.binary(max_size=3))
def test_any_damage_is_accepted_or_refused(at: int, damage: bytes) -> None:
    data = GOOD[:at] + damage + GOOD[at + len(damage) :]
    results: list[object] = []
    for cut in (whole, bytewise):
        try:
            results.append(serve(cut(data)))
        except HandshakeError as exc:
            results.append((exc.status, str(exc)))
    assert results[0] == results[1]


@given(st.binary(max_size=300))
def test_any_answer_is_accepted_or_refused(data: bytes) -> None:
    with suppress(HandshakeError):
        head = HeadBuffer("client").feed(data)
        assert head is None or isinstance(parse_response_head(head), ResponseHead)


@pytest.mark.parametrize("unit", [";", ",", "a=b;", "%", "%41", '"', 'a="%', "a=%C3%A9,", " ", "=", "\xe9%41"])
def test_cookies_take_linear_work(unit: str, count_lines: Callable[..., int]) -> None:
    small = count_lines(parse_cookies, unit * (4096 // len(unit)))
    large = count_lines(parse_cookies, unit * (8192 // len(unit)))
    assert large <= 2.5 * small + 50
    assert large <= 20 * 8192


@pytest.mark.parametrize("unit", [b"X: a\r\n", b"Cookie: a=b\r\n", b"Sec-WebSocket-Protocol: a\r\n", b"a"])
def test_a_head_byte_by_byte_takes_linear_work(unit: bytes, count_lines: Callable[..., int]) -> None:
    def run(size: int) -> None:
        buffer = HeadBuffer(max_head=1 << 20, max_line=1 << 20, max_fields=1 << 20)
        for piece in bytewise(b"GET / HTTP/1.1\r\n" + unit * (size // len(unit))):
            assert buffer.feed(piece) is None

    assert count_lines(run, 64 * 1024) <= 2.5 * count_lines(run, 32 * 1024)


@pytest.mark.parametrize(
    "uri", ["ws://a/\r\nX: y", "ws://a\r\n/", "ws://a/\x00", "ws://a/ HTTP/1.1", "ws://u:p\n@a/", "ws://a:80\r\n/"]
)
def test_nothing_is_smuggled_through_an_address(uri: str) -> None:
    with pytest.raises(ValueError):
        parse_uri(uri)


def test_null_is_no_origin_of_ours() -> None:
    found = serve(whole(with_field(b"Origin: null")))
    assert found is not None
    assert not check_origin(found)
