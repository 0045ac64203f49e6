"""The other end of a connection: a TCP client that sends exactly the bytes that a test says."""

import asyncio
import contextlib
import socket
import ssl as ssl_module
import struct
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import frame_bytes
from frame_bytes import Frame
from twinax import WebSocketConnection, WebSocketServer

__all__ = ["KEY", "Pair", "RawPeer", "accepted", "http_request", "open_peer", "upgrade_request"]

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="  # RFC 6455 1.3


def http_request(method: str, target: str, *fields: str, host: str | None = "localhost") -> bytes:
    """Return the head of a request."""
    lines = [f"{method} {target} HTTP/1.1", *([f"Host: {host}"] if host is not None else []), *fields, "", ""]
    return "\r\n".join(lines).encode("latin-1")


def upgrade_request(target: str = "/", *fields: str, host: str | None = "localhost", version: int = 13) -> bytes:
    """Return the head of a request for a WebSocket, with more fields."""
    needed = ["Upgrade: websocket", "Connection: Upgrade", f"Sec-WebSocket-Key: {KEY}"]
    return http_request("GET", target, *needed, f"Sec-WebSocket-Version: {version}", *fields, host=host)


@dataclass
class Answer:
    """The answer to a request.

    Attributes:
        status: Its status.
        fields: Its fields, by lower-case name, in order.
        body: Its body, as far as it is told by Content-Length.
    """

    status: int
    fields: list[tuple[str, str]]
    body: bytes = b""

    def __getitem__(self, name: str) -> str:
        return next(value for key, value in self.fields if key == name)

    def all(self, name: str) -> list[str]:
        """Return the values of a field that may come several times."""
        return [value for key, value in self.fields if key == name]


class RawPeer:
    """One TCP connection to a server under test."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def send(self, *data: bytes) -> None:
        """Send bytes."""
        self.writer.write(b"".join(data))

    def text(self, text: str) -> None:
        """Send a text message."""
        self.send(frame_bytes.frame(frame_bytes.TEXT, text.encode()))

    async def answer(self, method: str = "GET") -> Answer:
        """Read the head of an answer, and its body where Content-Length tells of one."""
        first, *lines = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")[:-4].split("\r\n")
        fields = [(name.lower(), value) for name, _, value in (line.partition(": ") for line in lines)]
        answer = Answer(int(first.split(" ")[1]), fields)
        length = int((answer.all("content-length") or ["0"])[0])
        if length and method != "HEAD":
            answer.body = await self.reader.readexactly(length)
        return answer

    async def upgrade(self, target: str = "/", *fields: str, **options: Any) -> Answer:
        """Ask for a WebSocket."""
        self.send(upgrade_request(target, *fields, **options))
        return await self.answer()

    async def frame(self) -> Frame:
        """Read one frame."""
        head = await self.reader.readexactly(2)
        size = head[1] & 127
        if size > 125:
            head += await self.reader.readexactly(2 if size == 126 else 8)
            size = int.from_bytes(head[2:], "big")
        (frame,) = frame_bytes.parse_frames(head + await self.reader.readexactly(size))
        return frame

    async def message(self) -> bytes:
        """Read the payload of one message, whatever the number of its frames; control frames are passed over."""
        payload = b""
        while True:
            frame = await self.frame()
            if frame.opcode < frame_bytes.CLOSE:
                payload += frame.payload
                if frame.fin:
                    return payload

    async def close_frame(self) -> tuple[int | None, str]:
        """Read on to the close frame; return what it says."""
        while True:
            frame = await self.frame()
            if frame.opcode == frame_bytes.CLOSE:
                code = int.from_bytes(frame.payload[:2], "big") if frame.payload else None
                return code, frame.payload[2:].decode()

    async def ended(self) -> bytes:
        """Read to the end of the connection; a reset raises ConnectionResetError."""
        return await self.reader.read(-1)

    def finish(self) -> None:
        """Send FIN."""
        self.writer.write_eof()

    def reset(self) -> None:
        """Send RST."""
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    async def close(self) -> None:
        """End the connection."""
        self.writer.close()
        with contextlib.suppress(ConnectionError, ssl_module.SSLError):
            await self.writer.wait_closed()


@contextlib.asynccontextmanager
async def open_peer(
    port: int = 0,
    *,
    host: str = "127.0.0.1",
    path: str | None = None,
    ssl: ssl_module.SSLContext | None = None,
    slow: bool = False,
) -> AsyncIterator[RawPeer]:
    """Open a TCP connection to a server under test; a slow one reads next to nothing that it is not asked to."""
    options: dict[str, Any] = {"ssl": ssl, "limit": 512 if slow else 1 << 20}
    if path is not None:
        reader, writer = await asyncio.open_unix_connection(path, **options)
    elif slow:
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, (host, port))
        name = None if ssl is None else host
        reader, writer = await asyncio.open_connection(sock=sock, server_hostname=name, **options)
    else:
        reader, writer = await asyncio.open_connection(host, port, **options)
    peer = RawPeer(reader, writer)
    try:
        yield peer
    finally:
        await peer.close()


@dataclass
class Pair:
    """A connection of a server, and who sits at its other end."""

    connection: WebSocketConnection
    peer: RawPeer
    server: WebSocketServer


@contextlib.asynccontextmanager
async def accepted(
    *,
    on_connect: Callable[[WebSocketConnection], object] | None = None,
    ssl: ssl_module.SSLContext | None = None,
    client_ssl: ssl_module.SSLContext | None = None,
    slow: bool = False,
    early: bytes = b"",
    **options: Any,
) -> AsyncIterator[Pair]:
    """Run a server with these options, connect a raw peer to it, and accept it.

    Args:
        on_connect: Called with the connection while it is being opened.
        ssl: Settings of the server.
        client_ssl: Settings of the peer.
        slow: Whether the peer hardly reads, and the kernel hardly buffers.
        early: Bytes that the peer sends in the packet of its request.
        **options: Of the server.
    """
    server = WebSocketServer(**options)
    opened: asyncio.Future[WebSocketConnection] = asyncio.get_running_loop().create_future()

    @server.on("request")
    def decide(request: Any) -> None:
        connection = request.accept()
        if slow:
            sock = connection.wire.socket
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        if on_connect is not None:
            on_connect(connection)
        opened.set_result(connection)

    await server.listen("127.0.0.1", ssl=ssl)
    try:
        async with open_peer(server.port, ssl=client_ssl, slow=slow) as peer:
            peer.send(upgrade_request(), early)
            answer = await peer.answer()
            assert answer.status == 101
            assert answer["sec-websocket-accept"] == ACCEPT
            yield Pair(await opened, peer, server)
    finally:
        await server.close()
