"""Programs under measurement: started on a core of their own, watched, and stopped by their handle."""

import contextlib
import os
import select
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

__all__ = ["Failed", "Running", "cores", "pinned", "running", "wait_ready"]

STARTING_LIMIT = 30.0
STOPPING_LIMIT = 5.0
ERROR_LINES = 3


class Failed(Exception):
    """A program did not do what it was started for; the text says what it printed."""


def cores() -> tuple[int, int] | None:
    """One core for what is measured and one for its partner; None where there are not two, or no taskset."""
    usable = sorted(os.sched_getaffinity(0))
    return (usable[0], usable[1]) if len(usable) > 1 and shutil.which("taskset") else None


def pinned(command: list[str], which: int) -> list[str]:
    """The command on the first (0) or second (1) of the cores."""
    found = cores()
    return ["taskset", "-c", str(found[which]), *command] if found else command


class Running:
    """A program that runs; made by `running`."""

    def __init__(self, process: "subprocess.Popen[str]", errors: Path, command: list[str]) -> None:
        self.process = process
        self._errors = errors
        self._command = command

    def line(self, within: float) -> str:
        """The next line that it prints.

        Raises:
            Failed: None came within so many seconds, or it ended.
        """
        assert self.process.stdout is not None
        ready, _, _ = select.select([self.process.stdout], [], [], within)
        line = self.process.stdout.readline() if ready else ""
        if not line:
            raise Failed(f"{self.name}: {'ended' if ready else f'silent for {within:.0f} s'}{self.complaint()}")
        return line.strip()

    @property
    def name(self) -> str:
        """The program, for messages."""
        names = [Path(part).name for part in self._command if "/" in part]
        return next((name for name in names if name.endswith((".py", ".mjs"))), names[0] if names else "program")

    def complaint(self) -> str:
        """The end of what it wrote to its standard error."""
        lines = self._errors.read_text(errors="replace").strip().splitlines()
        return "".join(f"; {line.strip()}" for line in lines[-ERROR_LINES:])

    def family(self) -> list[int]:
        """Its process and all that descend from it."""
        found = [self.process.pid]
        for pid in found:
            with contextlib.suppress(OSError):
                for task in Path(f"/proc/{pid}/task").iterdir():
                    found += [int(child) for child in (task / "children").read_text().split()]
        return found

    def memory(self) -> int:
        """Bytes of memory that it and its descendants have resident."""
        page = os.sysconf("SC_PAGE_SIZE")
        return sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * page for pid in self.family())

    def stop(self) -> None:
        """Ends it and its descendants: politely first, then by force."""
        self._signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(STOPPING_LIMIT)
        self._signal(signal.SIGKILL)
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()

    def _signal(self, number: int) -> None:
        # The group is its own, made for it: what it started goes with it.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)


@contextlib.contextmanager
def running(command: list[str], environment: Mapping[str, str] | None = None) -> Iterator[Running]:
    """Starts a program, and stops it at the end of the block."""
    with tempfile.NamedTemporaryFile(prefix="bench-") as errors:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=environment,
            text=True,
            start_new_session=True,
        )
        program = Running(process, Path(errors.name), command)
        try:
            yield program
        finally:
            program.stop()


def wait_ready(server: Running) -> int:
    """The port of a server, once it says that it listens.

    Raises:
        Failed: It does not.
    """
    end = time.monotonic() + STARTING_LIMIT
    while time.monotonic() < end:
        word, _, rest = server.line(STARTING_LIMIT).partition(" ")
        if word == "ready":
            return int(rest)
    raise Failed(f"{server.name} did not say that it is ready")
