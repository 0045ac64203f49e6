import asyncio
import os

from twinax import WebSocketConnection, connect, serve

CHUNK = os.urandom(64 * 1024)  # zeros would be compressed to nothing


async def produce(connection: WebSocketConnection) -> None:
    for _ in range(256):
        # Waits while more than high_water_mark is unsent: memory stays flat however slow the peer is.
        await connection.send(CHUNK)


def publish(subscribers: list[WebSocketConnection], news: str) -> None:
    for subscriber in subscribers:
        if subscriber.buffered_amount > 1_000_000:
            subscriber.drop(1008, "too slow")  # or skip this message, for this subscriber
        else:
            subscriber.send(news)  # never waits: one slow peer delays nobody


async def main() -> None:
    async with serve(produce, "localhost") as server, connect(server.urls[0]) as connection:
        publish(server.connections, "news")
        size = 0
        async for message in connection:
            size += len(message)
        print(size)


if __name__ == "__main__":
    asyncio.run(main())

# Prints:
# 16777220
