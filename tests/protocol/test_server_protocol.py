"""`ServerProtocol` without I/O, against bytes; the conversation is in test_client_protocol.py."""

from typing import Any

import pytest

import frame_bytes
from frame_bytes import close, frame
from support.peers import ACCEPT, KEY, http_request, upgrade_request
from twinax import Close, LocalProtocolError, ServerProtocol
from twinax.protocol import CloseReceived, Event, HandshakeFailed, MessageReceived, Opened, RequestReceived

SIZES = [1 << 20, 1, 3]


def feed(server: ServerProtocol, data: bytes, size: int) -> list[Event]:
    events: list[Event] = []
    for start in range(0, len(data), size):
        events += server.receive_data(data[start : start + size])
    return events


@pytest.mark.parametrize("size", SIZES)
def test_accept(size: int) -> None:
    server = ServerProtocol()
    (event,) = feed(server, upgrade_request("/chat", "Sec-WebSocket-Protocol: One, Two"), size)
    assert isinstance(event, RequestReceived)
    assert event.request.key == KEY
    assert event.request.requested_protocols == ("one", "two")
    assert server.state == "connecting"
    server.accept(subprotocol="two", origin="http://localhost")
    assert server.state == "open"
    assert server.subprotocol == "two"
    lines = server.data_to_send().decode().split("\r\n")
    assert lines[0] == "HTTP/1.1 101 Switching Protocols"
    assert f"Sec-WebSocket-Accept: {ACCEPT}" in lines
    assert "Sec-WebSocket-Protocol: Two" in lines
    assert "Origin: http://localhost" in lines
    assert server.receive_data(b"") == [Opened("two")]
    server.send("hello")
    assert frame_bytes.parse_frames(server.data_to_send()) == [frame_bytes.Frame(1, b"hello")]
    assert server.data_to_send() == b""


@pytest.mark.parametrize("size", SIZES)
def test_frames_that_come_before_the_application_decides(size: int) -> None:
    server = ServerProtocol()
    events = feed(server, upgrade_request() + frame(1, b"early") + frame(2, b"and") + close(1000), size)
    assert [type(event) for event in events] == [RequestReceived]
    server.accept()
    assert server.receive_data(b"") == [
        Opened(None),
        MessageReceived("early"),
        MessageReceived(b"and"),
        CloseReceived(Close(1000)),
    ]
    assert server.data_to_send().endswith(b"\r\n\r\n\x88\x02\x03\xe8")
    assert server.should_close


@pytest.mark.parametrize("size", SIZES)
def test_frames_behind_a_request_that_is_rejected_are_nothing(size: int) -> None:
    server = ServerProtocol()
    feed(server, upgrade_request() + frame(1, b"early"), size)
    server.reject(body="no")
    data = server.data_to_send()
    assert data.startswith(b"HTTP/1.1 403 Forbidden\r\n")
    assert data.endswith(b"\r\n\r\nno")
    (failed,) = server.receive_data(upgrade_request())
    assert isinstance(failed, HandshakeFailed)
    assert server.state == "closed"
    assert server.should_close
    assert server.receive_eof() == []


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    ("data", "status"),
    [
        (upgrade_request(version=5), 426),
        (upgrade_request(host=None), 400),
        (http_request("GET", "/"), 400),
        (upgrade_request("/" + "x" * 9000), 414),
        (b"\x16\x03\x01", 400),
    ],
)
def test_requests_that_break_a_rule_are_answered_by_the_protocol(size: int, data: bytes, status: int) -> None:
    server = ServerProtocol()
    (failed,) = feed(server, data, size)
    assert isinstance(failed, HandshakeFailed)
    assert failed.error.status == status
    assert server.data_to_send().startswith(f"HTTP/1.1 {status} ".encode())
    assert server.should_close
    assert server.request is None


def test_what_need_not_be_parsed() -> None:
    server = ServerProtocol(parse_cookies=False, parse_extensions=False)
    server.receive_data(upgrade_request("/", "Cookie: a=1", "Sec-WebSocket-Extensions: =broken"))
    assert server.request is not None
    assert server.request.cookies is None
    assert server.request.requested_extensions == []


def test_only_a_request_that_waits_can_be_answered() -> None:
    server = ServerProtocol()
    for call in (server.accept, server.reject):
        with pytest.raises(LocalProtocolError, match="no request that waits"):
            call()
    server.receive_data(upgrade_request())
    server.accept()
    for call in (server.accept, server.reject):
        with pytest.raises(LocalProtocolError):
            call()


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"subprotocol": "chat"}, LocalProtocolError),
        ({"origin": "a\r\nb"}, ValueError),
        ({"headers": {"Upgrade": "h2c"}}, ValueError),
        ({"cookies": [{"name": "a"}]}, ValueError),
    ],
)
def test_an_answer_that_cannot_be_sent_leaves_the_request_waiting(options: Any, error: type[Exception]) -> None:
    server = ServerProtocol()
    server.receive_data(upgrade_request())
    with pytest.raises(error):
        server.accept(**options)
    assert server.data_to_send() == b""
    server.accept()
    assert server.state == "open"


def test_the_end_before_or_after_the_request() -> None:
    server = ServerProtocol()
    server.receive_data(b"GET / HTTP")
    (failed,) = server.receive_eof()
    assert isinstance(failed, HandshakeFailed)
    assert server.should_close
    server = ServerProtocol()
    server.receive_data(upgrade_request())
    (failed,) = server.receive_eof()
    assert isinstance(failed, HandshakeFailed)
    with pytest.raises(LocalProtocolError):
        server.accept()


def test_a_role_must_say_what_a_head_means() -> None:
    from twinax.protocol.base import WebSocketProtocol

    with pytest.raises(NotImplementedError):
        WebSocketProtocol("server", {}, None, ()).receive_data(http_request("GET", "/"))
