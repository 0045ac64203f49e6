import asyncio

from twinax import WebSocketConnection, connect, serve


async def handler(connection: WebSocketConnection) -> None:
    await connection.send(f"we speak {connection.protocol}")


async def main() -> None:
    async with serve(handler, "localhost", subprotocols=["chat.v2", "chat.v1"]) as server:
        # The server's order decides, among what the client offers.
        async with connect(server.urls[0], subprotocols=["chat.v1", "chat.v2"]) as connection:
            print(await connection.recv())
        # A client that can do without says so; otherwise this would be a HandshakeError.
        async with connect(server.urls[0], subprotocols=["mqtt"], require_subprotocol=False) as connection:
            print(await connection.recv())


if __name__ == "__main__":
    asyncio.run(main())

# Prints:
# we speak chat.v2
# we speak None
