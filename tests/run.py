"""What `make test` runs: the linters, then all tests once per core, then one line that sums them up.

    python tests/run.py lint                     only the linters
    python tests/run.py test [PYTEST-OPTION...]  only the tests, on both cores, or on the one that TWINAX_CORE names
    python tests/run.py                          both

Everything runs even when something before it failed; the exit status is 0 only when all went well.
"""

import os
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
REPORTS = ROOT / ".tools" / "reports"
# PyPy's JIT compiles the interpreted one.
CORES = ("compiled", "python") if sys.implementation.name == "cpython" else ("python",)
LINTERS = (
    ("ruff", "check", "."),
    ("ruff", "format", "--check", "."),
    ("mypy",),
    ("pyright", "--pythonpath", sys.executable),
)


def lint() -> bool:
    """Runs every linter; returns whether all of them are content."""
    content = True
    for name, *arguments in LINTERS:
        print(f"--- {name} {' '.join(arguments)}", flush=True)
        done = subprocess.run([sys.executable, "-m", name, *arguments], cwd=ROOT, check=False)
        content = content and done.returncode == 0
    return content


def test(core: str, options: list[str]) -> tuple[bool, Counter[str], list[str]]:
    """Runs the tests on one core.

    Returns:
        Whether pytest was content, how many tests came out how, and why some were skipped.
    """
    report = REPORTS / f"{core}.xml"
    report.parent.mkdir(parents=True, exist_ok=True)
    report.unlink(missing_ok=True)
    # More processes than four gain nothing: the longest single test is a fifth of the whole.
    workers = max(2, min(4, os.cpu_count() or 2))
    command = [sys.executable, "-m", "pytest", "-q", "-n", str(workers), "--dist", "worksteal", f"--junitxml={report}"]
    environment = {**os.environ, "TWINAX_CORE": core}
    print(f"--- pytest, TWINAX_CORE={core}", flush=True)
    done = subprocess.run([*command, *options], cwd=ROOT, env=environment, check=False)
    counts, skipped = read_report(report)
    return done.returncode == 0, counts, skipped


def read_report(report: Path) -> tuple[Counter[str], list[str]]:
    """How many tests of a JUnit report came out how, and the reasons of those that were skipped."""
    counts: Counter[str] = Counter()
    skipped: list[str] = []
    if not report.exists():
        return counts, skipped
    for case in ElementTree.parse(report).iter("testcase"):
        outcomes = {child.tag: child for child in case}
        if "failure" in outcomes or "error" in outcomes:
            counts["failed"] += 1
        elif "skipped" in outcomes:
            counts["skipped"] += 1
            skipped.append(outcomes["skipped"].get("message", ""))
        else:
            counts["passed"] += 1
    return counts, skipped


def main(arguments: list[str]) -> int:
    """Runs what the command line names; returns the exit status."""
    what = arguments[0] if arguments else "all"
    began = time.monotonic()
    content = lint() if what in ("lint", "all") else True
    if what == "lint":
        return 0 if content else 1
    if not content:
        print("!!! a linter complained, see above", flush=True)
    chosen = os.environ.get("TWINAX_CORE")
    totals: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    for core in [chosen] if chosen else CORES:
        passed, counts, skipped = test(core, arguments[1:])
        content = content and passed
        totals += counts
        reasons.update(skipped)
    for reason, times in sorted(reasons.items()):
        print(f"skipped {times} times: {reason}")
    print(f"{time.monotonic() - began:.0f} s, {'all is well' if content else 'SOMETHING FAILED'}")
    print(f"total: {totals['passed']} passed, {totals['failed']} failed, {totals['skipped']} skipped")
    return 0 if content else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
