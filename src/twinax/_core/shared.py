"""A message for many connections: encoded once for all of them that encode it alike."""

from collections.abc import Iterable
from typing import Any

from .. import _cython as cython
from ..errors import ConnectionClosed

if not cython.compiled:
    from .frames import OP_BINARY, OP_TEXT
    from .pipeline import Pipeline

__all__ = ["SharedMessage", "send_to_all"]


@cython.final
@cython.cclass
class SharedMessage:
    """What `send_shared` sends; make one for each message, and give it to every connection."""

    opcode: cython.uint
    payload: bytes
    compress: object
    _encoded: dict[Any, tuple[int, bytes]] | None

    def __init__(self, data: Any, compress: bool | None = None) -> None:
        """Make one of `str` or a number, as text, or of anything bytes-like, as binary.

        Args:
            data: The message; what may change is copied.
            compress: As for `send`.

        Raises:
            TypeError: `data` is none of these.
        """
        content: Any = str(data) if isinstance(data, int | float) and not isinstance(data, bool) else data
        self.opcode = OP_TEXT if isinstance(content, str) else OP_BINARY
        if isinstance(content, str):
            self.payload = content.encode()
        else:
            self.payload = content if type(content) is bytes else memoryview(content).tobytes()
        self.compress = compress
        self._encoded = None

    @cython.cfunc
    def encode_for(self, pipeline: Pipeline) -> tuple[int, bytes]:
        """Return RSV bits and payload for connections that encode as this one does."""
        if self._encoded is None:
            self._encoded = {}
        encoded = self._encoded.get(pipeline.share_key)
        if encoded is None:
            encoded = self._encoded[pipeline.share_key] = pipeline.encode_shared(self.opcode, self.payload)
        return encoded


def send_to_all(connections: Iterable[Any], message: SharedMessage) -> None:
    """Send a message to every connection that is open, without waiting for slow ones."""
    for connection in connections:
        try:
            connection.send_shared(message)
        except ConnectionClosed:
            continue  # one that is closed, or dropped for what it does not read, does not concern the others
