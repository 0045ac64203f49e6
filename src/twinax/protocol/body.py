"""The body of an answer that refuses a handshake: collected for whoever wants to know why, and cut.

Nothing depends on it: the connection is closed afterwards whatever it holds. So a body whose end cannot
be told from its head is read until the peer ends it, and a malformed chunk ends it, without an error.
"""

import re
from enum import Enum
from typing import Final

from .grammar import parse_token_list
from .head import ResponseHead

__all__ = ["MAX_BODY", "BodyBuffer"]

MAX_BODY: Final = 64 * 1024
"""Bytes of a body that are kept: any explanation fits."""

_LENGTH: Final = re.compile(r"[0-9]{1,18}")
_CHUNK_SIZE: Final = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;.*)?")
_MAX_CHUNK_LINE: Final = 1024


class _Step(Enum):
    """What the next bytes of a chunked body are (RFC 9112 7.1)."""

    SIZE = "the line with the size of a chunk"
    DATA = "the data of a chunk"
    END = "the line end behind the data"


class BodyBuffer:
    """Collects the body of one response (RFC 9112 6.3).

    Args:
        head: The head of the response.
        limit: Bytes that are kept; the rest is not waited for.
    """

    __slots__ = ("_chunked", "_data", "_left", "_limit", "_pending", "_step", "is_complete")

    def __init__(self, head: ResponseHead, limit: int = MAX_BODY) -> None:
        self._limit = limit
        self._data = bytearray()
        self._pending = b""  # of a chunked body: what is not decoded yet
        self._step = _Step.SIZE
        coding = head.headers.combined("Transfer-Encoding")
        self._chunked = coding is not None and _is_chunked(coding)
        # RFC 9112 6.3: Transfer-Encoding overrides Content-Length; with neither the body ends with the connection.
        length = head.headers.get_all("Content-Length") if coding is None else []
        known = len(set(length)) == 1 and _LENGTH.fullmatch(length[0]) is not None
        self._left: int | None = int(length[0]) if known else None
        without_body = head.status < 200 or head.status in (204, 304)
        self.is_complete = without_body or self._left == 0

    @property
    def data(self) -> bytes:
        """What has come of the body, without the framing of chunks."""
        return bytes(self._data)

    def feed(self, data: bytes) -> bool:
        """Take the next bytes of the stream; what follows the body is dropped.

        Returns:
            Whether the body is complete, or as long as the limit.
        """
        if self.is_complete:
            return True
        if self._chunked:
            self._decode(self._pending + data)
        else:
            self._keep(data if self._left is None else data[: self._left])
            if self._left is not None:
                self._left -= min(self._left, len(data))
                self.is_complete = self.is_complete or self._left == 0
        return self.is_complete

    def _keep(self, data: bytes) -> None:
        self._data += data[: self._limit - len(self._data)]
        if len(self._data) >= self._limit:
            self.is_complete = True

    def _decode(self, data: bytes) -> None:
        # One pass with a position: a body of one-byte chunks would make cutting off the front quadratic.
        at = 0
        while not self.is_complete:
            if self._step is _Step.DATA:
                part = data[at : at + (self._left or 0)]
                at += len(part)
                self._keep(part)
                self._left = (self._left or 0) - len(part)
                if self._left:
                    break
                self._step = _Step.END
            end = data.find(b"\r\n", at, at + _MAX_CHUNK_LINE)
            if end < 0:
                self.is_complete = self.is_complete or len(data) - at >= _MAX_CHUNK_LINE
                break
            self._end_line(data[at:end])
            at = end + 2
        self._pending = data[at:]

    def _end_line(self, line: bytes) -> None:
        if self._step is _Step.END:
            self._step = _Step.SIZE
            self.is_complete = self.is_complete or line != b""
            return
        match = _CHUNK_SIZE.fullmatch(line)
        self._left = int(match[1], 16) if match is not None else 0
        self._step = _Step.DATA
        # The last chunk has size 0; trailer fields behind it are of no interest.
        self.is_complete = self._left == 0


def _is_chunked(coding: str) -> bool:
    try:
        return parse_token_list(coding)[-1:] == ["chunked"]
    except ValueError:
        return False
