"""Connections that come in at a listening socket, each handed on as a wire."""

import asyncio
import contextvars
import errno
import socket
from collections.abc import Callable
from typing import Any

from ... import _cython as cython
from ...logs import SERVER_LOGGER

if not cython.compiled:
    from .hub import Hub, Watched
    from .kernel import READABLE, accept_one

__all__ = ["Acceptor"]

AT_ONCE = cython.declare(cython.Py_ssize_t, 64)  # connections taken in a row before others have their turn
PAUSE = 1.0  # seconds without accepting when the process has no file descriptor or memory left

EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)  # the connection still waits


@cython.final
@cython.cclass
class Acceptor(Watched):
    """A listening socket.

    The socket belongs to the acceptor: `close` closes it.
    """

    _sock: Any
    _opened: Any
    _timer: Any

    def __init__(self, hub: Hub, sock: socket.socket, opened: Callable[[int, Any], object]) -> None:
        """Accept from now on.

        Args:
            hub: The hub of the running loop.
            sock: A bound, non-blocking socket that listens.
            opened: Called with the file descriptor and the peer's address of each connection.
        """
        Watched.__init__(self, hub, sock.fileno())
        self._sock = sock
        self._opened = opened
        self._timer = None
        self._context = contextvars.copy_context()
        self.watch(READABLE)

    @cython.cfunc
    def ready(self, events: cython.uint) -> None:
        """Connections wait."""
        for _ in range(AT_ONCE):
            if self._sock is None:
                return  # the one before had the server closed
            try:
                accepted = accept_one(self._sock)
            except OSError as error:
                if error.errno in EXHAUSTED:
                    self._pause(error)
                else:
                    SERVER_LOGGER.error("a connection could not be accepted: %s", error)
                return
            if accepted is None:
                return
            self._opened(accepted[0], accepted[1])

    @cython.cfunc
    def _pause(self, error: OSError) -> None:
        """Accept nothing for a while: what cannot be done now would be tried again at once."""
        SERVER_LOGGER.error("nothing is accepted for %s s: %s", PAUSE, error)
        self.watch(0)
        hub: Hub = self._hub
        self._timer = hub.loop.call_later(PAUSE, self.go_on)

    def go_on(self) -> None:
        """Accept again."""
        self._timer = None
        if self._sock is None:
            return
        try:
            self.watch(READABLE)
        except OSError as error:
            # The system has no memory for it yet, or the user as many sockets watched as the kernel allows.
            self._pause(error)

    def close(self) -> None:
        """Accept nothing more."""
        if self._sock is None:
            return
        if self._timer is not None:
            timer: asyncio.TimerHandle = self._timer
            timer.cancel()
            self._timer = None
        self.watch(0)
        self._sock.close()
        self._sock = None
