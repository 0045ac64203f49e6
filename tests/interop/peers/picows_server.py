"""Server peer: picows, which hands over frames: it echoes each data frame as it came, fragments included."""

import ssl

from picows import (
    WSFrame,
    WSListener,
    WSMsgType,
    WSTransport,
    WSUpgradeRequest,
    WSUpgradeResponse,
    WSUpgradeResponseWithListener,
    ws_create_server,
)
from plan import SUBPROTOCOL, run_server, say_closed


class Listener(WSListener):
    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.CLOSE:
            payload = frame.get_payload_as_bytes()
            say_closed(int.from_bytes(payload[:2], "big"), payload[2:].decode())
            transport.send(WSMsgType.CLOSE, payload)
            transport.disconnect()
        elif frame.msg_type in (WSMsgType.TEXT, WSMsgType.BINARY, WSMsgType.CONTINUATION):
            transport.send(frame.msg_type, frame.get_payload_as_bytes(), fin=frame.fin)


def accept(request: WSUpgradeRequest) -> WSUpgradeResponseWithListener:
    offered = request.headers.get("Sec-WebSocket-Protocol", "")
    chosen = SUBPROTOCOL in [name.strip() for name in offered.split(",")]
    headers = {"Sec-WebSocket-Protocol": SUBPROTOCOL} if chosen else None
    return WSUpgradeResponseWithListener(WSUpgradeResponse.create_101_response(headers), Listener())


async def start(tls: ssl.SSLContext | None) -> int:
    server = await ws_create_server(accept, "127.0.0.1", 0, ssl=tls)
    port: int = server.sockets[0].getsockname()[1]
    return port


if __name__ == "__main__":
    run_server(start)
