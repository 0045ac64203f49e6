"""Which core runs: chosen by TWINAX_CORE, and never silently another one."""

import contextlib
import importlib
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from cores import load_core
from frame_bytes import PING, PONG, TEXT, frame, parse_frames

PACKAGE = "twinax._core"
EXTENSION = f"{PACKAGE}._compiled"


@contextlib.contextmanager
def imported_afresh(*missing: str) -> Iterator[Any]:
    """Import the package a second time, as if some modules were not installed."""
    import twinax

    kept = {name: module for name, module in sys.modules.items() if name.startswith(PACKAGE)}
    blocked = {name: sys.modules.get(name) for name in missing}
    for name in kept:
        if name != EXTENSION:  # an extension module is initialised only once in a process
            del sys.modules[name]
    sys.modules.update(dict.fromkeys(missing))
    try:
        yield importlib.import_module
    finally:
        for name in [name for name in sys.modules if name.startswith(PACKAGE)]:
            del sys.modules[name]
        for name, module in blocked.items():
            sys.modules.pop(name, None)
            if module is not None:
                sys.modules[name] = module
        sys.modules.update(kept)
        twinax._core = kept[PACKAGE]


BUILT = pytest.mark.skipif(load_core("compiled") is None, reason="the compiled core is not built")


@BUILT
@pytest.mark.parametrize("choice", ["auto", "compiled", None])
def test_the_compiled_core_where_it_is_built(choice: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TWINAX_CORE", raising=False)
    if choice is not None:
        monkeypatch.setenv("TWINAX_CORE", choice)
    with imported_afresh() as load:
        package = load(PACKAGE)
        assert package.IMPLEMENTATION == "cython"
        assert package.CoreConnection.__module__ == EXTENSION
        assert all(hasattr(package, name) for name in package.__all__)


def test_the_interpreted_core_on_demand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWINAX_CORE", "python")
    with imported_afresh() as load:
        package = load(PACKAGE)
        assert package.IMPLEMENTATION == "python"
        assert package.CoreConnection.__module__ == f"{PACKAGE}.connection"
        assert all(hasattr(package, name) for name in package.__all__)


def test_the_interpreted_core_where_nothing_was_built(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWINAX_CORE", "auto")
    with imported_afresh(EXTENSION) as load:
        assert load(PACKAGE).IMPLEMENTATION == "python"


def test_the_compiled_core_must_be_there_when_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWINAX_CORE", "compiled")
    with imported_afresh(EXTENSION) as load, pytest.raises(ModuleNotFoundError):
        load(PACKAGE)


def test_an_unknown_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWINAX_CORE", "fast")
    with imported_afresh() as load, pytest.raises(ImportError, match="choose auto, compiled or python"):
        load(PACKAGE)


def test_the_interpreted_core_without_cython(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWINAX_CORE", "python")
    with imported_afresh("cython", "Cython", "Cython.Shadow") as load:
        package = load(PACKAGE)
        assert load(f"{PACKAGE}.frames").cython.__name__ == "twinax._cython"
        connection = package.CoreConnection(package.CoreSettings(), None)
        written: list[bytes] = []
        connection.attach(lambda data: written.append(bytes(data)))
        connection.listen(connection.send)
        data = bytearray(package.HEADROOM) + frame(TEXT, b"hello") + frame(PING, b"x")
        connection.receive(data, len(data), 0.0)
        assert [(item.opcode, item.payload) for item in parse_frames(written[0])] == [(TEXT, b"hello"), (PONG, b"x")]
