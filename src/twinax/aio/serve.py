"""`serve`: a server in one line."""

import signal
import socket as socket_module
import ssl as ssl_module
from collections.abc import Generator
from typing import Any, Unpack

from ..config import ServerOptions
from .server import Handler, WebSocketServer
from .signals import stopping_on

__all__ = ["serve"]


class serve:
    """Serve WebSocket connections with one handler.

    Await it for the server, use it as an asynchronous context manager, or await `forever`. The handler
    is called with each connection: a coroutine function owns it, and the connection is closed when it
    returns; a plain function may register listeners and return.

    Args:
        handler: Called with each `WebSocketConnection`.
        host: Name or address to bind; None: all interfaces.
        port: Port to bind; 0: one that is free.
        ssl: TLS settings; with them it speaks wss.
        path: A Unix socket instead of host and port.
        sock: A bound socket instead of host and port.
        **options: See `twinax.config.ServerConfig`.

    Raises:
        TypeError: An unknown option, a handler that is not callable.
        ValueError: An option out of range.
    """

    def __init__(
        self,
        handler: Handler,
        host: str | None = None,
        port: int = 0,
        *,
        ssl: ssl_module.SSLContext | None = None,
        path: str | None = None,
        sock: socket_module.socket | None = None,
        **options: Unpack[ServerOptions],
    ) -> None:
        if not callable(handler):
            raise TypeError(f"handler={handler!r}: a function or coroutine function")
        self._server = WebSocketServer(handler, **options)
        self._address: dict[str, Any] = {"host": host, "port": port, "ssl": ssl, "path": path, "sock": sock}

    async def _listen(self) -> WebSocketServer:
        await self._server.listen(**self._address)
        return self._server

    def __await__(self) -> Generator[Any, None, WebSocketServer]:
        return self._listen().__await__()

    async def __aenter__(self) -> WebSocketServer:
        return await self._listen()

    async def __aexit__(self, *exc_info: object) -> None:
        await self._server.close()

    async def forever(self) -> None:
        """Serve until the task is cancelled or the process gets SIGTERM, then close in order.

        Cancellation: Is how it ends; connections are closed with 1001 first.
        """
        try:
            with stopping_on(signal.SIGTERM) as stop:
                await self._listen()
                await stop.wait()
        finally:
            await self._server.close()
