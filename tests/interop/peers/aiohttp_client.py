"""Client peer: aiohttp."""

import ssl

import aiohttp
from plan import SUBPROTOCOL, Report, messages, run_client


async def client(url: str, tls: ssl.SSLContext | None, code: int, reason: str) -> Report:
    report = Report()
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(url, ssl=tls or True, protocols=[SUBPROTOCOL], autoping=False) as connection,
    ):
        report.subprotocol = connection.protocol
        for message in messages():
            if isinstance(message.data, str):
                await connection.send_str(message.data)
            else:
                await connection.send_bytes(message.data)
            report.check(message, (await connection.receive()).data)
        await connection.ping(b"interop")
        answer = await connection.receive()
        report.ping = answer.type is aiohttp.WSMsgType.PONG and answer.data == b"interop"
        await connection.close(code=code, message=reason.encode())
        # The library keeps the code of the answer, but not its reason.
        report.close = (connection.close_code, reason)
    return report


if __name__ == "__main__":
    run_client(client)
