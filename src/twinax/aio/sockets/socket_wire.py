"""A wire on a socket of our own: `recv` and `send` without a transport in between.

What the kernel does not take at once is kept as it is and leaves when the socket is writable again. Pausing
costs a system call only when bytes come meanwhile: until then nothing is changed about what is watched.
"""

import contextvars
from typing import Any

from ... import _cython as cython
from ..._core import HEADROOM

if not cython.compiled:
    from .connected import Connected
    from .hub import Hub
    from .kernel import (
        HANGUP,
        NOTHING,
        READABLE,
        WRITABLE,
        receive_into,
        send_pieces,
        send_rest,
        shut_down,
    )
    from .unsent import Unsent

__all__ = ["SocketWire"]

START = cython.declare(cython.Py_ssize_t, HEADROOM)
LAST_READS = 64  # reads after a failed write: more than a receive buffer of 4 MiB holds


@cython.final
@cython.cclass
class SocketWire(Connected):
    """One TCP or Unix connection; see `twinax.aio.wire.Wire` for its methods."""

    loop: Any = cython.declare(object, visibility="readonly")
    is_lost: bool = cython.declare(cython.bint, visibility="readonly")
    is_tls: bool = cython.declare(cython.bint, visibility="readonly")
    last_rcvd: float = cython.declare(cython.double, visibility="readonly")
    last_sent: float = cython.declare(cython.double, visibility="readonly")
    rcvd_size: int = cython.declare(cython.ulonglong, visibility="readonly")
    _owner: Any
    _receive: Any
    _receive_payload: Any
    _target: Any  # what the owner wants the next bytes in; None: the shared buffer
    _paused: cython.bint
    _ended: cython.bint  # nothing more is read
    _finished: cython.bint  # nothing more is written
    _concluding: cython.bint
    _full: cython.bint  # the owner knows that it has to wait
    _unsent: Unsent | None
    _unsent_size: cython.Py_ssize_t  # as last known
    _high: cython.Py_ssize_t
    _low: cython.Py_ssize_t
    _stalled_size: cython.Py_ssize_t
    _stalled_at: cython.double

    def __init__(self, hub: Hub, fd: int, peer: Any, owner: Any, *, no_delay: bool = False) -> None:
        """Take over a socket.

        Args:
            hub: The hub of the running loop.
            fd: The connected, non-blocking socket, which belongs to the wire from now on.
            peer: The peer's address as `socket` gives it.
            owner: Who is told what happens.
            no_delay: Whether TCP_NODELAY is set.
        """
        Connected.__init__(self, hub, fd, peer, no_delay)
        self.loop = hub.loop
        self.is_lost = False
        self.is_tls = False
        self.last_rcvd = 0.0
        self.last_sent = 0.0
        self.rcvd_size = 0
        self._owner = owner
        self._receive = owner.receive
        self._receive_payload = None
        self._target = None
        self._paused = False
        self._ended = False
        self._finished = False
        self._concluding = False
        self._full = False
        self._unsent = None  # made when the kernel does not take everything
        self._unsent_size = 0
        self._high = 65536
        self._low = 16384
        self._stalled_size = 0
        self._stalled_at = 0.0

    def start(self) -> None:
        """Read from now on."""
        self._context = contextvars.copy_context()
        self.watch(READABLE)
        self._owner.wire_opened()

    def hand_over(self, owner: Any, receive: Any, receive_payload: Any) -> None:
        """Have another owner told from now on, and these called with what comes in."""
        self._owner = owner
        self._receive = receive
        self._receive_payload = receive_payload

    # --- reading ------------------------------------------------------------------------------

    @cython.cfunc
    def ready(self, events: cython.uint) -> None:
        """The kernel has bytes for us, or room, or the connection is broken."""
        if events & (READABLE | HANGUP) and not self._ended:
            if self._paused:
                self._watch_again()
            else:
                self._read()
        if events & (WRITABLE | HANGUP) and self._unsent is not None:
            self._send_unsent()

    @cython.cfunc
    def _read(self) -> cython.bint:
        """Read once and hand over; return whether there was something."""
        hub: Hub = self._hub
        count: cython.Py_ssize_t
        target: object = self._target
        try:
            if target is None:
                count = receive_into(self._fd, hub.buffer, START, hub.size)
            else:
                count = receive_into(self._fd, target, 0, len(target))  # type: ignore[arg-type]
        except OSError as error:
            self._lose(error)
            return False
        if count > 0:
            now: cython.double = hub.now()
            self.last_rcvd = now
            self.rcvd_size += count
            if target is None:
                self._target = self._receive(hub.buffer, START + count, now)
            else:
                self._target = self._receive_payload(count, now)
            return True
        if count == 0:
            self._ended = True
            self._watch_again()
            self._owner.wire_eof()
        return False

    def pause_reading(self) -> None:
        """Leave what comes in to the kernel, which makes the peer wait."""
        self._paused = True
        self._target = None  # whoever pauses wants to look at what comes next

    def resume_reading(self) -> None:
        """Undo `pause_reading`."""
        self._paused = False
        self._watch_again()

    @cython.cfunc
    def _watch_again(self) -> None:
        """Have the hub watch for what is of interest now."""
        if self._fd < 0:
            return
        events: cython.uint = 0
        if not self._ended and not self._paused:
            events = READABLE
        if self._unsent is not None:
            events |= WRITABLE
        self.watch(events)

    # --- writing ------------------------------------------------------------------------------

    def write(self, data: Any) -> None:
        """Send bytes; `data` may be used again when this returns."""
        if self._finished:
            return
        hub: Hub = self._hub
        size: cython.Py_ssize_t = len(data)
        sent: cython.Py_ssize_t = 0
        self.last_sent = hub.now()
        if self._unsent is None:
            try:
                sent = send_rest(self._fd, data, 0)
            except OSError as error:
                self._fail_writing(error)
                return
            if sent == size:
                return
            if sent == NOTHING:
                sent = 0
            self._unsent = Unsent()
        self._unsent.add(data if type(data) is bytes and not sent else bytes(memoryview(data)[sent:]))
        self._check_full()

    def write_pieces(self, pieces: list[Any]) -> None:
        """Send bytes-like objects, one behind the other, that nobody changes any more."""
        if self._finished:
            return
        hub: Hub = self._hub
        self.last_sent = hub.now()
        is_first: cython.bint = self._unsent is None
        if self._unsent is None:
            self._unsent = Unsent()
        for piece in pieces:
            self._unsent.add(piece)
        if is_first:
            self._send_unsent()
        self._check_full()

    @cython.cfunc
    def _check_full(self) -> None:
        """After a write: have the rest sent later, and tell the owner when it is much."""
        if self._unsent is None:
            return
        self._watch_again()
        self._unsent_size = self._unsent.size
        if self._unsent_size > self._high and not self._full and not self._finished:
            self._full = True
            self._stalled_size = self._unsent_size
            self._stalled_at = self.loop.time()
            self._owner.set_writable(False)

    @cython.cfunc
    def _send_unsent(self) -> None:
        """Send as much as the kernel takes."""
        unsent: Unsent = self._unsent  # type: ignore[assignment]  # callers have asked
        sent: cython.Py_ssize_t
        try:
            while unsent.size:
                sent = send_pieces(self._fd, unsent.next_pieces())
                if sent == NOTHING:
                    break
                unsent.drop(sent)
        except OSError as error:
            self._fail_writing(error)
            return
        self._unsent_size = unsent.size
        if not unsent.size:
            self._unsent = None
        if self._full and self._unsent_size <= self._low:
            self._full = False
            self._stalled_at = 0.0
            if not self._finished:
                self._owner.set_writable(True)
        if self._unsent is None:
            self._all_sent()

    @cython.cfunc
    def _all_sent(self) -> None:
        self._watch_again()
        if self._concluding or not self._finished:
            return
        if self._ended:
            self._conclude_soon(None)
        else:
            self._shut_down()

    # --- the end ------------------------------------------------------------------------------

    def finish(self) -> None:
        """Send what is left, then FIN; reading goes on."""
        if self._finished:
            return
        self._finished = True
        if self._unsent is None:
            self._shut_down()

    @cython.cfunc
    def _shut_down(self) -> None:
        try:
            shut_down(self._fd)
        except OSError:  # the peer was faster: the socket is not connected any more
            self.close()

    def close(self) -> None:
        """Send what is left, then close; nothing more is read."""
        self._finished = True
        self._ended = True
        self._watch_again()
        if self._unsent is None:
            self._conclude_soon(None)

    def abort(self) -> None:
        """Close at once; what is unsent is lost."""
        self._lose(None)

    @cython.cfunc
    def _lose(self, error: Any) -> None:
        """The connection is over; the number of unsent bytes is kept for the report."""
        self._finished = True
        self._ended = True
        self._unsent = None
        self._watch_again()
        self._conclude_soon(error)

    @cython.cfunc
    def _fail_writing(self, error: Any) -> None:
        """The peer is gone; what it said before, perhaps its close frame, still waits to be read."""
        self._finished = True
        self._unsent = None
        # In a turn of its own: the shared buffer may be in use right now.
        self.loop.call_soon(self._read_rest, error)

    def _read_rest(self, error: OSError) -> None:
        try:
            for _ in range(LAST_READS):
                if self._ended or self._paused or not self._read():
                    break
        finally:
            self._lose(error)

    @cython.cfunc
    def _conclude_soon(self, error: Any) -> None:
        """Tell the owner in the next turn that the connection is gone, as a transport does."""
        if not self._concluding:
            self._concluding = True
            self.loop.call_soon(self._conclude, error)

    def _conclude(self, error: BaseException | None) -> None:
        self._unsent = None
        self._target = None
        self.watch(0)
        self.close_socket()
        self.is_lost = True
        owner = self._owner
        # Each would keep the other until garbage is collected.
        self._owner = self._receive = None
        owner.wire_lost(error)

    def failed(self, error: Exception) -> None:
        """The owner raised: that must not happen, and ends this connection alone."""
        self.loop.call_exception_handler({"message": "a connection failed", "exception": error, "wire": self})
        self._lose(error)

    # --- questions ----------------------------------------------------------------------------

    def set_up(self, *, high: int, low: int, no_delay: bool, native_keepalive: float | None) -> None:
        """Set the marks of what may be unsent, and the options of the socket."""
        self._high = high
        self._low = low
        if not self._ended:
            self.set_options(no_delay, native_keepalive)

    @property
    def unsent(self) -> int:
        """Bytes that the kernel has not taken yet; at the end of a connection as last known."""
        return self._unsent_size

    def stalled_for(self, now: float) -> float:
        """Seconds for which the kernel took nothing although bytes wait; asking notes the progress."""
        if not self._stalled_at:
            return 0.0
        if self._unsent_size != self._stalled_size:
            self._stalled_size = self._unsent_size
            self._stalled_at = now
        return now - self._stalled_at
