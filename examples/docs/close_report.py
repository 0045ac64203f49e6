import asyncio

from twinax import ConnectionClosedError, WebSocketConnection, connect, serve


async def handler(connection: WebSocketConnection) -> None:
    connection.drop(skip_close_frame=True)  # as a crash or a lost network would


async def main() -> None:
    async with serve(handler, "localhost") as server, connect(server.urls[0]) as connection:
        try:
            await connection.recv()
        except ConnectionClosedError as closed:
            report = closed.report
            print(report.code, report.closed_by, report.phase, report.was_clean)
            print(type(report.error).__name__ if report.error else report.cause)


if __name__ == "__main__":
    asyncio.run(main())

# Prints:
# 1006 network open False
# the peer ended the TCP connection without a close frame
