"""Client peer: picows, which hands over frames; the messages are put together here."""

import asyncio
import ssl

from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect
from plan import SUBPROTOCOL, Message, Report, messages, run_client


class Listener(WSListener):
    def __init__(self) -> None:
        self.received: asyncio.Queue[tuple[WSMsgType, bytes]] = asyncio.Queue()
        self.close: tuple[int, str] | None = None
        self._kind = WSMsgType.BINARY
        self._parts: list[bytes] = []

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        kind = frame.msg_type
        payload = frame.get_payload_as_bytes()
        if kind == WSMsgType.CLOSE:
            self.close = (int.from_bytes(payload[:2], "big"), payload[2:].decode())
            transport.disconnect()
        elif kind == WSMsgType.PONG:
            self.received.put_nowait((kind, payload))
        elif kind in (WSMsgType.TEXT, WSMsgType.BINARY, WSMsgType.CONTINUATION):
            if kind != WSMsgType.CONTINUATION:
                self._kind = kind
            self._parts.append(payload)
            if frame.fin:
                self.received.put_nowait((self._kind, b"".join(self._parts)))
                self._parts.clear()


def send(transport: WSTransport, message: Message) -> None:
    kind = WSMsgType.TEXT if isinstance(message.data, str) else WSMsgType.BINARY
    pieces = message.byte_pieces() if message.fragments > 1 else [message.data]
    for number, piece in enumerate(pieces):
        data = piece.encode() if isinstance(piece, str) else piece
        transport.send(WSMsgType.CONTINUATION if number else kind, data, fin=number == len(pieces) - 1)


async def client(url: str, tls: ssl.SSLContext | None, code: int, reason: str) -> Report:
    report = Report(fragmented=True)
    headers = {"Sec-WebSocket-Protocol": SUBPROTOCOL}
    transport, listener = await ws_connect(Listener, url, ssl_context=tls, extra_headers=headers)
    assert isinstance(listener, Listener)
    report.subprotocol = transport.response.headers.get("Sec-WebSocket-Protocol")
    for message in messages():
        send(transport, message)
        kind, data = await listener.received.get()
        report.check(message, data.decode() if kind == WSMsgType.TEXT else data)
    transport.send_ping(b"interop")
    report.ping = await listener.received.get() == (WSMsgType.PONG, b"interop")
    transport.send(WSMsgType.CLOSE, code.to_bytes(2, "big") + reason.encode())
    await transport.wait_disconnected()
    report.close = listener.close or (None, "")
    return report


if __name__ == "__main__":
    run_client(client)
