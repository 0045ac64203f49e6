"""The payload of a close frame (RFC 6455 5.5.1), both ways."""

from ..close import Close, is_code_on_wire
from ..errors import LocalProtocolError, RemoteProtocolError
from ..rules import Rule

__all__ = ["build_close_payload", "parse_close_payload", "shorten_reason"]

MAX_REASON = 123  # RFC 6455 5.5: 125 bytes less two for the code


def build_close_payload(code: int | None, reason: str) -> bytes:
    """Return the payload of a close frame (RFC 6455 5.5.1).

    Raises:
        LocalProtocolError: The code may not be sent, the reason is longer than 123 bytes of UTF-8, or
            there is a reason without a code.
    """
    if code is None:
        if reason:
            raise LocalProtocolError("a close frame without a code has no room for a reason (RFC 6455 5.5.1)")
        return b""
    if not is_code_on_wire(code):
        raise LocalProtocolError(
            f"close code {code} may not be sent (RFC 6455 7.4): use 1000-1003, 1007-1014 or 3000-4999"
        )
    encoded = reason.encode()
    if len(encoded) > MAX_REASON:
        raise LocalProtocolError(f"close reason of {len(encoded)} bytes of UTF-8, at most {MAX_REASON} are allowed")
    return code.to_bytes(2, "big") + encoded


def parse_close_payload(payload: bytes) -> Close:
    """Return code and reason of a close frame (RFC 6455 5.5.1); code 1005 when it has none.

    Raises:
        RemoteProtocolError: One byte, a code that may not be sent, or a reason that is not UTF-8.
    """
    if not payload:
        return Close(1005)
    if len(payload) == 1:
        raise RemoteProtocolError(Rule.CLOSE_PAYLOAD_OF_ONE_BYTE)
    code = int.from_bytes(payload[:2], "big")
    if not is_code_on_wire(code):
        raise RemoteProtocolError(Rule.CLOSE_CODE_INVALID, code=code)
    try:
        return Close(code, payload[2:].decode())
    except UnicodeDecodeError:
        raise RemoteProtocolError(Rule.CLOSE_REASON_NOT_UTF8) from None


def shorten_reason(reason: str) -> str:
    """Return as much of `reason` as a close frame has room for, cut between characters."""
    encoded = reason.encode("utf-8", "replace")
    if len(encoded) > MAX_REASON:
        encoded = encoded[: MAX_REASON - 3] + b"..."
    # A lone surrogate has become "?", and what the cut left of a character goes.
    return encoded.decode("utf-8", "ignore")
