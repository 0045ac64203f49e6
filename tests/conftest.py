"""What tests of every folder share."""

import gc
import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any, NoReturn

import hypothesis
import pytest

from support.running import MARKERS, choose_loops, collect_errors, run_coroutine_test
from twinax import logs

# How long an example takes says how busy the machine is.
hypothesis.settings.register_profile("twinax", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("twinax")


def pytest_configure(config: pytest.Config) -> None:
    """Make the markers known."""
    for marker in MARKERS:
        config.addinivalue_line("markers", marker)
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # A shell starts what it runs in the background so, and it would be inherited by programs that tests interrupt.
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Everything that is imported by now stays: collecting garbage after a test need not look at it again."""
    gc.collect()
    # PyPy has no such thing, and needs none: what it has looked at once is old.
    if hasattr(gc, "freeze"):
        gc.freeze()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run marked tests on more than one event loop."""
    choose_loops(metafunc)


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run tests that are coroutine functions; see `support.running`."""
    return run_coroutine_test(pyfuncitem)


@pytest.fixture
def errors(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[logging.LogRecord]]:
    """What is logged at ERROR and above; without this fixture such a line fails a coroutine test."""
    # Other tests may have logged about the same address in this second, more than is let through.
    monkeypatch.setattr(logs, "_limit", logs.LineLimit())
    yield from collect_errors()


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
