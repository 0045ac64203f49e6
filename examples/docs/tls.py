import asyncio
import ssl
import sys

from twinax import WebSocketConnection, connect, serve


async def echo(connection: WebSocketConnection) -> None:
    async for message in connection:
        await connection.send(message)


def server_tls(certificate: str, key: str) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    return context


async def main(certificate: str, key: str, authority: str) -> None:
    async with serve(echo, "localhost", ssl=server_tls(certificate, key)) as server:
        # Only for an authority of your own: without `ssl` those of the system are trusted.
        context = ssl.create_default_context(cafile=authority)
        async with connect(f"wss://localhost:{server.port}/", ssl=context) as connection:
            await connection.send("secret")
            print(await connection.recv())


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
