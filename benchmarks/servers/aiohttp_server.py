"""aiohttp: its web server."""

import socket

from aiohttp import WSMsgType, web
from serving import Options, run_forever


async def start(options: Options, listener: socket.socket) -> web.AppRunner:
    connections: set[web.WebSocketResponse] = set()

    async def echo(request: web.Request) -> web.WebSocketResponse:
        connection = web.WebSocketResponse(compress=options.deflate)
        await connection.prepare(request)
        async for message in connection:
            if message.type is WSMsgType.TEXT:
                await connection.send_str(message.data)
            else:
                await connection.send_bytes(message.data)
        return connection

    async def broadcast(request: web.Request) -> web.WebSocketResponse:
        connection = web.WebSocketResponse(compress=options.deflate)
        await connection.prepare(request)
        connections.add(connection)
        try:
            async for message in connection:
                for other in connections:
                    await other.send_bytes(message.data)
        finally:
            connections.discard(connection)
        return connection

    application = web.Application()
    application.router.add_get("/", broadcast if options.broadcast else echo)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.SockSite(runner, listener, ssl_context=options.tls_context(), backlog=4096).start()
    return runner


run_forever(start)
