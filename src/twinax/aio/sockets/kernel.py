"""What is asked of the kernel, call by call: the readable twin of `_kernel.pxi`.

Names, signatures, results and exceptions are those of the compiled twin. None of the calls waits: what
cannot be done now is told by `NOTHING`. An error is an `OSError` of the class that belongs to its errno.
"""

import os
import select
import socket
from collections.abc import Sequence
from typing import Any

__all__ = [
    "HANGUP",
    "NOTHING",
    "READABLE",
    "WRITABLE",
    "Poller",
    "accept_one",
    "receive_into",
    "run_ready",
    "send_pieces",
    "send_rest",
    "set_no_delay",
    "shut_down",
]

NOTHING = -1

# The numbers of Linux, which a constant of the `select` module would hide from the compiler.
READABLE = 0x001
WRITABLE = 0x004
HANGUP = 0x008 | 0x010  # EPOLLERR, EPOLLHUP: always told, asked for or not

EVENTS_AT_ONCE = 256
PIECES_AT_ONCE = 64


class Poller:
    """Which of many sockets are ready: one epoll, level-triggered."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._ready: list[tuple[int, int]] = []

    def fileno(self) -> int:
        """Return the file descriptor that is readable when a socket is ready."""
        return self._epoll.fileno()

    def add(self, fd: int, events: int) -> None:
        """Watch one more file descriptor."""
        self._epoll.register(fd, events)

    def change(self, fd: int, events: int) -> None:
        """Watch it for other events."""
        self._epoll.modify(fd, events)

    def remove(self, fd: int) -> None:
        """Watch it no more."""
        self._epoll.unregister(fd)

    def wait(self) -> int:
        """Look which are ready, without waiting; return how many."""
        self._ready = self._epoll.poll(0, EVENTS_AT_ONCE)
        return len(self._ready)

    def fd(self, index: int) -> int:
        """Return a file descriptor that is ready."""
        return self._ready[index][0]

    def events(self, index: int) -> int:
        """Return what it is ready for."""
        return self._ready[index][1]

    def close(self) -> None:
        """Give the epoll back."""
        self._epoll.close()


def receive_into(fd: int, buffer: Any, start: int, end: int) -> int:
    """Read what is there into ``buffer[start:end]``.

    Returns:
        How many bytes; 0 when the peer has ended its direction; `NOTHING` when there is nothing now.

    Raises:
        OSError: The connection is broken.
        IndexError: The piece is not inside the buffer.
    """
    with memoryview(buffer) as view:
        if not 0 <= start <= end <= view.nbytes:
            raise IndexError(f"[{start}:{end}] is outside a buffer of {view.nbytes} bytes")
        try:
            return os.readv(fd, [view[start:end]])
        except BlockingIOError:
            return NOTHING


def send_rest(fd: int, data: Any, start: int) -> int:
    """Write ``data[start:]``.

    Returns:
        How many bytes the kernel has taken; `NOTHING` when it takes none now.

    Raises:
        OSError: The connection is broken.
    """
    with memoryview(data) as view:
        try:
            return os.write(fd, view[start:])
        except BlockingIOError:
            return NOTHING


def send_pieces(fd: int, pieces: Sequence[Any]) -> int:
    """Write several bytes-like objects, one behind the other; at most 64 of them.

    Returns:
        How many bytes the kernel has taken; `NOTHING` when it takes none now.

    Raises:
        OSError: The connection is broken.
    """
    try:
        return os.writev(fd, pieces[:PIECES_AT_ONCE])
    except BlockingIOError:
        return NOTHING


def accept_one(listener: socket.socket) -> tuple[int, Any] | None:
    """Take a connection that waits at a listening socket.

    Returns:
        Its file descriptor, which the caller has to close, and the peer's address as `socket` gives it;
        None when no connection waits.

    Raises:
        OSError: It cannot be taken.
    """
    try:
        sock, address = listener.accept()
    except (BlockingIOError, InterruptedError, ConnectionAbortedError):
        return None
    sock.setblocking(False)
    return sock.detach(), address


def shut_down(fd: int) -> None:
    """End our direction: the peer reads to the end and is told.

    Raises:
        OSError: The socket is not connected any more.
    """
    sock = socket.socket(fileno=fd)
    try:
        sock.shutdown(socket.SHUT_WR)
    finally:
        sock.detach()


def set_no_delay(fd: int, no_delay: bool) -> None:
    """Set TCP_NODELAY or take it away.

    Raises:
        OSError: It is no TCP socket, or not connected any more.
    """
    sock = socket.socket(fileno=fd)
    try:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, int(no_delay))
    finally:
        sock.detach()


def run_ready(item: Any, events: int) -> None:
    """Have a `Watched` serve its socket, in its own context."""
    item._context.run(item.ready, events)
