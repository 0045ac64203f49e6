"""The worker processes, as the parent sees them: commands go in, samples come out."""

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Final

from ..failure import CommandFailed
from .plan import Plan
from .tally import END, Sample
from .worker import GO, STOP

__all__ = ["Crew"]

LONGEST_LINE: Final = 1 << 20
ENDING_LIMIT: Final = 5.0
# Our own package, wherever it was imported from: also where it was found by a path that only this process knows.
ROOT: Final = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
START: Final = f"import sys; sys.path.insert(0, {ROOT!r}); from twinax.cli.load.worker import main; main()"


class Crew:
    """Starts workers, and ends them at the end of the ``async with`` block.

    Args:
        plan: The load of all of them together.
        workers: How many; not more than the plan has connections.
    """

    def __init__(self, plan: Plan, workers: int) -> None:
        self._plans = [plan.share(number, workers) for number in range(workers)]
        self._processes: list[asyncio.subprocess.Process] = []
        self._readers: list[asyncio.Task[None]] = []
        self._samples: asyncio.Queue[tuple[int, Sample] | CommandFailed] = asyncio.Queue()

    async def __aenter__(self) -> "Crew":
        try:
            for number, plan in enumerate(self._plans):
                process = await asyncio.create_subprocess_exec(
                    # -P: no module of the current directory stands in for one of Python's.
                    *(sys.executable, "-P", "-c", START),
                    stdin=asyncio.subprocess.PIPE,
                    stdout=asyncio.subprocess.PIPE,
                    limit=LONGEST_LINE,
                    # Out of the way of Ctrl-C: a worker ends when it is told to.
                    start_new_session=True,
                )
                self._processes.append(process)
                self._tell(process, plan.as_json().encode())
                self._readers.append(asyncio.ensure_future(self._read(number, process)))
        except BaseException:
            await self.__aexit__(None, None, None)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for process in self._processes:
            assert process.stdin is not None
            process.stdin.close()
        for process in self._processes:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(ENDING_LIMIT if kind is None else 0):
                    await process.wait()
            if process.returncode is None:
                process.kill()
                await process.wait()
        for reader in self._readers:
            reader.cancel()
        await asyncio.gather(*self._readers, return_exceptions=True)

    def go(self) -> None:
        """Have all workers begin."""
        for process in self._processes:
            self._tell(process, GO)

    def stop(self) -> None:
        """Have all workers end early; what they have measured still comes."""
        for process in self._processes:
            self._tell(process, STOP)

    async def samples(self) -> AsyncIterator[tuple[int, Sample]]:
        """Give what workers say, with the number of the worker, until the last has ended.

        Raises:
            CommandFailed: A worker died.
        """
        left = len(self._processes)
        while left:
            said = await self._samples.get()
            if isinstance(said, CommandFailed):
                raise said
            left -= said[1].phase == END
            yield said

    async def _read(self, number: int, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        sample: Sample | None = None
        while line := await process.stdout.readline():
            sample = Sample.from_json(line)
            self._samples.put_nowait((number, sample))
        if sample is None or sample.phase != END:
            status = await process.wait()
            self._samples.put_nowait(CommandFailed(f"worker {number + 1} ended early, with status {status}"))

    @staticmethod
    def _tell(process: asyncio.subprocess.Process, line: bytes) -> None:
        assert process.stdin is not None
        # One that has died is told of by its reader.
        with contextlib.suppress(ConnectionError, RuntimeError):
            process.stdin.write(line + b"\n")
