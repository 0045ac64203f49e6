import asyncio
import re

from twinax import HandshakeRejected, WebSocketConnection, connect, serve


async def handler(connection: WebSocketConnection) -> None:
    assert connection.request is not None
    await connection.send(f"hello, {connection.request.origin}")


async def main() -> None:
    allowed: list[str | re.Pattern[str]] = ["https://example.com", re.compile(r"https://[a-z]+\.example\.com")]
    async with serve(handler, "localhost", allowed_origins=allowed) as server:
        for origin in (None, "https://example.com", "https://shop.example.com", "https://example.org", "null"):
            try:
                async with connect(server.urls[0], origin=origin) as connection:
                    print(await connection.recv())
            except HandshakeRejected as error:
                print(error.status, origin)


if __name__ == "__main__":
    asyncio.run(main())

# Prints:
# hello, None
# hello, https://example.com
# hello, https://shop.example.com
# 403 https://example.org
# 403 null
