"""ARCHITECTURE.md names every source file, and nothing that is not there."""

import re

from .sources import PACKAGE, ROOT, parse

TEXT = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
SUFFIXES = (".py", ".pyx", ".pxi", ".h", ".html")


def source_files() -> set[str]:
    """Return the files of the package, as they are named in ARCHITECTURE.md."""
    paths = (path for path in PACKAGE.rglob("*") if path.suffix in SUFFIXES)
    # A file that holds a docstring at most is no place where anything could be changed.
    return {str(path.relative_to(PACKAGE)) for path in paths if path.suffix != ".py" or len(parse(path).body) > 1}


def named_files() -> set[str]:
    """Return the files that ARCHITECTURE.md names: whatever stands in backticks and ends like one."""
    return {name for name in re.findall(r"`([\w./-]+)`", TEXT) if name.endswith(SUFFIXES)}


def test_every_source_file_is_named() -> None:
    assert source_files() - named_files() == set()


def test_every_named_file_exists() -> None:
    missing = {name for name in named_files() if not (PACKAGE / name).exists() and not (ROOT / name).exists()}
    assert missing == set()


def test_it_opens_with_what_to_change_where() -> None:
    headings = re.findall(r"^## (.*)", TEXT, re.MULTILINE)
    assert headings[0].startswith("I want to change")
