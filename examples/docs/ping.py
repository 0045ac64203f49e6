import asyncio

from twinax import WebSocketConnection, connect, serve


async def handler(connection: WebSocketConnection) -> None:
    await connection.wait_closed()


async def main() -> None:
    async with (
        serve(handler, "localhost") as server,
        # Silent for 20 s: a ping. Nothing at all for 10 s more: 1006, with a report.
        connect(server.urls[0], keepalive_interval=20, keepalive_grace_period=10) as connection,
    ):
        seconds = await connection.ping()
        print(0 < seconds < 10, connection.latency == seconds)


if __name__ == "__main__":
    asyncio.run(main())

# Prints:
# True True
