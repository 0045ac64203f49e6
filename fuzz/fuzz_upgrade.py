"""Fuzz the short cut of the opening handshake: it finds what the full parser finds, or declines.

    python fuzz/fuzz_upgrade.py NEW_INPUTS fuzz/seeds/upgrade -max_total_time=300

With atheris it is guided, and inputs that reach something new are written to the folder NEW_INPUTS; without it the
seeds are mutated at random. An input that raises is written to the current directory as ``crash-...``: put it into
``fuzz/seeds/upgrade``, where `tests/hardening/test_seeds.py` replays it.
"""

import engine

if __name__ == "__main__":
    engine.run("upgrade_request")
