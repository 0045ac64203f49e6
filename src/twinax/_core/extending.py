"""What extensions change about a connection: its messages and frames go through the pipeline on the way out and in.

Nothing of this runs on a connection without extensions.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from .. import _cython as cython
from ..errors import RemoteProtocolError
from ..rules import Rule

if not cython.compiled:
    from .assembler import Assembler
    from .cursor import Cursor
    from .done import DONE
    from .fast import send_shared_plain
    from .frames import FIN, OP_BINARY, OP_CONTINUATION, HeaderReader, MaskKeys
    from .inbox import Inbox
    from .pipeline import COMPRESS, COMPRESS_NOT, ENCODED, Pipeline
    from .settings import CoreSettings
    from .shared import SharedMessage
    from .states import CLOSING, ENCODING, LOST, OPEN, STREAM

__all__ = ["Extending"]


@cython.cclass
class Extending(Inbox):
    """A connection between its inbox and its frames: where the pipeline is."""

    _header: HeaderReader
    _assembler: Assembler | None
    _payload_left: cython.Py_ssize_t
    _payload_key: cython.uint
    _turn_bytes: cython.Py_ssize_t

    def __init__(self, settings: CoreSettings, keys: MaskKeys | None) -> None:
        Inbox.__init__(self, settings, keys)
        self._header = HeaderReader(keys is None)
        self._assembler = None
        self._payload_left = 0
        self._payload_key = 0
        self._turn_bytes = 0

    def extend(self, pipeline: Pipeline) -> None:
        """Have messages go through `pipeline`, from the first one on.

        Args:
            pipeline: The extensions that were agreed on; it serves one connection.
        """
        settings: CoreSettings = self._settings
        pipeline.limit_to(settings.max_frame, settings.max_message, settings.assemble)
        self._header.own_bits(pipeline.first_bits, pipeline.later_bits)
        self._pipeline = pipeline

    @property
    def traffic(self) -> tuple[int, int, int, int, int, int] | None:
        """Messages, bytes and encoded bytes that were sent through extensions, then received; None without any."""
        return None if self._pipeline is None else self._pipeline.traffic.figures()

    def release_extensions(self) -> bool:
        """Let the extensions give back memory until the next message, unless one went through since the last call.

        Returns:
            Whether they were told to. After that `_on_extensions_used` is called for the next message.
        """
        pipeline: Pipeline | None = self._pipeline
        if pipeline is None:
            return True
        if pipeline.used or self._mid_message or not pipeline.is_idle():
            pipeline.used = False
            return False
        pipeline.watched = False
        error = pipeline.release()
        if error is not None:
            self._extension_failed(error)
        return True

    @cython.cfunc
    @cython.inline
    def _note_use(self, pipeline: Pipeline) -> None:
        if pipeline.used and not pipeline.watched:
            pipeline.watched = True
            self._on_extensions_used()

    def close_extensions(self) -> None:
        """Tell the extensions, once, that the connection is over."""
        # A thread that still encodes has the codec: it is closed when that is done.
        if self._pipeline is not None and not self._mid_message & ENCODING:
            error = self._pipeline.close()
            if error is not None:
                self._on_extension_error(error)

    def mark_lost(self) -> None:
        """Say that the TCP connection is gone: nothing more can be sent."""
        self.close_extensions()
        Inbox.mark_lost(self)

    # --- out ----------------------------------------------------------------------------------

    @cython.cfunc
    def _encode(self, opcode: cython.uint, payload: bytes) -> bytes | None:
        pipeline: Pipeline = self._pipeline  # type: ignore[assignment]  # asked before
        wish: object = True if opcode & COMPRESS else False if opcode & COMPRESS_NOT else None
        try:
            encoded: bytes = pipeline.encode_message(opcode & 0x0F, payload, wish)
            self._note_use(pipeline)
            return encoded
        except Exception as error:
            self._extension_failed(error)
        return None

    @cython.cfunc
    def _encode_frame(self, first_byte: cython.uint, payload: object) -> bytes | None:
        pipeline: Pipeline = self._pipeline  # type: ignore[assignment]  # asked before
        try:
            return pipeline.encode_frame(first_byte, payload)
        except Exception as error:
            self._extension_failed(error)
        return None

    @cython.cfunc
    def _extension_failed(self, error: Exception) -> None:
        """Fail this connection; the others go on."""
        self.fail(1011, "internal error", error)

    # --- in another thread --------------------------------------------------------------------

    @cython.cfunc
    def _encode_apart(self, opcode: cython.uint, payload: bytes) -> cython.bint:
        if opcode & COMPRESS_NOT:
            return False
        # What is sent meanwhile waits as during a stream; control frames do not.
        self._mid_message |= ENCODING
        self._held_size += len(payload)
        if self._run_apart(partial(self._encode_in_thread, opcode, payload), self._finish_encoding):
            return True
        self._mid_message &= ~ENCODING
        self._held_size -= len(payload)
        return False

    def _encode_in_thread(self, opcode: int, payload: bytes) -> tuple[int, bytes, bytes | None, Exception | None]:
        pipeline: Pipeline = self._pipeline  # type: ignore[assignment]  # asked before
        try:
            encoded = pipeline.encode_message(opcode & 0x0F, payload, True if opcode & COMPRESS else None)
            return FIN | (opcode & 0x0F) | pipeline.rsv, payload, encoded, None
        except Exception as error:
            return opcode, payload, None, error

    def _finish_encoding(self, result: tuple[int, bytes, bytes | None, Exception | None]) -> None:
        """Back in the thread of the loop: send what has become of the message, if there still is a connection."""
        first, payload, encoded, error = result
        self._mid_message &= ~ENCODING
        self._held_size -= len(payload)
        if self._state == LOST:
            self.close_extensions()
        if self._state > CLOSING:
            self._hold_first(FIN | (first & 0x0F), payload, 0)  # unsent, as everything that waits
        elif error is not None:
            self._extension_failed(error)
        elif encoded is not None:
            pipeline: Pipeline = self._pipeline  # type: ignore[assignment]  # asked before
            self._note_use(pipeline)
            if self._writable:
                self._send_encoded(first & 0x7F, encoded, len(encoded))
            else:
                self._hold_first(first | ENCODED, encoded, 0)
            self._release()

    # --- a message for many -------------------------------------------------------------------

    def send_shared(self, message: SharedMessage) -> Any:
        """Send a message that others are sent as well; see `send`.

        It is encoded once for all connections that encode it alike, and that without referring to earlier
        messages. Here, too, later ones do not refer to what was sent before it.

        Raises:
            ConnectionClosed: The connection is not open, or was given up now since the peer reads nothing.
        """
        if cython.compiled and send_shared_plain(self, message):
            return DONE if self._writable else self._wait_writable()
        pipeline: Pipeline | None = self._pipeline
        size: cython.Py_ssize_t = len(message.payload)
        if (
            pipeline is None
            or pipeline.share_key is None
            or message.compress is False
            or (size < pipeline.threshold and message.compress is not True)
            or self._state != OPEN
            or not self._writable
            or self._mid_message
            or self._held
        ):
            return self._send_message(message.opcode | self._wish(message.compress), message.payload, size)
        try:
            bits, encoded = message.encode_for(pipeline)
            pipeline.shared_sent(size, len(encoded))
        except Exception as error:
            self._extension_failed(error)
            raise self._closed_error() from error
        self._note_use(pipeline)
        return self._send_encoded(message.opcode | bits, encoded, len(encoded))

    # --- a message in parts -------------------------------------------------------------------

    def begin_stream(self, compress: bool | None = None) -> None:
        """Keep other messages back until `end_stream`: fragments of two messages may not mix (RFC 6455 5.4).

        Args:
            compress: As for `send`.
        """
        self._mid_message |= STREAM
        if self._pipeline is not None:
            self._pipeline.stream_compress = compress

    def send_part(self, first_byte: int, payload: bytes) -> None:
        """Send one fragment of the message that `begin_stream` opened, also when close() waits for its end."""
        if self._state != OPEN and (self._state != CLOSING or self._held_close is None):
            raise self._closed_error()
        pipeline: Pipeline | None = self._pipeline
        if pipeline is not None:
            try:
                encoded: bytes | None = pipeline.encode_part(first_byte, payload)
                self._note_use(pipeline)
            except Exception as error:
                self._extension_failed(error)
                raise self._closed_error() from error
            if encoded is None:
                return  # the extension keeps it for what comes next
            first_byte = pipeline.first
            payload = encoded
        self._put(first_byte, payload, len(payload))
        self._uncork()

    def end_stream(self) -> None:
        """Let the messages go that were kept back: the last part had FIN, or the connection was failed."""
        self._mid_message &= ~STREAM
        self._release()

    @property
    def is_streaming(self) -> bool:
        """Whether a message in parts is being sent."""
        return self._mid_message & STREAM != 0

    # --- in -----------------------------------------------------------------------------------

    @cython.cfunc
    def _check_frame_size(self, length: cython.Py_ssize_t) -> None:
        """Refuse a frame that is longer than frames that go through no extension may be."""
        pipeline: Pipeline | None = self._pipeline
        header: HeaderReader = self._header
        if pipeline is None or not (header.rsv or pipeline.active or not pipeline.plain_frames_pass):
            raise RemoteProtocolError(Rule.FRAME_TOO_BIG, length=length, limit=self._settings.max_frame)
        if length > pipeline.max_frame:
            raise RemoteProtocolError(Rule.ENCODED_FRAME_TOO_BIG, length=length, limit=pipeline.max_frame)

    @cython.cfunc
    def _read_encoded(self, pipeline: Pipeline, cursor: Cursor, length: cython.Py_ssize_t) -> cython.bint:
        """Begin a message; return whether it went through the pipeline as a whole, and is delivered."""
        header: HeaderReader = self._header
        pipeline.begin_decode(header.opcode, header.rsv)
        if not pipeline.active or pipeline.has_frame_stages or not header.fin or cursor.available() < length:
            return False
        pipeline.announce(length)
        payload: bytes = cursor.take_bytes(length, header.key)
        message: object = pipeline.decode_whole(header.opcode, payload)
        self._note_use(pipeline)
        # What it became is work of this turn as well: small frames may hold large messages.
        self._turn_bytes -= length + pipeline.decoded_size
        self._deliver(message)
        return True

    @cython.cfunc
    def _begin_part(self, length: cython.Py_ssize_t) -> None:
        """Expect the payload of a frame that comes in parts or is a part."""
        header: HeaderReader = self._header
        if self._assembler is None:
            self._assembler = Assembler(self._settings.max_message)
        if header.opcode != OP_CONTINUATION:
            # Single frames are handed over as bytes: their text may end inside a character.
            self._assembler.begin(header.opcode if self._settings.assemble else OP_BINARY)
        if self._pipeline is not None and self._pipeline.active:
            self._pipeline.announce(length)
        else:
            if self._settings.assemble:
                self._assembler.announce(length)
            self._assembler.expect(length)
        self._payload_left = length
        self._payload_key = header.key

    @cython.cfunc
    def _read_part(self, pipeline: Pipeline, cursor: Cursor, count: cython.Py_ssize_t) -> None:
        """Put what has come of a frame through the pipeline."""
        header: HeaderReader = self._header
        assembler: Assembler = self._assembler  # type: ignore[assignment]  # made by _begin_part
        part: bytes = cursor.take_bytes(count, self._payload_key)
        pipeline.decode_part(part, count == self._payload_left, header.fin, header.rsv, header.opcode, assembler)
        self._note_use(pipeline)
        self._turn_bytes -= pipeline.decoded_size

    # --- for the owner to override --------------------------------------------------------------

    def fail(self, code: int, reason: str, error: Exception) -> None:
        """Fail the connection."""
        raise NotImplementedError

    def _run_apart(self, work: Callable[[], Any], done: Callable[[Any], None]) -> bool:
        """Have `work` called in another thread, and `done` with what it returns in this one; False: it is not done."""
        return False

    def _on_extensions_used(self) -> None:
        """A message went through the extensions: they may have something that `release_extensions` gives back."""

    def _on_extension_error(self, error: Exception) -> None:
        """An extension raised when it was told of the end of the connection."""
