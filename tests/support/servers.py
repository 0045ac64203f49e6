"""Servers under test, and what happened to them."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

from support.peers import Answer, RawPeer, open_peer
from twinax import HandshakeError, WebSocketConnection, WebSocketRequest, WebSocketServer

__all__ = ["Served", "ask", "served"]


class Served:
    """A server that listens on loopback, and everything that it told.

    Attributes:
        server: The server.
        requests: The requests that it emitted.
        connections: The connections that were opened, also those that are closed by now.
        ends: Code and reason of those that were closed.
        errors: Handshakes that broke a rule.
    """

    def __init__(self, server: WebSocketServer) -> None:
        self.server = server
        self.requests: list[WebSocketRequest] = []
        self.connections: list[WebSocketConnection] = []
        self.ends: list[tuple[WebSocketConnection, int, str]] = []
        self.errors: list[HandshakeError] = []
        server.on("connect", self.connections.append)
        server.on("close", lambda connection, code, reason: self.ends.append((connection, code, reason)))
        server.on("upgrade_error", self.errors.append)

    def keep_requests(self) -> None:
        """Have requests wait for the test to decide."""
        self.server.on("request", self.requests.append)

    @property
    def port(self) -> int:
        """Where it listens."""
        return self.server.port

    def peer(self, **options: Any) -> contextlib.AbstractAsyncContextManager[RawPeer]:
        """Connect to it by TCP."""
        return open_peer(self.port, **options)


@contextlib.asynccontextmanager
async def served(*, pending: bool = False, **options: Any) -> AsyncIterator[Served]:
    """Run a server on loopback; pending: requests wait in `Served.requests`, else options decide."""
    server = WebSocketServer(**options)
    told = Served(server)
    if pending:
        told.keep_requests()
    await server.listen("127.0.0.1")
    try:
        yield told
    finally:
        await server.close()


async def ask(told: Served, *data: bytes, method: str = "GET") -> Answer:
    """Send a request and return its answer, after which the TCP connection must end."""
    async with told.peer() as peer:
        peer.send(*data)
        answer = await peer.answer(method)
        assert await peer.ended() == b""
        return answer
