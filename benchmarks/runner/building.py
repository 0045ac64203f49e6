"""Gets ready what a run needs: the C programs, the peers, a certificate. Says what cannot be had."""

import contextlib
import fcntl
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from . import places
from .peers import Toolbox

__all__ = ["build_programs", "features", "install_peers", "make_certificate", "versions"]

# Peers that are measured without their compiled parts, on CPython and on PyPy: they publish a wheel without any.
PURE_PACKAGES = ("websockets",)
OLDEST_PYPY = (3, 11)
BUN_PACKAGES = ("@oven/bun-linux-x64", "@oven/bun-linux-aarch64", "@oven/bun-darwin-aarch64", "@oven/bun-darwin-x64")
# What makes pip and npm install again.
STAMP = "installed"


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Keeps other runs of this program waiting: they make the same files."""
    places.TOOLS.mkdir(parents=True, exist_ok=True)
    with (places.TOOLS / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def build_programs() -> None:
    """Compiles the load generator and the limit server.

    Raises:
        SystemExit: The compiler or make is missing or fails.
    """
    places.PROGRAMS.mkdir(parents=True, exist_ok=True)
    try:
        with alone():
            subprocess.run(["make", "-s", "-C", str(places.NATIVE), f"OUT={places.PROGRAMS}"], check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise SystemExit(f"the load generator could not be built: {error}") from None


def features() -> set[str]:
    """What the C programs were built with: ``zlib``, ``openssl``."""
    return set((places.PROGRAMS / "features").read_text().split())


def is_current(stamp: Path, wanted: str) -> bool:
    """Whether what a stamp stands for was made from these contents."""
    return stamp.exists() and stamp.read_text() == wanted


def install_python() -> str:
    """Makes the environment of the Python peers; returns its interpreter."""
    python = places.ENVIRONMENT / "bin" / "python"
    requirements = places.BENCHMARKS / "requirements.txt"
    stamp = places.ENVIRONMENT / STAMP
    # The compiled core is built for the Python that runs this.
    wanted = f"{sys.version}\n{requirements.read_text()}"
    if not is_current(stamp, wanted):
        print("installing the Python peers", file=sys.stderr, flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(places.ENVIRONMENT)], check=True)
        pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "-r", str(requirements)], check=True)
        stamp.write_text(wanted)
    return str(python)


def install_pure() -> None:
    """Installs the wheels without compiled parts, in the versions of the others."""
    wanted = [
        line
        for line in (places.BENCHMARKS / "requirements.txt").read_text().splitlines()
        if line.partition("==")[0] in PURE_PACKAGES
    ]
    stamp = places.PURE / STAMP
    if is_current(stamp, "\n".join(wanted)):
        return
    shutil.rmtree(places.PURE, ignore_errors=True)
    pip = [str(places.ENVIRONMENT / "bin" / "python"), "-m", "pip", "install", "--quiet"]
    pip += ["--disable-pip-version-check", "--target", str(places.PURE), "--no-deps", "--only-binary=:all:"]
    any_machine = ["--implementation", "py", "--abi", "none", "--platform", "any"]
    subprocess.run([*pip, *any_machine, *wanted], check=True)
    stamp.write_text("\n".join(wanted))


def find_pypy(program: str | None) -> tuple[str | None, dict[str, str]]:
    """Finds a PyPy that is new enough for twinax; returns it, or why there is none, by kind."""
    program = program or shutil.which("pypy3")
    if program is None:
        return None, {"pypy": "not measured: there is no PyPy here"}
    said = subprocess.check_output([program, "-c", "import sys; print(*sys.version_info[:2])"], text=True)
    version = tuple(int(part) for part in said.split())
    if version < OLDEST_PYPY:
        return None, {"pypy": f"not measured: PyPy here is Python {'.'.join(map(str, version))}, it needs 3.11"}
    return program, {}


def install_node() -> dict[str, str]:
    """Installs the npm packages; returns why peers are missing, by kind."""
    npm = shutil.which("npm")
    if npm is None:
        return {"node": "not measured: there is no node here", "bun": "not measured: there is no npm here"}
    stamp = places.NODE / "node_modules" / f".{STAMP}"
    wanted = (places.NODE / "package-lock.json").read_text()
    if not is_current(stamp, wanted):
        print("installing the peers for Node", file=sys.stderr, flush=True)
        command = [npm, "ci", "--prefix", str(places.NODE), "--ignore-scripts", "--no-audit", "--no-fund"]
        done = subprocess.run([*command, "--loglevel=error"], check=False)
        if done.returncode != 0:
            return dict.fromkeys(("node", "bun"), "not measured: npm could not install it")
        stamp.write_text(wanted)
    return {}


def find_bun() -> str | None:
    """The program of Bun, which comes in a package of the platform and needs no script to be installed."""
    for package in BUN_PACKAGES:
        program = places.NODE / "node_modules" / package / "bin" / "bun"
        # The package of another platform may be there, and a processor may be too old for it.
        if program.exists():
            done = subprocess.run([program, "--version"], capture_output=True, check=False)
            return str(program) if done.returncode == 0 else None
    return None


def install_peers(python: str | None = None, node: bool = True, loop: str = "auto", pypy: str | None = None) -> Toolbox:
    """Installs what is not there yet.

    Args:
        python: An interpreter that has the Python peers; None: make an environment for them.
        node: Whether the peers for Node and Bun are wanted.
        loop: The event loop of the Python peers.
        pypy: A PyPy; None: the one that is found here.
    """
    with alone():
        missing = install_node() if node else dict.fromkeys(("node", "bun"), "not asked for")
        if python is None:
            python = install_python()
            install_pure()
    pypy, lacking = find_pypy(pypy)
    missing |= lacking
    bun = find_bun() if "bun" not in missing else None
    if bun is None:
        missing.setdefault("bun", "not measured: its package has no program that runs here")
    return Toolbox(python, pypy, shutil.which("node"), bun, missing, loop)


def make_certificate(python: str) -> None:
    """Makes a certificate for 127.0.0.1, for the scenarios over TLS."""
    with alone():
        if (places.CERTIFICATES / STAMP).exists():
            return
        places.CERTIFICATES.mkdir(parents=True, exist_ok=True)
        command = [python, "-m", "trustme", "-q", "-d", str(places.CERTIFICATES), "-i", "127.0.0.1", "localhost"]
        subprocess.run(command, check=True)
        (places.CERTIFICATES / STAMP).touch()


def libraries_of_twinax(python: str) -> dict[str, str]:
    """What twinax compresses and encrypts with in that interpreter, as it says itself."""
    command = [python, "-m", "twinax", "doctor", "--json"]
    environment = {**os.environ, "PYTHONPATH": str(places.SOURCE)}
    # Its status may be 1: a limit of this machine that should be raised.
    said = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=False).stdout
    found = json.loads(said)
    compression = found["compression"]
    return {
        "deflate of twinax": f"{compression['compressing']}, {compression['inflating']} to inflate",
        "TLS of Python": found["tls"]["library"],
    }


def versions(tools: Toolbox) -> dict[str, str]:
    """The versions of all peers and of what they run on."""
    program = (
        "import importlib.metadata as m, json, sys;"
        "print(json.dumps({'python': sys.version.split()[0],"
        " **{d.name.lower(): d.version for d in m.distributions()}}))"
    )
    found: dict[str, str] = json.loads(subprocess.check_output([tools.python, "-c", program], text=True))
    found |= libraries_of_twinax(tools.python)
    for package in ("ws", "websocket", "bufferutil", "bun"):
        description = places.NODE / "node_modules" / package / "package.json"
        if description.exists():
            found[package] = json.loads(description.read_text())["version"]
    if tools.pypy is not None:
        program = "import platform as p, sys; print(p.python_version(), *sys.pypy_version_info[:3])"
        python, *version = subprocess.check_output([tools.pypy, "-c", program], text=True).split()
        found["pypy"] = f"{'.'.join(version)} (Python {python})"
    for name, command in (("node", [tools.node, "--version"]), ("cc", [os.environ.get("CC", "cc"), "--version"])):
        if command[0] is not None and shutil.which(command[0]):
            said = subprocess.check_output([str(part) for part in command], text=True).splitlines()[0]
            found[name] = said.removeprefix(f"{name} ").removeprefix("v")
    return found
