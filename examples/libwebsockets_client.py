"""Speaks both subprotocols of `libwebsockets_server.py`: prints the counter, and draws circles for the others.

python examples/libwebsockets_client.py --port 8080
python examples/libwebsockets_client.py --port 8080 --version 8      the protocol of 2011
"""

import argparse
import asyncio
import random
import ssl
import sys
from typing import Any

from twinax import WebSocketError, connect

PERIOD = 0.01


async def show_counter(url: str, options: dict[str, Any], count: int | None) -> None:
    async with connect(url, subprotocols=["dumb-increment-protocol"], **options) as connection:
        seen = 0
        async for number in connection:
            print("counter:", number, flush=True)
            seen += 1
            if seen == count:
                return


async def draw_circles(url: str, options: dict[str, Any], count: int | None) -> None:
    async with connect(url, subprotocols=["lws-mirror-protocol"], **options) as connection:
        # What others draw comes too; a listener takes it, so that it does not pile up.
        connection.on("message", lambda message: None)
        drawn = 0
        while connection.connected and drawn != count:
            color = f"#{random.randrange(1 << 24):06x}"
            x, y, radius = random.randrange(500), random.randrange(250), random.randrange(1, 30)
            await connection.send(f"c {color} {x} {y} {radius};")
            drawn += 1
            await asyncio.sleep(PERIOD)
    print(f"circles drawn: {drawn}", flush=True)


async def main(arguments: argparse.Namespace) -> None:
    url = f"{'wss' if arguments.secure else 'ws'}://{arguments.host}:{arguments.port}/"
    options = {
        "websocket_version": arguments.version,
        "ssl": ssl.create_default_context(cafile=arguments.ca) if arguments.secure else None,
    }
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(show_counter(url, options, arguments.count))
        tasks.create_task(draw_circles(url, options, arguments.count))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--version", type=int, choices=(8, 13), default=13, help="the WebSocket version (default: 13)")
    parser.add_argument("--secure", action="store_true", help="wss instead of ws")
    parser.add_argument("--ca", metavar="FILE", help="with --secure: trust these authorities (PEM)")
    parser.add_argument("--count", type=int, help="stop after so many numbers and circles")
    try:
        asyncio.run(main(parser.parse_args()))
    except* WebSocketError as group:
        sys.exit("\n".join(map(str, group.exceptions)))
    except* KeyboardInterrupt:
        sys.exit(130)
