"""Client peer: websockets."""

import ssl

from plan import SUBPROTOCOL, Report, messages, run_client
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol


async def client(url: str, tls: ssl.SSLContext | None, code: int, reason: str) -> Report:
    report = Report()
    async with connect(url, ssl=tls, subprotocols=[Subprotocol(SUBPROTOCOL)], proxy=None) as connection:
        report.subprotocol = connection.subprotocol
        for message in messages():
            if message.fragments > 1:
                await connection.send(message.pieces())
                report.fragmented = True
            else:
                await connection.send(message.data)
            report.check(message, await connection.recv())
        await (await connection.ping(b"interop"))
        report.ping = True
        await connection.close(code, reason)
        report.close = (connection.close_code, connection.close_reason or "")
    return report


if __name__ == "__main__":
    run_client(client)
