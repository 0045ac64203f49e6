"""Asks `fragmentation_server.py` for larger and larger messages, and prints how fast they came.

python examples/fragmentation_client.py --port 8080
python examples/fragmentation_client.py --port 8080 --no-defragment     prints the frames instead
"""

import argparse
import asyncio
import ssl
import sys
import time

from twinax import Opcode, WebSocketConnection, WebSocketError, WebSocketFrame, connect

MIB = 1024 * 1024


class FrameReceiver:
    """Puts messages together from frames, and prints the flags of each frame on its way."""

    def __init__(self, connection: WebSocketConnection) -> None:
        self._payloads: list[bytes] = []
        self._messages: asyncio.Queue[bytes] = asyncio.Queue()
        connection.on("frame", self.on_frame)

    def on_frame(self, frame: WebSocketFrame) -> None:
        name = Opcode(frame.opcode).name.lower()
        print(f"  frame: {name}, {len(frame.binary_payload)} bytes, fin {int(frame.fin)}")
        self._payloads.append(frame.binary_payload)
        if frame.fin:
            self._messages.put_nowait(b"".join(self._payloads))
            self._payloads.clear()

    async def recv(self) -> bytes:
        return await self._messages.get()


async def main(arguments: argparse.Namespace) -> None:
    scheme = "wss" if arguments.secure else "ws"
    async with connect(
        f"{scheme}://{arguments.host}:{arguments.port}/",
        subprotocols=["fragmentation-test"],
        ssl=ssl.create_default_context(cafile=arguments.ca) if arguments.secure else None,
        max_received_frame_size=64 * MIB,
        max_received_message_size=64 * MIB,
        assemble_fragments=not arguments.no_defragment,
    ) as connection:
        receiver = FrameReceiver(connection) if arguments.no_defragment else connection
        command = "sendBinaryMessage" if arguments.binary else "sendMessage"
        size = 1024
        while size <= arguments.max_size:
            began = time.perf_counter()
            connection.send(f"{command}|{size}")
            message = await receiver.recv()
            seconds = time.perf_counter() - began
            if len(message) != size:
                sys.exit(f"asked for {size}, got {len(message)}")
            print(f"{size} bytes in {seconds * 1000:.2f} ms: {size / 1024 / seconds:,.0f} KB/s", flush=True)
            size *= 2


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--secure", action="store_true", help="wss instead of ws")
    parser.add_argument("--ca", metavar="FILE", help="with --secure: trust these authorities (PEM)")
    parser.add_argument("--no-defragment", action="store_true", help="take frames instead of messages")
    parser.add_argument("--binary", action="store_true", help="ask for bytes instead of text")
    parser.add_argument("--max-size", type=int, default=8 * MIB, help="the last size is the largest up to this")
    try:
        asyncio.run(main(parser.parse_args()))
    except WebSocketError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit(130)
