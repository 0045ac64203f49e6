"""Sizes, counts and durations of the command line."""

import argparse
import math
from collections.abc import Callable

import pytest

from twinax.cli.quantities import at_least_zero, payload_size, port, positive, size


@pytest.mark.parametrize(
    ("text", "number"),
    [("0", 0), ("65536", 65536), ("64K", 65536), ("64k", 65536), ("1M", 1 << 20), ("1MiB", 1 << 20), ("1MB", 1 << 20),
     ("2G", 2 << 30), ("7B", 7), ("none", None), ("None", None)],
)  # fmt: skip
def test_sizes(text: str, number: int | None) -> None:
    assert size(text) == number


def test_counts_and_durations() -> None:
    assert (port("0"), port("65535"), positive("1")) == (0, 65535, 1)
    assert (at_least_zero("0"), at_least_zero("1.5"), at_least_zero("inf")) == (0.0, 1.5, math.inf)


@pytest.mark.parametrize(
    ("read", "text"),
    [*((size, text) for text in ("", "K", "1T", "-1", "1.5M", "K1", "1KK", "²")),
     *((port, text) for text in ("", "-1", "65536", "http", "²")),
     *((positive, text) for text in ("", "0", "-1", "1.5")),
     *((at_least_zero, text) for text in ("", "-0.1", "nan", "soon"))],
)  # fmt: skip
def test_what_is_none_is_named(read: Callable[[str], object], text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="is not"):
        read(text)


@pytest.mark.parametrize("text", ["none", "1X"])
def test_a_payload_has_a_size(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match=r"is not a size; write 128, 16K or 1M$"):
        payload_size(text)
    assert payload_size("16K") == 16384
