import asyncio

from twinax import Opcode, WebSocketConnection, WebSocketFrame, connect, serve


def on_connection(connection: WebSocketConnection) -> None:
    @connection.on("frame")
    def on_frame(frame: WebSocketFrame) -> None:
        print(Opcode(frame.opcode).name, frame.fin, frame.binary_payload)
        if frame.fin and frame.opcode != Opcode.CLOSE:
            connection.close()


async def main() -> None:
    server = await serve(on_connection, "localhost", assemble_fragments=False)
    async with server, connect(server.urls[0]) as connection:
        connection.send_frame(WebSocketFrame(Opcode.TEXT, b"one ", fin=False))
        connection.send_frame(WebSocketFrame(Opcode.CONTINUATION, b"message"))
        await connection.wait_closed()


if __name__ == "__main__":
    asyncio.run(main())

# Prints:
# TEXT False b'one '
# CONTINUATION True b'message'
