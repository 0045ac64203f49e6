"""The one place that talks to the network: bytes in, bytes out, and the ways in which a connection ends.

There are three wires. `SocketWire` calls `recv` and `send` itself and is what plain connections run on where the
system has epoll; `TransportWire` stands on a transport of the event loop, for everywhere else, and `TLSWire` is
one that meets what transports of TLS do. What they have in common is written down here; the core does not know
which one it has.
"""

import asyncio
import contextlib
import socket
from collections.abc import Callable
from typing import Any, Protocol

from .loop import get_hub
from .sockets import SocketWire

__all__ = ["OpeningOwner", "Wire", "WireOwner", "open_wire"]


class WireOwner(Protocol):
    """What a wire tells its owner."""

    def receive(self, buffer: bytearray, end: int, now: float, /) -> Any:
        """``buffer[HEADROOM:end]`` has come in; the buffer is reused afterwards."""

    def wire_eof(self) -> None:
        """The peer sends nothing more."""

    def wire_lost(self, error: BaseException | None) -> None:
        """The connection is gone, by `error` or in order; called once, last of all."""

    def set_writable(self, writable: bool, /) -> None:
        """The transport is full, or takes more again."""


class OpeningOwner(WireOwner, Protocol):
    """The first owner of a wire, up to the end of the opening handshake."""

    def wire_opened(self) -> None:
        """The connection is there, TLS included."""


class Wire(Protocol):
    """One TCP, TLS or Unix connection."""

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The event loop."""
        ...

    @property
    def is_lost(self) -> bool:
        """Whether the connection is gone."""
        ...

    @property
    def is_tls(self) -> bool:
        """Whether the connection is encrypted."""
        ...

    @property
    def last_rcvd(self) -> float:
        """Loop time of the last byte that came in; 0 when none did."""
        ...

    @property
    def last_sent(self) -> float:
        """Loop time of the last write; 0 when there was none."""
        ...

    @property
    def rcvd_size(self) -> int:
        """Bytes that came in."""
        ...

    @property
    def unsent(self) -> int:
        """Bytes that the kernel has not taken yet; at the end of a connection as last known."""
        ...

    @property
    def socket(self) -> Any:
        """The socket as far as the wire shows it, or None."""
        ...

    @property
    def remote_address(self) -> str:
        """The peer's address without its port; the empty string for a Unix socket."""
        ...

    @property
    def remote_port(self) -> int:
        """The peer's port, 0 when it has none."""
        ...

    def stalled_for(self, now: float) -> float:
        """Seconds for which nothing left although bytes wait; asking notes the progress."""
        ...

    def hand_over(
        self,
        owner: WireOwner,
        receive: Callable[[bytearray, int, float], Any],
        receive_payload: Callable[[int, float], Any],
    ) -> None:
        """Have another owner told from now on, and these called with what comes in.

        What `receive` returns is what the next bytes are read into, when it is not None; `receive_payload` is
        then told how many.
        """

    def set_up(self, *, high: int, low: int, no_delay: bool, native_keepalive: float | None) -> None:
        """Set the marks of what may be unsent, and the options of the socket."""

    def write(self, data: Any) -> None:
        """Send bytes; `data` may be used again when this returns."""

    def write_pieces(self, pieces: list[Any]) -> None:
        """Send bytes-like objects, one behind the other, that nobody changes any more."""

    def finish(self) -> None:
        """Send what is left, then FIN; reading goes on where the wire can do that, else close."""

    def close(self) -> None:
        """Send what is left, then close; nothing more is read."""

    def abort(self) -> None:
        """Close at once; what is unsent is lost."""

    def pause_reading(self) -> None:
        """Leave what comes in to the kernel, which makes the peer wait."""

    def resume_reading(self) -> None:
        """Undo `pause_reading`."""


def open_wire(loop: asyncio.AbstractEventLoop, sock: socket.socket, owner: OpeningOwner) -> SocketWire | None:
    """Make a wire of a connected socket, which then belongs to the wire.

    Returns:
        The wire; None where only transports serve, and the socket is still the caller's.
    """
    hub = get_hub(loop)
    if hub is None:
        return None
    peer: Any = ""
    with contextlib.suppress(OSError):  # it may be gone again, which reading will tell
        peer = sock.getpeername()
    wire = SocketWire(hub, sock.detach(), peer, owner)
    wire.start()
    return wire
