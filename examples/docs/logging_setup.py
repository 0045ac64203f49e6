import asyncio
import logging
import sys

from twinax import WebSocketConnection, connect, serve


async def handler(connection: WebSocketConnection) -> None:
    connection.drop(1008, "too slow")


async def main() -> None:
    # Loggers are twinax.server and twinax.client, or what you pass. INFO has the connections that failed
    # and what led to it, DEBUG also those that ended in order.
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s", stream=sys.stdout)
    logging.getLogger("twinax.client").setLevel(logging.WARNING)
    async with (
        serve(handler, "localhost", logger=logging.getLogger("chat")) as server,
        connect(server.urls[0]) as connection,
    ):
        await connection.wait_closed()


if __name__ == "__main__":
    asyncio.run(main())

# Prints:
# INFO twinax.server: listening on ws://...
# INFO chat: ... failed: 1008 too slow; closed by local while open: drop() was called
#     +... drop() was called
