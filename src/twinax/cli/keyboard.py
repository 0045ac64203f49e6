"""Lines to send: from a terminal, with prompt-toolkit where it is installed, or from a pipe or file.

A thread reads, because a file or a Windows console cannot be waited for in an event loop. It reads from the
descriptor itself: at exit the interpreter takes the lock of `sys.stdin`, and would fail when a thread holds it.
"""

import asyncio
import concurrent.futures
import contextlib
import importlib
import importlib.util
import os
import sys
import threading
from collections.abc import AsyncIterator
from typing import Any

__all__ = ["Interrupted", "is_terminal", "prompted_lines", "read_lines"]

LINES_AHEAD = 64
CHUNK = 65536


class Interrupted(Exception):
    """Ctrl-C, as a line editor sees it."""


def is_terminal() -> bool:
    """Tell whether somebody types."""
    return sys.stdin is not None and sys.stdin.isatty()


async def prompted_lines() -> AsyncIterator[bytes]:
    """Give the lines that somebody types, until Ctrl-D.

    Raises:
        Interrupted: Ctrl-C was pressed, and the terminal made no signal of it.
    """
    if importlib.util.find_spec("prompt_toolkit") is None:
        async for line in read_lines():
            yield line
        return
    # By name, so that the type checker need not have it either.
    toolkit: Any = importlib.import_module("prompt_toolkit")
    patching: Any = importlib.import_module("prompt_toolkit.patch_stdout")
    session = toolkit.PromptSession()
    with patching.patch_stdout(raw=True), contextlib.suppress(EOFError):
        while True:
            try:
                text: str = await session.prompt_async("> ")
            except KeyboardInterrupt:
                # In a task it would end the event loop, and with it the connection.
                raise Interrupted from None
            yield text.encode("utf-8", "surrogateescape")


async def read_lines() -> AsyncIterator[bytes]:
    """Give the lines of standard input without their ends, until it ends; reads only a few lines ahead."""
    loop = asyncio.get_running_loop()
    lines: asyncio.Queue[bytes | None] = asyncio.Queue(LINES_AHEAD)
    reader = threading.Thread(target=_read_into, args=(sys.stdin.fileno(), lines, loop), daemon=True)
    reader.start()
    while (line := await lines.get()) is not None:
        yield line


def _read_into(descriptor: int, lines: "asyncio.Queue[bytes | None]", loop: asyncio.AbstractEventLoop) -> None:
    def put(line: bytes | None) -> None:
        putting = lines.put(line)
        try:
            future = asyncio.run_coroutine_threadsafe(putting, loop)
        except RuntimeError:
            putting.close()
            raise
        future.result()

    rest = b""
    # The loop may have ended meanwhile: then nobody waits for the rest. What it cancels is another thread's
    # future, which has an exception of its own for that.
    with contextlib.suppress(RuntimeError, OSError, concurrent.futures.CancelledError):
        while chunk := os.read(descriptor, CHUNK):
            *whole, rest = (rest + chunk).split(b"\n")
            for line in whole:
                put(line.removesuffix(b"\r"))
        if rest:
            put(rest.removesuffix(b"\r"))
        put(None)
