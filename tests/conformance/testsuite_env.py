"""The Python 2.7 environment of Autobahn|Testsuite: found or made under `.tools/autobahn/` of the checkout.

The testsuite is Python 2 code, and tools of today no longer make environments for it. So an older `virtualenv`, which
still can, is installed into an environment of its own, and makes the Python 2.7 one. Both are made once: a stamp holds
what they were made from, and a lock keeps parallel test runs from making them twice.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterator
from pathlib import Path

__all__ = ["TOOLS", "Python27Missing", "testsuite_python"]

HERE = Path(__file__).resolve().parent
TOOLS = HERE.parent.parent / ".tools" / "autobahn"
REQUIREMENTS = HERE / "requirements-autobahn.txt"
# 20.22 dropped Python 2.7; the wheels of pip, setuptools and wheel for 2.7 are inside the package.
VIRTUALENV = ["virtualenv==20.21.1", "distlib<0.4", "filelock<4", "platformdirs<4"]
INSTALL_TIMEOUT = 600.0
PROBE = "import sys, ssl, zlib; sys.stdout.write('%d.%d' % sys.version_info[:2])"


class Python27Missing(Exception):
    """This machine has no Python 2.7, so the testsuite cannot run here."""


def _find_python27() -> Path:
    """Finds a Python 2.7 that runs: on PATH first, then among pyenv's versions.

    Raises:
        Python27Missing: There is none.
    """
    for candidate in _candidates():
        if _is_python27(candidate):
            return candidate
    raise Python27Missing("no Python 2.7 on PATH or among pyenv's versions: Autobahn|Testsuite cannot run")


def testsuite_python() -> Path:
    """Returns the interpreter of an environment that holds the testsuite; makes it when it is not there.

    Raises:
        Python27Missing: There is no Python 2.7.
        RuntimeError: The environment could not be made; the text ends with the failing command's output.
    """
    TOOLS.mkdir(parents=True, exist_ok=True)
    with open(TOOLS / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        python = TOOLS / "py27" / "bin" / "python"
        stamp = TOOLS / "stamp"
        wanted = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()
        if not (stamp.exists() and stamp.read_text() == wanted and _is_python27(python)):
            stamp.unlink(missing_ok=True)
            _make(_find_python27(), python)
            stamp.write_text(wanted)
        return python


def _make(python27: Path, python: Path) -> None:
    print(f"making the Autobahn|Testsuite environment with {python27}", file=sys.stderr, flush=True)
    for name in ("bootstrap", "py27"):
        shutil.rmtree(TOOLS / name, ignore_errors=True)
    venv.create(TOOLS / "bootstrap", with_pip=True)
    bootstrap = TOOLS / "bootstrap" / "bin" / "python"
    _run([bootstrap, "-m", "pip", "install", "-q", *VIRTUALENV])
    app_data = TOOLS / "app-data"
    _run([bootstrap, "-m", "virtualenv", "-q", "--app-data", app_data, "--python", python27, TOOLS / "py27"])
    _run([python, "-m", "pip", "install", "-q", "--no-deps", "-r", REQUIREMENTS])
    _run([python, "-c", "import autobahntestsuite.wstest"])


def _run(command: list[str | Path]) -> None:
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=INSTALL_TIMEOUT, check=False
    )
    if done.returncode != 0:
        output = (done.stdout + done.stderr)[-3000:]
        raise RuntimeError(f"{' '.join(map(str, command))} ended with {done.returncode}:\n{output}")


def _candidates() -> Iterator[Path]:
    for folder in os.get_exec_path():
        yield Path(folder) / "python2.7"
    roots = [os.environ.get("PYENV_ROOT"), _pyenv_root(), os.path.expanduser("~/.pyenv")]
    for root in filter(None, roots):
        yield from sorted(Path(root).glob("versions/2.7*/bin/python2.7"))


def _pyenv_root() -> str | None:
    pyenv = shutil.which("pyenv")
    if pyenv is None:
        return None
    done = subprocess.run([pyenv, "root"], capture_output=True, text=True, timeout=30, check=False)
    return done.stdout.strip() or None


def _is_python27(python: Path) -> bool:
    # A shim of pyenv is there, but fails, where no 2.7 was chosen: only running it tells.
    if not python.is_file():
        return False
    done = subprocess.run([python, "-c", PROBE], capture_output=True, text=True, timeout=30, check=False)
    return done.returncode == 0 and done.stdout == "2.7"
