"""The clock: nothing is early, nothing is left out."""

import asyncio
import itertools
import time

import pytest

from twinax.cli.load.pacing import SHORTEST_TICK, Pacer


async def collect(rate: float, wanted: int, *, block: float = 0.0) -> tuple[int, list[tuple[int, int, int]]]:
    """Runs a pacer until so many are due; gives when it began, and (when due, how many, when called)."""
    calls: list[tuple[int, int, int]] = []
    done = asyncio.Event()

    def on_due(due_at: int, count: int) -> None:
        calls.append((due_at, count, time.perf_counter_ns()))
        if len(calls) == 1 and block:
            # What a loop that is busy does to a timer, it does here too.
            end = time.perf_counter() + block
            while time.perf_counter() < end:
                pass
        if sum(count for _, count, _ in calls) >= wanted:
            done.set()

    began = time.perf_counter_ns()
    pacer = Pacer(rate, on_due)
    pacer.start()
    await asyncio.wait_for(done.wait(), 20)
    pacer.stop()
    seen = len(calls)
    for _ in range(3):
        await asyncio.sleep(0)
    assert len(calls) == seen
    return began, calls


@pytest.mark.parametrize("rate", [100.0, 3_999.5, 50_000.0])
def test_what_is_due_is_what_the_rate_says(rate: float) -> None:
    wanted = round(rate * 0.1)
    began, calls = asyncio.run(collect(rate, wanted))
    tick = max(1 / rate, SHORTEST_TICK)
    total = 0
    for due_at, count, called_at in calls:
        assert due_at <= called_at
        total += count
        assert total <= ((due_at - began) / 1e9 + tick) * rate + 1
    # More than that may have been due before the loop came to say so.
    assert total >= wanted


def test_a_loop_that_was_blocked_gets_every_call_with_its_time() -> None:
    _, calls = asyncio.run(collect(1000, 60, block=0.05))
    gaps = [later[0] - earlier[0] for earlier, later in itertools.pairwise(calls)]
    assert all(gap == pytest.approx(1e6, abs=2) for gap in gaps)
