"""What can be imported: `__all__` is there and true, and `import twinax` loads no more than it needs."""

import importlib
import inspect
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import twinax

from .sources import MODULES, PACKAGE, PYTHON_FILES, ROOT, parse, public_names

# Modules of the standard library that asyncio does not load by itself, each for a reason.
STANDARD_LIBRARY = {
    "copy",  # by dataclasses
    "dataclasses",
    "datetime",  # expiry dates of cookies
    "hashlib",  # Sec-WebSocket-Accept
    "hmac",  # credentials are compared in constant time
    "http",  # reason phrases
    "ipaddress",  # trusted proxies
    "zlib",  # permessage-deflate
    "urllib",
    "urllib.parse",  # resources and queries
}
NEVER = {"argparse", "difflib", "email", "http.client", "pickle", "uvloop", "prompt_toolkit", "twinax.cli"}


@pytest.mark.parametrize("path", [pytest.param(p, id=str(p.relative_to(PACKAGE))) for p in PYTHON_FILES])
def test_all_is_sorted_and_resolves(path: Path) -> None:
    if path.name == "__main__.py" or len(parse(path).body) <= 1:
        return  # it runs, or holds nothing but its docstring
    names = public_names(path)
    assert names, "__all__ is missing or empty"
    name = next(name for name, other in MODULES.items() if other == path)
    module = importlib.import_module(name)
    assert [one for one in names if not hasattr(module, one)] == []
    assert len(set(names)) == len(names)


def test_every_class_and_function_of_the_package_says_where_it_is_defined() -> None:
    for name in twinax.__all__:
        value = getattr(twinax, name)
        if inspect.isclass(value) or inspect.isfunction(value):
            assert value.__module__.startswith("twinax"), name


def test_the_reference_lists_exactly_the_public_names() -> None:
    pages = (ROOT / "docs" / "reference").glob("*.rst")
    listed = {
        name
        for page in pages
        for name in re.findall(
            r"^\.\. auto\w+:: twinax\.(\w+)(?:\(\))?$", page.read_text(encoding="utf-8"), re.MULTILINE
        )
    }
    assert listed == set(twinax.__all__)


def test_import_loads_no_more_than_it_needs() -> None:
    program = (
        "import json, sys, asyncio; before = set(sys.modules)\n"
        "import twinax; print(json.dumps(sorted(set(sys.modules) - before)))"
    )
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = set(json.loads(answer.stdout))
    # The compiled core brings cython_runtime; the interpreted one uses Cython's own stand-in where it is installed.
    others = {name for name in loaded if not name.lower().startswith(("twinax", "_", "cython"))}
    assert not loaded & NEVER
    assert others <= STANDARD_LIBRARY
