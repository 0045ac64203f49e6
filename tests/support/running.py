"""Runs tests that are coroutine functions, and fails those that leave anything behind.

Such a test runs in asyncio's debug mode on a loop with a virtual clock (`support.loops`). Markers change
that: ``real_time`` for tests with other processes, ``every_loop`` for tests that run on uvloop as well.

A test fails when a task, timer, transport or socket is left, when something reached the exception
handler of the loop, or when an error was logged that it did not ask for with the fixture ``errors``.
"""

import asyncio
import gc
import inspect
import logging
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest

from support.loops import RealLoop, VirtualLoop

__all__ = ["MARKERS", "choose_loops", "collect_errors", "run_coroutine_test"]

MARKERS = (
    "real_time: the clock of the event loop is that of the machine",
    "every_loop: runs on asyncio's loop and on uvloop, both in real time",
)
TURNS = 50


class ErrorCollector(logging.Handler):
    """Keeps what is logged at ERROR and above."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a record."""
        self.records.append(record)


def collect_errors() -> Iterator[list[logging.LogRecord]]:
    """The fixture ``errors``: the records at ERROR and above, which the test expects and looks at."""
    collector = ErrorCollector()
    logging.getLogger().addHandler(collector)
    try:
        yield collector.records
    finally:
        logging.getLogger().removeHandler(collector)


def choose_loops(metafunc: pytest.Metafunc) -> None:
    """Run tests marked ``every_loop`` on both loops."""
    if metafunc.definition.get_closest_marker("every_loop") is not None:
        metafunc.fixturenames.append("loop_name")
        metafunc.parametrize("loop_name", ["asyncio", "uvloop"])


def loop_factory(item: pytest.Function) -> Callable[[], asyncio.AbstractEventLoop]:
    """Return what makes the loop of a test."""
    name = item.callspec.params.get("loop_name") if hasattr(item, "callspec") else None
    if name == "uvloop":
        factory: Callable[[], asyncio.AbstractEventLoop] = pytest.importorskip("uvloop").new_event_loop
        return factory
    if name == "asyncio" or item.get_closest_marker("real_time") is not None:
        return RealLoop
    return VirtualLoop


def run_coroutine_test(item: pytest.Function) -> bool | None:
    """Run the function of a test if it is a coroutine function; None: it is none."""
    if not inspect.iscoroutinefunction(item.obj):
        return None
    arguments = {name: item.funcargs[name] for name in item._fixtureinfo.argnames}
    problems: list[str] = []
    collector = ErrorCollector()
    logging.getLogger().addHandler(collector)
    try:
        with asyncio.Runner(debug=True, loop_factory=loop_factory(item)) as runner:
            runner.get_loop().set_exception_handler(lambda loop, context: note_unhandled(context, problems))
            runner.run(run_and_look(item.obj(**arguments), problems))
        gc.collect()  # what was not closed or not awaited says so now
    finally:
        logging.getLogger().removeHandler(collector)
    if "errors" not in item.fixturenames:
        problems += [f"logged: {record.getMessage()} {record.exc_info or ''}" for record in collector.records]
    if problems:
        pytest.fail("\n".join(problems), pytrace=False)
    return True


def note_unhandled(context: dict[str, Any], problems: list[str]) -> None:
    """Called by the loop with what nobody else handles."""
    # asyncio says so in debug mode only: a client that fails in the TLS handshake is nobody's error.
    if context["message"] != "Error on transport creation for incoming connection":
        problems.append(f"unhandled: {context}")


async def run_and_look(test: Coroutine[Any, Any, None], problems: list[str]) -> None:
    """Run a test, let the loop come to rest, and note what is left."""
    await test
    loop = asyncio.get_running_loop()
    me = {asyncio.current_task()}
    for _ in range(TURNS):
        await asyncio.sleep(0)
    problems += [f"task left: {task}" for task in asyncio.all_tasks() - me]
    if isinstance(loop, RealLoop):
        problems += [f"left: {what}" for what in loop.leftovers()]
