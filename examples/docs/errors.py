import asyncio

from twinax import (
    HandshakeError,
    HandshakeRejected,
    HandshakeTimeout,
    WebSocketConnection,
    WebSocketRequest,
    connect,
    serve,
)


def refuse(request: WebSocketRequest) -> None:
    request.reject(403, "members only", body="Ask for an invitation.")


async def never(connection: WebSocketConnection) -> None:
    raise AssertionError("no request is accepted")


async def main() -> None:
    async with serve(never, "localhost", on_request=refuse) as server:
        for uri in (*server.urls, "ws://localhost:1/"):
            try:
                await connect(uri)
            except HandshakeRejected as error:  # an answer, but not 101
                print(error.status, error.body.decode())
            except HandshakeTimeout:  # no answer within open_timeout
                print("too slow")
            except HandshakeError as error:  # no connection, or no HTTP
                print("unreachable:", type(error.__cause__).__name__)


if __name__ == "__main__":
    asyncio.run(main())

# Prints:
# 403 Ask for an invitation.
# unreachable: ConnectionRefusedError
