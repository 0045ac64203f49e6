"""The way in through the extensions of a connection, with the budgets kept after every step."""

import sys

from .. import _cython as cython
from ..errors import RemoteProtocolError
from ..rules import Rule

if not cython.compiled:
    from .assembler import FRAGMENT_COST, Assembler
    from .frames import OP_TEXT
    from .stage import Stage
    from .traffic import Traffic

__all__ = ["Decoding"]


@cython.cfunc
def with_margin(limit: cython.Py_ssize_t) -> cython.Py_ssize_t:
    """Return what a message of `limit` bytes may need on the wire: what cannot be compressed grows a little."""
    margin: cython.Py_ssize_t = (limit >> 3) + 64
    most: cython.Py_ssize_t = sys.maxsize
    return most if limit > most - margin else limit + margin


@cython.cclass
class Decoding:
    """The receiving half of a `Pipeline`, which says what its attributes are."""

    active: cython.bint
    used: cython.bint
    has_frame_stages: cython.bint
    max_frame: cython.Py_ssize_t
    decoded_size: cython.Py_ssize_t
    traffic: Traffic
    _backwards: list[Stage]
    _frames: list[Stage]
    _decoding: list[Stage]
    _limit: cython.Py_ssize_t
    _message_limit: cython.Py_ssize_t
    _raw_limit: cython.Py_ssize_t
    _raw_size: cython.Py_ssize_t
    _raw_fragments: cython.Py_ssize_t
    _raw_overhead: cython.Py_ssize_t
    _frame: bytearray

    def __init__(self, backwards: list[Stage], frames: list[Stage]) -> None:
        self._backwards = backwards
        self._frames = frames
        self._decoding = []
        self.has_frame_stages = bool(frames)
        self.active = False
        self.used = False
        self.decoded_size = 0
        self.traffic = Traffic()
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
        message: object = self._decode_whole(opcode, payload)
        self.traffic.count_rcvd(1, len(payload), self.decoded_size)
        return message

    @cython.cfunc
    def _decode_whole(self, opcode: cython.uint, payload: bytes) -> object:
        self.active = False
        self.used = True
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
        self.used = True
        size: cython.Py_ssize_t = len(part)
        if self.has_frame_stages:
            self._frame += part
            if not frame_done:
                self.traffic.count_rcvd(0, size, 0)
                return
            part = self._decode_frame(fin, rsv, opcode)
        if not self._decoding:
            self._store(part, assembler)
        else:
            self._decode(0, part, fin and frame_done, assembler)
        self.traffic.count_rcvd(1 if fin and frame_done else 0, size, self.decoded_size)
        if fin and frame_done:
            self.active = False

    @cython.cfunc
    def _decode_frame(self, fin: cython.bint, rsv: cython.uint, opcode: cython.uint) -> bytes:
        stage: Stage
        payload: bytes = bytes(self._frame)
        self._frame.clear()
        for stage in self._frames[::-1]:
            payload = stage.decode_frame(fin, rsv, opcode, payload)
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
