"""granian: an RSGI application, its fastest interface; one worker process. It has no permessage-deflate."""

import socket
import sys
import threading
import time
from pathlib import Path
from typing import Any

from granian import Granian
from granian.constants import Interfaces, Loops
from granian.rsgi import WebsocketMessageType
from serving import announce, read_options

STARTING_LIMIT = 20.0

connections: set[Any] = set()


async def application(scope: Any, protocol: Any) -> None:
    connection = await protocol.accept()
    connections.add(connection)
    try:
        while True:
            message = await connection.receive()
            if message.kind == WebsocketMessageType.close:
                break
            for receiver in list(connections) if "broadcast" in sys.argv else (connection,):
                if message.kind == WebsocketMessageType.string:
                    await receiver.send_str(message.data)
                else:
                    await receiver.send_bytes(message.data)
    finally:
        connections.discard(connection)
        protocol.close()


def announce_when_it_answers(port: int) -> None:
    """The worker is a process of its own that says nothing when it is ready."""
    end = time.monotonic() + STARTING_LIMIT
    while time.monotonic() < end:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.02)
        else:
            announce(port)
            return


if __name__ == "__main__":
    options = read_options()
    with socket.create_server(("127.0.0.1", options.port)) as free:
        port = free.getsockname()[1]
    threading.Thread(target=announce_when_it_answers, args=(port,), daemon=True).start()
    Granian(
        "granian_server:application",
        address="127.0.0.1",
        port=port,
        interface=Interfaces.RSGI,
        loop=Loops.asyncio if options.loop == "asyncio" else Loops.uvloop,
        backlog=4096,
        log_enabled=False,
        working_dir=Path(__file__).parent,
        ssl_cert=Path(options.tls[0]) if options.tls else None,
        ssl_key=Path(options.tls[1]) if options.tls else None,
    ).serve()
