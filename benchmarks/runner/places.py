"""Where everything is. What a run makes is under .tools/, but for the report."""

from pathlib import Path

BENCHMARKS = Path(__file__).resolve().parent.parent
ROOT = BENCHMARKS.parent
NATIVE = BENCHMARKS / "native"
SERVERS = BENCHMARKS / "servers"
CLIENTS = BENCHMARKS / "clients"
NODE = BENCHMARKS / "node"
SOURCE = ROOT / "src"

TOOLS = ROOT / ".tools" / "bench"
PROGRAMS = TOOLS / "bin"
ENVIRONMENT = TOOLS / "venv"
PURE = TOOLS / "pure"
CERTIFICATES = TOOLS / "tls"
RESULTS = TOOLS / "results"

REPORT = ROOT / "docs" / "benchmarks.md"
QUICK_REPORT = TOOLS / "report" / "benchmarks.md"
