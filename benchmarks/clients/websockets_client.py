"""websockets' asyncio client."""

from driving import Run, drive, keep_echoing
from websockets.asyncio.client import connect


async def start(run: Run) -> None:
    connection = await connect(run.url, compression=None)
    keep_echoing(run, connection.send, connection.recv)


drive(start)
