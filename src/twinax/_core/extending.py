"""What extensions change about a connection: its messages and frames go through the pipeline on the way out and in.

Nothing of this runs on a connection without extensions.
"""

from .. import _cython as cython
from ..errors import RemoteProtocolError
from ..rules import Rule

if not cython.compiled:
    from .assembler import Assembler
    from .cursor import Cursor
    from .frames import OP_BINARY, OP_CONTINUATION, HeaderReader, MaskKeys
    from .inbox import Inbox
    from .pipeline import COMPRESS, COMPRESS_NOT, Pipeline
    from .settings import CoreSettings
    from .states import CLOSING, OPEN, STREAM

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

    def release_extensions(self) -> None:
        """Let the extensions give back memory until the next message: the connection is idle."""
        if self._pipeline is not None and not self._mid_message:
            error = self._pipeline.release()
            if error is not None:
                self._extension_failed(error)

    def close_extensions(self) -> None:
        """Tell the extensions, once, that the connection is over."""
        if self._pipeline is not None:
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
            return pipeline.encode_message(opcode & 0x0F, payload, wish)
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
        elif self._settings.assemble:
            self._assembler.announce(length)
        self._payload_left = length
        self._payload_key = header.key

    @cython.cfunc
    def _read_part(self, pipeline: Pipeline, cursor: Cursor, count: cython.Py_ssize_t) -> None:
        """Put what has come of a frame through the pipeline."""
        header: HeaderReader = self._header
        assembler: Assembler = self._assembler  # type: ignore[assignment]  # made by _begin_part
        part: bytes = cursor.take_bytes(count, self._payload_key)
        pipeline.decode_part(part, count == self._payload_left, header.fin, header.rsv, header.opcode, assembler)
        self._turn_bytes -= pipeline.decoded_size

    # --- for the owner to override --------------------------------------------------------------

    def fail(self, code: int, reason: str, error: Exception) -> None:
        """Fail the connection."""
        raise NotImplementedError

    def _on_extension_error(self, error: Exception) -> None:
        """An extension raised when it was told of the end of the connection."""
