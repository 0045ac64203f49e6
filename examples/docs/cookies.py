import asyncio

from twinax import SetCookie, WebSocketConnection, WebSocketRequest, connect, serve


def on_request(request: WebSocketRequest) -> None:
    session = {cookie.name: cookie.value for cookie in request.cookies}.get("session")
    if session is None:
        request.reject(401, "log in first")
    else:
        seen = SetCookie("seen", "yes", max_age=3600, secure=True, http_only=True, same_site="Lax")
        request.accept(cookies=[seen])


async def handler(connection: WebSocketConnection) -> None:
    assert connection.request is not None
    await connection.send(f"welcome, {connection.request.cookies[0].value}")


async def main() -> None:
    server = await serve(handler, "localhost", on_request=on_request)
    async with server, connect(server.urls[0], cookies={"session": "ada"}) as connection:
        print(await connection.recv())


if __name__ == "__main__":
    asyncio.run(main())

# Prints:
# welcome, ada
