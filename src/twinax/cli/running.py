"""Running a coroutine as the whole of a command: the fastest event loop there is, and signals that stop it gently."""

import asyncio
import contextlib
import signal
from collections.abc import Callable, Coroutine, Iterator
from types import FrameType
from typing import Any, TypeVar

__all__ = ["loop_factory", "run_async", "stopping_signals"]

Result = TypeVar("Result")


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return what makes uvloop's event loops, or None where it is not installed."""
    try:
        import uvloop
    except ImportError:
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory


def run_async(coroutine: Coroutine[Any, Any, Result]) -> Result:
    """Run a coroutine to its end in an event loop of its own, and return what it returns."""
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        return runner.run(coroutine)


@contextlib.contextmanager
def stopping_signals() -> Iterator[asyncio.Event]:
    """Give an event that SIGINT and SIGTERM set, instead of ending the process.

    A second signal ends it as usual, for the case that stopping gently takes too long.
    """
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def on_signal(number: int, frame: FrameType | None) -> None:
        restore()
        loop.call_soon_threadsafe(stop.set)

    for number in before:
        signal.signal(number, on_signal)
    try:
        yield stop
    finally:
        restore()
