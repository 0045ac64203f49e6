"""What leaves at the end of a turn."""

import asyncio
import importlib
from collections.abc import Callable
from typing import Any

import pytest

from cores import Core


@pytest.fixture
def turn(core: Core) -> Any:
    """The turn of either implementation."""
    return importlib.import_module(f"twinax._core.{'turn' if core.name == 'python' else '_compiled'}").Turn()


class Output:
    """Somebody who has something to write, and writes down that it was written."""

    def __init__(self, name: str, written: list[str], then: Callable[[], object] | None = None) -> None:
        self.name = name
        self.written = written
        self.then = then

    def flush(self) -> None:
        self.written.append(self.name)
        if self.then is not None:
            self.then()


def test_one_callback_for_all(turn: Any) -> None:
    written: list[str] = []
    calls: list[Any] = []
    for name in "abc":
        turn.add(Output(name, written), calls.append)
    assert len(calls) == 1
    calls[0]()
    assert written == ["a", "b", "c"]
    turn.run()
    assert written == ["a", "b", "c"]


def test_no_callback_within_a_round(turn: Any) -> None:
    written: list[str] = []
    calls: list[Any] = []
    turn.begin_round()
    turn.add(Output("a", written), calls.append)
    turn.run()
    assert (written, calls) == (["a"], [])


def test_what_comes_through_does_not_hold_up_the_others(turn: Any) -> None:
    written: list[str] = []
    calls: list[Any] = []

    def cancel() -> None:
        turn.add(Output("new", written), calls.append)
        raise asyncio.CancelledError

    for name, then in (("a", None), ("b", cancel), ("c", None), ("d", cancel), ("e", None)):
        turn.add(Output(name, written, then), calls.append)
    with pytest.raises(asyncio.CancelledError):
        turn.run()
    assert written[:3] == ["a", "b", "c"]
    assert sorted(written) == ["a", "b", "c", "d", "e", "new", "new"]
