"""The style of WebSocket-Node: a server that emits requests, connections that emit messages.

python examples/quickstart_events.py --port 8080
"""

import argparse
import logging

from twinax import WebSocketRequest, WebSocketServer

server = WebSocketServer(allowed_origins=["https://example.com"])


@server.on("request")
def on_request(request: WebSocketRequest) -> None:
    connection = request.accept("echo-protocol", request.origin)

    @connection.on("message")
    def on_message(message: str | bytes) -> None:
        connection.send(message)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--host", default="0.0.0.0")
    parser.add_argument("--port", type=int, default=8080)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    server.run(arguments.host, arguments.port)
