"""picows' core: a listener that is handed frames. It has no permessage-deflate."""

import asyncio
import socket

from picows import WSFrame, WSListener, WSMsgType, WSTransport, WSUpgradeRequest, ws_create_server
from serving import Options, run_forever

transports: set[WSTransport] = set()


class Echo(WSListener):
    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code(), frame.get_close_message())
            transport.disconnect()
        else:
            transport.send(frame.msg_type, frame.get_payload_as_bytes(), fin=frame.fin)


class Broadcast(Echo):
    def on_ws_connected(self, transport: WSTransport) -> None:
        transports.add(transport)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        transports.discard(transport)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.CLOSE:
            Echo.on_ws_frame(self, transport, frame)
            return
        payload = frame.get_payload_as_bytes()
        for other in transports:
            other.send(frame.msg_type, payload)


async def start(options: Options, listener: socket.socket) -> asyncio.Server:
    kind = Broadcast if options.broadcast else Echo

    def accept(request: WSUpgradeRequest) -> WSListener:
        return kind()

    return await ws_create_server(accept, sock=listener, ssl=options.tls_context(), backlog=4096)


run_forever(start)
