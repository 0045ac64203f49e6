"""Clients that come and go as badly as real ones do: they leave in order, without a word, or in mid-message.

    python examples/soak_clients.py --url wss://127.0.0.1:8443/ --ca ca.pem --clients 100 --seconds 3600

Each connects again within two seconds. At the end it prints how often what happened; it fails when an echo was wrong.
"""

import argparse
import asyncio
import contextlib
import os
import random
import ssl
import sys
from collections import Counter
from typing import Any

from twinax import ConnectionClosed, HandshakeError, WebSocketConnection, connect

SIZES = (0, 1, 125, 126, 4096, 65536, 200_000)


async def behave(connection: WebSocketConnection, happened: Counter[str]) -> None:
    """Exchange some messages, then leave in a way that chance decides."""
    for _ in range(random.randrange(1, 8)):
        message = os.urandom(random.choice(SIZES))
        connection.send(message)
        happened["echoes" if await connection.recv() == message else "wrong echoes"] += 1
    way = random.choice(("closed in order", "closed without waiting", "dropped", "cut in mid-message"))
    happened[way] += 1
    if way == "closed in order":
        await connection.close()
    elif way == "closed without waiting":
        connection.close(4000, "going")
    elif way == "dropped":
        connection.drop(skip_close_frame=True)
    else:
        connection.send(os.urandom(500_000))
        connection.drop(skip_close_frame=True)


async def come_and_go(url: str, options: dict[str, Any], pause: float, happened: Counter[str]) -> None:
    while True:
        try:
            connection = await connect(url, **options)
            happened["connected"] += 1
            try:
                await behave(connection, happened)
                await connection.wait_closed()
            finally:
                connection.drop(skip_close_frame=True)  # when the time is over; nothing happens to a closed one
        except ConnectionClosed as error:
            happened[f"lost with {error.code}"] += 1
        except HandshakeError:
            happened["refused"] += 1
        await asyncio.sleep(random.uniform(0, pause))


async def main(arguments: argparse.Namespace) -> int:
    options = {"ssl": ssl.create_default_context(cafile=arguments.ca) if arguments.url.startswith("wss:") else None}
    happened: Counter[str] = Counter()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(arguments.seconds), asyncio.TaskGroup() as tasks:
            for _ in range(arguments.clients):
                tasks.create_task(come_and_go(arguments.url, options, arguments.pause, happened))
    print(", ".join(f"{name}: {count}" for name, count in sorted(happened.items())) or "nothing happened")
    return 0 if happened["echoes"] and not happened["wrong echoes"] else 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", default="ws://127.0.0.1:8443/")
    parser.add_argument("--ca", metavar="FILE", help="for wss: trust these authorities (PEM)")
    parser.add_argument("--clients", type=int, default=20, help="how many at a time (default: 20)")
    parser.add_argument("--seconds", type=float, default=60.0, help="for how long (default: 60)")
    parser.add_argument("--pause", type=float, default=2.0, help="at most so long until it is back (default: 2)")
    try:
        sys.exit(asyncio.run(main(parser.parse_args())))
    except KeyboardInterrupt:
        sys.exit(130)
