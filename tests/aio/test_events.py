"""Listeners by name, apart from connections."""

import asyncio
import functools
from typing import Any, ClassVar

import pytest

from twinax.aio.events import Emitter, is_coroutine_function, run_in_background


class Bell(Emitter):
    __slots__ = ("_listeners", "failures")
    EVENTS: ClassVar[frozenset[str]] = frozenset({"ring", "crack"})

    def __init__(self) -> None:
        self._listeners = None
        self.failures: list[tuple[str, BaseException]] = []

    def ring(self, *values: Any) -> bool:
        return self._emit("ring", *values)

    def _on_listener_failure(self, event: str, error: BaseException) -> None:
        self.failures.append((event, error))


def test_listeners_in_the_order_in_which_they_came() -> None:
    bell, heard = Bell(), []
    assert not bell.ring("nobody")
    bell.on("ring", lambda value: heard.append(("first", value)))
    bell.on("ring", lambda value: heard.append(("second", value)))
    assert bell.ring(1)
    assert heard == [("first", 1), ("second", 1)]


def test_as_a_decorator() -> None:
    bell, heard = Bell(), []

    @bell.on("ring")
    def always(value: int) -> None:
        heard.append(("always", value))

    @bell.once("ring")
    def first(value: int) -> None:
        heard.append(("first", value))

    bell.ring(1)
    bell.ring(2)
    always(3)
    assert heard == [("always", 1), ("first", 1), ("always", 2), ("always", 3)]


def test_off_takes_back_also_what_was_registered_with_once() -> None:
    bell, heard = Bell(), []
    bell.once("ring", heard.append)
    bell.off("ring", heard.append)
    bell.off("crack", heard.append)
    bell.ring(1)
    assert heard == []
    assert bell.listeners("ring") == ()


def test_a_listener_that_comes_or_goes_during_an_event_counts_from_the_next_one() -> None:
    bell, heard = Bell(), []

    def other(value: int) -> None:
        heard.append(("other", value))

    def swap(value: int) -> None:
        heard.append(("swap", value))
        bell.off("ring", swap)
        bell.on("ring", other)

    bell.on("ring", swap)
    bell.ring(1)
    bell.ring(2)
    assert heard == [("swap", 1), ("other", 2)]


def test_a_failing_listener_does_not_keep_the_others_from_hearing() -> None:
    bell, heard = Bell(), []
    bell.on("ring", lambda value: 1 / 0)
    bell.on("ring", heard.append)
    bell.ring(1)
    assert heard == [1]
    ((event, error),) = bell.failures
    assert event == "ring"
    assert isinstance(error, ZeroDivisionError)


async def test_coroutine_functions_run_in_the_background() -> None:
    bell, heard = Bell(), []

    @bell.on("ring")
    async def slow(value: int) -> None:
        await asyncio.sleep(1)
        heard.append(value)

    @bell.once("ring")
    async def failing(value: int) -> None:
        raise KeyError("mine")

    bell.ring(1)
    bell.ring(2)
    assert heard == []
    await asyncio.sleep(2)
    assert heard == [1, 2]
    assert [type(error) for _, error in bell.failures] == [KeyError]


async def test_a_cancelled_task_is_no_failure() -> None:
    failures: list[BaseException] = []
    task = run_in_background(asyncio.sleep(10), failures.append)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert failures == []


def test_events_that_there_are_not() -> None:
    bell = Bell()
    for method in (bell.on, bell.once, bell.off):
        with pytest.raises(ValueError, match="Bell has no event 'rign'; its events are crack, ring"):
            method("rign", print)
    with pytest.raises(ValueError):
        bell.listeners("rign")
    with pytest.raises(TypeError, match="7 is not callable"):
        bell.on("ring", 7)  # type: ignore[type-var]
    with pytest.raises(TypeError, match="not callable"):
        bell.once("ring", "7")  # type: ignore[type-var]


class Asynchronous:
    async def __call__(self) -> None:
        """Called."""

    async def method(self) -> None:
        """Called."""


async def coroutine_function() -> None:
    """Called."""


@pytest.mark.parametrize(
    ("listener", "expected"),
    [
        (coroutine_function, True),
        (functools.partial(coroutine_function), True),
        (functools.partial(functools.partial(coroutine_function)), True),
        (Asynchronous(), True),
        (Asynchronous().method, True),
        (print, False),
        (lambda: None, False),
        (functools.partial(print), False),
        (list, False),
    ],
)
def test_what_is_a_coroutine_function(listener: Any, expected: bool) -> None:
    assert is_coroutine_function(listener) is expected


def test_an_emitter_says_itself_what_a_failure_means() -> None:
    with pytest.raises(NotImplementedError):
        Emitter._on_listener_failure(Bell(), "ring", KeyError())
