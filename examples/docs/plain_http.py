import asyncio
import urllib.request

from twinax import HTTPRequest, HTTPResponse, WebSocketConnection, serve


async def handler(connection: WebSocketConnection) -> None:
    async for message in connection:
        await connection.send(message)


def on_http(request: HTTPRequest) -> HTTPResponse | str | None:
    if request.path == "/health":
        return "ok\n"
    if request.path == "/old":
        return HTTPResponse(301, headers={"Location": "/"})
    return None  # 404


async def main() -> None:
    async with serve(handler, "localhost", http_handler=on_http) as server:
        answer = await asyncio.to_thread(urllib.request.urlopen, f"http://localhost:{server.port}/health")
        print(answer.status, answer.read().decode(), end="")


if __name__ == "__main__":
    asyncio.run(main())

# Prints:
# 200 ok
