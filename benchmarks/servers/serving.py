"""What all servers here share: the command line, the socket, the loop, and the line that says they are ready.

A server is a program that listens on a port of 127.0.0.1, prints ``ready PORT`` once it may be connected to, and runs
until SIGTERM. In the mode ``echo`` it sends every message back as it came, in ``broadcast`` to every connection, the
sender's included; ``idle`` is ``echo`` that is only looked at.
"""

import argparse
import asyncio
import resource
import socket
import ssl
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

__all__ = ["Options", "announce", "bind", "read_options", "run_forever"]

BACKLOG = 4096


@dataclass(frozen=True)
class Options:
    """What a server was asked for.

    Attributes:
        port: To listen on; 0: any.
        mode: ``echo``, ``broadcast`` or ``idle``.
        deflate: Whether permessage-deflate is offered, as the library does it by default.
        zlib: Whether twinax leaves aside what compresses faster than Python's zlib.
        loop: ``auto`` (what the library chooses by itself), ``asyncio`` or ``uvloop``.
        tls: The certificate and key to speak wss with, or None.
    """

    port: int
    mode: str
    deflate: bool
    zlib: bool
    loop: str
    tls: tuple[str, str] | None

    @property
    def broadcast(self) -> bool:
        """Whether a message goes to every connection."""
        return self.mode == "broadcast"

    def tls_context(self) -> ssl.SSLContext | None:
        """The TLS settings of the port; None: plain."""
        if self.tls is None:
            return None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self.tls)
        return context


def read_options() -> Options:
    """Reads the command line, and lets the process open as many connections as it may."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--mode", choices=("echo", "broadcast", "idle"), default="echo")
    parser.add_argument("--deflate", action="store_true")
    parser.add_argument("--zlib", action="store_true")
    parser.add_argument("--loop", choices=("auto", "asyncio", "uvloop"), default="auto")
    parser.add_argument("--tls-cert")
    parser.add_argument("--tls-key")
    given = parser.parse_args()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    tls = (given.tls_cert, given.tls_key) if given.tls_cert else None
    return Options(given.port, given.mode, given.deflate, given.zlib, given.loop, tls)


def bind(port: int) -> socket.socket:
    """A socket of 127.0.0.1 that listens already: who connects now waits for the server."""
    listener = socket.create_server(("127.0.0.1", port), backlog=BACKLOG)
    listener.setblocking(False)
    return listener


def announce(port: int) -> None:
    """Says that the server may be connected to."""
    print(f"ready {port}", flush=True)


def new_loop(name: str) -> asyncio.AbstractEventLoop:
    """The event loop of that name; ``auto`` is uvloop, the best loop of every library here that runs on asyncio."""
    # PyPy has no uvloop.
    if name == "asyncio" or (name == "auto" and sys.implementation.name == "pypy"):
        return asyncio.new_event_loop()
    import uvloop

    loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    return loop


def run_forever(start: Callable[[Options, socket.socket], Awaitable[Any]]) -> None:
    """Runs a server that `start` starts on a socket; what it returns is kept alive."""

    async def main() -> None:
        listener = bind(options.port)
        kept = await start(options, listener)
        announce(listener.getsockname()[1])
        await asyncio.Event().wait()
        del kept

    options = read_options()
    with asyncio.Runner(loop_factory=lambda: new_loop(options.loop)) as runner:
        runner.run(main())
