import asyncio

from twinax import WebSocketConnection, serve
from twinax.config import ServerOptions


async def handler(connection: WebSocketConnection) -> None:
    # What nginx says about the client, since nginx is trusted; not what the client says about itself.
    await connection.send(f"you are {connection.remote_address}")


OPTIONS: ServerOptions = {
    "allowed_hosts": ["example.com"],  # bound to loopback, only loopback names would be served
    "trusted_proxies": ["127.0.0.1"],  # whose X-Forwarded-For is believed
}

if __name__ == "__main__":
    asyncio.run(serve(handler, "127.0.0.1", 8080, **OPTIONS).forever())
