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

if not cython.compiled:
    from .decoding import Decoding
    from .frames import FIN, OP_CONTINUATION
    from .stage import Stage, as_bytes

__all__ = ["Pipeline"]

# What `send(compress=...)` says, above the first byte of a message that is held back.
COMPRESS = cython.declare(cython.uint, 0x100)
COMPRESS_NOT = cython.declare(cython.uint, 0x200)
ENCODED = cython.declare(cython.uint, 0x400)  # the rest of a message that has been through the pipeline


@cython.final
@cython.cclass
class Pipeline(Decoding):
    """The codecs of one connection, in the order in which they encode.

    Attributes:
        plain_frames_pass: Whether a data frame without RSV bits, outside a message that is being
            decoded, goes the way that it would go without extensions.
        threshold: Messages that are shorter are sent as they are, unless they ask to be compressed.
        offload_size: Messages that are this long, in bytes, may be encoded in another thread.
        share_key: Connections of which it is equal encode a message for many alike; None: nobody else does.
        used: Whether a message went through since somebody set it to False.
        watched: Whether the owner of the connection knows that there may be something to release.
        traffic: What went through so far.
        has_frame_stages: Whether frames go through a codec.
        active: Whether the message that is being received goes through the pipeline.
        rsv: The RSV bits of the message that was encoded last.
        first: The first byte of the part of a stream that was encoded last.
        max_frame: The longest frame of a message that goes through it, in bytes.
        decoded_size: Bytes that the last call of `decode_whole` or `decode_part` has made.
    """

    plain_frames_pass: bool = cython.declare(cython.bint, visibility="public")
    threshold: int = cython.declare(cython.Py_ssize_t, visibility="public")
    offload_size: cython.Py_ssize_t
    share_key: object
    watched: cython.bint
    rsv: cython.uint
    first: cython.uint
    first_bits: cython.uint
    later_bits: cython.uint
    stream_compress: object
    _messages: list[Stage]
    _encoding: list[Stage]
    _closed: cython.bint
    _pending: cython.uint  # opcode and RSV bits of a stream of which nothing has been sent yet

    def __init__(self, messages: list[tuple[str, int, Any]], frames: list[tuple[str, int, Any]]) -> None:
        """Make a pipeline of codecs that fit together: their RSV bits are their own.

        Args:
            messages: Name, RSV bits and codec of each extension for messages, in the order of encoding.
            frames: The same of those for frames, which encode after them.
        """
        self._messages = [Stage(*item) for item in messages]
        Decoding.__init__(self, self._messages[::-1], [Stage(*item) for item in frames])
        self._encoding = []
        self.plain_frames_pass = not self._frames
        self.threshold = sys.maxsize
        self.offload_size = sys.maxsize
        self.share_key = None
        self.watched = False
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
        if self._messages and not self._frames:
            # A codec that does not say from which size on may belong to one thread; it holds for all then.
            if all(stage.offload_size < sys.maxsize for stage in self._messages):
                self.offload_size = min(stage.offload_size for stage in self._messages)
            if len(self._messages) == 1 and self._messages[0].share_key is not None:
                self.share_key = (self._messages[0].name, self._messages[0].share_key)
        self.rsv = 0
        self.first = 0
        self.stream_compress = None
        self._closed = False
        self._pending = 0

    @cython.cfunc
    def close(self) -> Exception | None:
        """Tell every codec that the connection is over; return what the last one that failed has raised."""
        if self._closed:
            return None
        self._closed = True
        return self._tell("close")

    @cython.cfunc
    def release(self) -> Exception | None:
        """Tell every codec that it may give back memory until the next message."""
        return None if self._closed else self._tell("release")

    @cython.cfunc
    def is_idle(self) -> cython.bint:
        """Whether no message is in progress."""
        return not self._encoding and not self.active

    @cython.cfunc
    def _tell(self, what: str) -> Exception | None:
        stage: Stage
        failure: Exception | None = None
        for stage in self._messages + self._frames:
            failure = stage.tell(what) or failure
        return failure

    # --- out ----------------------------------------------------------------------------------

    @cython.cfunc
    def encode_message(self, opcode: cython.uint, payload: bytes, compress: object) -> bytes:
        """Return what a whole message becomes; `rsv` are the bits of its first frame."""
        stage: Stage
        bits: cython.Py_ssize_t
        encoded: bytes = payload
        self.rsv = 0
        for stage in self._messages:
            if len(encoded) < stage.threshold and compress is not True:
                continue
            bits = stage.begin_encode(opcode, len(encoded), compress)
            if bits >= 0:
                encoded = stage.encode(encoded, True)
                self.rsv |= bits
        if encoded is not payload:
            self.used = True
            self.traffic.count_sent(1, len(payload), len(encoded))
        return encoded

    @cython.cfunc
    def encode_shared(self, opcode: cython.uint, payload: bytes) -> tuple[int, bytes]:
        """Return the RSV bits and the payload of a message that everybody with this `share_key` may be sent."""
        stage: Stage = self._messages[0]
        return stage.encode_shared(opcode, payload)

    @cython.cfunc
    def shared_sent(self, size: cython.Py_ssize_t, encoded_size: cython.Py_ssize_t) -> None:
        """A message that `encode_shared` made is sent here."""
        stage: Stage = self._messages[0]
        stage.shared_sent()
        self.used = True
        self.traffic.count_sent(1, size, encoded_size)

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
        size: cython.Py_ssize_t = len(payload)
        for stage in self._encoding:
            payload = stage.encode(payload, final)
        if self._encoding:
            self.used = True
            self.traffic.count_sent(1 if final else 0, size, len(payload))
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
            bits, data = stage.encode_frame(first_byte, data)
            self.first |= bits
        return data
