"""twinax behind nginx: the opening handshake, messages, and the closing pass through a real reverse proxy."""

import asyncio
import contextlib
import os
import shutil
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import NoReturn

import pytest

import twinax
from processes import started

# One process in the foreground that keeps everything it writes in its own folder.
CONFIG = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log stderr info;
events {{ worker_connections 64; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://127.0.0.1:{upstream};
      proxy_http_version 1.1;
      proxy_set_header Host $http_host;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection "upgrade";
      proxy_set_header X-Forwarded-For $remote_addr;
      proxy_read_timeout 60s;
    }}
  }}
}}
"""
START_ATTEMPTS = 3


@pytest.fixture(scope="module")
def nginx_program() -> str | None:
    # Debian keeps it in /usr/sbin, which is not on everyone's PATH.
    return shutil.which("nginx", path=os.pathsep.join([*os.get_exec_path(), "/usr/sbin", "/usr/local/sbin"]))


@pytest.fixture
def nginx(nginx_program: str | None, absent: Callable[[str], NoReturn]) -> str:
    if nginx_program is None:
        absent("nginx is not installed: nothing is tested behind a reverse proxy")
    return nginx_program


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@contextlib.asynccontextmanager
async def proxy(nginx: str, folder: Path, upstream: int) -> AsyncIterator[int]:
    """Starts nginx in front of a port, and gives the port at which it listens."""
    config = folder / "nginx.conf"
    for _ in range(START_ATTEMPTS):
        # nginx cannot choose a port itself, so another program may take this one first: then the next is tried.
        port = free_port()
        config.write_text(CONFIG.format(folder=folder, port=port, upstream=upstream))
        async with started(nginx, "-c", config, "-p", folder, "-e", "stderr") as program:
            start = await program.line("using the .* event method|Address already in use")
            if "already" not in start[0]:
                yield port
                return
    pytest.fail(f"nginx found its port taken {START_ATTEMPTS} times")


@pytest.mark.real_time
async def test_messages_and_the_closing_pass_through_nginx(nginx: str, tmp_path: Path) -> None:
    ended = asyncio.get_running_loop().create_future()

    async def echo(connection: twinax.WebSocketConnection) -> None:
        connection.on("close", lambda code, reason: ended.set_result((connection.remote_addresses, code, reason)))
        with contextlib.suppress(twinax.ConnectionClosedError):
            async for message in connection:
                await connection.send(message)

    # The name in Host is the proxy's, as browsers send it.
    async with (
        asyncio.timeout(60),
        twinax.serve(echo, "127.0.0.1", 0, subprotocols=["chat"], trusted_proxies=["127.0.0.1"]) as server,
        proxy(nginx, tmp_path, server.port) as port,
    ):
        url = f"ws://127.0.0.1:{port}/some/path?token=a%20b"
        async with twinax.connect(url, subprotocols=["chat"], origin=f"http://127.0.0.1:{port}") as connection:
            assert connection.protocol == "chat"
            for message in ("Grüße", b"\x00\xff", "", "x" * 70_000, bytes(range(256)) * 1000):
                await connection.send(message)
                assert await connection.recv() == message
            assert await connection.ping() > 0
            (at_server,) = server.connections
            assert at_server.request.resource == "/some/path?token=a%20b"
            await connection.close(4001, "bye")
        addresses, code, reason = await ended
        assert (code, reason) == (4001, "bye")
        assert connection.close_code == 4001
        assert next(iter(addresses)) == "127.0.0.1"


@pytest.mark.real_time
async def test_a_refused_handshake_passes_through_nginx(nginx: str, tmp_path: Path) -> None:
    async def echo(connection: twinax.WebSocketConnection) -> None:
        raise AssertionError("no connection was accepted")

    async with (
        asyncio.timeout(60),
        twinax.serve(echo, "127.0.0.1", 0) as server,
        proxy(nginx, tmp_path, server.port) as port,
    ):
        with pytest.raises(twinax.HandshakeRejected) as refused:
            await twinax.connect(f"ws://127.0.0.1:{port}/", origin="http://elsewhere.example")
        assert refused.value.status == 403


@pytest.mark.real_time
async def test_the_death_of_nginx_ends_both_connections_with_a_report(nginx: str, tmp_path: Path) -> None:
    ended = asyncio.get_running_loop().create_future()

    async def wait(connection: twinax.WebSocketConnection) -> None:
        await connection.wait_closed()
        ended.set_result(connection.close_code)

    async with asyncio.timeout(60), twinax.serve(wait, "127.0.0.1", 0) as server:
        async with proxy(nginx, tmp_path, server.port) as port:
            connection = await twinax.connect(f"ws://127.0.0.1:{port}/")
        await connection.wait_closed()
        assert connection.close_code == 1006
        assert await ended == 1006
