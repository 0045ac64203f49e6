import asyncio
import json

from twinax import WebSocketConnection, connect, serve
from twinax.extensions import MEMORY_BUDGET, PerMessageDeflate

PRICES = json.dumps([{"id": i, "price": i * 7 % 100} for i in range(200)])
PHOTO = bytes(range(256)) * 40  # stands for a JPEG, which is compressed already

MEMORY_BUDGET.limit = 64 * 1024 * 1024  # for all connections of the process
SMALL = PerMessageDeflate(level=9, threshold=200)


async def handler(connection: WebSocketConnection) -> None:
    await connection.send(PRICES)
    await connection.send(PHOTO, compress=False)
    await connection.send("short, but sent a thousand times", compress=True)


async def main() -> None:
    async with serve(handler, "localhost", extensions=[SMALL]) as server:
        async with connect(server.urls[0]) as connection:
            print(*connection.extensions)
            print([len(message) async for message in connection])
            figures = connection.extension_figures
            assert figures is not None
            print(figures.messages_rcvd, "compressed to a fifth:", figures.encoded_bytes_rcvd < figures.bytes_rcvd / 5)

        async with connect(server.urls[0], extensions=()) as connection:  # without any
            print(connection.extensions)


if __name__ == "__main__":
    asyncio.run(main())

# Prints:
# permessage-deflate; server_max_window_bits=12; client_max_window_bits=12
# [5070, 10240, 32]
# 2 compressed to a fifth: True
# []
