import asyncio

from twinax import WebSocketConnection, connect, serve
from twinax.extensions import PerMessageDeflate, PerMessageZstd

EXTENSIONS = [PerMessageZstd(), PerMessageDeflate()]


async def handler(connection: WebSocketConnection) -> None:
    await connection.send("all work and no play " * 100)


async def main() -> None:
    async with serve(handler, "localhost", extensions=EXTENSIONS) as server:
        for extensions in (EXTENSIONS, None):  # None: what is on by default
            async with connect(server.urls[0], extensions=extensions) as connection:
                print(connection.extensions[0].name, len(await connection.recv()))


if __name__ == "__main__":
    asyncio.run(main())

# Prints:
# x-permessage-zstd 2100
# permessage-deflate 2100
