"""tornado's client."""

from driving import Run, drive, keep_echoing
from tornado.websocket import websocket_connect


async def start(run: Run) -> None:
    connection = await websocket_connect(run.url)
    binary = isinstance(run.payload, bytes)

    async def send(message: str | bytes) -> None:
        await connection.write_message(message, binary=binary)

    keep_echoing(run, send, connection.read_message)


drive(start)
