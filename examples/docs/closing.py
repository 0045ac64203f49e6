import asyncio

from twinax import ConnectionClosedError, ConnectionClosedOK, WebSocketConnection, connect, serve


async def handler(connection: WebSocketConnection) -> None:
    async for message in connection:
        if message == "enough":
            await connection.close(4001, "you said so")  # 4000 to 4999 are yours to define
        elif message == "crash":
            raise RuntimeError("a bug in the handler")
        else:
            return  # the connection is closed with 1000 when the handler returns


async def main() -> None:
    async with serve(handler, "localhost") as server:
        for message in ("hello", "enough", "crash"):
            async with connect(server.urls[0]) as connection:
                await connection.send(message)
                try:
                    await connection.recv()
                except ConnectionClosedOK as closed:
                    print("in order:", closed.code)
                except ConnectionClosedError as closed:
                    print("not in order:", closed.code, closed.reason)


if __name__ == "__main__":
    asyncio.run(main())

# Prints:
# in order: 1000
# not in order: 4001 you said so
# not in order: 1011 internal error
