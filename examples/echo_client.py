"""Sends messages to an echo server, checks each answer, and prints how long the round trips took.

python examples/echo_client.py --url ws://127.0.0.1:8080/ --count 1000 --size 125
"""

import argparse
import asyncio
import os
import statistics
import sys
import time

from twinax import WebSocketError, connect


async def main(url: str, count: int, size: int, binary: bool) -> int:
    round_trips = []
    async with connect(url) as connection:
        for _ in range(count):
            message: str | bytes = os.urandom(size) if binary else os.urandom(size // 2 + 1).hex()[:size]
            began = time.perf_counter()
            await connection.send(message)
            answer = await connection.recv()
            round_trips.append((time.perf_counter() - began) * 1000)
            if answer != message:
                print(f"message {len(round_trips)} came back changed", file=sys.stderr)
                return 1
    print(
        f"{count} messages of {size} bytes came back: median {statistics.median(round_trips):.3f} ms, "
        f"fastest {min(round_trips):.3f} ms, slowest {max(round_trips):.3f} ms"
    )
    return 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", default="ws://127.0.0.1:8080/")
    parser.add_argument("--count", type=int, default=100, help="how many messages")
    parser.add_argument("--size", type=int, default=125, help="bytes of each")
    parser.add_argument("--binary", action="store_true", help="bytes instead of text")
    arguments = parser.parse_args()
    try:
        sys.exit(asyncio.run(main(arguments.url, arguments.count, arguments.size, arguments.binary)))
    except WebSocketError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit(130)
