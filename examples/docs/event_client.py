import asyncio

from twinax import HandshakeError, WebSocketClient, WebSocketConnection, serve


async def echo(connection: WebSocketConnection) -> None:
    async for message in connection:
        await connection.send(message)


client = WebSocketClient()


@client.on("connect_failed")
def on_connect_failed(error: HandshakeError) -> None:
    print("no connection:", error)


@client.on("connect")
def on_connect(connection: WebSocketConnection) -> None:
    @connection.on("message")
    def on_message(message: str | bytes) -> None:
        print("received", message)
        connection.close()

    @connection.on("close")
    def on_close(code: int, reason: str) -> None:
        print("closed", code, reason)

    connection.send("hello")


async def main() -> None:
    async with serve(echo, "localhost") as server:
        connection = await client.connect(server.urls[0])  # needs no awaiting: the events tell
        await connection.wait_closed()


if __name__ == "__main__":
    asyncio.run(main())

# Prints:
# received hello
# closed 1000 Normal connection closure
