"""From fragments to a message: one buffer, UTF-8 checked as it comes, the size limit kept.

A message that arrives whole in one frame never comes here. Whatever arrives in parts, be it fragments
or one frame over several reads, is collected unmasked in a single block, so that memory is bounded by the
limit for any split of the bytes.
"""

from .. import _cython as cython
from ..errors import RemoteProtocolError
from ..rules import Rule

if not cython.compiled:
    from .cursor import Cursor
    from .frames import OP_TEXT
    from .payload import Payload

__all__ = ["Assembler"]

FRAGMENT_COST = cython.declare(cython.Py_ssize_t, 64)  # what a fragment counts for at the least


@cython.final
@cython.cclass
class Assembler:
    """The message in progress; `opcode` 0 means that there is none."""

    opcode: cython.uint
    fragments: cython.Py_ssize_t
    _overhead: cython.Py_ssize_t  # what small fragments were charged beyond their payload
    _payload: Payload
    _size: cython.Py_ssize_t  # of the whole message, also of the parts that a stream has taken
    _checked: cython.Py_ssize_t  # payload[:checked] is known to be whole characters
    _limit: cython.Py_ssize_t

    def __init__(self, limit: int) -> None:
        self.opcode = 0
        self.fragments = 0
        self._overhead = 0
        self._payload = Payload()
        self._size = 0
        self._checked = 0
        self._limit = limit

    @cython.cfunc
    def begin(self, opcode: cython.uint) -> None:
        """Start a message of this type."""
        self.opcode = opcode

    @cython.cfunc
    def announce(self, length: cython.Py_ssize_t) -> None:
        """Refuse the next frame by its header when the message would grow past the limit.

        Every frame after the first counts for 64 bytes at the least, or a peer could keep a message going
        forever with empty fragments. On top of its payload it is charged nothing: a message of exactly the
        limit may come in fragments of a usual size. Written as subtractions: a sum could wrap.
        """
        if length > self._limit - self._size:
            raise RemoteProtocolError(Rule.MESSAGE_TOO_BIG, length=length, received=self._size, limit=self._limit)
        if self.fragments and length < FRAGMENT_COST:
            self._overhead += FRAGMENT_COST - length
        if self._overhead > self._limit - self._size - length:
            raise RemoteProtocolError(
                Rule.TOO_MANY_FRAGMENTS,
                fragments=self.fragments,
                length=length,
                received=self._size,
                limit=self._limit,
            )
        self.fragments += 1

    @cython.cfunc
    def expect(self, length: cython.Py_ssize_t) -> None:
        """Make room for a frame that was announced and whose payload will be appended as it is."""
        self._payload.expect(length)

    @cython.cfunc
    def target(self, left: cython.Py_ssize_t) -> object:
        """Return what a wire may read the next of `left` bytes of the frame into; None: it must not."""
        return self._payload.target(left)

    @cython.cfunc
    def took(self, count: cython.Py_ssize_t, key: cython.uint) -> None:
        """Take `count` bytes that were read into the target."""
        self._payload.took(count, key)
        self._size += count
        self._check_text()

    @cython.cfunc
    def append(self, cursor: Cursor, count: cython.Py_ssize_t, key: cython.uint) -> None:
        """Take `count` bytes of payload from `cursor`; text fails at the first bad byte."""
        cursor.take_into(self._payload, count, key)
        self._size += count
        self._check_text()

    @cython.cfunc
    def add(self, piece: bytes, limit: cython.Py_ssize_t) -> None:
        """Take a piece of a message that an extension has decoded; what exceeds `limit` in all is refused."""
        if len(piece) > limit - self._size:
            raise RemoteProtocolError(Rule.DECODED_MESSAGE_TOO_BIG, length=self._size + len(piece), limit=limit)
        self._payload.add(piece)
        self._size += len(piece)
        self._check_text()

    @cython.cfunc
    @cython.inline
    def _check_text(self) -> None:
        if self.opcode == OP_TEXT:
            # RFC 6455 8.1; failing fast also inside an unfinished message spares reading the rest of it.
            checked: cython.Py_ssize_t = self._payload.check_text(self._checked)
            if checked < 0:
                raise RemoteProtocolError(Rule.TEXT_NOT_UTF8)
            self._checked = checked

    @cython.cfunc
    def finish(self) -> object:
        """Return the message, `str` or `bytes`, and be ready for the next one."""
        message: object
        if self.opcode == OP_TEXT:
            if self._checked != self._payload.size:
                raise RemoteProtocolError(Rule.TEXT_NOT_UTF8)
            message = self._payload.take_text(self._checked)
        else:
            message = self._payload.take_bytes()
        self.reset()
        return message

    @cython.cfunc
    def take_part(self) -> object:
        """Return what can be handed on of an unfinished message: whole characters, or all bytes."""
        part: object
        if self.opcode == OP_TEXT:
            part = self._payload.take_text(self._checked)
            self._checked = 0
        else:
            part = self._payload.take_bytes()
        return part

    @cython.cfunc
    def reset(self) -> None:
        """Forget the message in progress."""
        self.opcode = 0
        self.fragments = 0
        self._overhead = 0
        self._payload.clear()
        self._size = 0
        self._checked = 0
