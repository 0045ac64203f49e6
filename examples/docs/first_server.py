import asyncio

from twinax import WebSocketConnection, serve


async def echo(connection: WebSocketConnection) -> None:
    async for message in connection:  # str for text, bytes for binary
        await connection.send(message)  # sends now; awaiting waits only when the peer is slow


if __name__ == "__main__":
    asyncio.run(serve(echo, "localhost", 8080).forever())
