"""Heads of HTTP messages: whole, byte by byte, with a tail; limits; every malformation; round trips."""

import string
from collections.abc import Callable
from contextlib import suppress
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinax.errors import HandshakeError, LocalProtocolError
from twinax.headers import Headers
from twinax.protocol.head import (
    HeadBuffer,
    ResponseHead,
    build_request_head,
    build_response_head,
    parse_request_head,
    parse_response_head,
    reason_phrase,
)

REQUEST = b"GET /chat?x=1 HTTP/1.1\r\nHost: example.com\r\nX-A:  b c \r\nX-a:d\r\n\r\n"
TOKEN_CHARACTERS = "!#$%&'*+-.^_`|~" + string.digits + string.ascii_letters

tokens = st.text(TOKEN_CHARACTERS, min_size=1, max_size=12)
values = st.text(st.characters(codec="latin-1", exclude_categories=["Cc"]), max_size=30).map(lambda v: v.strip(" \t"))
fields = st.lists(st.tuples(tokens.filter(lambda name: name.lower() != "host"), values), max_size=20)
targets = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=40)


def feed_bytewise(buffer: HeadBuffer, data: bytes) -> bytes | None:
    for index in range(len(data)):
        head = buffer.feed(data[index : index + 1])
        if head is not None:
            assert index == len(data) - 1
            return head
    return None


# --- HeadBuffer ---------------------------------------------------------------------------------


def test_whole_head_with_a_tail() -> None:
    buffer = HeadBuffer()
    assert buffer.feed(REQUEST + b"\x81\x85tail\r\n\r\n") == REQUEST
    assert buffer.rest == b"\x81\x85tail\r\n\r\n"


def test_byte_by_byte() -> None:
    buffer = HeadBuffer()
    assert feed_bytewise(buffer, REQUEST) == REQUEST
    assert buffer.rest == b""


@given(st.lists(st.integers(0, len(REQUEST) + 5)))
def test_any_cut_gives_the_same_head(cuts: list[int]) -> None:
    data = REQUEST + b"after"
    edges = [0, *sorted(cuts), len(data)]
    buffer = HeadBuffer()
    heads: list[bytes] = []
    rest = b""
    for start, end in pairwise(edges):
        if heads:
            rest += data[start:end]
        elif (head := buffer.feed(memoryview(data)[start:end])) is not None:
            heads.append(head)
    assert heads == [REQUEST]
    assert buffer.rest + rest == b"after"


def test_feeding_nothing_needs_more() -> None:
    assert HeadBuffer().feed(b"") is None


def test_after_the_head_nothing_is_taken() -> None:
    buffer = HeadBuffer()
    buffer.feed(REQUEST)
    with pytest.raises(LocalProtocolError, match="head is complete"):
        buffer.feed(b"x")


@pytest.mark.parametrize("size", [1, 7, 100_000])
def test_limits_allow_exactly_what_they_say(size: int) -> None:
    line = b"GET / HTTP/1.1"
    field = b"A: " + b"x" * (8192 - 3)
    rest = b"B: " + b"x" * (16384 - len(line) - 8192 - 3 * 2 - 3 - 2)
    head = b"\r\n".join([line, field, rest, b"", b""])
    assert len(head) == 16384
    buffer = HeadBuffer()
    results = [buffer.feed(head[at : at + size]) for at in range(0, len(head), size)]
    assert results[-1] == head
    assert not any(results[:-1])


def test_a_hundred_fields_are_allowed() -> None:
    head = b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 100 + b"\r\n"
    assert HeadBuffer().feed(head) == head


TOO_MUCH = [
    (b"GET /" + b"x" * 8192, 414, "request line is longer than 8192 bytes"),
    (b"GET /" + b"x" * 8174 + b" HTTP/1.1\r\n", None, ""),
    (b"GET /" + b"x" * 8179 + b" HTTP/1.1\r\n", 414, "request line is longer than 8192 bytes"),
    (b"GET / HTTP/1.1\r\nA: " + b"x" * 8190 + b"\r\n", 431, "header field is longer than 8192 bytes"),
    (b"GET / HTTP/1.1\r\nA: " + b"x" * 8191, 431, "header field is longer than 8192 bytes"),
    (b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 101, 431, "more than 100 fields"),
    (b"GET / HTTP/1.1\r\n" + b"A: %s\r\n" % (b"x" * 8000) * 2 + b"B: " + b"x" * 400, 431, "longer than 16384 bytes"),
    (b"GET / HTTP/1.1\r\nA: %s\r\nB: %s\r\n\r\n" % (b"x" * 8178, b"x" * 8179), 431, "longer than 16384 bytes"),
    (b"GET / HTTP/1.1\r\n" + (b"A: %s\r\n" % (b"x" * 8000)) * 3, 431, "longer than 16384 bytes"),
]


@pytest.mark.parametrize(("data", "status", "text"), TOO_MUCH)
@pytest.mark.parametrize("bytewise", [False, True])
def test_limits(data: bytes, status: int | None, text: str, bytewise: bool) -> None:
    buffer = HeadBuffer()
    feed = feed_bytewise if bytewise else HeadBuffer.feed
    if status is None:
        assert feed(buffer, data) is None
        return
    with pytest.raises(HandshakeError, match=text) as caught:
        feed(buffer, data)
    assert caught.value.status == status


def test_limits_can_be_set() -> None:
    with pytest.raises(HandshakeError, match="longer than 20 bytes"):
        HeadBuffer(max_head=20).feed(b"GET / HTTP/1.1\r\nHost: x")
    with pytest.raises(HandshakeError, match="more than 1 fields"):
        HeadBuffer(max_fields=1).feed(b"GET / HTTP/1.1\r\nA:\r\nB:\r\n")
    with pytest.raises(HandshakeError, match="request line is longer than 10 bytes"):
        HeadBuffer(max_line=10).feed(b"GET / HTTP/1.1\r\n")


@pytest.mark.parametrize(
    "data", [b"\n", b"GET / HTTP/1.1\n", b"GET / HTTP/1.1\r\nHost: a\n\r\n", b"GET / HTTP/1.1\r\n\n"]
)
@pytest.mark.parametrize("bytewise", [False, True])
def test_bare_lf_is_refused_at_once(data: bytes, bytewise: bool) -> None:
    feed = feed_bytewise if bytewise else HeadBuffer.feed
    with pytest.raises(HandshakeError, match="bare LF") as caught:
        feed(HeadBuffer(), data)
    assert caught.value.status == 400


def test_leading_empty_line_is_refused() -> None:
    with pytest.raises(HandshakeError, match="begins with an empty line") as caught:
        HeadBuffer().feed(b"\r\nGET / HTTP/1.1\r\n\r\n")
    assert caught.value.status == 400


def test_client_hello_on_a_plain_port_is_recognised() -> None:
    with pytest.raises(HandshakeError, match="client speaks TLS on a port without") as caught:
        HeadBuffer().feed(b"\x16\x03\x01\x02")
    assert caught.value.status == 400


@pytest.mark.parametrize("first", [b"\x15", b"\x16"])
def test_tls_server_is_recognised_by_a_plain_client(first: bytes) -> None:
    with pytest.raises(HandshakeError, match="server speaks TLS: use wss") as caught:
        HeadBuffer("client").feed(first + b"\x03\x01\x02")
    assert caught.value.status is None


def test_errors_of_a_client_have_no_status() -> None:
    with pytest.raises(HandshakeError, match="status line is longer") as caught:
        HeadBuffer("client").feed(b"H" * 9000)
    assert caught.value.status is None


def test_byte_by_byte_takes_linear_work(count_lines: Callable[..., int]) -> None:
    def head(size: int) -> bytes:
        return b"GET / HTTP/1.1\r\n" + b"A: bbbb\r\n" * (size // 9) + b"\r\n"

    def run(data: bytes) -> None:
        assert feed_bytewise(HeadBuffer(max_head=1 << 20, max_fields=1 << 20), data) == data

    assert count_lines(run, head(16000)) < 2.5 * count_lines(run, head(8000))


def test_every_byte_is_searched_once() -> None:
    class Counting(HeadBuffer):
        __slots__ = ("searched",)

    buffer = Counting(max_head=1 << 20, max_line=1 << 20)
    seen = 0
    for _ in range(64 * 1024):
        before = buffer._scanned
        buffer.feed(b"x")
        seen += buffer._scanned - before
    assert seen == 64 * 1024


# --- requests -----------------------------------------------------------------------------------


def test_request_in_parts() -> None:
    head = parse_request_head(REQUEST)
    assert (head.method, head.target, head.version) == ("GET", "/chat?x=1", "HTTP/1.1")
    assert head.headers.items() == [("Host", "example.com"), ("X-A", "b c"), ("X-a", "d")]


def test_octets_above_ascii_are_kept() -> None:
    head = parse_request_head(b"GET / HTTP/1.1\r\nHost: a\r\nX: \xc3\xa9\r\n\r\n")
    assert head.headers["X"].encode("latin-1") == b"\xc3\xa9"


def test_http_1_0_needs_no_host() -> None:
    head = parse_request_head(b"GET / HTTP/1.0\r\n\r\n")
    assert head.version == "HTTP/1.0"
    assert len(head.headers) == 0


BAD_REQUESTS = [
    (b"GET / HTTP/1.1\r\nHost: a\r\n", "does not end with an empty line"),
    (b"", "does not end with an empty line"),
    (b"\r\n\r\n", "is not: method"),
    (b"GET /\r\n\r\n", "is not: method"),
    (b"GET  / HTTP/1.1\r\n\r\n", "is not: method"),
    (b"GET / x HTTP/1.1\r\n\r\n", "is not: method"),
    (b"GET\t/\tHTTP/1.1\r\n\r\n", "is not: method"),
    (b"G(T / HTTP/1.1\r\n\r\n", "method 'G\\(T' is not a token"),
    (b" / HTTP/1.1\r\n\r\n", "method '' is not a token"),
    (b"GET  HTTP/1.1\r\n\r\n", "request target '' is empty"),
    (b"GET /\xc3\xa9 HTTP/1.1\r\n\r\n", "characters that no URI has"),
    (b"GET /\x00 HTTP/1.1\r\n\r\n", "characters that no URI has"),
    (b"GET /\r HTTP/1.1\r\n\r\n", "characters that no URI has"),
    (b"GET / http/1.1\r\n\r\n", "is not a version of HTTP"),
    (b"GET / HTTP/1.1 \r\n\r\n", "is not: method"),
    (b"GET / HTTP/11\r\n\r\n", "is not a version of HTTP"),
    (b"GET / HTTP/1.1\r\n\r\n", "0 Host fields"),
    (b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", "2 Host fields"),
    (b"GET / HTTP/1.0\r\nHost: a\r\nhost: b\r\n\r\n", "2 Host fields"),
    (b"GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n", "is folded or empty"),
    (b"GET / HTTP/1.1\r\n\tHost: a\r\n\r\n", "is folded or empty"),
    (b"GET / HTTP/1.1\r\n\r\nHost: a\r\n\r\n", "is folded or empty"),
    (b"GET / HTTP/1.1\r\nHost\r\n\r\n", "has no colon"),
    (b"GET / HTTP/1.1\r\nHost : a\r\n\r\n", "space before the colon"),
    (b"GET / HTTP/1.1\r\nHost\t: a\r\n\r\n", "space before the colon"),
    (b"GET / HTTP/1.1\r\n: a\r\n\r\n", "header field '': the name is not a token"),
    (b"GET / HTTP/1.1\r\nH(st: a\r\n\r\n", "the name is not a token"),
    (b"GET / HTTP/1.1\r\nHost: a\x00b\r\n\r\n", r"header field 'Host': the value holds the control character '\\x00'"),
    (b"GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n", r"holds the control character '\\r'"),
    (b"GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n", r"holds the control character '\\n'"),
    (b"GET / HTTP/1.1\r\nHost: a\r\nX: \x7f\r\n\r\n", r"holds the control character '\\x7f'"),
]


@pytest.mark.parametrize(("head", "text"), BAD_REQUESTS)
def test_malformed_request_is_answered_with_400(head: bytes, text: str) -> None:
    with pytest.raises(HandshakeError, match=text) as caught:
        parse_request_head(head)
    assert caught.value.status == 400


def test_http_2_is_answered_with_505() -> None:
    with pytest.raises(HandshakeError, match=r"HTTP/2.0 is not supported") as caught:
        parse_request_head(b"PRI * HTTP/2.0\r\n\r\n")
    assert caught.value.status == 505


@given(tokens, targets, fields)
def test_request_comes_back_as_it_was_built(method: str, target: str, pairs: list[tuple[str, str]]) -> None:
    headers = Headers([("Host", "example.com"), *pairs])
    head = build_request_head(method, target, headers)
    buffer = HeadBuffer()
    assert buffer.feed(head + b"tail") == head
    assert buffer.rest == b"tail"
    parsed = parse_request_head(head)
    assert (parsed.method, parsed.target, parsed.version) == (method, target, "HTTP/1.1")
    assert parsed.headers.items() == headers.items()


@given(st.binary(max_size=200))
def test_any_bytes_are_parsed_or_refused(data: bytes) -> None:
    for head in (data, b"GET / HTTP/1.1\r\nHost: a\r\n" + data + b"\r\n\r\n"):
        with suppress(HandshakeError):
            parsed = parse_request_head(head)
            assert build_request_head(parsed.method, parsed.target, parsed.headers).endswith(b"\r\n\r\n")


def test_request_head_takes_a_mapping() -> None:
    assert build_request_head("GET", "/", {"Host": "a"}) == b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


@pytest.mark.parametrize(
    ("method", "target", "headers"),
    [
        ("GET\r\n", "/", {}),
        ("", "/", {}),
        ("GET", "", {}),
        ("GET", "/ HTTP/1.1\r\nX: y", {}),
        ("GET", "/\x00", {}),
        ("GET", "/é", {}),
        ("GET", "/", {"A": "b\r\nX: y"}),
        ("GET", "/", {"A\n": "b"}),
    ],
)
def test_nothing_is_smuggled_into_a_request(method: str, target: str, headers: dict[str, str]) -> None:
    with pytest.raises(ValueError):
        build_request_head(method, target, headers)


# --- responses ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "status", "reason", "version"),
    [
        (b"HTTP/1.1 101 Switching Protocols", 101, "Switching Protocols", "HTTP/1.1"),
        (b"HTTP/1.1 200 ", 200, "", "HTTP/1.1"),
        (b"HTTP/1.1 200", 200, "", "HTTP/1.1"),
        (b"HTTP/1.0 403 Non  \xe9", 403, "Non  é", "HTTP/1.0"),
        (b"HTTP/1.1 999 \t", 999, "\t", "HTTP/1.1"),
    ],
)
def test_response_in_parts(line: bytes, status: int, reason: str, version: str) -> None:
    head = parse_response_head(line + b"\r\nA: b\r\n\r\n")
    assert head == ResponseHead(status, reason, Headers({"A": "b"}), version)


@pytest.mark.parametrize(("status", "interim"), [(100, True), (101, False), (103, True), (200, False), (404, False)])
def test_interim_responses(status: int, interim: bool) -> None:
    assert ResponseHead(status, "", Headers()).is_interim is interim


@pytest.mark.parametrize(
    ("head", "text"),
    [
        (b"HTTP/1.1 101 x\r\n", "does not end with an empty line"),
        (b"HTTP/1.1\r\n\r\n", "no status of three digits"),
        (b"HTTP/1.1 20 OK\r\n\r\n", "no status of three digits"),
        (b"HTTP/1.1 099 OK\r\n\r\n", "no status of three digits"),
        (b"HTTP/1.1  200 OK\r\n\r\n", "no status of three digits"),
        (b"HTTP/1.1 \xb2\xb2\xb2 OK\r\n\r\n", "no status of three digits"),
        (b"HTTP/1.1 200 \x00\r\n\r\n", "holds control characters"),
        (b"HTTP/2.0 200 OK\r\n\r\n", "HTTP/2.0 is not supported"),
        (b"SSH-2.0-OpenSSH\r\n\r\n", "is not a version of HTTP"),
        (b"HTTP/1.1 200 OK\r\nA : b\r\n\r\n", "space before the colon"),
        (b"HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n", "is folded"),
    ],
)
def test_malformed_response(head: bytes, text: str) -> None:
    with pytest.raises(HandshakeError, match=text) as caught:
        parse_response_head(head)
    assert caught.value.status is None


@given(st.integers(100, 599), values, fields)
def test_response_comes_back_as_it_was_built(status: int, reason: str, pairs: list[tuple[str, str]]) -> None:
    head = parse_response_head(build_response_head(status, pairs, reason))
    assert (head.status, head.reason, head.headers.items()) == (status, reason, pairs)


def test_phrases_are_the_usual_ones() -> None:
    assert build_response_head(431, {}) == b"HTTP/1.1 431 Request Header Fields Too Large\r\n\r\n"
    assert build_response_head(599, {}) == b"HTTP/1.1 599 \r\n\r\n"
    assert reason_phrase(101) == "Switching Protocols"
    assert reason_phrase(299) == ""


@pytest.mark.parametrize(
    ("status", "reason", "headers"),
    [
        (99, None, {}),
        (600, None, {}),
        (200, "a\r\nb", {}),
        (200, "a\x00", {}),
        (200, "€", {}),
        (200, None, {"A": "b\nc"}),
    ],
)
def test_nothing_is_smuggled_into_a_response(status: int, reason: str | None, headers: dict[str, str]) -> None:
    with pytest.raises(ValueError):
        build_response_head(status, headers, reason)
