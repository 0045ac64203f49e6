"""Imports point down only: the table of ARCHITECTURE.md, held against the sources."""

from pathlib import Path

import pytest

from .sources import MODULES, PACKAGE, PYTHON_FILES, imports, public_names

FOUNDATION = "foundation"
MAY_IMPORT = {
    FOUNDATION: {FOUNDATION},
    "_core": {"_core"},
    "extensions": {"extensions", FOUNDATION},
    "protocol": {"protocol", "extensions", "_core", FOUNDATION},
    "aio": {"aio", "protocol", "extensions", "_core", FOUNDATION},
    "routing": {"routing", "aio", FOUNDATION},
    "cli": {"cli", "twinax", FOUNDATION, "extensions"},
    "twinax": {"twinax", "routing", "aio", "protocol", "_core", FOUNDATION},
}
# The core alone is this strict: it may not wait, log, or ask the operating system for anything.
CORE_MAY_IMPORT = {"twinax.rules", "twinax.close", "twinax.errors", "twinax._cython"}
NOT_IN_CORE = {"asyncio", "logging", "ssl", "os", "time", "socket", "threading"}
EXCEPTIONS = {("_core/__init__.py", "os")}  # TWINAX_CORE is read from the environment, once


def layer_of(module: str) -> str:
    """Return the layer of a module of ours."""
    parts = module.split(".")
    if module in ("twinax", "twinax.__main__"):
        return "twinax"
    return parts[1] if (PACKAGE / parts[1]).is_dir() else FOUNDATION


def files(paths: list[Path]) -> pytest.MarkDecorator:
    """One test a file."""
    return pytest.mark.parametrize("path", [pytest.param(p, id=str(p.relative_to(PACKAGE))) for p in paths])


@files(PYTHON_FILES)
def test_a_file_imports_only_what_its_layer_may(path: Path) -> None:
    here = "twinax" if path.name == "__main__.py" else layer_of(next(n for n, p in MODULES.items() if p == path))
    allowed = MAY_IMPORT[here] | ({"cli"} if path.name == "__main__.py" else set())
    for module, _, line in imports(path):
        if module.split(".")[0] != "twinax":
            continue
        there = layer_of(module)
        assert there in allowed or (here == "_core" and module in CORE_MAY_IMPORT), f"line {line}: {module}"


@files([path for path in PYTHON_FILES if "_core" in path.parts])
def test_the_core_knows_no_io(path: Path) -> None:
    found = {module.split(".")[0] for module, _, _ in imports(path)} & NOT_IN_CORE
    assert {(str(path.relative_to(PACKAGE)), name) for name in found} <= EXCEPTIONS


@files(PYTHON_FILES)
def test_other_layers_are_used_by_their_public_names(path: Path) -> None:
    name = next(n for n, p in MODULES.items() if p == path)
    for module, member, line in imports(path):
        if module in MODULES and member is not None and layer_of(module) != layer_of(name):
            assert member in (public_names(MODULES[module]) or []), f"line {line}: {member} is private to {module}"


def test_only_doors_choose_the_implementation() -> None:
    choosers = {path for path in PYTHON_FILES for module, _, _ in imports(path) if module.endswith("._compiled")}
    assert choosers == {PACKAGE / "_core" / "__init__.py", PACKAGE / "aio" / "sockets" / "__init__.py"}


def test_outside_the_core_only_its_door_is_imported() -> None:
    for path in PYTHON_FILES:
        if "_core" not in path.parts:
            behind = {module for module, _, _ in imports(path) if module.startswith("twinax._core.")}
            assert not behind, f"{path.relative_to(PACKAGE)} imports {behind}"


def test_modules_do_not_import_each_other_in_circles() -> None:
    graph = {
        name: {module for module, _, _ in imports(path, with_types=False) if module in MODULES and module != name}
        for name, path in MODULES.items()
        if name != "twinax"
    }
    done: set[str] = set()

    def visit(name: str, way: tuple[str, ...]) -> None:
        assert name not in way, " -> ".join((*way, name))
        if name not in done:
            for other in graph.get(name, ()):
                visit(other, (*way, name))
            done.add(name)

    for name in graph:
        visit(name, ())
