"""The test server of libwebsockets, as WebSocket-Node has it: two subprotocols, a page and a cookie.

    python examples/libwebsockets_server.py --port 8080

``lws-mirror-protocol``: drawing commands go to everybody who is there, and to those who come later; ``clear;``
forgets them. ``dumb-increment-protocol``: a number that grows every 50 ms, until ``reset\\n``.
Open http://127.0.0.1:8080/ for the page.
"""

import argparse
import asyncio
import random
import signal
from collections import deque
from pathlib import Path

from twinax import (
    HTTPRequest,
    SetCookie,
    WebSocketConnection,
    WebSocketRouter,
    WebSocketRouterRequest,
    WebSocketServer,
)

PAGE = Path(__file__).with_name("libwebsockets.html")
PERIOD = 0.05
HISTORY = 20_000


class Mirror:
    """Everybody sees what anybody draws."""

    def __init__(self) -> None:
        self._connections: set[WebSocketConnection] = set()
        self._history: deque[str] = deque(maxlen=HISTORY)

    def join(self, request: WebSocketRouterRequest) -> None:
        cookie = SetCookie("TestCookie", f"CookieValue{random.randrange(1000)}", path="/", max_age=5000, http_only=True)
        connection = request.accept(request.origin, [cookie])
        if self._history:
            connection.send("".join(self._history))
        self._connections.add(connection)
        connection.on("message", self.on_message)
        connection.on("close", lambda code, reason: self._connections.discard(connection))

    def on_message(self, message: str | bytes) -> None:
        if not isinstance(message, str):
            return
        if message == "clear;":
            self._history.clear()
        else:
            self._history.append(message)
        for connection in self._connections:
            if connection.connected:
                connection.send(message)


async def count(connection: WebSocketConnection) -> None:
    """Send a growing number for as long as the connection is open."""
    value = 0

    @connection.on("message")
    def on_message(message: str | bytes) -> None:
        nonlocal value
        if message == "reset\n":
            value = 0

    while connection.connected:
        connection.send(str(value))
        value += 1
        await asyncio.sleep(PERIOD)


async def increment(request: WebSocketRouterRequest) -> None:
    await count(request.accept(request.origin))


def answer_page(request: HTTPRequest) -> str | None:
    return PAGE.read_text("utf-8") if request.path == "/" else None


async def main(host: str, port: int) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with WebSocketServer(http_handler=answer_page) as server:
        router = WebSocketRouter(server=server)
        router.mount("*", "lws-mirror-protocol", Mirror().join)
        router.mount("*", "dumb-increment-protocol", increment)
        await server.listen(host, port)
        print(f"listening on {server.urls[0]}", flush=True)
        await stop.wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8080, help="0: one that is free")
    arguments = parser.parse_args()
    asyncio.run(main(arguments.host, arguments.port))
