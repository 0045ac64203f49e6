"""The benchmarks run: every scenario for a moment, the figures are there, and wrong echoes are found.

Nothing here looks at how fast anything was.
"""

import json
import math
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import pytest

import twinax

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
sys.path.append(str(BENCHMARKS))

from runner import building, places  # noqa: E402  the line above makes it importable
from runner.peers import PEERS, chosen_peers  # noqa: E402
from runner.results import Results  # noqa: E402
from runner.scenarios import SCENARIOS, SWEEPS, Scenario, chosen  # noqa: E402

OURS = "twinax" if twinax.IMPLEMENTATION == "cython" else "twinax-python"
PEER = "websockets"
LIMIT = 120
# What only the headers of a machine decide, and what twinax may do without.
MAY_BE_MISSING = ("not measured: the load generator was built without", "does not agree on permessage-deflate")


@pytest.fixture(scope="module")
def built() -> Path | None:
    if not shutil.which("cc") or not shutil.which("make"):
        return None
    building.build_programs()
    return places.PROGRAMS


@pytest.fixture
def programs(built: Path | None, absent: Callable[[str], NoReturn]) -> Path:
    if built is None:
        absent("no C compiler or no make: the benchmarks are not tested")
    return built


def run(folder: Path, *options: str) -> tuple[Results, str]:
    """Runs the runner for a moment; returns its results and what it printed."""
    results = folder / "results.json"
    timing = ("--quick", "--duration", "0.1", "--warmup", "0.02", "--rounds", "1")
    tools = ("--python", sys.executable, "--loop", "asyncio", "--no-node", "--results", str(results))
    command = [sys.executable, str(BENCHMARKS / "run.py"), *timing, *tools, *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, check=False)
    assert done.returncode == 0, done.stderr
    return Results.load(results), done.stdout


def check_server_figures(scenario: Scenario, raw: dict[str, Any]) -> None:
    """The line of the load generator says what was asked for, and how it went."""
    assert (raw["connections"], raw["depth"]) == (scenario.smaller().connections, scenario.depth)
    assert raw["messages"] > 0
    assert math.isclose(raw["rate"], raw["messages"] / raw["seconds"], rel_tol=1e-3, abs_tol=0.1)
    assert raw["lost"] == 0
    assert raw["server_cpu"]["seconds"] > 0
    latency = raw["latency_us"]
    assert 0 < latency["p50"] <= latency["p90"] <= latency["p99"] <= latency["p99.9"] <= latency["max"]
    if scenario.kind != "handshake":
        assert raw["size"] == scenario.size
        assert raw["checked"] > 0
        assert raw["bytes_in"] > 0 or scenario.size > 65536


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_a_scenario_gives_figures(scenario: Scenario, programs: Path, tmp_path: Path) -> None:
    results, printed = run(tmp_path, "--only", scenario.name, "--peers", f"limit,{OURS},{PEER}")
    assert set(results.runs[scenario.name]) == {"limit", OURS, PEER}
    for peer, (outcome,) in results.runs[scenario.name].items():
        if outcome.missing is not None:
            assert outcome.missing.startswith(MAY_BE_MISSING), f"{peer}: {outcome.missing}"
            continue
        assert outcome.value is not None
        assert outcome.raw is not None
        if scenario.kind == "idle":
            assert outcome.raw["connections"] == scenario.smaller().connections
        else:
            assert outcome.value > 0
            assert outcome.cpu is not None
            assert outcome.cpu >= 0  # a starved server may have been charged nothing in so short a time
        if scenario.kind not in ("idle", "client"):
            check_server_figures(scenario, outcome.raw)
    assert scenario.title in printed


def test_a_sweep_and_the_report(programs: Path, tmp_path: Path) -> None:
    report = tmp_path / "docs" / "benchmarks.md"
    results, _ = run(tmp_path, "--only", "b,g-plain,depth", "--peers", f"limit,{OURS}", "--write", str(report))
    assert len([name for name in results.runs if name.startswith("depth-")]) > 1
    text = report.read_text()
    for title in ("100 connections, depth 1, 128 B text", "5,000 idle connections: memory", "limit server (C)"):
        assert title in text
    assert "\n- peers that were not asked for: " in text
    assert "\n- scenarios that were not asked for: a, c, " in text
    assert "\n- a quick look" in text
    assert "\n- deflate of twinax: " in text
    assert "\n- TLS of Python: OpenSSL " in text
    plots = sorted(path.name for path in (tmp_path / "docs" / "benchmarks").iterdir())
    assert plots == ["b.svg", "depth.svg", "g-plain.svg"]
    for name in plots:
        assert f"benchmarks/{name}" in text
        assert ElementTree.parse(tmp_path / "docs" / "benchmarks" / name).getroot().tag.endswith("svg")


@contextmanager
def limit(*options: str) -> Iterator[str]:
    """The limit server; gives its port."""
    process = subprocess.Popen([places.PROGRAMS / "limit", *options], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        word, port = process.stdout.readline().split()
        assert word == "ready"
        yield port
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


def load(*options: str) -> tuple[int, dict[str, Any]]:
    """The load generator: its exit status and the line it printed."""
    done = subprocess.run(
        [places.PROGRAMS / "load", "--duration", "0.05", "--warmup", "0", *options],
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    return done.returncode, json.loads(done.stdout) if done.stdout else {"error": done.stderr}


@pytest.mark.parametrize("host", ["10.0.0.1", "192.168.1.1", "128.0.0.1", "0.0.0.0", "::2", "example.com"])
def test_only_loopback_is_a_target(host: str, programs: Path) -> None:
    status, said = load("--host", host, "--port", "80")
    assert status == 2
    assert "only loopback" in said["error"]


def test_a_message_that_is_not_the_echo_is_found(programs: Path) -> None:
    # Each of two connections gets the messages of both.
    with limit("--mode", "broadcast") as port:
        status, said = load("--port", port, "--connections", "2")
    assert status == 1
    assert said == {"error": "the echo is not the message"}


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65535, 65536, 300000])
@pytest.mark.parametrize("depth", [1, 5])
def test_every_length_comes_back(size: int, depth: int, programs: Path) -> None:
    with limit() as port:
        status, said = load("--port", port, "--size", str(size), "--depth", str(depth), "--connections", "2")
    assert status == 0
    assert said["lost"] == 0
    assert said["checked"] >= said["messages"] > 0


@pytest.mark.parametrize("context", [[], ["--no-context"]], ids=["context", "no-context"])
@pytest.mark.parametrize("size", [0, 1, 512, 100000])
def test_compressed_messages_come_back(
    size: int, context: list[str], programs: Path, absent: Callable[[str], NoReturn]
) -> None:
    if "zlib" not in building.features():
        absent("no headers of zlib: the load generator cannot compress")
    with limit("--deflate", "1", *context) as port:
        # Long enough to go round the tape more than once.
        status, said = load("--port", port, "--size", str(size), "--json", "--deflate", "", "--duration", "0.3")
    assert status == 0
    assert said["extension"].startswith("permessage-deflate")
    assert said["checked"] >= said["messages"] > 0


def test_a_unix_socket(programs: Path, tmp_path: Path) -> None:
    with limit("--unix", str(tmp_path / "socket")) as path:
        status, said = load("--unix", path, "--connections", "3")
    assert status == 0
    assert said["messages"] > 0


def test_subscribers_that_only_receive(programs: Path) -> None:
    with limit("--mode", "broadcast") as port:
        listening = subprocess.Popen(
            [places.PROGRAMS / "load", "--port", port, "--receive-only", "--connections", "3", "--duration", "1"],
            stdout=subprocess.PIPE,
            text=True,
        )
        status, _ = load("--port", port, "--publish", "--duration", "0.8", "--check", "none")
        output, _ = listening.communicate(timeout=LIMIT)
    assert status == 0
    assert json.loads(output)["messages"] > 0


def test_the_tables_name_each_thing_once() -> None:
    points = [scenario for sweep in SWEEPS for _, scenario in sweep.points]
    names = [scenario.name for scenario in (*SCENARIOS, *points)]
    assert len(names) == len(set(names))
    assert len(PEERS) == len({peer.name for peer in PEERS})
    for peer in PEERS:
        python = (places.SERVERS, places.CLIENTS)
        folders = {"python": python, "pypy": python, "native": (places.PROGRAMS, places.PROGRAMS)}
        servers, clients = folders.get(peer.kind, (places.NODE, places.NODE))
        for folder, file in ((servers, peer.server), (clients, peer.client)):
            assert file is None or peer.kind == "native" or (folder / file).is_file()


@pytest.mark.parametrize(("choose", "name"), [(chosen, "z"), (chosen_peers, "nobody")])
def test_a_wrong_name_is_told(choose: Callable[[list[str]], object], name: str) -> None:
    with pytest.raises(ValueError, match=f"no .* '{name}': there are"):
        choose([name])
