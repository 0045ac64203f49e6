"""Sizes, counts and durations as people write them on a command line."""

import argparse
import contextlib
import math

__all__ = ["above_zero", "at_least_zero", "payload_size", "port", "positive", "size"]

UNITS = {"": 1, "B": 1, "K": 1024, "M": 1024**2, "G": 1024**3}


def size(text: str) -> int | None:
    """Read a size in bytes, such as ``65536``, ``64K``, ``1M`` or ``1MiB``; ``none`` is no limit.

    Raises:
        argparse.ArgumentTypeError: It is not a size.
    """
    if text.lower() == "none":
        return None
    number = text.upper().removesuffix("IB").removesuffix("B")
    unit = number[-1:] if number[-1:].isalpha() else ""
    digits = number.removesuffix(unit)
    if unit not in UNITS or not (digits.isascii() and digits.isdigit()):
        raise argparse.ArgumentTypeError(f"{text!r} is not a size; write 65536, 64K, 1M or none")
    return int(digits) * UNITS[unit]


def payload_size(text: str) -> int:
    """Read a size in bytes, such as ``128``, ``16K`` or ``1M``.

    Raises:
        argparse.ArgumentTypeError: It is not a size.
    """
    value: int | None = None
    with contextlib.suppress(argparse.ArgumentTypeError):  # which would offer "none" as well
        value = size(text)
    if value is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not a size; write 128, 16K or 1M")
    return value


def port(text: str) -> int:
    """Read a port; 0 lets the system choose one.

    Raises:
        argparse.ArgumentTypeError: It is not a port.
    """
    if not (text.isascii() and text.isdigit() and int(text) <= 65535):
        raise argparse.ArgumentTypeError(f"{text!r} is not a port; write 0 to 65535")
    return int(text)


def positive(text: str) -> int:
    """Read a whole number from 1.

    Raises:
        argparse.ArgumentTypeError: It is none.
    """
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1")
    return int(text)


def at_least_zero(text: str) -> float:
    """Read seconds; ``inf`` is allowed.

    Raises:
        argparse.ArgumentTypeError: It is no number, or below zero.
    """
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not seconds >= 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds")
    return seconds


def above_zero(text: str) -> float:
    """Read a number above zero; ``inf`` is allowed.

    Raises:
        argparse.ArgumentTypeError: It is no number, or not above zero.
    """
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not value > 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return value
