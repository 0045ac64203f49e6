"""Build of the compiled core: one extension from the very sources that also run interpreted.

``TWINAX_BUILD`` decides: ``auto`` (default) builds it where a C compiler works and goes on without it
where none does, ``require`` fails instead, ``skip`` does not try. Everything else is in pyproject.toml.
"""

import os
import platform
import sys

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

CHOICES = ("auto", "require", "skip")
CHOICE = os.environ.get("TWINAX_BUILD", "auto")
CORE = "src/twinax/_core"


class BuildCore(build_ext):
    """`build_ext` that says loudly what happened when the compiler is missing or fails."""

    def run(self) -> None:
        try:
            super().run()
        except Exception as error:
            if CHOICE == "require":
                raise
            print(f"twinax: the compiled core was not built ({error}); the interpreted one will run", file=sys.stderr)
            self.extensions = []


def extensions() -> list[Extension]:
    """Return the compiled core, or nothing where it makes no sense."""
    if CHOICE not in CHOICES:
        raise SystemExit(f"TWINAX_BUILD={CHOICE!r}: choose one of {', '.join(CHOICES)}")
    if CHOICE == "skip":
        return []
    # PyPy's JIT runs the interpreted core faster than it could call into an extension.
    if CHOICE == "auto" and platform.python_implementation() != "CPython":
        return []
    from Cython.Build import cythonize

    names = sorted(name for name in os.listdir(CORE) if name.endswith((".py", ".pyx", ".pxi", ".h")))
    unit = Extension(
        "twinax._core._compiled",
        [f"{CORE}/_compiled.pyx"],
        include_dirs=[CORE],
        depends=[f"{CORE}/{name}" for name in names],
        extra_compile_args=["-O3"] if os.name == "posix" else [],
        optional=CHOICE == "auto",
    )
    return cythonize([unit], build_dir="build/cython", quiet=True)


setup(ext_modules=extensions(), cmdclass={"build_ext": BuildCore})
