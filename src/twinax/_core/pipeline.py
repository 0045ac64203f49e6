"""The extensions of one connection: messages and frames through their codecs, with the budgets kept after every step.

A message that is sent goes through the message codecs in the order that was agreed on, is cut into frames,
and each frame goes through the frame codecs; what is received goes the other way round (RFC 6455 9.1).
A codec may give what it decodes in pieces: they are pulled one at a time and charged before the next one
is asked for, so that no message, however small it is on the wire, costs more than its limit and one piece.

A connection without extensions has no pipeline. One whose extensions mark what they touch has
`plain_frames_pass`: a frame without RSV bits is none of the pipeline's business.
"""

import sys
from typing import Any

from .. import _cython as cython
from ..errors import ExtensionError, RemoteProtocolError
from ..rules import Rule

if not cython.compiled:
    from .assembler import FRAGMENT_COST, Assembler
    from .frames import FIN, OP_CONTINUATION, OP_TEXT
    from .stage import Stage, as_bytes

__all__ = ["Pipeline"]

# What `send(compress=...)` says, above the first byte of a message that is held back.
COMPRESS = cython.declare(cython.uint, 0x100)
COMPRESS_NOT = cython.declare(cython.uint, 0x200)
ENCODED = cython.declare(cython.uint, 0x400)  # the rest of a message that has been through the pipeline


@cython.cfunc
def with_margin(limit: cython.Py_ssize_t) -> cython.Py_ssize_t:
    """Return what a message of `limit` bytes may need on the wire: what cannot be compressed grows a little."""
    margin: cython.Py_ssize_t = (limit >> 3) + 64
    most: cython.Py_ssize_t = sys.maxsize
    return most if limit > most - margin else limit + margin


@cython.final
@cython.cclass
class Pipeline:
    """The codecs of one connection, in the order in which they encode.

    Attributes:
        plain_frames_pass: Whether a data frame without RSV bits, outside a message that is being
            decoded, goes the way that it would go without extensions.
        threshold: Messages that are shorter are sent as they are, unless they ask to be compressed.
        has_frame_stages: Whether frames go through a codec.
        active: Whether the message that is being received goes through the pipeline.
        rsv: The RSV bits of the message that was encoded last.
        first: The first byte of the part of a stream that was encoded last.
        max_frame: The longest frame of a message that goes through it, in bytes.
        decoded_size: Bytes that the last call of `decode_whole` or `decode_part` has made.
    """

    plain_frames_pass: bool = cython.declare(cython.bint, visibility="public")
    threshold: int = cython.declare(cython.Py_ssize_t, visibility="public")
    has_frame_stages: cython.bint
    active: cython.bint
    rsv: cython.uint
    first: cython.uint
    max_frame: cython.Py_ssize_t
    first_bits: cython.uint
    later_bits: cython.uint
    decoded_size: cython.Py_ssize_t
    stream_compress: object
    _messages: list[Stage]
    _backwards: list[Stage]
    _frames: list[Stage]
    _encoding: list[Stage]
    _decoding: list[Stage]
    _closed: cython.bint
    _pending: cython.uint  # opcode and RSV bits of a stream of which nothing has been sent yet
    _limit: cython.Py_ssize_t
    _message_limit: cython.Py_ssize_t
    _raw_limit: cython.Py_ssize_t
    _raw_size: cython.Py_ssize_t
    _raw_fragments: cython.Py_ssize_t
    _raw_overhead: cython.Py_ssize_t
    _frame: bytearray

    def __init__(self, messages: list[tuple[str, int, Any]], frames: list[tuple[str, int, Any]]) -> None:
        """Make a pipeline of codecs that fit together: their RSV bits are their own.

        Args:
            messages: Name, RSV bits and codec of each extension for messages, in the order of encoding.
            frames: The same of those for frames, which encode after them.
        """
        self._messages = [Stage(*item) for item in messages]
        self._backwards = self._messages[::-1]
        self._frames = [Stage(*item) for item in frames]
        self._encoding = []
        self._decoding = []
        self.has_frame_stages = bool(self._frames)
        self.plain_frames_pass = not self._frames
        self.threshold = sys.maxsize
        self.first_bits = 0
        self.later_bits = 0
        stage: Stage
        for stage in self._messages:
            self.first_bits |= stage.bits
            self.threshold = min(self.threshold, stage.threshold)
            if stage.all_messages:
                self.plain_frames_pass = False
        for stage in self._frames:
            self.first_bits |= stage.bits
            self.later_bits |= stage.bits
            self.threshold = 0
        self.active = False
        self.rsv = 0
        self.first = 0
        self.stream_compress = None
        self.decoded_size = 0
        self._closed = False
        self._pending = 0
        self._raw_size = 0
        self._raw_fragments = 0
        self._raw_overhead = 0
        self._frame = bytearray()
        self.limit_to(sys.maxsize, sys.maxsize, True)

    @cython.cfunc
    def limit_to(self, max_frame: cython.Py_ssize_t, max_message: cython.Py_ssize_t, assemble: cython.bint) -> None:
        """Keep the limits of a connection: for what is decoded as they are, for what is received with a margin."""
        most: cython.Py_ssize_t = sys.maxsize
        self.max_frame = with_margin(max_frame)
        self._message_limit = max_message
        self._limit = max_message if assemble else most  # single frames have the limit of frames
        self._raw_limit = with_margin(max_message) if assemble else most

    @cython.cfunc
    def close(self) -> Exception | None:
        """Tell every codec that the connection is over; return what the last one that failed has raised."""
        if self._closed:
            return None
        self._closed = True
        return self._tell("close")

    @cython.cfunc
    def release(self) -> Exception | None:
        """Tell every codec that it may give back memory until the next message, unless one is in progress."""
        return None if self._encoding or self.active or self._closed else self._tell("release")

    @cython.cfunc
    def _tell(self, what: str) -> Exception | None:
        stage: Stage
        failure: Exception | None = None
        for stage in self._messages + self._frames:
            try:
                getattr(stage.codec, what)()
            except Exception as error:
                failure = ExtensionError(stage.name, what, error)
                failure.__cause__ = error
        return failure

    # --- out ----------------------------------------------------------------------------------

    @cython.cfunc
    def encode_message(self, opcode: cython.uint, payload: bytes, compress: object) -> bytes:
        """Return what a whole message becomes; `rsv` are the bits of its first frame."""
        stage: Stage
        bits: cython.Py_ssize_t
        self.rsv = 0
        for stage in self._messages:
            if len(payload) < stage.threshold and compress is not True:
                continue
            bits = stage.begin_encode(opcode, len(payload), compress)
            if bits >= 0:
                payload = stage.encode(payload, True)
                self.rsv |= bits
        return payload

    @cython.cfunc
    def encode_part(self, first_byte: cython.uint, payload: bytes) -> bytes | None:
        """Return what a part of a stream becomes, to be sent with `first`; None: nothing is to be sent yet."""
        stage: Stage
        bits: cython.Py_ssize_t
        opcode: cython.uint = first_byte & 0x0F
        final: cython.bint = first_byte & FIN != 0
        if opcode != OP_CONTINUATION:
            self._encoding.clear()
            self._pending = opcode
            for stage in self._messages:
                bits = stage.begin_encode(opcode, len(payload) if final else None, self.stream_compress)
                if bits >= 0:
                    self._encoding.append(stage)
                    self._pending |= bits
        for stage in self._encoding:
            payload = stage.encode(payload, final)
        if final:
            self._encoding.clear()
        elif not payload:
            return None
        self.first = (first_byte & FIN) | self._pending
        self._pending = OP_CONTINUATION
        return payload

    @cython.cfunc
    def encode_frame(self, first_byte: cython.uint, payload: object) -> bytes:
        """Return what the payload of a data frame becomes, to be sent with `first`."""
        stage: Stage
        data: bytes = as_bytes(payload)
        self.first = first_byte
        for stage in self._frames:
            try:
                bits, encoded = stage.codec.encode_frame(first_byte & FIN != 0, first_byte & 0x0F, data)
                self.first |= stage._own(bits)
                data = as_bytes(encoded)
            except Exception as error:
                raise ExtensionError(stage.name, "encode_frame", error) from error
        return data

    # --- in -----------------------------------------------------------------------------------

    @cython.cfunc
    def begin_decode(self, opcode: cython.uint, rsv: cython.uint) -> None:
        """A message begins; `active` says from now on whether it goes through the pipeline."""
        stage: Stage
        self._raw_size = 0
        self._raw_fragments = 0
        self._raw_overhead = 0
        self._decoding.clear()
        for stage in self._backwards:
            if (rsv & stage.bits or stage.all_messages) and stage.begin_decode(opcode, rsv & stage.bits):
                self._decoding.append(stage)
        self.active = self.has_frame_stages or bool(self._decoding)

    @cython.cfunc
    def announce(self, length: cython.Py_ssize_t) -> None:
        """Refuse the next frame by its header when the message would grow too large before it is decoded."""
        if length > self._raw_limit - self._raw_size:
            raise RemoteProtocolError(
                Rule.ENCODED_MESSAGE_TOO_BIG, length=length, received=self._raw_size, limit=self._message_limit
            )
        if self._raw_fragments and length < FRAGMENT_COST:
            self._raw_overhead += FRAGMENT_COST - length
        if self._raw_overhead > self._raw_limit - self._raw_size - length:
            raise RemoteProtocolError(
                Rule.TOO_MANY_FRAGMENTS,
                fragments=self._raw_fragments,
                length=length,
                received=self._raw_size,
                limit=self._message_limit,
            )
        self._raw_fragments += 1
        self._raw_size += length

    @cython.cfunc
    def decode_whole(self, opcode: cython.uint, payload: bytes) -> object:
        """Return the message that `payload` is, `str` or `bytes`."""
        self.active = False
        self.decoded_size = 0
        if len(self._decoding) == 1:
            stage: Stage = self._decoding[0]
            pieces: object = stage.decode(payload, True)
            if type(pieces) is bytes:
                decoded: bytes = pieces
                return self._finish(opcode, decoded)
            assembler: Assembler = Assembler(self._limit)
            assembler.begin(opcode)
            self._pull(0, pieces, True, assembler)
            return assembler.finish()
        assembler = Assembler(self._limit)
        assembler.begin(opcode)
        self._decode(0, payload, True, assembler)
        return assembler.finish()

    @cython.cfunc
    def _finish(self, opcode: cython.uint, decoded: bytes) -> object:
        if len(decoded) > self._limit:
            raise RemoteProtocolError(Rule.DECODED_MESSAGE_TOO_BIG, length=len(decoded), limit=self._limit)
        self.decoded_size += len(decoded)
        if opcode != OP_TEXT:
            return decoded
        try:
            return decoded.decode()
        except UnicodeDecodeError:
            raise RemoteProtocolError(Rule.TEXT_NOT_UTF8) from None

    @cython.cfunc
    def decode_part(
        self,
        part: bytes,
        frame_done: cython.bint,
        fin: cython.bint,
        rsv: cython.uint,
        opcode: cython.uint,
        assembler: Assembler,
    ) -> None:
        """Decode what has come of a frame into `assembler`; frame codecs wait for the whole frame."""
        self.decoded_size = 0
        if self.has_frame_stages:
            self._frame += part
            if not frame_done:
                return
            part = self._decode_frame(fin, rsv, opcode)
        if not self._decoding:
            self._store(part, assembler)
        else:
            self._decode(0, part, fin and frame_done, assembler)
        if fin and frame_done:
            self.active = False

    @cython.cfunc
    def _decode_frame(self, fin: cython.bint, rsv: cython.uint, opcode: cython.uint) -> bytes:
        stage: Stage
        payload: bytes = bytes(self._frame)
        self._frame.clear()
        for stage in self._frames[::-1]:
            try:
                payload = as_bytes(stage.codec.decode_frame(fin, rsv & stage.bits, opcode, payload))
            except RemoteProtocolError:
                raise
            except Exception as error:
                raise ExtensionError(stage.name, "decode_frame", error) from error
            if len(payload) > self.max_frame:
                raise RemoteProtocolError(Rule.ENCODED_FRAME_TOO_BIG, length=len(payload), limit=self.max_frame)
        return payload

    @cython.cfunc
    def _decode(self, index: cython.Py_ssize_t, part: bytes, final: cython.bint, assembler: Assembler) -> None:
        """Put `part` through the codecs from `index` on."""
        if index == len(self._decoding):
            self._store(part, assembler)
            return
        stage: Stage = self._decoding[index]
        pieces: object = stage.decode(part, final)
        if type(pieces) is bytes:
            decoded: bytes = pieces
            self._charge(index, len(decoded))
            self._decode(index + 1, decoded, final, assembler)
        else:
            self._pull(index, pieces, final, assembler)

    @cython.cfunc
    def _pull(self, index: cython.Py_ssize_t, pieces: object, final: cython.bint, assembler: Assembler) -> None:
        stage: Stage = self._decoding[index]
        while True:
            piece: bytes | None = stage.next_piece(pieces)
            if piece is None:
                break
            self._charge(index, len(piece))
            self._decode(index + 1, piece, False, assembler)
        if final:
            self._decode(index + 1, b"", True, assembler)

    @cython.cfunc
    def _charge(self, index: cython.Py_ssize_t, size: cython.Py_ssize_t) -> None:
        """Charge what one codec hands to the next; what the last one gives is charged by `_store`."""
        if index + 1 == len(self._decoding):
            return
        stage: Stage = self._decoding[index]
        if size > self._raw_limit - stage.intermediate:
            raise RemoteProtocolError(
                Rule.ENCODED_MESSAGE_TOO_BIG, length=size, received=stage.intermediate, limit=self._message_limit
            )
        stage.intermediate += size
        self.decoded_size += size

    @cython.cfunc
    def _store(self, piece: bytes, assembler: Assembler) -> None:
        assembler.add(piece, self._limit)
        self.decoded_size += len(piece)
