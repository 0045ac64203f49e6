"""What tests of every folder share."""

import os
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any, NoReturn

import pytest


@pytest.fixture
def absent() -> Callable[[str], NoReturn]:
    """Says that a tool is missing on this machine: a failure in CI, a skip that the summary shows elsewhere."""

    def say(reason: str) -> NoReturn:
        if os.environ.get("CI", "").lower() in ("", "0", "false"):
            pytest.skip(f"!!! {reason}")
        pytest.fail(reason)

    return say


@pytest.fixture
def count_lines() -> Callable[..., int]:
    """Calls a function and returns how many lines of Python it ran: tells linear from quadratic without a clock."""

    def count(function: Callable[..., object], *args: object) -> int:
        lines = 0

        def trace(frame: FrameType, event: str, arg: object) -> Any:
            nonlocal lines
            lines += 1
            return trace

        before = sys.gettrace()
        sys.settrace(trace)
        try:
            function(*args)
        finally:
            sys.settrace(before)
        return lines

    return count
