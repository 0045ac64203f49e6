"""What the transports of TLS do where it gets difficult: those of asyncio, of uvloop, and of aiofastnet.

    pip install uvloop aiofastnet trustme
    python docs/measurements/tls_transports.py

Every case runs in a process of its own: some end theirs. docs/explanation/dependencies.md draws the conclusions;
what a message costs is measured by `benchmarks/run.py --only k`.
"""

import asyncio
import contextlib
import gc
import os
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import aiofastnet
import trustme
import uvloop

KINDS = ("asyncio", "uvloop", "aiofastnet")
# What the three of them call a TLS connection.
CONNECTIONS = ("SSLProtocol", "SSLTransport_Socket", "SSLEngineDirect")
LIMIT = 5.0
LARGE = 20_000_000


class Setting:
    """A server and a client that are about to talk TLS.

    Attributes:
        at_server: The TLS settings of the server.
        at_client: The TLS settings of the client.
        complaints: What reached the exception handler of the loop.
    """

    def __init__(self, kind: str) -> None:
        authority = trustme.CA()
        self.loop = asyncio.get_running_loop()
        self.at_server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("localhost").configure_cert(self.at_server)
        self.at_client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        authority.configure_trust(self.at_client)
        self.complaints: list[dict[str, Any]] = []
        self.loop.set_exception_handler(lambda _, context: self.complaints.append(context))
        self._fast = kind == "aiofastnet"
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.setblocking(False)

    async def dial(self) -> socket.socket:
        """Connect by TCP."""
        sock = socket.socket()
        sock.setblocking(False)
        await self.loop.sock_connect(sock, self.listener.getsockname())
        return sock

    async def serve(self) -> asyncio.Transport:
        """Accept a connection and do the server's part of the handshake."""
        sock, _ = await self.loop.sock_accept(self.listener)
        options: dict[str, Any] = {"ssl": self.at_server, "ssl_handshake_timeout": 60.0, "ssl_shutdown_timeout": 1.0}
        if self._fast:
            transport, _ = await aiofastnet.connect_accepted_socket(self.loop, asyncio.Protocol, sock, **options)
        else:
            transport, _ = await self.loop.connect_accepted_socket(asyncio.Protocol, sock, **options)
        return transport  # type: ignore[no-any-return]

    async def connect(self) -> asyncio.Transport:
        """Do the client's part."""
        sock = await self.dial()
        options: dict[str, Any] = {"sock": sock, "ssl": self.at_client, "server_hostname": "localhost"}
        if self._fast:
            transport, _ = await aiofastnet.create_connection(self.loop, asyncio.Protocol, **options)
        else:
            transport, _ = await self.loop.create_connection(asyncio.Protocol, **options)
        return transport  # type: ignore[no-any-return]

    async def shake_hands(self) -> str:
        """Do both parts; say how it went."""
        serving = asyncio.ensure_future(self.serve())
        client = await self.connect()
        server = await serving
        client.abort()
        server.abort()
        return "done"


async def choose_certificate(setting: Setting) -> str:
    """A server that chooses its certificate by the name that is asked for."""
    setting.at_server.sni_callback = lambda *_: None
    return await setting.shake_hands()


async def log_keys(setting: Setting) -> str:
    """SSLKEYLOGFILE is set, which `ssl.create_default_context` heeds."""
    with tempfile.TemporaryDirectory() as folder:
        setting.at_server.keylog_filename = str(Path(folder) / "keys")
        return await setting.shake_hands()


async def read_only(setting: Setting) -> str:
    """A client in a container whose file system is read-only."""
    tempfile.tempdir = "/nowhere"
    return await setting.shake_hands()


async def knock(setting: Setting) -> str:
    """A health check: TCP is opened and closed again."""
    serving = asyncio.ensure_future(setting.serve())
    (await setting.dial()).close()
    with contextlib.suppress(ConnectionError):
        await serving
    await asyncio.sleep(0.1)
    return "; ".join(f"{c['message']}, {c['exception']!r}" for c in setting.complaints) or "the caller is told"


async def give_up(setting: Setting) -> str:
    """The handshake is cancelled: how much of it stays until its timeout."""
    serving = asyncio.ensure_future(setting.serve())
    with await setting.dial():
        await asyncio.sleep(0.1)
        serving.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await serving
        await asyncio.sleep(0.1)
        gc.collect()
        held = [type(item).__name__ for item in gc.get_objects() if type(item).__name__ in CONNECTIONS]
        return f"{', '.join(held) or 'nothing'} left"


async def count_unsent(setting: Setting) -> str:
    """The peer does not read: what of 20 MB is the application told that waits."""
    serving = asyncio.ensure_future(setting.serve())
    client = await setting.connect()
    server = await serving
    client.pause_reading()
    server.write(bytes(LARGE))
    await asyncio.sleep(0.5)
    told = server.get_write_buffer_size()
    client.abort()
    server.abort()
    return f"{told:,} bytes"


CASES: tuple[Callable[[Setting], Awaitable[str]], ...] = (
    choose_certificate,
    log_keys,
    read_only,
    knock,
    give_up,
    count_unsent,
)


async def run_case(name: str, kind: str) -> None:
    """Run a case and say how it went."""
    setting = Setting(kind)
    case = next(case for case in CASES if case.__name__ == name)
    try:
        print(await asyncio.wait_for(case(setting), LIMIT))
    except TimeoutError:
        print(f"nothing happens for {LIMIT:.0f} s; meanwhile: {[str(c['exception']) for c in setting.complaints]}")
    setting.listener.close()


def main() -> None:
    """Run every case with every kind of transport."""
    print(f"{ssl.OPENSSL_VERSION}, uvloop {version('uvloop')}, aiofastnet {version('aiofastnet')}")
    for case in CASES:
        print(f"\n{case.__doc__}")
        for kind in KINDS:
            command = [sys.executable, __file__, case.__name__, kind]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            died = f"the process dies of {signal.Signals(-done.returncode).name}" if done.returncode < 0 else ""
            print(f"  {kind:12}{died or done.stdout.strip() or done.stderr.strip().splitlines()[-1]}")


if __name__ == "__main__":
    if len(sys.argv) == 3:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop if sys.argv[2] == "uvloop" else None) as runner:
            runner.run(run_case(sys.argv[1], sys.argv[2]))
            sys.stdout.flush()
            os._exit(0)  # what a case has left behind is not of interest any more
    main()
