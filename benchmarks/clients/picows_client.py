"""picows' client."""

from driving import Run, drive
from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect


async def start(run: Run) -> None:
    text = isinstance(run.payload, str)
    kind = WSMsgType.TEXT if text else WSMsgType.BINARY

    class Client(WSListener):
        def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
            run.last = frame.get_payload_as_utf8_text() if text else frame.get_payload_as_bytes()
            run.received += 1
            transport.send(kind, run.payload)

    transport, client = await ws_connect(Client, run.url)
    run.kept += [transport, client]
    for _ in range(run.depth):
        transport.send(kind, run.payload)


drive(start)
