"""What 1,000 connections keep for compression: the kernel says how much, and the budget agrees."""

import asyncio
import gc
import json
import os
import platform
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from twinax import WebSocketConnection, connect, serve
from twinax.extensions import MemoryBudget, PerMessageDeflate
from twinax.extensions.memory import trim_heap

COUNT = 1000
IDLE_TIMEOUT = 5.0
KIB = 1024
STATUS = Path("/proc/self/status")


@pytest.mark.skipif(not STATUS.exists(), reason="resident memory is read from /proc")
@pytest.mark.parametrize("library", ["zlib", "isal"])
def test_a_thousand_idle_connections_give_their_memory_back(library: str) -> None:
    # In a process of its own, where nothing else needs memory.
    command = [sys.executable, "-W", "error", __file__, library]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    opened, busy, idle, again = json.loads(done.stdout)
    for moment in (busy, idle, again):
        moment["grown"] = (moment["resident"] - opened["resident"]) / COUNT / KIB  # for each connection
    shown = f"{busy['grown']:.1f} KiB a connection with contexts, {idle['grown']:.1f} KiB without: {done.stdout}"
    print(shown)
    # One side: a compressor of window 12 and memory level 5, and an inflater with its window; here are both sides.
    assert (opened["contexts"], busy["contexts"], idle["contexts"], again["contexts"]) == (0, 4 * COUNT, 0, 4 * COUNT)
    # isal's contexts grow with what went through; the budget is charged with all that they may need.
    assert busy["grown"] * 0.7 < busy["used"] / COUNT / KIB < busy["grown"] * 2, shown
    assert 50 < busy["grown"] < (150 if library == "zlib" else 350), shown
    assert idle["used"] == 0
    # What may be referred to remains, 4 KiB on each side, and what the allocator does not give back.
    assert idle["grown"] < busy["grown"] / 2 or platform.libc_ver()[0] != "glibc", shown
    assert again["grown"] < busy["grown"] * 1.2, shown


def test_the_heap_is_trimmed_when_much_was_given_back() -> None:
    budget = MemoryBudget(None)
    for size, trimmed in ((1 << 45, True), (1, False), (1 << 45, True), (1 << 21, False), (1 << 22, True)):
        budget.reserve(size)
        budget.give_back(size)
        assert trim_heap() is trimmed
    budget.reserve(1 << 45)
    budget.reserve(1 << 43)
    budget.give_back(1 << 43)
    assert trim_heap() is False  # a quarter of what is in use
    budget.give_back(1 << 45)
    assert trim_heap() is True


class CollectingLimit(int):
    """A limit that collects garbage when it is compared: in the middle of counting."""

    def __lt__(self, other: int) -> bool:
        gc.collect()
        return int(self) < other


class Forgotten:
    """Holds memory of a budget, and is garbage at once."""

    def __init__(self, budget: MemoryBudget, size: int) -> None:
        assert budget.reserve(size)
        self.myself = self
        self.budget = budget
        self.size = size

    def __del__(self) -> None:
        self.budget.give_back(self.size)


@pytest.mark.timeout(30)  # if it were to wait for itself
def test_garbage_gives_back_while_memory_is_counted() -> None:
    budget = MemoryBudget(None)
    for size in (100, 200, 300):
        Forgotten(budget, size)
    assert (budget.contexts, budget.used) == (3, 600)
    budget.limit = CollectingLimit(640)
    assert budget.reserve(40)
    assert (budget.contexts, budget.used, budget.refused) == (1, 40, 0)


def test_several_threads_count_together() -> None:
    budget = MemoryBudget(None)

    def take_and_give_back(size: int) -> None:
        for _ in range(2000):
            assert budget.reserve(size)
            budget.give_back(size)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=take_and_give_back, args=[size]) for size in range(1, 9)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert (budget.contexts, budget.used) == (0, 0)


class WatchedBudget(MemoryBudget):
    """Tells when all was given back."""

    def __init__(self, limit: int | None) -> None:
        super().__init__(limit)
        self.unused = asyncio.Event()

    def give_back(self, size: int) -> None:
        super().give_back(size)
        if not self.contexts:
            self.unused.set()


async def measure(library: Any) -> None:
    """Print what 1,000 connections keep: just open, after a message each way, idle, and after another message."""
    budget = WatchedBudget(None)
    options: dict[str, Any] = {
        "extensions": [PerMessageDeflate(library=library, memory=budget)],
        "extension_idle_timeout": IDLE_TIMEOUT,
        "keepalive": False,
    }
    text = json.dumps([{"id": i, "name": f"name {i * 7919 % 10007}"} for i in range(400)])
    moments = []

    async def echo(connection: WebSocketConnection) -> None:
        async for message in connection:
            await connection.send(message)

    def note() -> None:
        gc.collect()
        size = next(line for line in STATUS.read_text().splitlines() if line.startswith("VmRSS"))
        resident = int(size.split()[1]) * KIB
        moments.append({"resident": resident, "contexts": budget.contexts, "used": budget.used})

    async def talk(clients: list[WebSocketConnection]) -> None:
        for client in clients:
            client.send(text)
        for client in clients:
            assert await client.recv() == text

    async with serve(echo, "127.0.0.1", 0, max_connections_per_address=None, **options) as server:
        clients = [await connect(server.urls[0], **options) for _ in range(COUNT)]
        note()
        await talk(clients)
        note()
        await budget.unused.wait()
        note()
        await talk(clients)
        note()
        for client in clients:
            client.drop()
        for client in clients:
            await client.wait_closed()
    assert budget.used == 0
    print(json.dumps(moments))


if __name__ == "__main__":
    asyncio.run(measure(sys.argv[1]))


class Sending(Forgotten):
    """What an application does in a finalizer may need memory itself: it sends, and that is compressed."""

    def __del__(self) -> None:
        super().__del__()
        assert self.budget.reserve(1)


@pytest.mark.timeout(30)  # if it were to wait for itself
def test_garbage_asks_for_memory_while_memory_is_counted() -> None:
    budget = MemoryBudget(None)
    Sending(budget, 100)
    budget.limit = CollectingLimit(640)
    assert budget.reserve(40)
    assert (budget.contexts, budget.used) == (2, 41)


@pytest.mark.timeout(30)  # if the child were to wait for ever
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_fork_while_another_thread_counts() -> None:
    counting, forked = threading.Event(), threading.Event()

    class Waiting(int):
        def __lt__(self, other: int) -> bool:
            counting.set()
            forked.wait(20)
            return int(self) < other

    thread = threading.Thread(target=MemoryBudget(Waiting(100)).reserve, args=[10])
    thread.start()
    counting.wait(20)
    child = os.fork()
    if child == 0:
        signal.alarm(10)  # ends the process unless it ends by itself
        os._exit(0 if MemoryBudget(None).reserve(1) else 1)
    forked.set()
    thread.join()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
