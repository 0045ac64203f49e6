"""Typed stand-in for the ``cython`` module: no-ops when interpreted, real types for mypy."""

from typing import TypeVar

__all__ = ["Py_ssize_t", "bint", "cclass", "ccall", "cfunc", "compiled", "double", "final", "inline", "uchar", "uint"]

T = TypeVar("T")

compiled = False
bint = bool
uchar = int
uint = int
ulonglong = int
Py_ssize_t = int
double = float


def _same(obj: T) -> T:
    return obj


cclass = cfunc = ccall = inline = final = _same
