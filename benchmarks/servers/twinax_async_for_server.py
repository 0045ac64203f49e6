"""twinax with a coroutine for each connection: ``async for`` and ``send``."""

import socket

from serving import Options, run_forever

from twinax import WebSocketConnection, WebSocketServer
from twinax.extensions import PerMessageDeflate


async def echo(connection: WebSocketConnection) -> None:
    async for message in connection:
        await connection.send(message)


async def start(options: Options, listener: socket.socket) -> WebSocketServer:
    async def broadcast(connection: WebSocketConnection) -> None:
        async for message in connection:
            server.broadcast(message)

    # The defaults, but for the threshold: messages of 512 bytes are compressed, as the peers compress them.
    extensions = [PerMessageDeflate(threshold=0)] if options.deflate else []
    server = WebSocketServer(broadcast if options.broadcast else echo, extensions=extensions)
    await server.listen(sock=listener, ssl=options.tls_context())
    return server


run_forever(start)
