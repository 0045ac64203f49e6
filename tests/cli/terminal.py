"""A terminal in which a program runs, with somebody who types."""

import asyncio
import contextlib
import os
import re
import sys
from collections.abc import AsyncIterator, Mapping

from processes import ProgramFailed

__all__ = ["Terminal", "in_terminal"]

# Colours, cursor movements and modes (ECMA-48), which a line editor sends in plenty.
_SEQUENCE = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b[=>78]|\r")


class Terminal:
    """The screen and the keyboard of a program; made by `in_terminal`.

    Attributes:
        shown: Everything shown so far, as it was sent.
    """

    def __init__(self, master: int, process: asyncio.subprocess.Process) -> None:
        self._master = master
        self._process = process
        self.shown = ""
        self._news = asyncio.Event()
        os.set_blocking(master, False)
        asyncio.get_running_loop().add_reader(master, self._read)

    @property
    def screen(self) -> str:
        """Everything shown so far, without control sequences."""
        return _SEQUENCE.sub("", self.shown)

    async def see(self, pattern: str) -> re.Match[str]:
        """Waits until a regular expression is found on the screen.

        Raises:
            ProgramFailed: It did not appear within 20 s.
        """
        try:
            async with asyncio.timeout(20):
                while (match := re.search(pattern, self.screen)) is None:
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise ProgramFailed(f"{pattern!r} did not appear; the screen shows:\n{self.screen}") from None
        return match

    def type(self, text: str) -> None:
        """Presses keys."""
        os.write(self._master, text.encode())

    async def status(self) -> int:
        """Waits for the end of the program, and returns its exit status."""
        async with asyncio.timeout(20):
            return await self._process.wait()

    def _read(self) -> None:
        try:
            data = os.read(self._master, 65536)
        except OSError:
            data = b""
        if not data:
            asyncio.get_running_loop().remove_reader(self._master)
            return
        # A terminal answers the question where its cursor is.
        if b"\x1b[6n" in data:
            os.write(self._master, b"\x1b[1;1R")
        self.shown += data.decode(errors="replace")
        self._news.set()


@contextlib.asynccontextmanager
async def in_terminal(
    *arguments: str, line_editor: bool = False, variables: Mapping[str, str] | None = None
) -> AsyncIterator[Terminal]:
    """Runs a command of twinax in a terminal; without `line_editor` as if prompt-toolkit were not installed.

    Args:
        arguments: Those of ``twinax``.
        line_editor: Whether prompt-toolkit may be used.
        variables: What to set in its environment.
    """
    script = "" if line_editor else "sys.modules['prompt_toolkit'] = None; "
    script = f"import sys; {script}from twinax.cli.main import main; sys.exit(main())"
    master, slave = os.openpty()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", script, *arguments),
        stdin=slave,
        stdout=slave,
        stderr=slave,
        # The terminal becomes the program's own, so that Ctrl-C reaches it.
        preexec_fn=lambda: (os.setsid(), _take_terminal()),
        env={**os.environ, "TERM": "xterm", **(variables or {})},
    )
    os.close(slave)
    try:
        yield Terminal(master, process)
    finally:
        asyncio.get_running_loop().remove_reader(master)
        if process.returncode is None:
            process.kill()
            await process.wait()
        os.close(master)


def _take_terminal() -> None:
    import fcntl
    import termios

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
