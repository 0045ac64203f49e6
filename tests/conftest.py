"""What tests of every folder share."""

import os
from collections.abc import Callable
from typing import NoReturn

import pytest


@pytest.fixture
def absent() -> Callable[[str], NoReturn]:
    """Says that a tool is missing on this machine: a failure in CI, a skip that the summary shows elsewhere."""

    def say(reason: str) -> NoReturn:
        if os.environ.get("CI", "").lower() in ("", "0", "false"):
            pytest.skip(f"!!! {reason}")
        pytest.fail(reason)

    return say
