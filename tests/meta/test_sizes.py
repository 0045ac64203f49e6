"""No file over 400 lines, no function over 60: what grows past that has more than one reason to change."""

import ast
from pathlib import Path

import pytest

from .sources import PACKAGE, PYTHON_FILES, parse

MAX_FILE = 400
MAX_FUNCTION = 60
FILES = [path for path in PACKAGE.rglob("*") if path.suffix in (".py", ".pyx", ".pxi", ".h")]


@pytest.mark.parametrize("path", [pytest.param(p, id=str(p.relative_to(PACKAGE))) for p in sorted(FILES)])
def test_a_file_is_short(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MAX_FILE


@pytest.mark.parametrize("path", [pytest.param(p, id=str(p.relative_to(PACKAGE))) for p in PYTHON_FILES])
def test_a_function_is_short(path: Path) -> None:
    long = {
        node.name: size
        for node in ast.walk(parse(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (size := (node.end_lineno or node.lineno) - node.lineno + 1) > MAX_FUNCTION
    }
    assert long == {}
