"""What the protocols of both roles share: here, input of any size."""

import pytest

from twinax import ClientProtocol, Opcode, ServerProtocol, WebSocketFrame
from twinax.protocol import Event, MessageReceived

MESSAGES = [bytes([number % 251]) * (number * 977 % 5000) for number in range(1, 200)]


@pytest.fixture
def server() -> ServerProtocol:
    """A server whose opening handshake is done."""
    client, server = ClientProtocol("ws://example.com/"), ServerProtocol()
    client.connect()
    server.receive_data(client.data_to_send())
    server.accept()
    server.receive_data(b"")  # tells what has happened so far
    return server


@pytest.mark.parametrize("size", [1 << 30, 65536, 65535, 4093])
def test_how_input_is_cut_makes_no_difference(server: ServerProtocol, size: int) -> None:
    stream = b"".join(WebSocketFrame(Opcode.BINARY, message, mask=True).to_bytes() for message in MESSAGES)
    assert len(stream) > 3 * 65536
    events: list[Event] = []
    for start in range(0, len(stream), size):
        events += server.receive_data(stream[start : start + size])
    assert events == [MessageReceived(message) for message in MESSAGES]


def test_thousands_of_small_messages_come_out_of_one_call(server: ServerProtocol) -> None:
    stream = WebSocketFrame(Opcode.TEXT, b"x", mask=True).to_bytes() * 30_000
    assert server.receive_data(stream) == [MessageReceived("x")] * 30_000
