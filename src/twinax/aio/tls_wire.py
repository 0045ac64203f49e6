"""A wire for TLS: gives the transport no more than it takes, and keeps the rest where it counts.

The TLS transports of event loops encrypt at once whatever they are given, hand it down to the transport of the
socket, and count it no more. A large message that is written whole would be gone at once, as if sent, whether the
peer reads or not: no mark would be passed, no stall noticed, no unsent byte reported. So it is written in slices, and
from `pause_writing` to `resume_writing` not at all.

The transport stops at the low mark; between the marks, and beyond, it is this wire that holds. So both are exact:
the owner is told to stop when more than the high mark is unsent, and to go on at the low one.
"""

import asyncio
from collections import deque
from typing import Any

from .transport_wire import TransportWire
from .wire import OpeningOwner

__all__ = ["TLSWire"]

# As much as the transport of the socket takes before it says that it is full, and four TLS records. What is encrypted
# and does not count stays below 192 KiB. 1 MiB to a peer that reads: 0.96 of the processor time of writing it at once
# on uvloop, 0.81 on asyncio (2026-11-25).
SLICE = 65_536
UNSET = 1 << 62  # a mark that is never passed


class TLSWire(TransportWire):
    """One connection by TLS; see `twinax.aio.wire.Wire`."""

    __slots__ = ("_closes", "_ended", "_full", "_held", "_held_size", "_high", "_is_paused", "_taken")

    def __init__(self, loop: asyncio.AbstractEventLoop, owner: OpeningOwner) -> None:
        """Make a wire for a transport that will come.

        Args:
            loop: The event loop.
            owner: Who is told what happens.
        """
        super().__init__(loop, owner)
        self._held: deque[Any] = deque()  # bytes-like objects that nobody changes
        self._held_size = 0
        self._taken = 0  # what the transport had not sent when it was last known
        self._is_paused = False  # the transport takes no more
        self._full = False  # the owner knows that it has to wait
        self._high = UNSET
        self._closes = False  # when nothing is held any more
        self._ended = False  # the peer has ended TLS before us

    # --- what the transport calls -------------------------------------------------------------

    def eof_received(self) -> bool:
        """Called by the transport: the peer sends nothing more, and the transport is about to end TLS."""
        if self._held:
            # It takes what comes now, and nothing later. In one call: it may have stopped taking already, and would
            # log every call but the first few.
            held, self._held = self._held, deque()
            self._taken = self._held_size + self.transport.get_write_buffer_size()
            self._held_size = 0
            self.transport.writelines(held)
        self._ended = not self.transport.is_closing()
        return super().eof_received()

    def connection_lost(self, exc: BaseException | None) -> None:
        """Called by the transport: the connection is gone."""
        self._held.clear()  # its size stays: it was not sent
        if exc is None and self._closes and not self._ended:
            self._taken = 0  # we have closed, and were answered: uvloop tells nothing of what it sends meanwhile
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Called by the transport: it takes no more."""
        self._is_paused = True
        self._taken = self.transport.get_write_buffer_size()
        self._check_full()

    def resume_writing(self) -> None:
        """Called by the transport: less than the low mark is unsent of what it was given."""
        self._is_paused = False
        self._taken = 0
        self._send_held()
        if self._full and not self._held and not self._is_paused:
            self._full = False
            self._paused_at = 0.0
            if not self._finished:
                self._owner.set_writable(True)

    # --- what the owner calls -----------------------------------------------------------------

    def set_up(self, *, high: int, low: int, no_delay: bool, native_keepalive: float | None) -> None:
        """Set the marks of what may be unsent, and the options of the socket."""
        self._high = high
        # Not the same twice: with 0 the transport would be full when nothing is unsent.
        super().set_up(high=low + 1, low=low, no_delay=no_delay, native_keepalive=native_keepalive)

    def write(self, data: Any) -> None:
        """Send bytes; `data` may be used again when this returns."""
        if self.is_lost or self._finished:
            return
        self.last_sent = self._time()
        if not self._is_paused and len(data) <= SLICE:
            self.transport.write(bytes(data))
        else:
            self._hold(bytes(data))

    def write_pieces(self, pieces: list[Any]) -> None:
        """Send bytes-like objects, one behind the other, that nobody changes any more."""
        if self.is_lost or self._finished:
            return
        self.last_sent = self._time()
        self._hold(*pieces)

    def finish(self) -> None:
        """Send what is left, then end TLS, which has no half-closed state."""
        if self._finished or self.is_lost:
            return
        self._finished = True
        self._close_when_sent()

    def close(self) -> None:
        """Send what is left, then close; nothing more is read."""
        self._finished = True
        if self._held:
            self._target = None
            self._receive = discard
        self._close_when_sent()

    def abort(self) -> None:
        """Close at once; what is unsent is lost."""
        if not self.is_lost and not self.transport.is_closing():
            self._taken = self.transport.get_write_buffer_size()
        self._finished = True
        self._closes = False
        self._held.clear()
        self.transport.abort()

    # --- what is held -------------------------------------------------------------------------

    def _hold(self, *pieces: Any) -> None:
        """Send pieces, as far as the transport takes them."""
        self._held.extend(pieces)
        self._held_size += sum(map(len, pieces))
        self._send_held()
        self._check_full()

    def _send_held(self) -> None:
        """Give the transport slices until it takes no more."""
        transport = self.transport
        while self._held and not self._is_paused and not transport.is_closing():
            transport.writelines(self._next_slice())
        if self._closes:
            self._close_when_sent()

    def _next_slice(self) -> list[Any]:
        """Take what is to be written next: pieces, or views of them."""
        held = self._held
        taken: list[Any] = []
        size = 0
        while held and size < SLICE:
            piece = held[0]
            # Frames of fragments fit with their headers: cut to measure, each would end in a short TLS record.
            if len(piece) <= SLICE:
                held.popleft()
            else:
                view = memoryview(piece)
                piece = view[:SLICE]
                held[0] = view[SLICE:]
            taken.append(piece)
            size += len(piece)
        self._held_size -= size
        return taken

    def _check_full(self) -> None:
        """Tell the owner when more than the high mark is unsent."""
        if self._is_paused and not self._full and not self._finished:
            unsent = self.unsent
            if unsent > self._high:
                self._full = True
                self._unsent = unsent
                self._paused_at = self._time()
                self._owner.set_writable(False)

    def _close_when_sent(self) -> None:
        self._closes = True
        # Once only: the TLS transport of asyncio cannot even be aborted after the second time.
        if not self._held and not self.transport.is_closing():
            self._taken = self.transport.get_write_buffer_size()
            self.transport.close()

    # --- questions ----------------------------------------------------------------------------

    @property
    def unsent(self) -> int:
        """Bytes that were not sent yet; at the end of a connection as last known."""
        is_known = not self.is_lost and not self.transport.is_closing()
        return self._held_size + (self.transport.get_write_buffer_size() if is_known else self._taken)


def discard(buffer: bytearray, end: int, now: float, /) -> None:
    """Take in bytes that nobody wants any more."""
