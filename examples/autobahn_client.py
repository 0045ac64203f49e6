"""Runs every case that Autobahn|Testsuite's fuzzing server has, and lets it write its reports.

wstest --mode fuzzingserver
python examples/autobahn_client.py --url ws://127.0.0.1:9001 --agent twinax
"""

import argparse
import asyncio
import sys
from typing import Any
from urllib.parse import quote

from twinax import ConnectionClosed, WebSocketError, connect
from twinax.extensions import PerMessageDeflate

MIB = 1024 * 1024
OPTIONS: dict[str, Any] = {
    "max_received_frame_size": 64 * MIB,
    "max_received_message_size": 64 * MIB,
    "max_unsent_size": 256 * MIB,
    "fragment_outgoing_messages": False,
    "keepalive": False,
    # Cases 9.7.1 and 9.8.1 send 1,000 empty messages in a row.
    "max_empty_frames": None,
    "extensions": [PerMessageDeflate(threshold=0)],
}


async def main(url: str, agent: str) -> None:
    agent = quote(agent)
    async with connect(f"{url}/getCaseCount", **OPTIONS) as connection:
        count = int(await connection.recv())
    for case in range(1, count + 1):
        await run_case(f"{url}/runCase?case={case}&agent={agent}")
        print(f"case {case} of {count} done", flush=True)
    async with connect(f"{url}/updateReports?agent={agent}", **OPTIONS) as connection:
        await connection.wait_closed()


async def run_case(url: str) -> None:
    """Echo whatever comes, until the case is over; many cases end with a violation, as they should."""
    connection = await connect(url, **OPTIONS)
    try:
        async for message in connection:
            await connection.send(message)
    except ConnectionClosed:
        pass
    finally:
        await connection.wait_closed()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", default="ws://127.0.0.1:9001", help="the fuzzing server")
    parser.add_argument("--agent", default="twinax", help="the name under which its reports appear")
    arguments = parser.parse_args()
    try:
        asyncio.run(main(arguments.url.rstrip("/"), arguments.agent))
    except WebSocketError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit(130)
