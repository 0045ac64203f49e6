"""Waiting for what has no event to wait for."""

import asyncio
import time
from collections.abc import Callable

__all__ = ["until"]

PATIENCE = 10.0


async def until(condition: Callable[[], object]) -> None:
    """Let the event loop turn until `condition` holds; no virtual time passes meanwhile."""
    deadline = time.monotonic() + PATIENCE
    for _ in iter(lambda: time.monotonic() < deadline and not condition(), False):
        await asyncio.sleep(0)
    assert condition()
