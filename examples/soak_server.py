"""An echo server that prints what it holds: run it for hours against `soak_clients.py`, memory must level off.

python examples/soak_server.py --port 8443 --tls-cert cert.pem --tls-key key.pem
"""

import argparse
import asyncio
import contextlib
import gc
import os
import resource
import signal
import ssl
import sys

from twinax import WebSocketConnection, WebSocketServer, serve


async def echo(connection: WebSocketConnection) -> None:
    async for message in connection:
        await connection.send(message)


def resident_kib() -> int:
    """Return the memory that this process holds now, in KiB; where Linux's /proc is missing, its peak."""
    with contextlib.suppress(OSError), open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak // 1024 if sys.platform == "darwin" else peak


class Book:
    """Counts who came and went."""

    def __init__(self, server: WebSocketServer) -> None:
        self._server = server
        self._opened = 0
        self._closed: dict[int, int] = {}
        server.on("connect", self.on_connect)
        server.on("close", self.on_close)

    def on_connect(self, connection: WebSocketConnection) -> None:
        self._opened += 1

    def on_close(self, connection: WebSocketConnection, code: int, reason: str) -> None:
        self._closed[code] = self._closed.get(code, 0) + 1

    def report(self) -> None:
        gc.collect()
        closed = ", ".join(f"{count} with {code}" for code, count in sorted(self._closed.items()))
        print(
            f"rss {resident_kib()} KiB, open {len(self._server.connections)}, opened {self._opened}, "
            f"closed {closed or 'none'}",
            flush=True,
        )


async def main(arguments: argparse.Namespace) -> None:
    tls = None
    if arguments.tls_cert:
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(arguments.tls_cert, arguments.tls_key)
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with serve(echo, arguments.host, arguments.port, ssl=tls, keepalive_interval=2.0) as server:
        book = Book(server)
        print(f"listening on {server.urls[0]}", flush=True)
        while not stop.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), arguments.report)
            book.report()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8443, help="0: one that is free")
    parser.add_argument("--tls-cert", metavar="FILE", help="certificate in PEM: speak wss")
    parser.add_argument("--tls-key", metavar="FILE", help="its key, where it is not in the same file")
    parser.add_argument("--report", type=float, default=5.0, metavar="SECONDS", help="between two lines (default: 5)")
    asyncio.run(main(parser.parse_args()))
