"""Fuzz what decompresses messages: every library, whatever a peer may send.

    python fuzz/fuzz_compressed.py NEW_INPUTS fuzz/seeds/compressed -max_total_time=300

With atheris it is guided, and inputs that reach something new are written to the folder NEW_INPUTS; without it the
seeds are mutated at random. An input that raises is written to the current directory as ``crash-...``: put it into
``fuzz/seeds/compressed``, where `tests/hardening/test_seeds.py` replays it.
"""

import engine

if __name__ == "__main__":
    engine.run("compressed_stream")
