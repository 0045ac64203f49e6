"""One run of the short cut of the opening handshake: it finds what the full parser finds in any bytes, or declines.

The first byte of the input chooses what is read of the request, and where the rest is cut to see that half of a head is
never taken for a whole one. Shared by the fuzz target and by the test that replays its seeds.
"""

import importlib
from collections.abc import Callable
from typing import Any

from cores import is_required
from twinax._core import HEADROOM
from twinax.errors import HandshakeError
from twinax.protocol import HeadBuffer, handshake_request, parse_request_head, read_request, recognise_request

__all__ = ["check"]

Outcome = tuple[Any, ...]

BEHIND = b"\r\n\r\n\x00"  # in the buffer, but behind the end of what was read

try:
    _recognise_upgrade: Callable[..., Any] | None = importlib.import_module("twinax._core._compiled").recognise_upgrade
except ModuleNotFoundError:
    if is_required():
        raise
    _recognise_upgrade = None


def check(data: bytes) -> None:
    """Read a request behind the first byte.

    Raises:
        AssertionError: The short cut finds something else than the full parser, or takes half a head for a whole one.
    """
    if not data:
        return
    options = {"parse_cookies": bool(data[0] & 1), "parse_extensions": bool(data[0] & 2)}
    stream = data[1:]
    full = _read(stream, options)
    short = _recognise(stream, options)
    assert short is None or short == full, (short, full)
    if short is not None and short[0] == "request":
        size = short[1]
        cut = size - 1 - (data[0] >> 2) * size // 64
        assert _recognise(stream[:cut], options) is None, cut


def _recognise(stream: bytes, options: dict[str, bool]) -> Outcome | None:
    """Return what the short cut makes of the bytes; None when it declines."""
    before = handshake_request.recognise_upgrade
    handshake_request.recognise_upgrade = _recognise_upgrade
    buffer = bytearray(b"\r" * HEADROOM) + stream + BEHIND
    try:
        found = recognise_request(buffer, HEADROOM, HEADROOM + len(stream), **options)
    except HandshakeError as error:
        return ("refused", error.status, str(error), error.headers)
    finally:
        handshake_request.recognise_upgrade = before
    assert buffer[HEADROOM : HEADROOM + len(stream)] == stream
    buffer[:] = b"\xaa" * len(buffer)  # the owner reuses it
    return None if found is None else ("request", found[1], found[0])


def _read(stream: bytes, options: dict[str, bool]) -> Outcome:
    """Return what the full parser makes of the bytes."""
    buffer = HeadBuffer("server")
    try:
        head = buffer.feed(memoryview(stream))
        if head is None:
            return ("unfinished",)
        return ("request", len(stream) - len(buffer.rest), read_request(parse_request_head(head), **options))
    except HandshakeError as error:
        return ("refused", error.status, str(error), error.headers)
