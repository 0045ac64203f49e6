"""Everything public says what it does, and what waits says how it may be interrupted and shared."""

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import twinax
from twinax.aio.events import Emitter

from .sources import PACKAGE, PYTHON_FILES, parse, public_names

Documented = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
PUBLIC_CLASSES = [value for name in twinax.__all__ if inspect.isclass(value := getattr(twinax, name))]


def public_objects(path: Path) -> Iterator[tuple[str, Documented]]:
    """Give the public classes and functions of a file, and their public methods."""
    names = public_names(path) or []
    for node in parse(path).body:
        if isinstance(node, Documented) and node.name in names:
            yield node.name, node
            if isinstance(node, ast.ClassDef):
                for inner in node.body:
                    if isinstance(inner, Documented) and not inner.name.startswith("_"):
                        yield f"{node.name}.{inner.name}", inner


def is_trivial(node: Documented) -> bool:
    """Tell whether it is a declaration without a body: an overload, or a member of a protocol class."""
    return len(node.body) == 1 and isinstance(node.body[0], ast.Expr) and ast.unparse(node.body[0]) == "..."


@pytest.mark.parametrize("path", [pytest.param(p, id=str(p.relative_to(PACKAGE))) for p in PYTHON_FILES])
def test_everything_public_has_a_docstring(path: Path) -> None:
    body = parse(path).body
    assert not body or ast.get_docstring(parse(path)), "the file says not what it is for"
    lacking = [name for name, node in public_objects(path) if not ast.get_docstring(node) and not is_trivial(node)]
    assert lacking == []


@pytest.mark.parametrize("path", [pytest.param(p, id=str(p.relative_to(PACKAGE))) for p in PYTHON_FILES])
def test_the_first_line_of_a_docstring_is_a_sentence(path: Path) -> None:
    for name, node in public_objects(path):
        text = ast.get_docstring(node)
        if text:
            # A sentence may go on in the next line, and a colon may lead to what follows.
            paragraph = text.split("\n\n")[0].split("\nArgs:")[0]
            assert paragraph.rstrip().endswith((".", ":", "?")), f"{name}: {paragraph!r}"


@pytest.mark.parametrize("kind", PUBLIC_CLASSES, ids=lambda kind: kind.__name__)
def test_what_waits_says_how_it_may_be_interrupted(kind: type) -> None:
    for name, member in inspect.getmembers(kind, inspect.iscoroutinefunction):
        if not name.startswith("_"):
            text = inspect.getdoc(member) or ""
            assert re.search(r"^Cancellation: ", text, re.MULTILINE) or "See `" in text, f"{kind.__name__}.{name}"


@pytest.mark.parametrize(
    "kind", [kind for kind in PUBLIC_CLASSES if issubclass(kind, Emitter)], ids=lambda kind: kind.__name__
)
def test_every_event_is_explained(kind: type[Emitter]) -> None:
    section = inspect.cleandoc(kind.__doc__ or "").partition("Events:\n")[2].split("\n\n")[0]
    heads = re.findall(r"^    (``.*?``): ", section, re.MULTILINE)
    assert set(re.findall(r"``(\w+)\(", " ".join(heads))) == kind.EVENTS
