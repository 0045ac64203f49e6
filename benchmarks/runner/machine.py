"""What the figures were measured on."""

import os
import platform
import resource
import subprocess
from pathlib import Path

from . import places
from .processes import cores

__all__ = ["describe", "most_connections"]

SPARE_FILES = 200


def read_field(path: str, name: str) -> str:
    """The value behind a name in a file such as /proc/cpuinfo; empty when it is not there."""
    try:
        lines = Path(path).read_text().splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(name)), "")


def commit() -> str:
    """The commit that is measured, with a plus sign when files were changed since."""
    try:
        name = subprocess.check_output(["git", "rev-parse", "--short", "HEAD"], cwd=places.ROOT, text=True).strip()
        changed = subprocess.check_output(["git", "status", "--porcelain", "src"], cwd=places.ROOT, text=True).strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return f"{name}{'+' if changed else ''}"


def describe() -> dict[str, str]:
    """The machine and its system, for the head of the report."""
    memory = read_field("/proc/meminfo", "MemTotal").split()
    pinned = cores()
    load = f"{os.getloadavg()[0]:.1f}"
    return {
        "processor": read_field("/proc/cpuinfo", "model name") or platform.processor(),
        "cores": str(os.cpu_count()),
        "memory": f"{int(memory[0]) // (1 << 20)} GiB" if memory else "unknown",
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "pinning": f"cores {pinned[0]} and {pinned[1]}" if pinned else "none: only one core, or no taskset",
        "load before": load,
        "twinax": commit(),
    }


def most_connections() -> int:
    """How many connections a process may have here."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    return most - SPARE_FILES
