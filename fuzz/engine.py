"""Runs a fuzz target: guided by coverage where atheris is installed, at random where it is not."""

import hashlib
import importlib
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parent.parent / "tests")]

try:
    import atheris
except ModuleNotFoundError:
    atheris = None


def mutate(data: bytes, chance: random.Random) -> bytes:
    """Return `data` changed in one to four places."""
    out = bytearray(data)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(out) + 1)
        kind = chance.randrange(4)
        if kind == 0:
            out[at:at] = chance.randbytes(chance.randint(1, 8))
        elif kind == 1:
            del out[at : at + chance.randint(1, 8)]
        elif kind == 2 and at < len(out):
            out[at] ^= 1 << chance.randrange(8)
        else:
            start = chance.randrange(len(out) + 1)
            out[at:at] = out[start : start + chance.randint(1, 40)]
    return bytes(out)


def run_without_guidance(check: Callable[[bytes], None], arguments: list[str]) -> None:
    """Mutate the seeds at random for ``-max_total_time`` seconds (60)."""
    seconds = next((float(item.partition("=")[2]) for item in arguments if item.startswith("-max_total_time=")), 60.0)
    folders = [Path(item) for item in arguments if not item.startswith("-")]
    seeds = [path.read_bytes() for folder in folders for path in sorted(folder.iterdir())] or [bytes(16)]
    chance, end, runs = random.Random(), time.monotonic() + seconds, 0
    while time.monotonic() < end:
        data = mutate(chance.choice(seeds), chance)
        runs += 1
        try:
            check(data)
        except BaseException:
            Path(f"crash-{hashlib.sha1(data).hexdigest()}").write_bytes(data)
            raise
    print(f"{runs} runs, nothing found")


def run(target: str) -> None:
    """Run the function ``check`` of the module `target` with the arguments of libFuzzer."""
    if atheris is None:
        run_without_guidance(importlib.import_module(target).check, sys.argv[1:])
    else:
        with atheris.instrument_imports(include=["twinax"]):
            module = importlib.import_module(target)
        atheris.Setup(sys.argv, module.check)
        atheris.Fuzz()
