"""A worker of `twinax bench`: a process that loads the server, and nothing else.

It is told what to do in lines on standard input: the plan, then ``go`` when all workers are ready, and ``stop`` to
end early. It answers with a sample in each line of standard output. When standard input ends, whoever started it is
gone, and so is its work.
"""

import asyncio
import contextlib
import gc
import logging
import math
import signal
import time
from collections.abc import AsyncIterator
from typing import Any, Final, Protocol

from ..keyboard import read_lines
from ..running import run_async
from .echoes import EchoLoad
from .handshakes import HandshakeLoad
from .plan import Plan
from .tally import DRAINING, END, MEASURING, OPENING, READY, WARMUP, Tally

__all__ = ["GO", "STOP", "TICK", "main"]

GO: Final = b"go"
STOP: Final = b"stop"
TICK: Final = 0.1
"""Seconds between samples."""

DRAINING_TICK: Final = 0.01
CLOSING_LIMIT: Final = 3.0


class Load(Protocol):
    """What a worker runs."""

    @property
    def open_now(self) -> int:
        """Connections that are open."""
        ...

    @property
    def under_way(self) -> int:
        """What waits for its answer."""
        ...

    async def open(self) -> None:
        """Get ready."""

    def start(self) -> None:
        """Begin to load the server."""

    def halt(self) -> None:
        """Begin nothing new; what is under way may still be answered."""

    async def close(self) -> None:
        """End everything; what is not answered now is lost."""


class Worker:
    """Runs one plan.

    Args:
        plan: What to do.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._tally = Tally()
        self._load: Load = (HandshakeLoad if plan.handshakes else EchoLoad)(plan, self._tally)
        self._go = asyncio.Event()
        self._stop = asyncio.Event()

    async def run(self, commands: AsyncIterator[bytes]) -> None:
        """Open, load, drain, close; samples go to standard output."""
        obeying = asyncio.ensure_future(self._obey(commands))
        going = asyncio.ensure_future(self._go.wait())
        stopped = asyncio.ensure_future(self._stop.wait())
        try:
            await self._open(stopped)
            await asyncio.wait({going, stopped}, return_when=asyncio.FIRST_COMPLETED)
            # What was made so far stays: the collector need not look at it again and again. PyPy's never does.
            if hasattr(gc, "freeze"):
                gc.freeze()
            if not self._stop.is_set():
                self._load.start()
                await self._watch(WARMUP, self._plan.warmup, stopped)
                await self._watch(MEASURING, self._plan.duration, stopped)
            self._load.halt()
            await self._drain()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CLOSING_LIMIT):
                    await self._load.close()
            self._say(END, 0.0)
        finally:
            for task in (obeying, going, stopped):
                task.cancel()
            await asyncio.gather(obeying, going, stopped, return_exceptions=True)

    async def _obey(self, commands: AsyncIterator[bytes]) -> None:
        async for command in commands:
            if command == GO:
                self._go.set()
            elif command == STOP:
                self._stop.set()
        self._stop.set()

    async def _open(self, stopped: "asyncio.Future[Any]") -> None:
        began = time.perf_counter()
        opening: asyncio.Future[Any] = asyncio.ensure_future(self._load.open())
        while not opening.done() and not stopped.done():
            self._say(OPENING, time.perf_counter() - began)
            await asyncio.wait({opening, stopped}, timeout=TICK, return_when=asyncio.FIRST_COMPLETED)
        opening.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await opening
        self._say(READY, time.perf_counter() - began)

    async def _watch(self, phase: str, duration: float, stopped: "asyncio.Future[Any]") -> None:
        """Take samples for so many seconds, or until there is nothing more to load."""
        began = time.perf_counter()
        tick = 0
        while not stopped.done():
            tick += 1
            end = began + min(tick * TICK, duration)
            await asyncio.wait({stopped}, timeout=max(0.0, end - time.perf_counter()))
            now = time.perf_counter() - began
            self._say(phase, now)
            if now >= duration or (not self._load.open_now and not self._load.under_way):
                return

    async def _drain(self) -> None:
        began = time.perf_counter()
        # Looked at from time to time: telling of the last answer would cost a question for each of them.
        for _ in range(math.ceil(self._plan.timeout / DRAINING_TICK)):
            if not self._load.under_way:
                break
            await asyncio.sleep(DRAINING_TICK)
        self._say(DRAINING, time.perf_counter() - began)

    def _say(self, phase: str, at: float) -> None:
        sample = self._tally.take(phase, at, open_now=self._load.open_now, under_way=self._load.under_way)
        print(sample.as_json(), flush=True)


async def work() -> None:
    """Carry out the plan that comes in on standard input."""
    lines = read_lines()
    await Worker(Plan.from_json((await anext(lines)).decode())).run(lines)


def allow_many_files() -> None:
    """Let this process open as many connections as it may."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def main() -> None:
    """Be a worker."""
    # Ctrl-C is for the parent, which says what to do about it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # How connections end is told in the samples.
    logging.getLogger("twinax").addHandler(logging.NullHandler())
    allow_many_files()
    run_async(work())


if __name__ == "__main__":
    main()
