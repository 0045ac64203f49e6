"""Typed stand-in for the ``cython`` module: no-ops when interpreted, real types for mypy."""

from typing import TypeVar

__all__ = [
    "Py_ssize_t",
    "bint",
    "cclass",
    "cfunc",
    "compiled",
    "declare",
    "double",
    "final",
    "inline",
    "longlong",
    "uint",
    "ulonglong",
]

T = TypeVar("T")

compiled = False
bint = bool
uint = int
longlong = int
ulonglong = int
Py_ssize_t = int
double = float


def _same(obj: T) -> T:
    return obj


cclass = cfunc = inline = final = _same


def declare(_type: object, value: T | None = None, *, visibility: str = "private") -> T:
    """A module constant that is a C variable when compiled, or a field that can be seen from outside."""
    return value  # type: ignore[return-value]  # a field is set when the object is made
