"""Show what this installation has and what it lacks.

Prints the versions, which core runs and why, the parts that are installed, the limits of this process, and the
defaults of servers and clients. Lines with '!' say what to mend. --json prints the same for programs.

exit status: 0 all is well, 1 something should be mended.
"""

import argparse
import dataclasses
import importlib.metadata
import importlib.util
import json
import os
import platform
import ssl
import sys
from typing import Any

from twinax import IMPLEMENTATION, __version__
from twinax.extensions import MEMORY_BUDGET, PerMessageDeflate

__all__ = ["add_arguments", "examine", "find_problems", "run"]

# Import name -> (name on the package index, what it is for).
OPTIONAL_PARTS = {
    "uvloop": ("uvloop", "a faster event loop: pip install 'twinax[speed]'"),
    "isal": ("isal", "compression in a tenth to a half of the time: pip install 'twinax[speed]'"),
    "zlib_ng": ("zlib-ng", "faster decompression: pip install 'twinax[speed]'"),
    "zstd": ("backports.zstd", "the extension PerMessageZstd: pip install 'twinax[zstd]'"),
    "prompt_toolkit": ("prompt-toolkit", "line editing in twinax connect: pip install 'twinax[cli]'"),
}
FEW_FILES = 4096
LONG = bytes(range(256)) * 64  # fills the window of a context
PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(arguments: argparse.Namespace) -> int:
    """Print what `examine` found."""
    found = examine()
    problems = find_problems(found)
    if arguments.json:
        print(json.dumps({**found, "problems": problems}, indent=2))
    else:
        print(_as_text(found))
        for problem in problems:
            print(f"! {problem}")
        if not problems:
            print("all is well")
    return 1 if problems else 0


def examine() -> dict[str, Any]:
    """Return what there is, by section; everything in it fits into JSON."""
    return {
        "twinax": {"version": __version__, "location": PACKAGE},
        "python": {
            "version": platform.python_version(),
            "implementation": platform.python_implementation(),
            "executable": sys.executable,
            "platform": platform.platform(),
        },
        "core": _examine_core(),
        "tls": {
            "library": ssl.OPENSSL_VERSION,
            # TLS is left to the event loop, and commands and `run` take this one.
            "transports": "uvloop" if _can_import("uvloop") else "asyncio",
            "default_authorities": _authorities(),
        },
        "parts": {
            name: {"version": _version(package, name), "purpose": purpose}
            for name, (package, purpose) in OPTIONAL_PARTS.items()
        },
        "compression": _examine_compression(),
        "limits": _examine_limits(),
        "defaults": _defaults(),
    }


def find_problems(found: dict[str, Any]) -> list[str]:
    """Return what should be mended, a sentence each."""
    problems = []
    core = found["core"]
    if core["built"] and not core["importable"]:
        problems.append("the compiled core cannot be imported: it was built for another Python; install twinax again")
    elif not core["built"] and found["python"]["implementation"] == "CPython":
        problems.append("no compiled core was built: messages cost several times as much; install with a C compiler")
    elif core["running"] == "python" and core["built"]:
        problems.append(f"TWINAX_CORE={core['choice']} leaves the compiled core unused")
    files = found["limits"]["open_files"]
    if files is not None and files < FEW_FILES:
        problems.append(f"this process may open {files} files, so about as many connections; raise 'ulimit -n'")
    if found["tls"]["default_authorities"] is None:
        problems.append("no certificate authorities are installed: wss:// needs --ca FILE, or an ssl.SSLContext")
    return problems


def _examine_core() -> dict[str, Any]:
    files = os.listdir(os.path.join(PACKAGE, "_core"))
    return {
        "running": IMPLEMENTATION,
        "choice": os.environ.get("TWINAX_CORE", "auto"),
        "built": any(name.startswith("_compiled.") and name.endswith((".so", ".pyd")) for name in files),
        "importable": _can_import("twinax._core._compiled"),
    }


def _can_import(module: str) -> bool:
    try:
        importlib.import_module(module)
    except ImportError:
        return False
    return True


def _version(package: str, name: str) -> str | None:
    if name == "zstd" and sys.version_info >= (3, 14):
        return f"of Python {platform.python_version()}" if _can_import("compression.zstd") else None
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _examine_compression() -> dict[str, Any]:
    """Return what compresses, what a connection of a server keeps for it, and how much all may keep together."""
    server, client = PerMessageDeflate(), PerMessageDeflate()
    answer, at_server = server.accept(client.offers()[0])
    at_client = client.agree(answer)
    at_server.decode(at_client.encode(LONG, True), True)
    at_server.encode(LONG, True)
    busy = at_server.memory_used
    at_server.release()
    idle = at_server.memory_used
    at_server.close()
    at_client.close()
    compressing, inflating = at_server.libraries
    return {
        "compressing": compressing,
        "inflating": inflating,
        "connection_bytes": busy,
        "idle_connection_bytes": idle,
        "process_limit_bytes": MEMORY_BUDGET.limit,
    }


def _authorities() -> str | None:
    paths = ssl.get_default_verify_paths()
    return paths.cafile or paths.capath


def _examine_limits() -> dict[str, Any]:
    limits: dict[str, Any] = {"open_files": None, "open_files_at_most": None, "listen_backlog": None}
    if importlib.util.find_spec("resource") is not None:
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        limits["open_files"] = None if soft == resource.RLIM_INFINITY else soft
        limits["open_files_at_most"] = None if hard == resource.RLIM_INFINITY else hard
    try:
        with open("/proc/sys/net/core/somaxconn", encoding="ascii") as file:
            limits["listen_backlog"] = int(file.read())
    except (OSError, ValueError):
        pass
    return limits


def _defaults() -> dict[str, Any]:
    """Return the defaults that are plain values."""
    from ..config import ClientConfig, ServerConfig

    defaults: dict[str, Any] = {}
    for name, kind in (("server", ServerConfig), ("client", ClientConfig)):
        plain = {item.name: item.default for item in dataclasses.fields(kind)}
        defaults[name] = {key: value for key, value in plain.items() if isinstance(value, bool | int | float | str)}
    defaults["client"] = {
        key: value for key, value in defaults["client"].items() if defaults["server"].get(key) != value
    }
    return defaults


def _as_text(found: dict[str, Any]) -> str:
    core, python, limits = found["core"], found["python"], found["limits"]
    built = "built" if core["built"] else "not built"
    rows = [
        ("twinax", f"{found['twinax']['version']} in {found['twinax']['location']}"),
        ("python", f"{python['implementation']} {python['version']}, {python['executable']}"),
        ("platform", python["platform"]),
        ("core", f"{_core_name(core['running'])} (compiled core {built}, TWINAX_CORE={core['choice']})"),
        ("tls", _tls_text(found["tls"])),
        ("compression", _compression_text(found["compression"])),
        ("open files", f"{limits['open_files'] or 'no limit'} (at most {limits['open_files_at_most'] or 'no limit'})"),
        ("listen backlog", f"{limits['listen_backlog'] or 'unknown'}"),
    ]
    rows += [(name, part["version"] or f"missing: {part['purpose']}") for name, part in found["parts"].items()]
    lines = [f"{name:16}{value}" for name, value in rows]
    lines.append("\ndefaults of a server")
    lines += [f"  {name:38}{value}" for name, value in found["defaults"]["server"].items()]
    lines.append("defaults of a client, where they differ")
    lines += [f"  {name:38}{value}" for name, value in found["defaults"]["client"].items()]
    return "\n".join(lines) + "\n"


def _tls_text(found: dict[str, Any]) -> str:
    authorities = found["default_authorities"] or "no place"
    return f"{found['library']}, transports of {found['transports']}, authorities in {authorities}"


def _compression_text(found: dict[str, Any]) -> str:
    limit = found["process_limit_bytes"]
    return (
        f"{found['compressing']}, {found['inflating']} to inflate; a connection keeps "
        f"{found['connection_bytes']} bytes, {found['idle_connection_bytes']} when idle, all together at most {limit}"
    )


def _core_name(running: str) -> str:
    return "compiled" if running == "cython" else "interpreted"
