"""Signals that end a server gently."""

import asyncio
import contextlib
import signal
from collections.abc import Iterator

__all__ = ["stopping_on"]


@contextlib.contextmanager
def stopping_on(*numbers: signal.Signals) -> Iterator[asyncio.Event]:
    """Give an event that these signals set, as far as the running loop can be told of signals.

    It cannot on Windows, nor outside the main thread: there Ctrl-C cancels the main task, as it does anywhere.
    """
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    watched: list[signal.Signals] = []
    with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
        for number in numbers:
            loop.add_signal_handler(number, stop.set)
            watched.append(number)
    try:
        yield stop
    finally:
        for number in watched:
            loop.remove_signal_handler(number)
