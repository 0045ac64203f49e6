"""The seeds of the fuzzers, and every crash that they found, replayed."""

import sys
from pathlib import Path

import pytest

FUZZ = Path(__file__).parent.parent.parent / "fuzz"
sys.path.insert(0, str(FUZZ))

import frame_stream  # noqa: E402 - it lies beside the fuzz targets

SEEDS = sorted((FUZZ / "seeds" / "frames").iterdir())


def test_there_are_seeds() -> None:
    assert len(SEEDS) > 50


@pytest.mark.parametrize("seed", SEEDS, ids=lambda seed: seed.name)
def test_frames(seed: Path) -> None:
    frame_stream.check(seed.read_bytes())
