"""TLS of a server: a handshake that is under way counts as pending from the moment its connection is accepted.

An event loop that listens with TLS tells of a connection when its handshake is done, and each that is not costs
it 256 KiB meanwhile. Clients that never finish theirs would count for nothing, and could take all memory and
file descriptors.
"""

import asyncio
import logging
import socket
import ssl as ssl_module
from typing import TYPE_CHECKING, Any

from ..logs import SERVER_LOGGER, log_about
from .incoming import Incoming

if TYPE_CHECKING:
    from .admission import Admission

__all__ = ["TLSDoor", "tls_timeouts"]


def tls_timeouts(admission: "Admission") -> dict[str, Any]:
    """Return what an event loop is told about the time that TLS may take."""
    config = admission.config
    return {
        "ssl_handshake_timeout": config.open_timeout,
        "ssl_shutdown_timeout": max(config.linger_timeout, 0.001),
    }


class ShakingHands(Incoming):
    """A connection that may still be busy with its TLS handshake.

    Attributes:
        task: Does the handshake.
    """

    __slots__ = ("task",)

    task: "asyncio.Task[Any]"

    def wire_opened(self) -> None:
        """Called by the wire: the TLS handshake is done."""
        self._admission.shaking.discard(self.task)  # it is one of `Admission.incoming` from now on
        super().wire_opened()


class TLSDoor:
    """Takes in the connections of one listening socket."""

    def __init__(self, admission: "Admission", loop: asyncio.AbstractEventLoop, context: ssl_module.SSLContext) -> None:
        self._admission = admission
        self._loop = loop
        self._context = context

    def accepted(self, fd: int, peer: Any) -> None:
        """Begin the TLS handshake of a connection, or turn it away."""
        admission = self._admission
        sock = socket.socket(fileno=fd)
        if admission.closing or admission.is_full:
            sock.close()  # the 503 of a plain port would have to wait for the handshake
            if not admission.closing:
                self._log(logging.WARNING, peer, f"turned away: {admission.explain_pending()}")
            return
        incoming, wire = ShakingHands.on_transport(admission, self._loop, tls=True)
        assert isinstance(incoming, ShakingHands)
        incoming.task = task = self._loop.create_task(
            self._loop.connect_accepted_socket(lambda: wire, sock, ssl=self._context, **tls_timeouts(admission))
        )
        admission.shaking.add(task)
        admission.track(task)
        task.add_done_callback(lambda task: self._ended(task, sock, peer))

    def _ended(self, task: "asyncio.Task[Any]", sock: socket.socket, peer: Any) -> None:
        """The TLS handshake is done, or it never will be."""
        self._admission.shaking.discard(task)
        if task.cancelled():
            sock.close()  # cancelled before its first step, it has closed nothing
        elif (error := task.exception()) is not None:
            sock.close()
            # Who knocks at a port of TLS without speaking it (scanners, load balancers) is no news.
            level = logging.DEBUG if isinstance(error, OSError | EOFError) else logging.ERROR
            self._log(level, peer, f"TLS handshake failed: {error or type(error).__name__}")

    def _log(self, level: int, peer: Any, message: str) -> None:
        address = str(peer[0]) if isinstance(peer, tuple) and peer else ""
        log_about(SERVER_LOGGER, level, address, "%s", message)
