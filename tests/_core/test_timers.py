"""The timeouts of all connections behind one timer of the loop."""

import asyncio
import gc
import importlib
from functools import partial
from typing import Any

import pytest

from cores import Core
from support.loops import VirtualLoop


class Waiter:
    """Somebody who waits for a time, and writes down when it came."""

    def __init__(self, name: str, told: list[Any]) -> None:
        self.name = name
        self.told = told
        self.then: Any = None

    def time_has_come(self, due: float, now: float) -> None:
        self.told.append((self.name, round(due - BEGIN, 6), round(now - BEGIN, 6)))
        if self.then is not None:
            self.then()

    def __repr__(self) -> str:
        return f"<{self.name}>"


BEGIN = 1000.0


@pytest.fixture
def timers(core: Core) -> Any:
    """The timers of either implementation."""
    module = "timers" if core.name == "python" else "_compiled"
    return importlib.import_module(f"twinax._core.{module}").Timers()


def running() -> tuple[VirtualLoop, list[Any]]:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    return loop, []


async def test_everybody_is_called_at_the_time_asked_for(timers: Any) -> None:
    loop, told = running()
    for name, delay in (("c", 20.0), ("a", 0.01), ("d", 20.0625), ("b", 0.02)):
        timers.add(loop, Waiter(name, told), BEGIN + delay)
    await asyncio.sleep(30)
    assert told == [("a", 0.01, 0.01), ("b", 0.02, 0.02), ("c", 20, 20), ("d", 20.0625, 20.0625)]


async def test_what_is_taken_back_is_not_called(timers: Any) -> None:
    loop, told = running()
    kept, gone = Waiter("kept", told), Waiter("gone", told)
    timers.add(loop, gone, BEGIN + 1)
    timers.add(loop, kept, BEGIN + 2)
    timers.discard(gone, BEGIN + 1)
    timers.discard(gone, BEGIN + 1)
    timers.discard(gone, BEGIN + 7)
    await asyncio.sleep(5)
    assert told == [("kept", 2, 2)]


async def test_nothing_is_left_on_the_loop(timers: Any) -> None:
    loop, told = running()
    waiter = Waiter("a", told)
    timers.add(loop, waiter, BEGIN + 1)
    timers.discard(waiter, BEGIN + 1)
    assert loop.leftovers() == []
    timers.add(loop, waiter, BEGIN + 1)
    await asyncio.sleep(2)
    assert told == [("a", 1, 1)]
    assert loop.leftovers() == []


async def test_who_is_called_may_add_and_take_back(timers: Any) -> None:
    loop, told = running()
    first, second, third = (Waiter(name, told) for name in ("first", "second", "third"))

    def change() -> None:
        first.then = None
        timers.discard(second, BEGIN + 1)
        timers.add(loop, third, BEGIN + 1.5)
        timers.add(loop, first, BEGIN + 1.01)

    first.then = change
    timers.add(loop, second, BEGIN + 1)
    timers.add(loop, first, BEGIN + 1)
    second.then = lambda: timers.discard(first, BEGIN + 1)
    await asyncio.sleep(5)
    assert told == [("second", 1, 1)]
    second.then = None
    told.clear()
    timers.add(loop, first, BEGIN + 6)
    await asyncio.sleep(2)
    assert [name for name, *_ in told] == ["first", "first", "third"]


async def test_a_loop_that_was_busy_calls_in_order(timers: Any) -> None:
    loop, told = running()
    for name, delay in (("b", 2.1), ("c", 2.11), ("a", 0.5)):
        timers.add(loop, Waiter(name, told), BEGIN + delay)
    loop.now += 60
    await asyncio.sleep(0.01)
    assert told == [("a", 0.5, 60), ("b", 2.1, 60), ("c", 2.11, 60)]


async def test_one_that_fails_does_not_harm_the_others(timers: Any) -> None:
    loop, told = running()
    failures: list[dict[str, Any]] = []
    loop.set_exception_handler(lambda _, context: failures.append(context))
    bad = Waiter("bad", told)
    bad.then = lambda: 1 // 0
    timers.add(loop, bad, BEGIN + 1)
    timers.add(loop, Waiter("good", told), BEGIN + 1)
    await asyncio.sleep(2)
    assert [name for name, *_ in told] == ["bad", "good"]
    assert [(context["message"], type(context["exception"])) for context in failures] == [
        ("a timeout failed", ZeroDivisionError)
    ]


class Closing:
    """Garbage whose finalizer does something."""

    def __init__(self, finalize: Any) -> None:
        self.myself = self
        self.finalize = finalize

    def __del__(self) -> None:
        self.finalize()


async def test_garbage_adds_and_takes_back_while_others_are_called(timers: Any) -> None:
    """Every point at which the collector may run, one after the other."""
    loop, told = running()
    before = gc.get_threshold()
    for threshold in range(1, 60):
        told.clear()
        due = loop.now + 1
        owners = [Waiter(str(number), told) for number in range(20)]
        for owner in owners:
            timers.add(loop, owner, due)
        late = Waiter("late", told)
        Closing(partial(timers.add, loop, late, due))
        loop.now += 2
        gc.set_threshold(gc.get_count()[0] + threshold)
        try:
            timers.run(loop)
        finally:
            gc.set_threshold(*before)
        gc.collect()
        timers.run(loop)
        assert sorted(name for name, *_ in told) == sorted([*map(str, range(20)), "late"])


async def test_what_is_not_caught_does_not_stop_the_clock(timers: Any) -> None:
    loop, told = running()
    failures: list[dict[str, Any]] = []
    loop.set_exception_handler(lambda _, context: failures.append(context))
    bad = Waiter("bad", told)

    def cancel() -> None:
        raise asyncio.CancelledError

    bad.then = cancel
    timers.add(loop, bad, BEGIN + 1)
    timers.add(loop, Waiter("good", told), BEGIN + 1)
    timers.add(loop, Waiter("later", told), BEGIN + 20)
    await asyncio.sleep(30)
    assert [name for name, *_ in told] == ["bad", "good", "later"]
    assert [type(context["exception"]) for context in failures] == [asyncio.CancelledError]
