import asyncio

from twinax import WebSocketConnection, connect, serve


def on_connection(connection: WebSocketConnection) -> None:
    @connection.on("message")
    async def on_message(message: str) -> None:
        # Called with one message at a time. While it waits, at most receive_queue_messages are read
        # ahead; then reading pauses, and TCP makes the peer wait.
        await asyncio.sleep(0)
        connection.send(message.upper())


async def main() -> None:
    async with serve(on_connection, "localhost") as server, connect(server.urls[0]) as connection:
        for word in ("one", "two"):
            await connection.send(word)
        connection.pause()  # nothing is read until resume()
        connection.resume()
        print(await connection.recv(), await connection.recv())


if __name__ == "__main__":
    asyncio.run(main())

# Prints:
# ONE TWO
