"""twinax's client with a coroutine for each connection."""

import asyncio

from driving import Run, drive

from twinax import WebSocketConnection, connect

# The largest message here is sent in fragments, whose bookkeeping counts towards the limit as well.
LARGEST = 2 << 20


async def echo(run: Run, connection: WebSocketConnection) -> None:
    payload = run.payload
    for _ in range(run.depth):
        await connection.send(payload)
    async for message in connection:
        run.received += 1
        run.last = message
        await connection.send(payload)


async def start(run: Run) -> None:
    connection = await connect(run.url, max_received_message_size=LARGEST)
    run.kept.append(asyncio.ensure_future(echo(run, connection)))


drive(start)
