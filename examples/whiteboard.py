"""A whiteboard for everybody who has the page open; who comes later gets what was drawn before.

    python examples/whiteboard.py --port 8080

Subprotocol ``whiteboard-example``, JSON messages: the server sends ``{"msg": "initCommands", "data": [...]}`` to who
joins; everybody sends and gets ``{"msg": "drawLine", "data": {"color": "#rrggbb", "points": [x1, y1, x2, y2]}}`` and
``{"msg": "clear"}``. Open http://127.0.0.1:8080/ in two windows.
"""

import argparse
import asyncio
import json
import re
import signal
from collections import deque
from pathlib import Path
from typing import Any, TypeGuard

from twinax import HTTPRequest, WebSocketConnection, WebSocketRouter, WebSocketRouterRequest, WebSocketServer

PAGE = Path(__file__).with_name("whiteboard.html")
HISTORY = 10_000


class Whiteboard:
    """The drawing and those who look at it."""

    def __init__(self) -> None:
        self._connections: set[WebSocketConnection] = set()
        self._lines: deque[dict[str, Any]] = deque(maxlen=HISTORY)

    def join(self, request: WebSocketRouterRequest) -> None:
        connection = request.accept(request.origin)
        connection.send(json.dumps({"msg": "initCommands", "data": list(self._lines)}))
        self._connections.add(connection)
        connection.on("message", lambda message: self.on_message(connection, message))
        connection.on("close", lambda code, reason: self._connections.discard(connection))

    def on_message(self, sender: WebSocketConnection, message: str | bytes) -> None:
        try:
            command = json.loads(message)
        except ValueError:
            command = None
        if command == {"msg": "clear"}:
            self._lines.clear()
        elif is_line(command):
            self._lines.append(command)
        else:
            # What goes to everybody is checked here: the pages believe it.
            sender.close(1008, "drawLine or clear")
            return
        for connection in self._connections:
            if connection.connected:
                connection.send(json.dumps(command))


def is_line(command: Any) -> TypeGuard[dict[str, Any]]:
    """Tell whether it is a ``drawLine`` and has nothing else in it."""
    match command:
        case {"msg": "drawLine", "data": {"color": str(color), "points": [_, _, _, _] as points}}:
            shape = len(command) == 2 and len(command["data"]) == 2
            numbers = all(isinstance(point, int | float) and abs(point) < 10_000 for point in points)
            return shape and numbers and re.fullmatch("#[0-9a-fA-F]{6}", color) is not None
    return False


def answer_page(request: HTTPRequest) -> str | None:
    return PAGE.read_text("utf-8") if request.path == "/" else None


async def main(host: str, port: int) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with WebSocketServer(http_handler=answer_page) as server:
        WebSocketRouter(server=server).mount("*", "whiteboard-example", Whiteboard().join)
        await server.listen(host, port)
        print(f"listening on {server.urls[0]}", flush=True)
        await stop.wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8080, help="0: one that is free")
    arguments = parser.parse_args()
    asyncio.run(main(arguments.host, arguments.port))
