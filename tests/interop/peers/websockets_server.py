"""Server peer: websockets."""

import contextlib
import ssl

from plan import SUBPROTOCOL, run_server, say_closed
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosedError
from websockets.typing import Subprotocol


async def echo(connection: ServerConnection) -> None:
    # Iteration ends quietly for codes 1000 and 1001 only.
    with contextlib.suppress(ConnectionClosedError):
        async for message in connection:
            await connection.send(message)
    say_closed(connection.close_code, connection.close_reason or "")


async def start(tls: ssl.SSLContext | None) -> int:
    # No serving context: the server lives as long as the process, and the process as long as its standard input.
    server = await serve(
        echo, "127.0.0.1", 0, ssl=tls, subprotocols=[Subprotocol(SUBPROTOCOL)], select_subprotocol=choose
    )
    port: int = next(iter(server.sockets)).getsockname()[1]
    return port


def choose(connection: ServerConnection, offered: object) -> Subprotocol | None:
    # The library's own choice refuses a client that offers nothing.
    chosen = Subprotocol(SUBPROTOCOL)
    return chosen if isinstance(offered, list | tuple) and chosen in offered else None


if __name__ == "__main__":
    run_server(start)
