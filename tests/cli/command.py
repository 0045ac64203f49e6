"""The command ``twinax``, run as a process of its own."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from processes import StartedProgram, started

__all__ = ["TWINAX", "Outcome", "served_echo", "twinax", "within_a_minute"]

TWINAX = (sys.executable, "-m", "twinax")


@dataclass(frozen=True)
class Outcome:
    """What a command left behind."""

    status: int
    out: str
    err: str


async def twinax(*arguments: str | Path, stdin: str | bytes = b"", cwd: Path | None = None) -> Outcome:
    """Runs a command to its end, with `stdin` as its piped input."""
    process = await asyncio.create_subprocess_exec(
        *TWINAX,
        *map(str, arguments),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=cwd,
    )
    try:
        async with asyncio.timeout(30):
            out, err = await process.communicate(stdin.encode() if isinstance(stdin, str) else stdin)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode is not None
    assert b"Traceback" not in err, err.decode()
    return Outcome(process.returncode, out.decode(), err.decode())


@contextlib.asynccontextmanager
async def served_echo(*arguments: str | Path) -> AsyncIterator[tuple[str, StartedProgram]]:
    """Runs ``twinax serve echo`` on a free port; gives its URL and the program."""
    async with started(*TWINAX, "serve", "echo", "--port", "0", *arguments) as program:
        yield (await program.line(r"listening on (wss?://\S+)"))[1], program


def within_a_minute(session: Coroutine[Any, Any, None]) -> None:
    """Runs the asynchronous part of a test."""
    asyncio.run(asyncio.wait_for(session, 60))
