import asyncio
from collections.abc import AsyncIterator

from twinax import WebSocketConnection, connect, serve


async def tokens() -> AsyncIterator[str]:
    for token in ("Once ", "upon ", "a ", "time"):
        await asyncio.sleep(0)  # the next token is being made
        yield token


async def handler(connection: WebSocketConnection) -> None:
    await connection.send(tokens())  # one message, each part in a frame of its own as soon as it is there


async def main() -> None:
    async with serve(handler, "localhost") as server, connect(server.urls[0]) as connection:
        async for part in connection.recv_stream():  # how it is cut follows how it arrives
            print(part, end="")
        print()


if __name__ == "__main__":
    asyncio.run(main())

# Prints:
# Once upon a time
