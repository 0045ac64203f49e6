"""picows' websockets layer: the interface of websockets on picows' core."""

import socket

from picows.websockets import Server, ServerConnection, broadcast, serve
from serving import Options, run_forever

connections: set[ServerConnection] = set()


async def echo(connection: ServerConnection) -> None:
    async for message in connection:
        await connection.send(message)


async def broadcast_all(connection: ServerConnection) -> None:
    connections.add(connection)
    try:
        async for message in connection:
            broadcast(connections, message)
    finally:
        connections.discard(connection)


async def start(options: Options, listener: socket.socket) -> Server:
    return await serve(
        broadcast_all if options.broadcast else echo,
        sock=listener,
        ssl=options.tls_context(),
        compression="deflate" if options.deflate else None,
        backlog=4096,
    )


run_forever(start)
