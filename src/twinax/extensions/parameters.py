"""Parameters of an extension in an offer or an answer: what may stand there, and what its value may be.

Whatever is wrong becomes a `NegotiationError` that names extension, parameter and value.
"""

import re
from collections.abc import Collection
from typing import Final

from ..errors import NegotiationError
from ..extension import Parameters

__all__ = ["check_flag", "check_known", "read_number"]

_NUMBER: Final = re.compile(r"0|[1-9][0-9]{0,8}")  # ASCII digits, no sign, no leading zero


def check_known(extension: str, parameters: Parameters, known: Collection[str]) -> dict[str, str | None]:
    """Return the parameters by name.

    Args:
        extension: The name of the extension.
        parameters: Its parameters.
        known: The names of those that it has.

    Raises:
        NegotiationError: One is unknown, or comes twice.
    """
    found: dict[str, str | None] = {}
    for name, value in parameters:
        if name not in known:
            raise NegotiationError(extension, "it is unknown", parameter=name, value=value)
        if name in found:
            raise NegotiationError(extension, "it comes twice", parameter=name, value=value)
        found[name] = value
    return found


def check_flag(extension: str, found: dict[str, str | None], name: str) -> bool:
    """Return whether a parameter without a value is there.

    Args:
        extension: The name of the extension.
        found: Its parameters, from `check_known`.
        name: The parameter.

    Raises:
        NegotiationError: It has a value.
    """
    value = found.get(name)
    if value is not None:
        raise NegotiationError(extension, "it has no value", parameter=name, value=value)
    return name in found


def read_number(extension: str, found: dict[str, str | None], name: str, low: int, high: int) -> int | None:
    """Return the value of a parameter that is a decimal number; None when it is not there.

    Args:
        extension: The name of the extension.
        found: Its parameters, from `check_known`.
        name: The parameter.
        low: The lowest value allowed.
        high: The highest value allowed, at most 999,999,999.

    Raises:
        NegotiationError: It has no value, or one that is no number (digits alone, without leading zeros) or is
            not within the range.
    """
    if name not in found:
        return None
    text = found[name]
    if text is None or _NUMBER.fullmatch(text) is None or not low <= int(text) <= high:
        raise NegotiationError(extension, f"expected a number from {low} to {high}", parameter=name, value=text)
    return int(text)
