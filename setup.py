"""Build of the compiled core: extensions from the very sources that also run interpreted.

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
SOCKETS = "src/twinax/aio/sockets"  # they stand on epoll
# Six sevenths of a library are for debuggers and profilers. Whoever sets CFLAGS decides about that as well.
OPTIMISED = ["-O3"] if "CFLAGS" in os.environ else ["-O3", "-g0"]


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

    folders = [CORE]
    if sys.platform == "linux":
        folders.append(SOCKETS)
    return cythonize([unit(folder) for folder in folders], build_dir="build/cython", quiet=True)


def unit(folder: str) -> Extension:
    """Return the extension that is made of the sources in a folder."""
    names = sorted(name for name in os.listdir(folder) if name.endswith((".py", ".pyx", ".pxi", ".h")))
    return Extension(
        f"{folder.removeprefix('src/').replace('/', '.')}._compiled",
        [f"{folder}/_compiled.pyx"],
        include_dirs=[folder],
        depends=[f"{folder}/{name}" for name in names],
        extra_compile_args=OPTIMISED if os.name == "posix" else [],
        optional=CHOICE == "auto",
    )


setup(ext_modules=extensions(), cmdclass={"build_ext": BuildCore})
