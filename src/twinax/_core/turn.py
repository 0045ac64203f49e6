"""What was sent in a turn of the event loop leaves at its end: who has something to write, and the writing."""

from collections.abc import Callable
from typing import Any

from .. import _cython as cython

__all__ = ["Turn"]


@cython.final
@cython.cclass
class Turn:
    """The connections of one event loop that have something to write.

    One callback of the loop a turn, however many connections there are; and none at all when
    whoever serves them calls `run` by itself at the end of a round.
    """

    _waiting: list[Any]
    _in_round: cython.bint

    def __init__(self) -> None:
        self._waiting = []
        self._in_round = False

    def begin_round(self) -> None:
        """Say that `run` will be called without the loop."""
        self._in_round = True

    def add(self, output: Any, call_soon: Callable[..., object]) -> None:
        """Have ``output.flush()`` called; `call_soon` is the loop's."""
        self._waiting.append(output)
        if len(self._waiting) == 1 and not self._in_round:
            call_soon(self.run)

    def run(self) -> None:
        """Let everything leave that waits."""
        self._in_round = False
        waiting: list[Any] = self._waiting
        if waiting:
            self._waiting = []
            done: cython.Py_ssize_t = 0
            try:
                for output in waiting:
                    done += 1
                    output.flush()
            finally:
                # Writing calls back. What comes through there, a KeyboardInterrupt say, must not hold up the others.
                if done < len(waiting):
                    self._waiting = waiting[done:] + self._waiting
                    self.run()
