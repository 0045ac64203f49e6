"""`ClientProtocol` and `ServerProtocol` without I/O: against each other, and the client against bytes."""

from typing import Any

import pytest

import frame_bytes
from frame_bytes import frame
from twinax import (
    ClientProtocol,
    Close,
    HandshakeError,
    HandshakeRejected,
    InvalidURI,
    LocalProtocolError,
    NegotiationError,
    RemoteProtocolError,
    Rule,
    ServerProtocol,
    WebSocketFrame,
)
from twinax.protocol import (
    CloseReceived,
    Event,
    Failed,
    FrameReceived,
    HandshakeFailed,
    MessageReceived,
    Opened,
    PingReceived,
    PongReceived,
    RequestReceived,
    accept_key,
)

SIZES = [1 << 20, 1, 2, 7]
URI = "ws://example.com/chat?x=1"


def feed(protocol: Any, data: bytes, size: int, now: float | None = None) -> list[Event]:
    """Give a protocol bytes in pieces of this size; return everything that it tells."""
    events: list[Event] = []
    for start in range(0, len(data), size):
        events += protocol.receive_data(data[start : start + size], now)
    return events


class Talk:
    """A client and a server, and everything that they told."""

    def __init__(self, size: int, client: dict[str, Any] | None = None, server: dict[str, Any] | None = None) -> None:
        self.size = size
        self.client = ClientProtocol(URI, **(client or {}))
        self.server = ServerProtocol(**(server or {}))
        self.at_client: list[Event] = []
        self.at_server: list[Event] = []

    def exchange(self) -> None:
        """Carry bytes to and fro until there are none."""
        while True:
            to_server, to_client = self.client.data_to_send(), self.server.data_to_send()
            if not to_server and not to_client:
                return
            self.at_server += feed(self.server, to_server, self.size)
            self.at_client += feed(self.client, to_client, self.size)

    def open(self, **accept: Any) -> None:
        """Do the opening handshake."""
        self.client.connect()
        self.exchange()
        self.server.accept(**accept)
        self.exchange()
        self.at_server += self.server.receive_data(b"")


@pytest.mark.parametrize("size", SIZES)
def test_a_whole_conversation(size: int) -> None:
    talk = Talk(size, {"subprotocols": ["chat", "Super"], "origin": "http://example.com", "cookies": {"a": "1"}})
    assert (talk.client.state, talk.server.state) == ("connecting", "connecting")
    talk.open(subprotocol="SUPER", cookies=[{"name": "b", "value": "2"}], headers={"X-A": "1"})
    assert (talk.client.state, talk.server.state) == ("open", "open")
    request, opened = talk.at_server
    assert isinstance(request, RequestReceived)
    assert request.request is talk.server.request
    assert request.request.resource == "/chat?x=1"
    assert request.request.origin == "http://example.com"
    assert request.request.cookies == [("a", "1")]
    assert opened == Opened("SUPER", extensions=talk.server.extensions)
    assert [str(item) for item in talk.client.extensions] == [str(item) for item in talk.server.extensions]
    (opened,) = talk.at_client
    assert isinstance(opened, Opened)
    assert opened.subprotocol == talk.client.subprotocol == "Super"
    assert opened.headers is not None
    assert opened.headers["set-cookie"] == "b=2"
    assert opened.headers["x-a"] == "1"
    talk.at_client.clear()
    talk.at_server.clear()

    talk.client.send("téxt")
    talk.client.send(b"bytes" * 10_000)
    talk.client.ping(b"p")
    talk.server.send(bytearray(b"from the server"))
    talk.server.pong(b"unasked")
    talk.exchange()
    assert talk.at_server == [MessageReceived("téxt"), MessageReceived(b"bytes" * 10_000), PingReceived(b"p")]
    assert talk.at_client == [MessageReceived(b"from the server"), PongReceived(b"unasked"), PongReceived(b"p")]
    talk.at_client.clear()
    talk.at_server.clear()

    talk.client.close(3000, "bye")
    assert talk.client.state == "closing"
    with pytest.raises(LocalProtocolError):
        talk.client.send("too late")
    talk.exchange()
    assert talk.at_server == [CloseReceived(Close(3000, "bye"))]
    assert talk.at_client == [CloseReceived(Close(3000))]
    assert (talk.client.close_sent, talk.client.close_rcvd) == (Close(3000, "bye"), Close(3000))
    assert (talk.server.close_sent, talk.server.close_rcvd) == (Close(3000), Close(3000, "bye"))
    assert (talk.client.state, talk.server.state) == ("closed", "closed")
    # RFC 6455 7.1.1: the server ends the TCP connection, the client waits for that.
    assert talk.server.should_close
    assert not talk.client.should_close
    assert talk.client.receive_eof() == []
    assert talk.client.should_close
    assert talk.server.receive_eof() == []


@pytest.mark.parametrize("size", SIZES)
def test_the_server_closes_without_a_code(size: int) -> None:
    talk = Talk(size)
    talk.open()
    talk.server.close(None)
    talk.exchange()
    assert talk.at_client[-1] == CloseReceived(Close(1005))
    assert talk.at_server[-1] == CloseReceived(Close(1005))


def test_version_8() -> None:
    talk = Talk(1, {"websocket_version": 8, "origin": "http://example.com"})
    talk.open(origin="http://example.com")
    assert talk.server.request is not None
    assert (talk.server.request.websocket_version, talk.server.request.origin) == (8, "http://example.com")
    (opened,) = talk.at_client
    assert isinstance(opened, Opened)
    assert opened.headers is not None
    assert opened.headers["sec-websocket-origin"] == "http://example.com"


@pytest.mark.parametrize("size", SIZES)
def test_rejected(size: int) -> None:
    talk = Talk(size)
    talk.client.connect()
    talk.exchange()
    talk.server.reject(401, "who are you?", {"WWW-Authenticate": "Basic"}, "sign in")
    talk.exchange()
    (failed,) = talk.at_client
    assert isinstance(failed, HandshakeFailed)
    assert isinstance(failed.error, HandshakeRejected)
    assert failed.error.status == 401
    assert "who are you?" in str(failed.error)
    assert (talk.client.state, talk.server.state) == ("closed", "closed")
    assert talk.client.should_close
    assert talk.server.should_close
    (failed,) = talk.server.receive_data(b"more")
    assert isinstance(failed, HandshakeFailed)
    assert failed.error.status == 401
    assert talk.client.receive_eof() == []


@pytest.mark.parametrize("size", SIZES)
def test_frames_behind_the_answer(size: int) -> None:
    talk = Talk(size)
    talk.client.connect()
    talk.exchange()
    talk.server.accept()
    talk.server.send("in the same packet")
    talk.server.close()
    talk.exchange()
    assert [type(event) for event in talk.at_client] == [Opened, MessageReceived, CloseReceived]


def test_frames_instead_of_messages() -> None:
    talk = Talk(1, server={"limits": {"assemble_fragments": False}})
    talk.open()
    talk.at_server.clear()
    talk.client.send_frame(WebSocketFrame(1, b"a", fin=False))
    talk.client.send_frame(WebSocketFrame(0, b"b"))
    talk.client.send_frame(WebSocketFrame(9, b"p"))
    talk.exchange()
    frames = [event.frame for event in talk.at_server if isinstance(event, FrameReceived)]
    assert [(f.opcode, f.fin, f.binary_payload, f.mask) for f in frames] == [
        (1, False, b"a", True),
        (0, True, b"b", True),
        (9, True, b"p", True),
    ]
    assert talk.at_server[-1] == PingReceived(b"p")


# --- limits and violations ----------------------------------------------------------------------


@pytest.mark.parametrize("size", SIZES)
def test_a_server_that_breaks_a_rule(size: int) -> None:
    talk = Talk(size)
    talk.open()
    events = feed(talk.client, frame(1, b"good", masked=False) + frame(1, b"bad") + b"\x00" * 100, size)
    message, failed = events
    assert message == MessageReceived("good")
    assert isinstance(failed, Failed)
    assert isinstance(failed.error, RemoteProtocolError)
    assert failed.error.rule is Rule.MASK_UNEXPECTED
    assert talk.client.state == "failed"
    assert talk.client.should_close
    (close,) = frame_bytes.parse_frames(talk.client.data_to_send())
    assert close.opcode == 8
    assert close.payload[:2] == (1002).to_bytes(2, "big")
    assert talk.client.receive_eof() == []
    with pytest.raises(LocalProtocolError):
        talk.client.send("too late")


def test_limits() -> None:
    talk = Talk(1 << 20, server={"limits": {"max_received_message_size": 10}})
    talk.open()
    talk.client.send("x" * 11)
    talk.exchange()
    failed = talk.at_server[-1]
    assert isinstance(failed, Failed)
    assert "max_received_message_size=10" in str(failed.error)
    assert talk.at_client[-1] == CloseReceived(Close(1009, str(failed.error)))


def test_control_frames_are_limited_only_with_a_clock() -> None:
    pings = frame(9) * 201
    talk = Talk(1 << 20)
    talk.open()
    assert len(talk.server.receive_data(pings)) == 201
    talk = Talk(1 << 20)
    talk.open()
    events = talk.server.receive_data(pings, now=10.0)
    assert isinstance(events[-1], Failed)
    talk = Talk(1 << 20)
    talk.open()
    for second in range(5):
        assert len(talk.server.receive_data(frame(9) * 100, now=10.0 + second)) == 100


def test_the_end_without_a_close_frame() -> None:
    talk = Talk(1 << 20)
    talk.open()
    (failed,) = talk.client.receive_eof()
    assert isinstance(failed, Failed)
    assert isinstance(failed.error, EOFError)
    assert talk.client.state == "closed"
    assert talk.client.should_close
    assert talk.client.receive_eof() == []


# --- the client against bytes -------------------------------------------------------------------


def answer(
    client: ClientProtocol, *fields: str, status: str = "101 Switching Protocols", accept: str | None = None
) -> bytes:
    """Return the answer of a server to this client's request."""
    lines = client.data_to_send().decode().split("\r\n")
    key = next(line.split(": ")[1] for line in lines if line.startswith("Sec-WebSocket-Key"))
    needed = ["Upgrade: websocket", "Connection: Upgrade", f"Sec-WebSocket-Accept: {accept or accept_key(key)}"]
    return "\r\n".join([f"HTTP/1.1 {status}", *needed, *fields, "", ""]).encode("latin-1")


@pytest.mark.parametrize(
    ("extensions", "text"),
    [
        ("x", "'x': the server answered it"),
        ("permessage-deflate, permessage-deflate", "answered it twice"),
        ("permessage-deflate; server_max_window_bits=16", "server_max_window_bits=16"),
        ("permessage-deflate; x=1", "x=1"),
    ],
)
def test_extensions_that_do_not_do_end_the_handshake_and_the_server_is_told(extensions: str, text: str) -> None:
    client = ClientProtocol(URI)
    client.connect()
    (failed,) = client.receive_data(answer(client, f"Sec-WebSocket-Extensions: {extensions}"))
    assert isinstance(failed, HandshakeFailed)
    assert isinstance(failed.error, NegotiationError)
    assert text in str(failed.error)
    assert client.should_close
    (close,) = frame_bytes.parse_frames(client.data_to_send())
    assert close.payload[:2] == (1010).to_bytes(2, "big")
    assert close.key is not None


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    ("options", "fields", "changes", "text"),
    [
        ({}, [], {"accept": "wrong"}, "Sec-WebSocket-Accept"),
        ({}, ["Sec-WebSocket-Protocol: chat"], {}, "none was requested"),
        ({"subprotocols": ["chat"]}, ["Sec-WebSocket-Protocol: Chat"], {}, "'Chat'"),
        ({"subprotocols": ["chat"]}, [], {}, "Sec-WebSocket-Protocol is missing"),
        ({}, [], {"status": "200 OK"}, "200 OK"),
        ({}, ["X-Folded: a", " b"], {}, "folded"),
    ],
)
def test_answers_that_open_nothing(
    size: int, options: dict[str, Any], fields: list[str], changes: dict[str, str], text: str
) -> None:
    client = ClientProtocol(URI, **options)
    client.connect()
    (failed,) = feed(client, answer(client, *fields, **changes) + frame(1, b"x", masked=False), size)
    assert isinstance(failed, HandshakeFailed)
    assert text in str(failed.error)
    assert client.should_close
    assert client.data_to_send() == b""  # a client that gives up answers nothing
    assert client.receive_data(b"more") == []


def test_a_subprotocol_need_not_be_chosen() -> None:
    client = ClientProtocol(URI, subprotocols=["chat"], require_subprotocol=False)
    client.connect()
    (opened,) = client.receive_data(answer(client, "Connection: keep-alive"))
    assert isinstance(opened, Opened)
    assert client.subprotocol is None


def test_the_end_before_the_answer() -> None:
    client = ClientProtocol(URI)
    client.connect()
    client.receive_data(b"HTTP/1.1 101")
    (failed,) = client.receive_eof()
    assert isinstance(failed, HandshakeFailed)
    assert isinstance(failed.error, HandshakeError)
    assert client.state == "closed"


def test_what_comes_too_early_or_twice() -> None:
    client = ClientProtocol(URI)
    for call in (
        lambda: client.send("x"),
        client.ping,
        client.pong,
        client.close,
        lambda: client.send_frame(WebSocketFrame()),
    ):
        with pytest.raises(LocalProtocolError, match="the opening handshake is not done"):
            call()
    client.connect()
    with pytest.raises(LocalProtocolError, match="sent before"):
        client.connect()


@pytest.mark.parametrize(
    ("uri", "options", "error"),
    [
        ("http://example.com", {}, InvalidURI),
        (URI, {"headers": {"X": "a\r\nb"}}, ValueError),
        (URI, {"subprotocols": ["a b"]}, ValueError),
        (URI, {"websocket_version": 7}, ValueError),
        (URI, {"origin": "a\nb"}, ValueError),
        (URI, {"cookies": {"a": "1;2"}}, ValueError),
        (URI, {"limits": {"max_size": 1}}, TypeError),
    ],
)
def test_what_is_refused_before_a_byte_is_sent(uri: str, options: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        ClientProtocol(uri, **options)


def test_two_clients_have_two_keys_and_mask_with_many() -> None:
    keys = set()
    masks = set()
    for _ in range(2):
        talk = Talk(1 << 20)
        talk.open()
        assert talk.server.request is not None
        keys.add(talk.server.request.key)
        for _ in range(50):
            talk.client.send(b"x")
        masks |= {f.key for f in frame_bytes.parse_frames(talk.client.data_to_send())}
    assert len(keys) == 2
    assert len(masks) == 100
