"""Fuzz the frame decoder of both cores, guided by the coverage of the interpreted one.

    python fuzz/fuzz_frames.py NEW_INPUTS fuzz/seeds/frames -max_total_time=300

With atheris it is guided, and inputs that reach something new are written to the folder NEW_INPUTS; without it the
seeds are mutated at random. An input that raises is written to the current directory as ``crash-...``: put it into
``fuzz/seeds/frames``, where `tests/hardening/test_seeds.py` replays it.
"""

import hashlib
import random
import sys
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parent.parent / "tests")]

try:
    import atheris
except ModuleNotFoundError:
    atheris = None

if atheris is not None:
    with atheris.instrument_imports(include=["twinax"]):
        import frame_stream
else:
    import frame_stream


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


def run_without_guidance(arguments: list[str]) -> None:
    """Mutate the seeds at random for ``-max_total_time`` seconds (60)."""
    seconds = next((float(item.partition("=")[2]) for item in arguments if item.startswith("-max_total_time=")), 60.0)
    folders = [Path(item) for item in arguments if not item.startswith("-")]
    seeds = [path.read_bytes() for folder in folders for path in sorted(folder.iterdir())] or [bytes(16)]
    chance, end, runs = random.Random(), time.monotonic() + seconds, 0
    while time.monotonic() < end:
        data = mutate(chance.choice(seeds), chance)
        runs += 1
        try:
            frame_stream.check(data)
        except BaseException:
            Path(f"crash-{hashlib.sha1(data).hexdigest()}").write_bytes(data)
            raise
    print(f"{runs} runs, nothing found")


def main() -> None:
    """Run the fuzzer with the arguments of libFuzzer."""
    if atheris is None:
        run_without_guidance(sys.argv[1:])
    else:
        atheris.Setup(sys.argv, frame_stream.check)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
