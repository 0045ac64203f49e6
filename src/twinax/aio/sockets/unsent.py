"""What the kernel has not taken yet, in the order in which it was written."""

from collections import deque
from typing import Any

from ... import _cython as cython

__all__ = ["Unsent"]

PIECES = cython.declare(cython.Py_ssize_t, 64)  # that leave in one call


@cython.final
@cython.cclass
class Unsent:
    """A queue of bytes-like objects that nobody changes, kept as they are."""

    size: cython.Py_ssize_t
    _pieces: deque[Any]
    _offset: cython.Py_ssize_t  # how much of the first piece has left

    def __init__(self) -> None:
        self.size = 0
        self._pieces = deque()
        self._offset = 0

    @cython.cfunc
    def add(self, piece: Any) -> None:
        """Append a piece."""
        size: cython.Py_ssize_t = len(piece)
        if size:
            self._pieces.append(piece)
            self.size += size

    @cython.cfunc
    def next_pieces(self) -> list[Any]:
        """Return what is to leave next, as far as one call takes it."""
        pieces: list[Any] = []
        for piece in self._pieces:
            pieces.append(memoryview(piece)[self._offset :] if self._offset and not pieces else piece)
            if len(pieces) == PIECES:
                break
        return pieces

    @cython.cfunc
    def drop(self, sent: cython.Py_ssize_t) -> None:
        """Forget the first `sent` bytes: they have left."""
        self.size -= sent
        sent += self._offset
        size: cython.Py_ssize_t
        while self._pieces:
            size = len(self._pieces[0])
            if sent < size:
                break
            sent -= size
            self._pieces.popleft()
        self._offset = sent
