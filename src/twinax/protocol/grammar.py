"""The lists inside header fields of a handshake (RFC 9110 5.6, RFC 6455 9.1), read in linear time.

Every reader here goes through its text once, from left to right, and raises at the first character
that does not fit: there is nothing to try again, so nothing that a hostile header could multiply. A list
has at most `MAX_ELEMENTS` elements, which bounds what a field of 8 KiB costs to well below a millisecond.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Final

from ..headers import is_token

__all__ = [
    "MAX_ELEMENTS",
    "Extension",
    "build_extensions",
    "build_protocols",
    "check_protocol",
    "parse_extensions",
    "parse_protocols",
    "parse_token_list",
    "parse_upgrade",
]

Extension = tuple[str, list[tuple[str, str | None]]]
"""Name of an extension and its parameters, in order; the value is None for a parameter without one."""

MAX_ELEMENTS: Final = 100
"""Elements of a list, and of extensions with all their parameters. Real ones have fewer than ten."""

# Anchored by match(text, position). One character class each, or classes that exclude each other, so that
# the time of a match is linear, and what follows the first failure is an exception.
_TOKEN: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_SPACE: Final = re.compile(r"[ \t]*")
_SEPARATOR: Final = re.compile(r"[ \t,]*")  # with empty elements (RFC 9110 5.6.1.2)
_QUOTED: Final = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)


def parse_token_list(header: str) -> list[str]:
    """Parse a list of tokens that are compared without regard to case, such as Connection.

    Args:
        header: The value of the field.

    Returns:
        The tokens, lower-cased, in order; empty elements are ignored (RFC 9110 5.6.1.2).

    Raises:
        ValueError: An element is no token, or there are too many.
    """
    return [_checked_token(element).lower() for element in _split(header)]


def parse_upgrade(header: str) -> list[str]:
    """Parse an Upgrade field (RFC 9110 7.8): names of protocols, some with a version.

    Args:
        header: The value of the field.

    Returns:
        The protocols, lower-cased, in order, such as ``["websocket"]`` or ``["h2c", "http/2.0"]``.

    Raises:
        ValueError: An element is no protocol, or there are too many.
    """
    protocols = []
    for element in _split(header):
        name, slash, version = element.partition("/")
        _checked_token(name)
        if slash:
            _checked_token(version)
        protocols.append(element.lower())
    return protocols


def parse_protocols(header: str) -> list[str]:
    """Parse a Sec-WebSocket-Protocol field (RFC 6455 11.3.4).

    Args:
        header: The value of the field.

    Returns:
        The subprotocols, in order and in the case in which they were sent.

    Raises:
        ValueError: One is no token, or comes twice (RFC 6455 4.1), or there are too many.
    """
    protocols = [_checked_token(element) for element in _split(header)]
    if len(set(protocols)) != len(protocols):
        raise ValueError("a subprotocol is named twice")
    return protocols


def check_protocol(name: str) -> None:
    """Check that `name` may be the name of a subprotocol: a token (RFC 6455 4.1).

    Raises:
        ValueError: It is none.
        TypeError: It is no string.
    """
    if not isinstance(name, str):
        raise TypeError(f"a subprotocol must be str, not {type(name).__name__}")
    if not is_token(name):
        raise ValueError(f"subprotocol {name!r} is not a token (RFC 9110 5.6.2)")


def build_protocols(names: Sequence[str]) -> str:
    """Build the value of a Sec-WebSocket-Protocol field.

    Raises:
        ValueError: A name is no token, or comes twice.
        TypeError: A name is no string.
    """
    for name in names:
        check_protocol(name)
    if len(set(names)) != len(names):
        raise ValueError(f"subprotocols {list(names)!r}: one is named twice")
    return ", ".join(names)


def parse_extensions(header: str) -> list[Extension]:
    """Parse a Sec-WebSocket-Extensions field (RFC 6455 9.1).

    Args:
        header: The value of the field; several fields are joined with ``", "``.

    Returns:
        The extensions, in order; names of extensions and parameters are lower-cased, values are
        unquoted. What comes twice is returned twice: whether that is right depends on the extension.

    Raises:
        ValueError: The field has too many elements, or does not follow the grammar, which also says that a
            quoted value must be a token once it is unquoted.
    """
    # Counted inside quotes too, where they are errors in any case.
    _check_count(header.count(",") + header.count(";") + 1)
    extensions: list[Extension] = []
    position = _skip(header, 0, _SEPARATOR)
    while position < len(header):
        name, position = _read_token(header, position)
        parameters: list[tuple[str, str | None]] = []
        while header[position : position + 1] == ";":
            parameter, position = _read_token(header, _skip(header, position + 1))
            value = None
            if header[position : position + 1] == "=":
                value, position = _read_value(header, _skip(header, position + 1))
            parameters.append((parameter.lower(), value))
        extensions.append((name.lower(), parameters))
        if header[position : position + 1] not in (",", ""):
            raise _unexpected(header, position)
        position = _skip(header, position, _SEPARATOR)
    return extensions


def build_extensions(extensions: Iterable[Extension]) -> str:
    """Build the value of a Sec-WebSocket-Extensions field.

    Args:
        extensions: Names and parameters, as `parse_extensions` returns them.

    Returns:
        The value, ``""`` for no extensions. No value needs quotes: all are tokens.

    Raises:
        ValueError: A name or a value is no token.
    """
    elements = []
    for name, parameters in extensions:
        pieces = [_checked_token(name)]
        for parameter, value in parameters:
            _checked_token(parameter)
            pieces.append(parameter if value is None else f"{parameter}={_checked_token(value)}")
        elements.append("; ".join(pieces))
    return ", ".join(elements)


def _split(header: str) -> list[str]:
    elements = [element.strip(" \t") for element in header.split(",", MAX_ELEMENTS)]
    _check_count(len(elements))
    return [element for element in elements if element]


def _check_count(count: int) -> None:
    if count > MAX_ELEMENTS:
        raise ValueError(f"the list has more than {MAX_ELEMENTS} elements")


def _checked_token(text: str) -> str:
    if not is_token(text):
        raise ValueError(f"{text!r} is not a token")
    return text


def _skip(header: str, position: int, what: re.Pattern[str] = _SPACE) -> int:
    match = what.match(header, position)
    assert match is not None  # it matches nothing, too
    return match.end()


def _read_token(header: str, position: int) -> tuple[str, int]:
    """Return the token at `position`, and where what follows it and its spaces begins."""
    match = _TOKEN.match(header, position)
    if match is None:
        raise _unexpected(header, position)
    return match[0], _skip(header, match.end())


def _read_value(header: str, position: int) -> tuple[str, int]:
    """Return the token or the content of the quoted string at `position`, and where the rest begins."""
    if header[position : position + 1] != '"':
        return _read_token(header, position)
    match = _QUOTED.match(header, position)
    if match is None:
        raise ValueError("a quoted string does not end")
    # RFC 6455 9.1: after unescaping, the value MUST conform to the 'token' ABNF.
    return _checked_token(_ESCAPED.sub(r"\1", match[1])), _skip(header, match.end())


def _unexpected(header: str, position: int) -> ValueError:
    if position >= len(header):
        return ValueError("a name or a value is missing at the end")
    return ValueError(f"{header[position]!r} at {position} is not expected there")
