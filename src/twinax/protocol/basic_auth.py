"""Basic authentication (RFC 7617), both ways: the field, the challenge, and a check in constant time."""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping
from typing import Final

__all__ = ["build_basic", "build_challenge", "check_credentials", "parse_basic"]

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")


def build_basic(username: str, password: str) -> str:
    """Build the value of an Authorization field.

    Args:
        username: Without a colon.
        password: Any password.

    Raises:
        ValueError: One of them holds what Basic cannot say (RFC 7617 2).
    """
    if ":" in username or _CONTROL.search(username + password) is not None:
        raise ValueError("the user name holds a colon, or the user name or password a control character")
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode("ascii")


def parse_basic(header: str) -> tuple[str, str]:
    """Parse the value of an Authorization field.

    Args:
        header: The value.

    Returns:
        User name and password.

    Raises:
        ValueError: It is none of Basic; the message does not show it.
    """
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        raise ValueError("Authorization is not of the scheme Basic")
    try:
        text = base64.b64decode(encoded.strip(" "), validate=True).decode()
    except (binascii.Error, ValueError):
        raise ValueError("the credentials are not base64 of UTF-8") from None
    username, colon, password = text.partition(":")
    if not colon:
        raise ValueError("the credentials have no colon")
    return username, password


def build_challenge(realm: str) -> str:
    """Build the value of the WWW-Authenticate field that goes with a 401.

    Args:
        realm: What the credentials are for, in printable ASCII.

    Raises:
        ValueError: It holds other characters.
    """
    if not realm.isascii() or _CONTROL.search(realm) is not None:
        raise ValueError(f"realm {realm!r} holds characters that are not printable ASCII")
    escaped = realm.replace("\\", "\\\\").replace('"', '\\"')
    return f'Basic realm="{escaped}", charset="UTF-8"'


def check_credentials(header: str | None, users: Mapping[str, str]) -> str | None:
    """Return the name of the user whose password an Authorization field carries.

    Takes the same time whether the user exists or not, and wherever the passwords differ.

    Args:
        header: The value of the field, or None when there was none.
        users: Passwords by user name.

    Returns:
        The user name; None when the field is missing or malformed, the user unknown or the password wrong.
    """
    if header is None:
        return None
    try:
        username, password = parse_basic(header)
    except ValueError:
        return None
    expected = users.get(username)
    # Digests have one length, so that not even the length of a password shows.
    same = hmac.compare_digest(_digest(password), _digest("" if expected is None else expected))
    return username if same and expected is not None else None


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
