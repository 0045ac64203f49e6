import asyncio
import itertools

from twinax import ConnectionClosed, WebSocketConnection, connect, serve

numbers = itertools.count(1)


async def handler(connection: WebSocketConnection) -> None:
    connection.send(f"connection {next(numbers)}")  # then the handler returns, and closes it


async def main() -> None:
    async with serve(handler, "localhost") as server:
        async for connection in connect(server.urls[0], reconnect_delay=0.01):
            try:
                message = await connection.recv()
                print(message)
                if message == "connection 3":
                    break
            except ConnectionClosed:
                pass  # the loop connects again


if __name__ == "__main__":
    asyncio.run(main())

# Prints:
# connection 1
# connection 2
# connection 3
