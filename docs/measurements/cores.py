"""What compiling the core is worth: messages decoded and sent without any I/O, on the core that TWINAX_CORE names.

TWINAX_CORE=compiled python docs/measurements/cores.py
TWINAX_CORE=python python docs/measurements/cores.py
"""

import timeit

from twinax import IMPLEMENTATION, ClientProtocol, Opcode, ServerProtocol, WebSocketFrame

COUNT = 1000


def open_pair() -> ServerProtocol:
    """Return a server whose opening handshake is done."""
    client, server = ClientProtocol("ws://example.com/"), ServerProtocol(limits={"max_received_frame_size": 1 << 21})
    client.connect()
    server.receive_data(client.data_to_send())
    server.accept()
    server.data_to_send()
    return server


def measure(size: int) -> None:
    """Print what a binary message of this size costs, in and out."""
    server = open_pair()
    frame = WebSocketFrame(Opcode.BINARY, bytes(size), mask=True).to_bytes()
    count = COUNT if size < 10_000 else 20
    stream = frame * count
    received = min(timeit.repeat(lambda: server.receive_data(stream), number=1, repeat=15)) / count * 1e6

    def send() -> None:
        for _ in range(count):
            server.send(payload)
        server.data_to_send()

    payload = bytes(size)
    sent = min(timeit.repeat(send, number=1, repeat=15)) / count * 1e6
    print(f"  {size:8} bytes: received in {received:8.2f} us, sent in {sent:8.2f} us")


if __name__ == "__main__":
    print(IMPLEMENTATION)
    for size in (32, 1024, 65536):
        measure(size)
