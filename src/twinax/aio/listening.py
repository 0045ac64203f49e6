"""The sockets of a server, and the event loop that runs it best."""

import asyncio
import contextlib
import ipaddress
import os
import socket
import ssl as ssl_module
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from ..checks import check_number
from ..config import ServerConfig
from .incoming import Incoming
from .loop import get_hub
from .sockets import Acceptor, Hub
from .tls import TLSDoor, tls_timeouts

if TYPE_CHECKING:
    from .admission import Admission

__all__ = ["Listeners", "new_event_loop"]


def new_event_loop() -> asyncio.AbstractEventLoop:
    """Return a uvloop where it is installed, else asyncio's own loop."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    return loop


class Listeners:
    """The ports and sockets that a server listens on."""

    def __init__(self) -> None:
        self._servers: list[tuple[asyncio.Server, bool]] = []
        self._acceptors: list[Acceptor] = []
        self._paths: list[tuple[str, int]] = []

    async def open(
        self,
        admission: "Admission",
        config: ServerConfig,
        *,
        host: str | None,
        port: int,
        ssl: ssl_module.SSLContext | None,
        path: str | None,
        sock: socket.socket | None,
    ) -> None:
        """Listen on one more address; whoever connects is brought before `admission`."""
        if (path is not None) + (sock is not None) + (host is not None or port != 0) > 1:
            raise ValueError("host and port, path, and sock exclude each other")
        # asyncio would take names of services, and refuse large numbers with an OverflowError.
        check_number("port", port, int, 0, 65535, optional=False)
        loop = asyncio.get_running_loop()

        def factory() -> asyncio.BaseProtocol:
            return Incoming.on_transport(admission, loop, tls=ssl is not None)[1]

        # asyncio suspends once more when it has begun to serve: cancelled there, nobody would know the server.
        options: dict[str, Any] = {"ssl": ssl, "backlog": config.backlog, "start_serving": False}
        if ssl is not None:
            options |= tls_timeouts(admission)
        if path is not None:
            server = await loop.create_unix_server(factory, path, **options)
            if not path.startswith("\0"):  # an abstract address is no file
                self._paths.append((path, os.stat(path).st_ino))
        elif sock is not None:
            server = await loop.create_server(factory, sock=sock, **options)
        else:
            server = await loop.create_server(factory, host, port, **options)
        self._servers.append((server, ssl is not None))
        hub = get_hub(loop, tls=ssl is not None)
        if hub is None:
            await server.start_serving()
            return
        no_delay = config.disable_nagle_algorithm
        for bound in server.sockets:
            opened: Callable[[int, Any], None]
            if ssl is not None:
                opened = TLSDoor(admission, loop, ssl).accepted
            else:
                opened = partial(Incoming.on_socket, admission, hub, no_delay and is_internet(bound))
            self._acceptors.append(self._accept(hub, config, bound, opened))

    def _accept(self, hub: Hub, config: ServerConfig, bound: Any, opened: Callable[[int, Any], None]) -> Acceptor:
        """Listen on a socket that the loop has bound, and take over what is accepted."""
        # A duplicate: the loop closes its own, and neither could be closed behind the other's back.
        sock = socket.socket(fileno=os.dup(bound.fileno()))
        sock.setblocking(False)
        if config.disable_nagle_algorithm and is_internet(sock):
            # Inherited by what is accepted, which spares a system call each.
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.listen(config.backlog)
        return Acceptor(hub, sock, opened)

    def close(self) -> None:
        """Stop listening."""
        acceptors, self._acceptors = self._acceptors, []
        for acceptor in acceptors:
            acceptor.close()
        servers, self._servers = self._servers, []
        for server, _ in servers:
            server.close()
        paths, self._paths = self._paths, []
        for path, inode in paths:
            # Python 3.13 does it by itself; and another server may have taken the path over by now.
            with contextlib.suppress(FileNotFoundError):
                if os.stat(path).st_ino == inode:
                    os.unlink(path)

    @property
    def sockets(self) -> list[socket.socket]:
        """The sockets that are listened on."""
        return [sock for server, _ in self._servers for sock in server.sockets]

    @property
    def port(self) -> int:
        """The first port; 0 when there is none."""
        return next((sock.getsockname()[1] for sock in self.sockets if is_internet(sock)), 0)

    @property
    def urls(self) -> list[str]:
        """Addresses to connect to; those of all interfaces are given as localhost."""
        return [build_url(sock, tls) for server, tls in self._servers for sock in server.sockets]

    @property
    def only_loopback(self) -> bool:
        """Whether nobody but this machine can connect by TCP."""
        internet = [sock for sock in self.sockets if is_internet(sock)]
        return bool(internet) and all(ipaddress.ip_address(sock.getsockname()[0]).is_loopback for sock in internet)


def is_internet(sock: socket.socket) -> bool:
    """Tell whether it is a socket with host and port."""
    return sock.family in (socket.AF_INET, socket.AF_INET6)


def build_url(sock: socket.socket, tls: bool) -> str:
    """Return the address of a listening socket."""
    scheme = "wss" if tls else "ws"
    name = sock.getsockname()
    if not is_internet(sock):
        return f"{scheme}+unix://{name if isinstance(name, str) else name.decode()}"
    address = ipaddress.ip_address(name[0])
    host = "localhost" if address.is_unspecified else f"[{name[0]}]" if address.version == 6 else name[0]
    return f"{scheme}://{host}:{name[1]}"
