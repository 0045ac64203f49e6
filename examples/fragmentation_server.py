"""Answers with messages of the size that is asked for, in fragments, and serves a page that asks.

    python examples/fragmentation_server.py --port 8080 --fragment 16384

Subprotocol ``fragmentation-test``: ``sendMessage|N`` is answered with N characters of text,
``sendBinaryMessage|N`` with N random bytes. Open http://127.0.0.1:8080/ for the page.
"""

import argparse
import asyncio
import os
import signal
from pathlib import Path

from twinax import HTTPRequest, WebSocketConnection, WebSocketRequest, WebSocketServer

PAGE = Path(__file__).with_name("fragmentation.html")
PROTOCOL = "fragmentation-test"
MAX_SIZE = 10_000_000
LOREM = (
    "Lorem ipsum dolor sit amet, consectetur adipisici elit, sed eiusmod tempor incidunt ut labore et dolore magna "
    "aliqua. Ut enim ad minim veniam, quis nostrud exercitation ullamco laboris nisi ut aliquid ex ea commodi "
    "consequat. "
)


def answer_page(request: HTTPRequest) -> str | None:
    return PAGE.read_text("utf-8") if request.path == "/" else None


def answer(connection: WebSocketConnection, message: str | bytes) -> None:
    command, _, number = str(message).partition("|")
    if command not in ("sendMessage", "sendBinaryMessage") or not number.isdecimal():
        connection.close(1008, "send sendMessage|N or sendBinaryMessage|N")
    elif int(number) > MAX_SIZE:
        connection.close(1009, f"at most {MAX_SIZE} can be asked for")
    elif command == "sendMessage":
        size = int(number)
        connection.send((LOREM * (size // len(LOREM) + 1))[:size])
    else:
        connection.send(os.urandom(int(number)))


def on_request(request: WebSocketRequest) -> None:
    if PROTOCOL not in request.requested_protocols:
        request.reject(400, f"the subprotocol {PROTOCOL} is spoken here")
        return
    connection = request.accept(PROTOCOL, request.origin)
    connection.on("message", lambda message: answer(connection, message))


async def main(arguments: argparse.Namespace) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with WebSocketServer(
        http_handler=answer_page,
        fragment_outgoing_messages=not arguments.no_fragmentation,
        fragmentation_threshold=arguments.fragment,
    ) as server:
        server.on("request", on_request)
        await server.listen(arguments.host, arguments.port)
        print(f"listening on {server.urls[0]}", flush=True)
        await stop.wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8080, help="0: one that is free")
    parser.add_argument("--fragment", type=int, default=16384, help="bytes of a fragment (default: 16384)")
    parser.add_argument("--no-fragmentation", action="store_true", help="send every message as one frame")
    asyncio.run(main(parser.parse_args()))
