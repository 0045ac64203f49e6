"""A wire on a transport of the event loop: for systems without epoll, and what the one for TLS is made of."""

import asyncio
import socket
import sys
from collections.abc import Callable
from typing import Any, cast

from .._core import HEADROOM
from .loop import get_loop_state
from .wire import OpeningOwner, WireOwner

__all__ = ["TransportWire"]

# From Python 3.12 on asyncio's `writelines` joins nothing, and does not say either that the transport is full.
FORGETS_TO_PAUSE = sys.version_info >= (3, 12)


class TransportWire(asyncio.BufferedProtocol):
    """One TCP, TLS or Unix connection; see `twinax.aio.wire.Wire`."""

    __slots__ = (
        "_buffer",
        "_finished",
        "_opening",
        "_owner",
        "_paused_at",
        "_receive",
        "_receive_payload",
        "_target",
        "_time",
        "_unsent",
        "_view",
        "is_lost",
        "is_tls",
        "last_rcvd",
        "last_sent",
        "loop",
        "rcvd_size",
        "transport",
    )

    transport: asyncio.Transport

    def __init__(self, loop: asyncio.AbstractEventLoop, owner: OpeningOwner) -> None:
        """Make a wire for a transport that will come.

        Args:
            loop: The event loop.
            owner: Who is told what happens.
        """
        state = get_loop_state(loop)
        self.loop = loop
        self._buffer = state.buffer
        self._view = state.view
        self._time = loop.time
        self._opening: OpeningOwner | None = owner
        self._owner: WireOwner = owner
        self._receive: Callable[[bytearray, int, float], Any] = owner.receive
        self._receive_payload: Callable[[int, float], Any] | None = None
        self._target: Any = None
        self._finished = False
        self._unsent = 0
        self._paused_at = 0.0
        self.is_lost = False
        self.is_tls = False
        self.last_rcvd = 0.0
        self.last_sent = 0.0
        self.rcvd_size = 0

    def hand_over(
        self,
        owner: WireOwner,
        receive: Callable[[bytearray, int, float], Any],
        receive_payload: Callable[[int, float], Any],
    ) -> None:
        """Have another owner told from now on, and these called with what comes in."""
        self._opening = None
        self._owner = owner
        self._receive = receive
        self._receive_payload = receive_payload

    # --- what the transport calls -------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the transport: the connection is there."""
        self.transport = cast(asyncio.Transport, transport)
        # Asked now: the TLS transport of asyncio forgets everything once it was closed twice.
        self.is_tls = transport.get_extra_info("ssl_object") is not None
        if self._opening is not None:
            self._opening.wire_opened()

    def get_buffer(self, sizehint: int) -> memoryview:
        """Called by the transport: where to put the next bytes."""
        # A memoryview: what decrypts TLS cuts pieces out of it.
        return self._view if self._target is None else memoryview(self._target)

    def buffer_updated(self, nbytes: int) -> None:
        """Called by the transport: `nbytes` bytes were put there."""
        self.last_rcvd = now = self._time()
        self.rcvd_size += nbytes
        if self._target is None:
            self._target = self._receive(self._buffer, HEADROOM + nbytes, now)
        elif self._receive_payload is not None:
            self._target = self._receive_payload(nbytes, now)

    def eof_received(self) -> bool:
        """Called by the transport: the peer sends nothing more. True keeps our direction open."""
        self._owner.wire_eof()
        # TLS has no half-closed state: what is returned has no effect there but a warning.
        return not self.is_tls

    def connection_lost(self, exc: BaseException | None) -> None:
        """Called by the transport: the connection is gone."""
        self.is_lost = True
        self._target = None
        owner = self._owner
        # Each would keep the other until garbage is collected.
        del self._owner, self._receive
        owner.wire_lost(exc)

    def pause_writing(self) -> None:
        """Called by the transport: more than the high mark is unsent."""
        self._unsent = self.transport.get_write_buffer_size()
        self._paused_at = self._time()
        self._owner.set_writable(False)

    def resume_writing(self) -> None:
        """Called by the transport: less than the low mark is unsent."""
        self._unsent = 0
        self._paused_at = 0.0
        self._owner.set_writable(True)

    # --- what the owner calls -----------------------------------------------------------------

    def set_up(self, *, high: int, low: int, no_delay: bool, native_keepalive: float | None) -> None:
        """Set the marks of the write buffer and the options of the socket."""
        if self.is_lost or self.transport.is_closing():
            return
        self.transport.set_write_buffer_limits(high=high, low=low)
        sock = self.socket
        if sock is None or sock.family not in (socket.AF_INET, socket.AF_INET6):
            return
        # asyncio sets TCP_NODELAY by itself; switching it off is what needs a word.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, int(no_delay))
        if native_keepalive is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            if hasattr(socket, "TCP_KEEPIDLE"):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, max(1, round(native_keepalive)))

    def write(self, data: Any) -> None:
        """Send bytes; `data` may be used again when this returns."""
        if self.is_lost or self._finished:
            return
        self.last_sent = self._time()
        # A transport keeps what it is given.
        self.transport.write(bytes(data))

    def write_pieces(self, pieces: list[Any]) -> None:
        """Send bytes-like objects, one behind the other, that nobody changes any more."""
        if self.is_lost or self._finished:
            return
        self.last_sent = self._time()
        if FORGETS_TO_PAUSE and type(self.transport).__module__ == "asyncio.selector_events":
            self.transport.write(b"".join(pieces))
        else:
            self.transport.writelines(pieces)

    def finish(self) -> None:
        """Send what is left, then FIN; reading goes on where the transport can do that, else close."""
        if self._finished or self.is_lost:
            return
        self._finished = True
        if self.transport.can_write_eof() and not self.transport.is_closing():
            try:
                self.transport.write_eof()
            except OSError:  # the peer was faster: the socket is not connected any more
                self.transport.close()
        else:
            self.transport.close()

    def close(self) -> None:
        """Send what is left, then close; nothing more is read."""
        self._finished = True
        self.transport.close()

    def abort(self) -> None:
        """Close at once; what is unsent is lost."""
        self._unsent = self.unsent
        self.transport.abort()

    def pause_reading(self) -> None:
        """Leave what comes in to the kernel, which makes the peer wait."""
        self._target = None  # whoever pauses wants to look at what comes next
        if not self.is_lost and not self.transport.is_closing():
            self.transport.pause_reading()

    def resume_reading(self) -> None:
        """Undo `pause_reading`."""
        if not self.is_lost and not self.transport.is_closing():
            self.transport.resume_reading()

    # --- questions ----------------------------------------------------------------------------

    @property
    def unsent(self) -> int:
        """Bytes that the kernel has not taken yet; at the end of a connection as last known."""
        return self._unsent if self.is_lost or self.transport.is_closing() else self.transport.get_write_buffer_size()

    def stalled_for(self, now: float) -> float:
        """Seconds for which the transport was full without any progress; asking notes the progress."""
        if not self._paused_at:
            return 0.0
        unsent = self.unsent
        if unsent != self._unsent:
            self._unsent = unsent
            self._paused_at = now
        return now - self._paused_at

    @property
    def socket(self) -> Any:
        """The socket as far as the transport shows it, or None."""
        return self.transport.get_extra_info("socket")

    @property
    def remote_address(self) -> str:
        """The peer's address without its port; the empty string for a Unix socket."""
        peer = self.transport.get_extra_info("peername")
        return str(peer[0]) if isinstance(peer, tuple) and peer else ""

    @property
    def remote_port(self) -> int:
        """The peer's port, 0 when it has none."""
        peer = self.transport.get_extra_info("peername")
        return int(peer[1]) if isinstance(peer, tuple) and len(peer) > 1 else 0
