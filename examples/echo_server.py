"""An echo server without small limits: what Autobahn|Testsuite's fuzzing client runs against.

    python examples/echo_server.py --port 9001

SIGINT (Ctrl-C) and SIGTERM close every connection with 1001 and end it.
"""

import argparse
import asyncio
import logging
import signal

from twinax import WebSocketConnection, serve
from twinax.extensions import PerMessageDeflate

MIB = 1024 * 1024


async def echo(connection: WebSocketConnection) -> None:
    async for message in connection:
        await connection.send(message)


async def main(host: str, port: int) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with serve(
        echo,
        host,
        port,
        max_received_frame_size=64 * MIB,
        max_received_message_size=64 * MIB,
        # A message that came in may go out, whole, while the one before it is still on its way.
        max_unsent_size=256 * MIB,
        fragment_outgoing_messages=False,
        keepalive=False,
        # Cases 9.7.1 and 9.8.1 send 1,000 empty messages in a row.
        max_empty_frames=None,
        extensions=[PerMessageDeflate(threshold=0)],
    ) as server:
        print(f"listening on {server.urls[0]}", flush=True)
        await stop.wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8080, help="0: one that is free")
    parser.add_argument("--debug", action="store_true", help="log how each connection ends")
    arguments = parser.parse_args()
    if arguments.debug:
        logging.basicConfig(level=logging.DEBUG, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    asyncio.run(main(arguments.host, arguments.port))
