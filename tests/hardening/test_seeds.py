"""The seeds of the fuzzers, and every crash that they found, replayed."""

import sys
from pathlib import Path

import pytest

FUZZ = Path(__file__).parent.parent.parent / "fuzz"
sys.path.insert(0, str(FUZZ))

import compressed_stream  # noqa: E402 - it lies beside the fuzz targets
import frame_stream  # noqa: E402
import upgrade_request  # noqa: E402

FRAMES = sorted((FUZZ / "seeds" / "frames").iterdir())
COMPRESSED = sorted((FUZZ / "seeds" / "compressed").iterdir())
UPGRADES = sorted((FUZZ / "seeds" / "upgrade").iterdir())


def test_there_are_seeds() -> None:
    assert len(FRAMES) > 50
    assert len(COMPRESSED) > 50
    assert len(UPGRADES) > 50
    # Those in the middle are not for PyPy.
    others = ["zlib-ng", "isal"] if sys.implementation.name == "cpython" else []
    assert ["zlib", *others, "zstd"] == compressed_stream.LIBRARIES


@pytest.mark.parametrize("seed", FRAMES, ids=lambda seed: seed.name)
def test_frames(seed: Path) -> None:
    frame_stream.check(seed.read_bytes())


@pytest.mark.parametrize("seed", COMPRESSED, ids=lambda seed: seed.name)
def test_compressed_messages(seed: Path) -> None:
    compressed_stream.check(seed.read_bytes())


@pytest.mark.parametrize("seed", UPGRADES, ids=lambda seed: seed.name)
def test_requests(seed: Path) -> None:
    upgrade_request.check(seed.read_bytes())
