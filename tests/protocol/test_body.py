"""Bodies of refused handshakes: by length, in chunks, to the end; whole and byte by byte; cut; malformed."""

from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinax.headers import Headers
from twinax.protocol.body import MAX_BODY, BodyBuffer
from twinax.protocol.head import ResponseHead


def new_buffer(status: int = 403, limit: int = MAX_BODY, **fields: str) -> BodyBuffer:
    headers = Headers({name.replace("_", "-"): value for name, value in fields.items()})
    return BodyBuffer(ResponseHead(status, "", headers), limit)


def feed_bytewise(buffer: BodyBuffer, data: bytes) -> bool:
    return any(buffer.feed(data[index : index + 1]) for index in range(len(data)))


@pytest.mark.parametrize("feed", [BodyBuffer.feed, feed_bytewise])
@pytest.mark.parametrize(
    ("fields", "sent", "body"),
    [
        ({"Content_Length": "5"}, b"hello", b"hello"),
        ({"Content_Length": "5"}, b"hello, and the next answer", b"hello"),
        ({"Transfer_Encoding": "chunked"}, b"5\r\nhello\r\n0\r\n\r\n", b"hello"),
        ({"Transfer_Encoding": "Chunked"}, b"2;x=y\r\nhe\r\n00003 \r\nllo\r\n0\r\nTrailer: 1\r\n\r\ntail", b"hello"),
        ({"Transfer_Encoding": "gzip, chunked"}, b"1\r\nz\r\n0\r\n\r\n", b"z"),
        ({"Transfer_Encoding": "chunked", "Content_Length": "1"}, b"3\r\nabc\r\n0\r\n\r\n", b"abc"),
        ({"Transfer_Encoding": "chunked"}, b"3\r\nabcd\r\n", b"abc"),
        ({"Transfer_Encoding": "chunked"}, b"3\r\nabc\r\nzz\r\n", b"abc"),
        ({"Transfer_Encoding": "chunked"}, b"-1\r\nabc\r\n", b""),
        ({"Transfer_Encoding": "chunked"}, b"3\r\nabc\r\n" + b"1" * 2000, b"abc"),
    ],
)
def test_ends(feed: Callable[[BodyBuffer, bytes], bool], fields: dict[str, str], sent: bytes, body: bytes) -> None:
    buffer = new_buffer(**fields)
    assert not buffer.is_complete
    assert feed(buffer, sent)
    assert buffer.is_complete
    assert buffer.data == body


@pytest.mark.parametrize(
    "fields", [{}, {"Content_Length": "many"}, {"Content_Length": "-1"}, {"Transfer_Encoding": "gzip"}]
)
def test_without_a_known_length_it_ends_with_the_connection(fields: dict[str, str]) -> None:
    buffer = new_buffer(**fields)
    assert not buffer.feed(b"so far ")
    assert not buffer.feed(b"so good")
    assert buffer.data == b"so far so good"


def test_two_lengths_that_differ_are_no_length() -> None:
    headers = Headers([("Content-Length", "1"), ("Content-Length", "2")])
    assert not BodyBuffer(ResponseHead(400, "", headers)).feed(b"abc")


@pytest.mark.parametrize("status", [204, 304, 101])
def test_some_answers_have_no_body(status: int) -> None:
    buffer = new_buffer(status, Content_Length="5")
    assert buffer.is_complete
    assert buffer.feed(b"hello")
    assert buffer.data == b""


def test_length_0_is_complete_at_once() -> None:
    assert new_buffer(Content_Length="0").is_complete


@pytest.mark.parametrize("fields", [{}, {"Content_Length": "1000"}, {"Transfer_Encoding": "chunked"}])
def test_is_cut_at_the_limit(fields: dict[str, str]) -> None:
    buffer = new_buffer(limit=10, **fields)
    assert buffer.feed(b"3e8\r\n" + b"x" * 995)
    assert len(buffer.data) == 10


@given(st.lists(st.binary(min_size=1, max_size=20), max_size=8), st.lists(st.integers(0, 200), max_size=6))
def test_chunks_are_joined_however_they_are_cut(chunks: list[bytes], cuts: list[int]) -> None:
    stream = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"
    buffer = new_buffer(Transfer_Encoding="chunked")
    edges = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    for start, end in pairwise(edges):
        buffer.feed(stream[start:end])
    assert buffer.is_complete
    assert buffer.data == b"".join(chunks)


def test_many_small_chunks_cost_linear_time(count_lines: Callable[..., int]) -> None:
    def lines(chunks: int) -> int:
        return count_lines(new_buffer(Transfer_Encoding="chunked").feed, b"1\r\nx\r\n" * chunks)

    assert lines(4000) < 2.2 * lines(2000)
