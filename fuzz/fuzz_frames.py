"""Fuzz the frame decoder of both cores, guided by the coverage of the interpreted one.

    python fuzz/fuzz_frames.py NEW_INPUTS fuzz/seeds/frames -max_total_time=300

With atheris it is guided, and inputs that reach something new are written to the folder NEW_INPUTS; without it the
seeds are mutated at random. An input that raises is written to the current directory as ``crash-...``: put it into
``fuzz/seeds/frames``, where `tests/hardening/test_seeds.py` replays it.
"""

import engine

if __name__ == "__main__":
    engine.run("frame_stream")
