import asyncio

from twinax import ConnectionClosed, WebSocketConnection, connect, serve


async def handler(connection: WebSocketConnection) -> None:
    try:
        async for message in connection:
            await connection.send(message)
    finally:
        print("handler done")  # cleaning up is possible: the server waits for handlers


async def main() -> None:
    server = await serve(handler, "localhost")
    connection = await connect(server.urls[0])
    await connection.send("ping")
    await connection.recv()

    # No new connections; every open one is closed with 1001, and whoever does not answer is
    # cut off after close_timeout.
    closing = asyncio.create_task(server.close(1001, "maintenance"))
    try:
        await connection.recv()
    except ConnectionClosed as closed:
        print(closed.code, closed.reason)
    await closing
    print(server.connections)


if __name__ == "__main__":
    asyncio.run(main())

# Prints:
# 1001 maintenance
# handler done
# []
