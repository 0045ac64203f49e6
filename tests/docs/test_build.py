"""The documentation builds without a warning, and no page needs anything from elsewhere."""

import importlib.util
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the documentation was built; empty when Sphinx is not installed."""
    target = tmp_path_factory.mktemp("docs")
    if importlib.util.find_spec("sphinx"):
        command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-d", str(target / "doctrees")]
        done = subprocess.run([*command, str(DOCS), str(target / "html")], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    return target / "html"


def test_every_page_is_there_and_loads_nothing_from_elsewhere(built: Path, absent: Callable[[str], NoReturn]) -> None:
    if not built.exists():
        absent("Sphinx is not installed: pip install --group docs")
    sources = {path.relative_to(DOCS).with_suffix("") for path in DOCS.rglob("*.md") if "_build" not in path.parts}
    pages = {path.relative_to(built).with_suffix("") for path in built.rglob("*.html")}
    assert sources <= pages
    for page in built.rglob("*.html"):
        loaded = re.findall(r"<(?:script|img|iframe)[^>]* src=\"(https?:[^\"]*)", page.read_text(encoding="utf-8"))
        loaded += re.findall(r"<link[^>]* href=\"(https?:[^\"]*)", page.read_text(encoding="utf-8"))
        assert loaded == [], page.name
