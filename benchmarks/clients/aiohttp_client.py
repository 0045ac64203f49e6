"""aiohttp's client."""

from aiohttp import ClientSession
from driving import Run, drive, keep_echoing


async def start(run: Run) -> None:
    session = ClientSession()
    connection = await session.ws_connect(run.url)
    run.kept.append(session)
    if isinstance(run.payload, str):
        keep_echoing(run, connection.send_str, connection.receive_str)
    else:
        keep_echoing(run, connection.send_bytes, connection.receive_bytes)


drive(start)
