"""Server peer: aiohttp."""

import ssl

from aiohttp import WSMsgType, web
from plan import SUBPROTOCOL, run_server, say_closed


async def echo(request: web.Request) -> web.WebSocketResponse:
    connection = web.WebSocketResponse(protocols=[SUBPROTOCOL], autoclose=False)
    await connection.prepare(request)
    while True:
        message = await connection.receive()
        if message.type is WSMsgType.TEXT:
            await connection.send_str(message.data)
        elif message.type is WSMsgType.BINARY:
            await connection.send_bytes(message.data)
        else:
            break
    if message.type is WSMsgType.CLOSE:
        say_closed(message.data, message.extra or "")
        await connection.close(code=message.data, message=(message.extra or "").encode())
    return connection


async def start(tls: ssl.SSLContext | None) -> int:
    app = web.Application()
    app.router.add_get("/", echo)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
    await site.start()
    port: int = runner.addresses[0][1]
    return port


if __name__ == "__main__":
    run_server(start)
