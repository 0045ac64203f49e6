"""What `make sanitize` runs: the tests that reach the native parts, on a build with AddressSanitizer and UBSan.

The build lies below .tools/sanitize and touches nothing else. The first error ends the process that made it, and
with it the run. Leaks are not looked for: the interpreter itself keeps memory to its end.

    python tests/sanitize.py [PYTEST-OPTION...]
"""

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILT = ROOT / ".tools" / "sanitize"
LIBRARY = BUILT / "lib"
FLAGS = "-fsanitize=address,undefined -fno-sanitize-recover=undefined -O1 -g"
TESTS = (
    "tests/_core",
    "tests/hardening",
    "tests/extensions",
    "tests/protocol",
    "tests/aio/test_wire.py",
    "tests/aio/test_connection.py",
    "tests/aio/test_receiving.py",
    "tests/aio/test_streams.py",
    "tests/aio/test_backpressure.py",
)
# Those that say which build is installed, and those that measure memory: both are others here.
ELSEWHERE = (
    "--ignore=tests/_core/test_choice.py",
    "--deselect=tests/extensions/test_memory.py::test_a_thousand_idle_connections_give_their_memory_back",
)


def build() -> None:
    """Compiles the native parts with the sanitizers."""
    environment = {**os.environ, "CFLAGS": FLAGS, "LDFLAGS": FLAGS, "TWINAX_BUILD": "require"}
    command = [sys.executable, "setup.py", "--quiet", "build", "--build-base", str(BUILT), "--build-lib", str(LIBRARY)]
    subprocess.run(command, cwd=ROOT, env=environment, check=True)


def runtime(name: str) -> str:
    """Where the compiler keeps a library of its sanitizers."""
    compiler = (sysconfig.get_config_var("CC") or "gcc").split()[0]
    found = subprocess.run([compiler, f"-print-file-name={name}"], capture_output=True, text=True, check=True)
    return found.stdout.strip()


def main(options: list[str]) -> int:
    """Builds and runs; returns the exit status of pytest."""
    build()
    environment = {
        **os.environ,
        "PYTHONPATH": str(LIBRARY),
        "TWINAX_CORE": "compiled",
        # The interpreter is not built with them: they have to be there before it is.
        "LD_PRELOAD": f"{runtime('libasan.so')} {runtime('libubsan.so')}",
        "ASAN_OPTIONS": "detect_leaks=0",
        "PYTHONMALLOC": "malloc",  # or small objects would lie in blocks whose borders nobody watches
    }
    command = [sys.executable, "-m", "pytest", "-q", "-n", "2", "-p", "no:cacheprovider", *ELSEWHERE]
    return subprocess.run([*command, *(options or TESTS)], cwd=ROOT, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
