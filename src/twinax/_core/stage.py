"""One extension on one connection, as the core sees it: a codec whose every call may fail."""

import sys
from typing import Any

from .. import _cython as cython
from ..errors import ExtensionError, RemoteProtocolError

if not cython.compiled:
    from .frames import FIN

__all__ = ["Stage"]


@cython.final
@cython.cclass
class Stage:
    """One extension in the pipeline: its codec, and what the codec has to say about itself.

    What a codec raises becomes an `ExtensionError`, which closes this connection and nothing else;
    a `RemoteProtocolError` says that the peer is to blame, and stays what it is.
    """

    name: str
    bits: cython.uint
    codec: Any
    threshold: cython.Py_ssize_t
    offload_size: cython.Py_ssize_t
    share_key: object
    all_messages: cython.bint
    intermediate: cython.Py_ssize_t  # what it has decoded of this message for the next one

    def __init__(self, name: str, bits: int, codec: Any) -> None:
        self.name = name
        self.bits = bits
        self.codec = codec
        self.threshold = getattr(codec, "threshold", 0)
        offload_size = getattr(codec, "offload_size", None)
        self.offload_size = sys.maxsize if offload_size is None else offload_size
        self.share_key = codec.share_key() if hasattr(codec, "share_key") else None
        self.all_messages = not bits or getattr(codec, "all_messages", False)
        self.intermediate = 0

    @cython.cfunc
    def begin_encode(self, opcode: cython.uint, size: object, compress: object) -> cython.Py_ssize_t:
        """The RSV bits of the message, or -1 when it is to be left alone."""
        try:
            bits = self.codec.begin_encode(opcode, size, compress)
            return -1 if bits is None else self._own(bits)
        except Exception as error:
            raise ExtensionError(self.name, "begin_encode", error) from error

    @cython.cfunc
    def tell(self, what: str) -> Exception | None:
        """Call ``release`` or ``close`` of the codec; return its failure, None when it has not failed."""
        try:
            getattr(self.codec, what)()
        except Exception as error:
            failure = ExtensionError(self.name, what, error)
            failure.__cause__ = error
            return failure
        return None

    @cython.cfunc
    def _own(self, bits: cython.Py_ssize_t) -> cython.Py_ssize_t:
        if bits < 0 or bits & ~self.bits:
            raise ValueError(f"RSV bits {bits:#x} are not among the extension's own {self.bits:#x}")
        return bits

    @cython.cfunc
    def encode(self, part: bytes, final: cython.bint) -> bytes:
        """What has become of `part`."""
        try:
            return as_bytes(self.codec.encode(part, final))
        except Exception as error:
            raise ExtensionError(self.name, "encode", error) from error

    @cython.cfunc
    def encode_shared(self, opcode: cython.uint, payload: bytes) -> tuple[int, bytes]:
        """The RSV bits and payload of a whole message that is sent to many, whatever was sent before."""
        try:
            bits, encoded = self.codec.encode_shared(opcode, payload)
            return self._own(bits), as_bytes(encoded)
        except Exception as error:
            raise ExtensionError(self.name, "encode_shared", error) from error

    @cython.cfunc
    def shared_sent(self) -> None:
        """Such a message is sent here."""
        try:
            self.codec.shared_sent()
        except Exception as error:
            raise ExtensionError(self.name, "shared_sent", error) from error

    @cython.cfunc
    def encode_frame(self, first_byte: cython.uint, payload: bytes) -> tuple[int, bytes]:
        """The RSV bits and payload of a frame."""
        try:
            bits, encoded = self.codec.encode_frame(first_byte & FIN != 0, first_byte & 0x0F, payload)
            return self._own(bits), as_bytes(encoded)
        except Exception as error:
            raise ExtensionError(self.name, "encode_frame", error) from error

    @cython.cfunc
    def decode_frame(self, fin: cython.bint, rsv: cython.uint, opcode: cython.uint, payload: bytes) -> bytes:
        """What has become of the payload of a frame with these RSV bits, whosever they are."""
        try:
            return as_bytes(self.codec.decode_frame(fin, rsv & self.bits, opcode, payload))
        except RemoteProtocolError:
            raise
        except Exception as error:
            raise ExtensionError(self.name, "decode_frame", error) from error

    @cython.cfunc
    def begin_decode(self, opcode: cython.uint, bits: cython.uint) -> cython.bint:
        """Whether the message is to be decoded by this extension."""
        self.intermediate = 0
        try:
            return bool(self.codec.begin_decode(opcode, bits))
        except RemoteProtocolError:
            raise
        except Exception as error:
            raise ExtensionError(self.name, "begin_decode", error) from error

    @cython.cfunc
    def decode(self, part: bytes, final: cython.bint) -> object:
        """What has become of `part`: bytes, or an iterator of pieces to be pulled by `next_piece`."""
        try:
            decoded: Any = self.codec.decode(part, final)
            if (
                type(decoded) is bytes
                or not hasattr(decoded, "__iter__")
                or isinstance(decoded, bytearray | memoryview)
            ):
                return as_bytes(decoded)
            return iter(decoded)
        except RemoteProtocolError:
            raise
        except Exception as error:
            raise ExtensionError(self.name, "decode", error) from error

    @cython.cfunc
    def next_piece(self, pieces: Any) -> bytes | None:
        """The next piece of what `decode` gave; None: there is no more."""
        try:
            piece: object = next(pieces, None)
            return None if piece is None else as_bytes(piece)
        except RemoteProtocolError:
            raise
        except Exception as error:
            raise ExtensionError(self.name, "decode", error) from error


@cython.cfunc
def as_bytes(data: Any) -> bytes:
    """Return what a codec gave as `bytes`; memoryview refuses what is not bytes-like."""
    return data if type(data) is bytes else memoryview(data).tobytes()
