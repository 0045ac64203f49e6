"""The client of picows' websockets layer."""

from driving import Run, drive, keep_echoing
from picows.websockets import connect


async def start(run: Run) -> None:
    connection = await connect(run.url, compression=None)
    keep_echoing(run, connection.send, connection.recv)


drive(start)
