"""What frames become bytes in: the output buffer of a connection, and when it is written.

What one read event causes leaves in one write at its end; what is sent at other times leaves at the end of
the loop's turn. Small payloads are copied behind their headers. A large one is not copied at all: it is kept
as it is, and header and payload leave as pieces of one write.
"""

from collections.abc import Callable
from typing import Any

from .. import _cython as cython

if not cython.compiled:
    from .outbuffer import OutBuffer, put_frame, put_header
    from .turn import Turn

__all__ = ["Sink"]

FLUSH_SIZE = cython.declare(cython.Py_ssize_t, 65536)  # of copied bytes
FLUSH_PIECES = cython.declare(cython.Py_ssize_t, 262144)  # of bytes that are not copied

# Buffers that are not in use: an idle connection has none, and a busy one takes what another has left warm.
POOL: list[OutBuffer] = []
POOLED = cython.declare(cython.Py_ssize_t, 8)

# From this size on not copying is cheaper than one piece more in a write.
PIECE_SIZE = cython.declare(cython.Py_ssize_t, 4096)


@cython.cfunc
def take_buffer() -> OutBuffer:
    """Return an empty buffer; asked for and not looked for: another thread may take the last one meanwhile."""
    try:
        return POOL.pop()
    except IndexError:
        return OutBuffer()


@cython.cclass
class Sink:
    """Frames in, writes out."""

    _out: OutBuffer | None
    _pieces: list[Any] | None
    _pieces_size: cython.Py_ssize_t
    _write: Any
    _write_pieces: Any
    _turn: Turn | None
    _call_soon: Any
    _corked: cython.bint
    _flush_scheduled: cython.bint

    def __init__(self) -> None:
        self._out = None
        self._pieces = None
        self._pieces_size = 0
        self._write = None
        self._write_pieces = None
        self._turn = None
        self._call_soon = None
        self._corked = False
        self._flush_scheduled = False

    def attach(self, write: Callable[[Any], object], write_pieces: Callable[[list[Any]], object] | None = None) -> None:
        """Say where output goes.

        Args:
            write: Is given a buffer that is used again when it returns.
            write_pieces: Is given bytes-like objects that nobody changes any more, to be written one behind
                the other; None: everything is copied, for `write`.
        """
        self._write = write
        self._write_pieces = write_pieces

    def set_turn(self, turn: Turn, call_soon: Callable[..., object]) -> None:
        """Say who sees to it that `flush` is called at the end of the loop's turn."""
        self._turn = turn
        self._call_soon = call_soon

    @cython.cfunc
    def _append(
        self,
        first_byte: cython.uint,
        payload: object,
        length: cython.Py_ssize_t,
        masked: cython.bint,
        key: cython.uint,
    ) -> None:
        """Append a frame; a large payload stays where it is, and must not change any more."""
        if length >= PIECE_SIZE and not masked and self._write_pieces is not None:
            self._append_piece(first_byte, payload, length)
            return
        out: OutBuffer = self._open_buffer()
        put_frame(out, first_byte, payload, length, masked, key)
        if len(out) >= FLUSH_SIZE:
            self.flush()

    @cython.cfunc
    def _append_piece(self, first_byte: cython.uint, payload: object, length: cython.Py_ssize_t) -> None:
        """Append a frame whose payload is not copied."""
        pieces: list[Any] = []
        out: OutBuffer = self._open_buffer()
        # From here on nothing is made that could start the collector of garbage: a finalizer may send, and its frame
        # must not get into this one.
        if self._pieces is not None:
            pieces = self._pieces
        self._pieces = pieces
        put_header(out, first_byte, length, False, 0)
        pieces.append(bytes(out))
        pieces.append(payload)
        self._pieces_size += len(out) + length
        out.clear()
        if self._pieces_size >= FLUSH_PIECES:
            self.flush()

    @cython.cfunc
    def _open_buffer(self) -> OutBuffer:
        """Return the buffer that frames go to."""
        out: OutBuffer | None = self._out
        if out is None:
            out = take_buffer()
            if self._out is None:
                self._out = out
            else:
                out = self._out  # a finalizer has sent something meanwhile
        return out

    @cython.cfunc
    @cython.inline
    def _uncork(self) -> None:
        """See to it that the buffer is written, once, at the end of the read event or of the turn."""
        if not self._corked and not self._flush_scheduled and self._out is not None:
            self._flush_scheduled = True
            if self._turn is not None:
                self._turn.add(self, self._call_soon)
            else:
                self._schedule_flush()

    def flush(self) -> None:
        """Write what is in the buffer now."""
        self._flush_scheduled = False
        out: OutBuffer | None = self._out
        if out is None:
            return
        # Writing may call back, and somebody may send: into another buffer.
        self._out = None
        if self._pieces is not None:
            pieces: list[Any] = self._pieces
            self._pieces = None
            self._pieces_size = 0
            if len(out):
                pieces.append(bytes(out))
            self._write_pieces(pieces)
        elif len(out):
            self._write(out)
        out.clear()
        if len(POOL) < POOLED:
            POOL.append(out)

    @property
    def pending_size(self) -> int:
        """Bytes of frames that are not written yet."""
        return self._pieces_size + (len(self._out) if self._out is not None else 0)

    # --- for the owner to override --------------------------------------------------------------

    def _schedule_flush(self) -> None:
        """Have `flush` called at the end of the loop's turn."""
