"""Programs that a test starts: their output line by line, and an end that always comes.

Every program gets a process group of its own, because some start children (a browser, nginx): the group is stopped,
not only its first process. Nothing is looked up by name.
"""

import asyncio
import contextlib
import os
import re
import signal
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

__all__ = ["ProgramFailed", "StartedProgram", "started"]

STOP_TIMEOUT = 10.0
OUTPUT_SHOWN = 60


class ProgramFailed(Exception):
    """A program ended, or was silent for too long, before it did what the test waits for."""


class StartedProgram:
    """A running program; made by `started`.

    Attributes:
        name: How failures call it.
        lines: Everything it printed so far, standard output and standard error together.
    """

    def __init__(self, process: asyncio.subprocess.Process, name: str) -> None:
        self.name = name
        self.lines: list[str] = []
        self._process = process
        self._looked_at = 0
        self._ended = False
        self._news = asyncio.Condition()
        self._reader = asyncio.ensure_future(self._read())

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    async def line(self, pattern: str, within: float = 30.0) -> re.Match[str]:
        """Waits for the next line that matches a regular expression, and returns the match.

        Raises:
            ProgramFailed: No such line came within so many seconds, or the program ended without it.
        """
        try:
            async with asyncio.timeout(within), self._news:
                while True:
                    while self._looked_at < len(self.lines):
                        self._looked_at += 1
                        match = re.search(pattern, self.lines[self._looked_at - 1])
                        if match:
                            return match
                    if self._ended:
                        raise ProgramFailed(f"{self.name} ended without a line like {pattern!r}{self.output()}")
                    await self._news.wait()
        except TimeoutError:
            message = f"{self.name}: no line like {pattern!r} within {within} s{self.output()}"
            raise ProgramFailed(message) from None

    async def finished(self, within: float) -> None:
        """Waits until the program has ended by itself.

        Raises:
            ProgramFailed: It runs longer than so many seconds, or its exit status is not 0.
        """
        try:
            async with asyncio.timeout(within):
                status = await self._process.wait()
                await self._reader
        except TimeoutError:
            raise ProgramFailed(f"{self.name} has not ended within {within} s{self.output()}") from None
        if status != 0:
            raise ProgramFailed(f"{self.name} ended with status {status}{self.output()}")

    def output(self) -> str:
        """The end of what the program printed, for a failure's text."""
        shown = self.lines[-OUTPUT_SHOWN:]
        return "".join(f"\n  | {line}" for line in shown) if shown else " (it printed nothing)"

    async def stop(self) -> None:
        """Ends the program and its children: end of input and a polite signal first, then force."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self.signal(signal.SIGTERM)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STOP_TIMEOUT):
                await self._process.wait()
        # What is left of the group, such as a child that ignored the signal, goes too.
        self.signal(signal.SIGKILL)
        await self._process.wait()
        await self._reader

    def signal(self, number: int) -> None:
        """Sends a signal to the program and its children, as a terminal does for Ctrl-C."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)

    async def _read(self) -> None:
        assert self._process.stdout is not None
        while line := await self._process.stdout.readline():
            async with self._news:
                self.lines.append(line.decode(errors="replace").rstrip())
                self._news.notify_all()
        async with self._news:
            self._ended = True
            self._news.notify_all()


@contextlib.asynccontextmanager
async def started(
    *command: str | Path, env: Mapping[str, str] | None = None, pass_fds: tuple[int, ...] = ()
) -> AsyncIterator[StartedProgram]:
    """Starts a program, without a shell, and stops it at the end of the block.

    Args:
        command: The program and its arguments.
        env: Variables to set on top of this process's own.
        pass_fds: Descriptors that the program inherits.
    """
    process = await asyncio.create_subprocess_exec(
        *map(str, command),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, "PYTHONUNBUFFERED": "1", **(env or {})},
        pass_fds=pass_fds,
        start_new_session=True,
        limit=1 << 22,
    )
    program = StartedProgram(process, Path(command[0]).name + " " + " ".join(map(str, command[1:])))
    try:
        yield program
    finally:
        await program.stop()
