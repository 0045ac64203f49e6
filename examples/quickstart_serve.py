"""The shortest server: every message goes back to where it came from.

python examples/quickstart_serve.py --port 8080
"""

import argparse
import asyncio
import contextlib
import logging

from twinax import WebSocketConnection, serve


async def echo(connection: WebSocketConnection) -> None:
    async for message in connection:  # str for text, bytes for binary
        await connection.send(message)  # sends now; awaiting waits only when the peer is slow


async def main(host: str, port: int) -> None:
    await serve(echo, host, port).forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--host", default="localhost")
    parser.add_argument("--port", type=int, default=8080)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main(arguments.host, arguments.port))
