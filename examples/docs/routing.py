import asyncio

from twinax import HandshakeRejected, WebSocketRouter, WebSocketRouterRequest, WebSocketServer, connect

server = WebSocketServer()
router = WebSocketRouter(server)


@router.mount("/chat/{room}")
def chat(request: WebSocketRouterRequest) -> None:
    connection = request.accept()
    connection.send(f"this is {request.path_params['room']}")


@router.mount("/time", "clock.v1")  # only for clients that ask for this subprotocol
def clock(request: WebSocketRouterRequest) -> None:
    connection = request.accept()
    connection.send("twelve")


async def main() -> None:
    async with server:
        await server.listen("localhost")
        base = server.urls[0]
        async with connect(f"{base}/chat/kitchen?from=home") as connection:
            print(await connection.recv())
        async with connect(f"{base}/time", subprotocols=["clock.v1"]) as connection:
            print(await connection.recv())
        try:
            await connect(f"{base}/elsewhere")
        except HandshakeRejected as error:
            print(error.status)


if __name__ == "__main__":
    asyncio.run(main())

# Prints:
# this is kitchen
# twelve
# 404
