"""Drives Autobahn|Testsuite against twinax, in both roles, and compares what it says with the golden files.

    python tests/conformance/autobahn.py server             the echo server of examples/, against the fuzzing client
    python tests/conformance/autobahn.py client             the client of examples/, against the fuzzing server
    python tests/conformance/autobahn.py server --url ws://127.0.0.1:9001     any server that echoes
    python tests/conformance/autobahn.py client --command node client.js '{url}' '{agent}'     any client
    python tests/conformance/autobahn.py install            only make the testsuite's environment

A case passes when the testsuite calls both its behaviour and its closing OK or INFORMATIONAL (some cases only inform:
the protocol leaves the answer open), and when that is what the golden file says. NON-STRICT is a failure here.
Of cases 12 and 13 (compression), a thousand messages each, only a sample runs unless `--all` asks for all of them.
"""

import argparse
import asyncio
import contextlib
import html
import json
import re
import shutil
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from testsuite_env import Python27Missing, testsuite_python  # noqa: E402

from processes import started  # noqa: E402  the line above makes it importable when this runs as a program

__all__ = [
    "CLIENT",
    "Case",
    "Selection",
    "complaints",
    "echo_server",
    "read_golden",
    "run_client_role",
    "run_server_role",
    "without_beyond_sample",
    "write_golden",
]

EXAMPLES = HERE.parent.parent / "examples"
SERVER = (sys.executable, str(EXAMPLES / "echo_server.py"), "--port", "0")
CLIENT = (sys.executable, str(EXAMPLES / "autobahn_client.py"), "--url", "{url}", "--agent", "{agent}")
AGENT = "twinax"
# Cases 12 (compression as the two sides like it) and 13 (with every parameter): 18 each for messages of 16 bytes to
# 128 KiB, whole and in fragments. Of each group these run by default: 16, 1,024, 8,192 bytes, and two in fragments.
COMPRESSION = (*(f"12.{group}" for group in range(1, 6)), *(f"13.{group}" for group in range(1, 8)))
SAMPLE = (1, 4, 7, 11, 12)
BEYOND_SAMPLE = tuple(f"{group}.{case}" for group in COMPRESSION for case in range(1, 19) if case not in SAMPLE)
ACCEPTED = ("OK", "INFORMATIONAL")
# A role takes about 20 s for cases 1 to 11 and a minute for the sample; in full about 10 minutes.
TIMEOUT = 600.0
TIMEOUT_ALL = 3600.0


@dataclass(frozen=True)
class Selection:
    """Which cases of the testsuite run.

    Attributes:
        cases: Patterns such as ``"6.*"`` or ``"7.5.1"``.
        exclude: Patterns of those to leave out.
    """

    cases: Sequence[str] = ("*",)
    exclude: Sequence[str] = BEYOND_SAMPLE

    @property
    def timeout(self) -> float:
        """How long one role may take, in seconds."""
        return TIMEOUT if self.exclude else TIMEOUT_ALL


@dataclass(frozen=True)
class Case:
    """What the testsuite says about one case.

    Attributes:
        number: Such as ``"6.4.1"``.
        behavior: Its verdict about the messages.
        behavior_close: Its verdict about the closing.
        report: The file with the details.
    """

    number: str
    behavior: str
    behavior_close: str
    report: Path

    @property
    def verdicts(self) -> dict[str, str]:
        """The two verdicts as a golden file has them."""
        return {"behavior": self.behavior, "behaviorClose": self.behavior_close}

    def details(self) -> str:
        """What the case does, what the testsuite expected and what it saw, in its own words."""
        report = json.loads(self.report.read_text())
        rows = [
            ("description", report["description"]),
            ("expectation", report["expectation"]),
            ("result", report["result"]),
            ("closing", report["resultClose"]),
            ("expected", json.dumps(report["expected"])[:500]),
            ("received", json.dumps(report["received"])[:500]),
            ("close code seen", report["remoteCloseCode"]),
        ]
        return "\n".join(f"    {label}: {_plain(value)}" for label, value in rows)


async def run_server_role(url: str, selection: Selection, reports: Path) -> list[Case]:
    """Runs the fuzzing client against a server that echoes.

    Args:
        url: Where the server listens.
        selection: Which cases.
        reports: An empty folder for the testsuite's reports.
    """
    spec = {"servers": [{"agent": AGENT, "url": url}], **_common_spec(selection, reports)}
    spec_file = _write_spec(spec, reports)
    python = await asyncio.to_thread(testsuite_python)
    wstest = python.with_name("wstest")
    async with started(python, wstest, "--mode", "fuzzingclient", "--spec", spec_file) as fuzzing_client:
        await fuzzing_client.finished(selection.timeout)
    return _read_reports(reports)


async def run_client_role(command: Sequence[str], selection: Selection, reports: Path) -> list[Case]:
    """Runs a client against the fuzzing server.

    Args:
        command: The client's program and arguments; ``{url}`` and ``{agent}`` in them are filled in.
        selection: Which cases.
        reports: An empty folder for the testsuite's reports.
    """
    with socket.create_server(("127.0.0.1", 0)) as listener:
        # Twisted takes all connections that wait, until accept() would block.
        listener.setblocking(False)
        url = f"ws://127.0.0.1:{listener.getsockname()[1]}"
        spec_file = _write_spec({"url": url, **_common_spec(selection, reports)}, reports)
        python = await asyncio.to_thread(testsuite_python)
        descriptor = listener.fileno()
        server = (python, HERE / "python27" / "fuzzing_server.py", spec_file, str(descriptor))
        async with started(*server, pass_fds=(descriptor,)) as fuzzing_server:
            await fuzzing_server.line(r"will run \d+ test cases")
            filled = [part.replace("{url}", url).replace("{agent}", AGENT) for part in command]
            async with started(*filled) as client:
                await client.finished(selection.timeout)
    return _read_reports(reports)


@contextlib.asynccontextmanager
async def echo_server(command: Sequence[str] = SERVER) -> AsyncIterator[str]:
    """Starts a server that prints ``listening on ws://...``, and gives that URL."""
    async with started(*command) as server:
        yield (await server.line(r"listening on (ws://\S+)"))[1]


def read_golden(role: str) -> dict[str, dict[str, str]]:
    """The verdicts that are right, by case, for the role ``"server"`` or ``"client"``."""
    golden: dict[str, dict[str, str]] = json.loads(_golden_file(role).read_text())
    return golden


def without_beyond_sample(golden: dict[str, dict[str, str]]) -> dict[str, dict[str, str]]:
    """The verdicts of those cases that run by default."""
    return {number: verdicts for number, verdicts in golden.items() if number not in BEYOND_SAMPLE}


def write_golden(role: str, cases: Sequence[Case]) -> None:
    """Makes these verdicts the golden ones, a case a line."""
    rows = [f"  {json.dumps(case.number)}: {json.dumps(case.verdicts)}" for case in cases]
    _golden_file(role).write_text("{\n" + ",\n".join(rows) + "\n}\n")


def complaints(cases: Sequence[Case], golden: dict[str, dict[str, str]], *, whole: bool) -> list[str]:
    """What is wrong with the verdicts, a text a case; empty when all is well.

    Args:
        cases: The verdicts of a run.
        golden: Those that are right. A case that it lacks only has to pass.
        whole: Whether every case of the golden file must have run.
    """
    wrong = []
    for case in cases:
        expected = golden.get(case.number, case.verdicts)
        passes = case.behavior in ACCEPTED and case.behavior_close in ACCEPTED
        if not passes or case.verdicts != expected:
            verdicts = f"{case.behavior} / {case.behavior_close}"
            wanted = f"{expected['behavior']} / {expected['behaviorClose']}"
            wrong.append(f"case {case.number}: {verdicts}, golden {wanted}\n{case.details()}")
    if whole:
        ran = {case.number for case in cases}
        wrong += [f"case {number} did not run" for number in golden if number not in ran]
        wrong += [f"case {number} is not in the golden file" for number in sorted(ran - golden.keys(), key=_order)]
    if not cases:
        wrong.append("no case ran")
    return wrong


def _golden_file(role: str) -> Path:
    return HERE / "golden" / f"{role}.json"


def _common_spec(selection: Selection, reports: Path) -> dict[str, object]:
    return {"outdir": str(reports), "cases": selection.cases, "exclude-cases": selection.exclude}


def _write_spec(spec: dict[str, object], reports: Path) -> Path:
    file = reports / "spec.json"
    file.write_text(json.dumps(spec))
    return file


def _read_reports(reports: Path) -> list[Case]:
    index = reports / "index.json"
    if not index.exists():
        return []
    agents = json.loads(index.read_text())
    found = [
        Case(number, row["behavior"], row["behaviorClose"], reports / row["reportfile"])
        for number, row in agents.get(AGENT, {}).items()
    ]
    return sorted(found, key=lambda case: _order(case.number))


def _order(number: str) -> list[int]:
    return [int(part) for part in number.split(".")]


def _plain(text: object) -> str:
    return html.unescape(re.sub(r"<[^>]+>|\s+", " ", str(text))).strip()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("role", choices=["server", "client", "install"], help="what plays against the testsuite")
    parser.add_argument("--cases", nargs="+", metavar="PATTERN", help="only these cases, such as 6.* 7.5.1")
    parser.add_argument("--all", action="store_true", help="all compression cases, 12 and 13")
    parser.add_argument("--url", help="a server that runs already (role server)")
    parser.add_argument("--reports", type=Path, metavar="DIR", help="keep the testsuite's reports in this folder")
    parser.add_argument("--update-golden", action="store_true", help="write the golden file instead of comparing")
    parser.add_argument("--command", nargs=argparse.REMAINDER, default=CLIENT, help="a client (comes last)")
    return parser.parse_args()


async def _run(arguments: argparse.Namespace, reports: Path) -> list[Case]:
    exclude = () if arguments.all or arguments.cases else BEYOND_SAMPLE
    selection = Selection(tuple(arguments.cases or ["*"]), exclude)
    if arguments.role == "client":
        cases = await run_client_role(arguments.command, selection, reports)
    elif arguments.url:
        cases = await run_server_role(arguments.url, selection, reports)
    else:
        async with echo_server() as url:
            cases = await run_server_role(url, selection, reports)
    return cases


def _judge(arguments: argparse.Namespace, cases: Sequence[Case]) -> list[str]:
    golden = read_golden(arguments.role)
    if not arguments.update_golden:
        if not arguments.all:
            golden = without_beyond_sample(golden)
        return complaints(cases, golden, whole=not arguments.cases)
    if not arguments.all or arguments.cases:
        return ["the golden file is written by a run of all cases: --all"]
    # Only a whole run in which every case passes may become golden.
    wrong = complaints(cases, {}, whole=False)
    if not wrong:
        write_golden(arguments.role, cases)
    return wrong


def main() -> int:
    """Runs one role as the command line says; returns the exit status."""
    arguments = _arguments()
    try:
        if arguments.role == "install":
            print(testsuite_python())
            return 0
        with tempfile.TemporaryDirectory(prefix="autobahn-") as folder:
            cases = asyncio.run(_run(arguments, Path(folder)))
            wrong = _judge(arguments, cases)
            if arguments.reports:
                shutil.copytree(folder, arguments.reports, dirs_exist_ok=True)
    except Python27Missing as missing:
        print(f"!!! {missing}", file=sys.stderr)
        return 2
    print(*wrong, sep="\n\n")
    print(f"{arguments.role}: {len(cases)} cases, {len(wrong)} complaints")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
