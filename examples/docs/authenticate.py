import asyncio

from twinax import HandshakeRejected, WebSocketConnection, WebSocketRequest, connect, serve
from twinax.protocol import build_challenge, check_credentials

USERS = {"ada": "analytical engine"}


async def on_request(request: WebSocketRequest) -> None:
    field = request.headers.get("Authorization")
    if not check_credentials(field, USERS):
        request.reject(401, headers={"WWW-Authenticate": build_challenge("machine room")})


async def handler(connection: WebSocketConnection) -> None:
    await connection.send("welcome")


async def main() -> None:
    async with serve(handler, "localhost", on_request=on_request) as server:
        for user_info in ("ada:analytical%20engine@", "ada:guess@", ""):
            try:
                async with connect(f"ws://{user_info}localhost:{server.port}/") as connection:
                    print(await connection.recv())
            except HandshakeRejected as error:
                print(error.status)


if __name__ == "__main__":
    asyncio.run(main())

# Prints:
# welcome
# 401
# 401
