"""tornado: its web server."""

import socket
from typing import ClassVar

from serving import Options, run_forever
from tornado.httpserver import HTTPServer
from tornado.web import Application
from tornado.websocket import WebSocketHandler

connections: set["Echo"] = set()


class Echo(WebSocketHandler):
    compression: ClassVar[dict[str, object] | None] = None

    def get_compression_options(self) -> dict[str, object] | None:
        return self.compression

    def check_origin(self, origin: str) -> bool:
        return True

    def on_message(self, message: str | bytes) -> None:
        self.write_message(message, binary=isinstance(message, bytes))


class Broadcast(Echo):
    def open(self) -> None:
        connections.add(self)

    def on_close(self) -> None:
        connections.discard(self)

    def on_message(self, message: str | bytes) -> None:
        for other in connections:
            other.write_message(message, binary=isinstance(message, bytes))


async def start(options: Options, listener: socket.socket) -> HTTPServer:
    Echo.compression = {} if options.deflate else None
    server = HTTPServer(
        Application([("/", Broadcast if options.broadcast else Echo)]), ssl_options=options.tls_context()
    )
    server.add_sockets([listener])
    return server


run_forever(start)
