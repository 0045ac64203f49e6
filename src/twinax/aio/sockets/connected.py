"""A connected socket that a hub watches: its address, its options, its end."""

import os
import socket
from asyncio.trsock import TransportSocket
from typing import Any

from ... import _cython as cython

if not cython.compiled:
    from .hub import Hub, Watched
    from .kernel import set_no_delay

__all__ = ["Connected"]


@cython.cclass
class Connected(Watched):
    """One end of a TCP or Unix connection."""

    _peer: Any
    _sock: Any  # made when somebody asks for it
    _no_delay: cython.bint

    def __init__(self, hub: Hub, fd: int, peer: Any, no_delay: bool) -> None:
        Watched.__init__(self, hub, fd)
        self._peer = peer
        self._sock = None
        self._no_delay = no_delay

    @cython.cfunc
    def set_options(self, no_delay: cython.bint, native_keepalive: object) -> None:
        """Set TCP_NODELAY where it is not set already, and TCP keepalive after so many seconds unless None."""
        if not isinstance(self._peer, tuple):
            return  # a Unix socket has neither
        if no_delay != self._no_delay:
            self._no_delay = no_delay
            set_no_delay(self._fd, no_delay)
        if native_keepalive is not None:
            seconds: object = max(1, round(native_keepalive))  # type: ignore[call-overload]
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, seconds)

    @cython.cfunc
    def close_socket(self) -> None:
        """Close it; nothing may be asked of it any more."""
        fd: cython.Py_ssize_t = self._fd
        self._fd = -1
        if self._sock is not None:
            self._sock.close()
        else:
            os.close(fd)

    @property
    def socket(self) -> Any:
        """The socket for its addresses and options, as a transport shows it; None once the connection is gone."""
        if self._fd < 0:
            return None
        if self._sock is None:
            self._sock = socket.socket(fileno=self._fd)
            self._sock.setblocking(False)
        # Without `close`: closed behind our back, it could not even be told to the hub any more.
        return TransportSocket(self._sock)

    @property
    def remote_address(self) -> str:
        """The peer's address without its port; the empty string for a Unix socket."""
        return str(self._peer[0]) if isinstance(self._peer, tuple) else ""

    @property
    def remote_port(self) -> int:
        """The peer's port, 0 when it has none."""
        return int(self._peer[1]) if isinstance(self._peer, tuple) else 0

    def __repr__(self) -> str:
        return f"<SocketWire fd={self._fd} to {self._peer}>"

    def __del__(self) -> None:
        # Reached only when the loop is gone: a wire in use is held by its hub.
        if self._fd >= 0:
            self.close_socket()
