"""Data frames to messages: whole ones straight from the buffer, others by way of the assembler."""

from typing import Any

from .. import _cython as cython
from ..errors import RemoteProtocolError
from ..rules import Rule

if not cython.compiled:
    from .assembler import Assembler
    from .cursor import Cursor
    from .extending import Extending
    from .frames import OP_CONTINUATION, OP_TEXT, HeaderReader, MaskKeys
    from .mask import rotate_key
    from .pipeline import Pipeline
    from .settings import CoreSettings
    from .states import OPEN

__all__ = ["DataFrames"]


@cython.cclass
class DataFrames(Extending):
    """A connection as far as data frames go."""

    _empty_frames: cython.Py_ssize_t
    _direct: cython.Py_ssize_t  # bytes that the wire has read into the payload in progress

    def __init__(self, settings: CoreSettings, keys: MaskKeys | None) -> None:
        Extending.__init__(self, settings, keys)
        self._empty_frames = 0
        self._direct = 0

    @cython.cfunc
    def _read_data(self, cursor: Cursor) -> None:
        header: HeaderReader = self._header
        length: cython.Py_ssize_t = header.length
        settings: CoreSettings = self._settings
        pipeline: Pipeline | None = self._pipeline
        if length > settings.max_frame:
            self._check_frame_size(length)
        if length:
            self._empty_frames = 0
        else:
            self._count_empty_frame()
        in_progress: cython.bint = self._assembler is not None and self._assembler.opcode != 0
        if header.opcode == OP_CONTINUATION:
            if not in_progress:
                raise RemoteProtocolError(Rule.CONTINUATION_WITHOUT_START)
        elif in_progress:
            raise RemoteProtocolError(Rule.START_INSIDE_MESSAGE)
        elif pipeline is not None and (header.rsv or not pipeline.plain_frames_pass):
            if self._read_encoded(pipeline, cursor, length):
                return
        elif header.fin and cursor.available() >= length:
            if length > settings.max_message and settings.assemble:
                raise RemoteProtocolError(Rule.MESSAGE_TOO_BIG, length=length, received=0, limit=settings.max_message)
            self._turn_bytes -= length
            self._read_whole(cursor, length)
            return
        self._begin_part(length)
        if not length:
            self._take_part(cursor, 0)

    @cython.cfunc
    @cython.inline
    def _read_whole(self, cursor: Cursor, length: cython.Py_ssize_t) -> None:
        header: HeaderReader = self._header
        message: object
        if not self._settings.assemble:
            self._hand_on_frame(cursor.take_bytes(length, header.key))
            return
        if header.opcode == OP_TEXT:
            try:
                message = cursor.take_text(length, header.key)
            except UnicodeDecodeError:
                raise RemoteProtocolError(Rule.TEXT_NOT_UTF8) from None
        else:
            message = cursor.take_bytes(length, header.key)
        self._deliver(message)

    @cython.cfunc
    def _read_payload(self, cursor: Cursor) -> cython.bint:
        """Take what is there of the frame's payload; return False when more must come first."""
        count: cython.Py_ssize_t = min(cursor.available(), self._payload_left)
        if count == 0:
            return False
        self._take_part(cursor, count)
        return True

    @cython.cfunc
    def _take_direct(self) -> None:
        """Take what the wire has read into the payload itself."""
        count: cython.Py_ssize_t = self._direct
        self._direct = 0
        assembler: Assembler = self._assembler  # type: ignore[assignment]  # made by _begin_part
        assembler.took(count, self._payload_key)
        self._end_part(assembler, count)

    @cython.cfunc
    def _take_part(self, cursor: Cursor, count: cython.Py_ssize_t) -> None:
        assembler: Assembler = self._assembler  # type: ignore[assignment]  # made by _begin_part
        pipeline: Pipeline | None = self._pipeline
        if pipeline is not None and pipeline.active:
            self._read_part(pipeline, cursor, count)
        else:
            assembler.append(cursor, count, self._payload_key)
        self._end_part(assembler, count)

    @cython.cfunc
    def _end_part(self, assembler: Assembler, count: cython.Py_ssize_t) -> None:
        self._payload_key = rotate_key(self._payload_key, count)
        self._payload_left -= count
        self._turn_bytes -= count
        if self._payload_left == 0:
            self._end_frame(assembler)

    @cython.cfunc
    def _end_frame(self, assembler: Assembler) -> None:
        if not self._settings.assemble:
            self._hand_on_frame(assembler.take_part())
            if self._header.fin:
                assembler.reset()
        elif self._header.fin:
            self._deliver(assembler.finish())

    @cython.cfunc
    def _hand_on_frame(self, payload: object) -> None:
        header: HeaderReader = self._header
        if self._state == OPEN:  # RFC 6455 1.4: what follows our close frame is discarded
            self._on_frame(header.fin, header.rsv if self._pipeline is None else 0, header.opcode, payload)

    @cython.cfunc
    def _count_empty_frame(self) -> None:
        self._empty_frames += 1
        if self._empty_frames > self._settings.max_empty_frames:
            raise RemoteProtocolError(Rule.TOO_MANY_EMPTY_FRAMES, limit=self._settings.max_empty_frames)

    # --- a message in parts -------------------------------------------------------------------

    @cython.cfunc
    def _hand_on_part(self) -> None:
        """Add what has come of the message in progress to the parts."""
        assembler: Assembler | None = self._assembler
        if (
            self._state == OPEN
            and self._settings.assemble
            and not self._parts_complete
            and not self._skipping
            and assembler is not None
            and assembler.opcode
        ):
            self._add_part(assembler.take_part())

    def open_parts(self) -> None:
        """Have the next message that is not waiting yet handed on in parts, beginning with what has come of it."""
        Extending.open_parts(self)
        self._hand_on_part()

    def close_parts(self) -> None:
        """Let the next message be handed over as a whole again; what is not taken of this one is dropped."""
        begun: cython.bint = self._assembler is not None and self._assembler.opcode != 0
        if begun and self._parts is not None and not self._parts_complete:
            self._skipping = True
        Extending.close_parts(self)

    # --- for the owner to override --------------------------------------------------------------

    def _on_frame(self, fin: bool, rsv: int, opcode: int, payload: Any) -> None:
        """A frame has come; called when messages are not assembled."""
