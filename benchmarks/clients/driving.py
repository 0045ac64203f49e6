"""What all clients here share: the command line, the meter, the loop, and the line of JSON they end with.

A client opens its connections to an echo server, keeps ``--depth`` messages under way on each, and counts what comes
back. Counting is two assignments in the place where messages arrive: a call would be a part of the figure.
"""

import argparse
import asyncio
import json
import os
import resource
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Run", "drive", "keep_echoing"]

EXTENSION, EXTENSIONS = 0.05, 1200


@dataclass
class Run:
    """What a client does, and what came back.

    Attributes:
        url: Where the echo server is.
        connections: How many to open.
        depth: Messages under way on each.
        payload: Every message, `str` or `bytes`.
        received: Messages that came back.
        last: The last of them.
        kept: What must live as long as the run.
    """

    url: str
    connections: int
    depth: int
    payload: Any
    received: int = 0
    last: Any = None
    kept: list[Any] = field(default_factory=list)


def read_options() -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", required=True)
    parser.add_argument("--connections", type=int, default=1)
    parser.add_argument("--depth", type=int, default=1)
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--text", action="store_true")
    parser.add_argument("--binary", action="store_true")
    parser.add_argument("--duration", type=float, default=2.0)
    parser.add_argument("--warmup", type=float, default=0.5)
    parser.add_argument("--loop", choices=("auto", "asyncio", "uvloop"), default="auto")
    return parser.parse_args()


def processor_seconds() -> float:
    """Processor time of this process so far."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def new_loop(name: str) -> asyncio.AbstractEventLoop:
    """The event loop of that name; ``auto`` is uvloop."""
    # PyPy has no uvloop.
    if name == "asyncio" or (name == "auto" and sys.implementation.name == "pypy"):
        return asyncio.new_event_loop()
    import uvloop

    loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    return loop


def drive(start: Callable[[Run], Awaitable[None]]) -> None:
    """Runs a client: `start` opens one connection and begins to send on it."""
    options = read_options()
    payload: Any = ("twinax " * (options.size // 7 + 1))[: options.size]
    run = Run(options.url, options.connections, options.depth, payload if options.text else payload.encode())

    async def main() -> None:
        for _ in range(run.connections):
            await start(run)
        await asyncio.sleep(options.warmup)
        messages, processor, began = run.received, processor_seconds(), time.perf_counter()
        await asyncio.sleep(options.duration)
        # An interval without any message says nothing: it is made longer.
        for _ in range(EXTENSIONS):
            if run.received == messages:
                await asyncio.sleep(EXTENSION)
        seconds = time.perf_counter() - began
        messages = run.received - messages
        result: dict[str, Any] = {"mode": "client", "seconds": seconds, "messages": messages}
        result |= {"rate": messages / seconds, "cpu_seconds": processor_seconds() - processor}
        if run.last != run.payload:
            result = {"error": "what came back is not the message" if run.received else "nothing came back"}
        print(json.dumps(result), flush=True)
        # Closing is not measured, and each library would wait in its own way.
        os._exit(0)

    try:
        with asyncio.Runner(loop_factory=lambda: new_loop(options.loop)) as runner:
            runner.run(main())
    except Exception as error:
        print(json.dumps({"error": f"{type(error).__name__}: {error}"}), flush=True)
        sys.exit(1)


def keep_echoing(run: Run, send: Callable[[Any], Awaitable[Any]], receive: Callable[[], Awaitable[Any]]) -> None:
    """Lets a task send and receive, for clients with coroutines for both."""

    async def echo() -> None:
        payload = run.payload
        for _ in range(run.depth):
            await send(payload)
        while True:
            run.last = await receive()
            run.received += 1
            await send(payload)

    run.kept.append(asyncio.ensure_future(echo()))
