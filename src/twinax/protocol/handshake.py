"""What both sides of the opening handshake share (RFC 6455 4): keys, versions, and fields that are ours alone.

The server's side is in `handshake_server`, the client's in `handshake_client`, who may connect from
where in `admission`.
"""

import base64
import binascii
import hashlib
from collections.abc import Callable
from typing import Final

from ..headers import Headers, HeadersLike

__all__ = ["SUPPORTED_VERSIONS", "accept_key", "build_extra", "generate_key", "is_key", "origin_field", "show_value"]

SUPPORTED_VERSIONS: Final = (13, 8)
"""Versions of the protocol, the preferred one first. 8 differs on the wire in the name of one field."""

_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455 1.3

# They say where the message ends, or that it is a handshake.
_RESERVED: Final = frozenset({"connection", "content-length", "transfer-encoding", "upgrade"})
_RESERVED_PREFIX: Final = "sec-websocket-"


def generate_key(random_bytes: Callable[[int], bytes]) -> str:
    """Return a new Sec-WebSocket-Key (RFC 6455 4.1).

    Args:
        random_bytes: Returns that many bytes, unpredictable ones, such as `os.urandom`.

    Returns:
        16 bytes in base64.
    """
    return base64.b64encode(random_bytes(16)).decode("ascii")


def accept_key(key: str) -> str:
    """Return the Sec-WebSocket-Accept that answers `key` (RFC 6455 4.2.2)."""
    # Not for security: it shows that the server read the request (and where FIPS forbids SHA-1, this is allowed).
    digest = hashlib.sha1(key.encode("ascii") + _GUID, usedforsecurity=False).digest()
    return binascii.b2a_base64(digest, newline=False).decode("ascii")


def is_key(text: str) -> bool:
    """Tell whether `text` is a Sec-WebSocket-Key: base64 of 16 bytes (RFC 6455 4.1), in its one canonical form."""
    try:
        nonce = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return False
    return len(nonce) == 16 and base64.b64encode(nonce).decode("ascii") == text


def origin_field(version: int) -> str:
    """Return the name of the field that carries the origin in that version of the protocol."""
    return "Sec-WebSocket-Origin" if version == 8 else "Origin"


def build_extra(headers: HeadersLike) -> Headers:
    """Return fields that a user adds to a handshake, checked.

    Raises:
        ValueError: One is malformed, or is a field of the handshake itself.
    """
    fields = Headers(headers)
    for name, _ in fields:
        lowered = name.lower()
        if lowered in _RESERVED or lowered.startswith(_RESERVED_PREFIX):
            raise ValueError(f"header field {name!r} belongs to the handshake and cannot be added")
    return fields


def show_value(value: str | None) -> str:
    """Return the value of a field as a message names it; None says that the field was not there."""
    return "is missing" if value is None else repr(value)
