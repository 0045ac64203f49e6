"""Runs the benchmarks: `make bench`, or a part of them while developing.

    python benchmarks/run.py                                   everything; writes docs/benchmarks.md
    python benchmarks/run.py --quick                           a look in three minutes; writes below .tools/bench/
    python benchmarks/run.py --only b,c --peers twinax,picows  a part; prints tables
    python benchmarks/run.py --report FILE                     writes the report of an earlier run again

See README.md beside this file. Figures are worth something only on a machine that does nothing else.
"""

import argparse
import datetime
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from runner import building, machine, places
from runner.measuring import Measure
from runner.peers import PEERS, QUICK, SWEPT, Peer, chosen_peers
from runner.report import table, write_report
from runner.results import Results
from runner.scenarios import Scenario, Sweep, chosen

ROUNDS, DURATION, WARMUP = 3, 2.0, 0.5
QUICK_DURATION, QUICK_WARMUP = 0.4, 0.1
# Those sweeps whose every point opens thousands of connections take too long for a quick look.
QUICK_SWEEPS = ("size", "depth")
QUICK_SWEPT = ("limit", "twinax", "picows")
QUICK_POINTS = 2


def names(text: str) -> list[str]:
    """The names in a list with commas."""
    return [name for name in text.split(",") if name]


def read_options(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", type=names, default=[], metavar="NAMES", help="scenarios and sweeps: b,c,j-a,size")
    parser.add_argument("--peers", type=names, default=[], metavar="NAMES", help=", ".join(p.name for p in PEERS))
    parser.add_argument("--quick", action="store_true", help="one short round, fewer peers and connections")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--duration", type=float, metavar="SECONDS")
    parser.add_argument("--warmup", type=float, metavar="SECONDS")
    parser.add_argument("--python", metavar="PATH", help="an interpreter that has the Python peers; default: make one")
    parser.add_argument(
        "--pypy", metavar="PATH", help="a PyPy for Python 3.11 or later; default: pypy3, where there is one"
    )
    parser.add_argument("--loop", choices=("auto", "asyncio", "uvloop"), default="auto", help="of the Python peers")
    parser.add_argument("--no-node", action="store_true", help="without the peers for Node and Bun")
    parser.add_argument("--results", type=Path, metavar="FILE", help="where to keep every single run, as JSON")
    parser.add_argument("--report", type=Path, metavar="FILE", help="measure nothing: report these results")
    parser.add_argument("--write", type=Path, metavar="FILE", help="where to write the report")
    options = parser.parse_args(arguments)
    options.rounds = options.rounds or (1 if options.quick else ROUNDS)
    options.duration = options.duration or (QUICK_DURATION if options.quick else DURATION)
    options.warmup = options.warmup or (QUICK_WARMUP if options.quick else WARMUP)
    return options


def measure_in_turn(
    measure: Measure, results: Results, scenarios: Sequence[Scenario], peers: Sequence[Peer], rounds: int
) -> None:
    """Runs all peers one after the other, and all of that as often as there are rounds."""
    for scenario in scenarios:
        for turn in range(rounds):
            for peer in peers:
                outcome = measure(peer, scenario)
                results.add(scenario.name, peer.name, outcome)
                if outcome.value is not None:
                    cpu = f"{outcome.cpu:10.3f} µs" if outcome.cpu is not None else ""
                    said = f"{outcome.value:14,.1f} {scenario.unit} {cpu}"
                else:
                    said = f"{'FAILED: ' if outcome.failed else ''}{outcome.missing}"
                print(f"{scenario.name:18} {turn + 1}/{rounds} {peer.name:18} {said}", file=sys.stderr, flush=True)


def reduce(sweep: Sweep, quick: bool) -> list[Scenario]:
    """The points of a sweep that are measured: for a quick look every other one or fewer."""
    points = [scenario for _, scenario in sweep.points]
    return points if not quick else points[:: max(1, len(points) // QUICK_POINTS)]


def measure_all(options: argparse.Namespace) -> Results:
    """Builds, installs, measures."""
    scenarios, sweeps = chosen(options.only)
    peers = chosen_peers(options.peers or (QUICK if options.quick else ()))
    swept = [peer for peer in peers if peer.name in (QUICK_SWEPT if options.quick else SWEPT)]
    if options.quick:
        scenarios = [scenario.smaller() for scenario in scenarios]
        sweeps = [sweep for sweep in sweeps if options.only or sweep.name in QUICK_SWEEPS]
    building.build_programs()
    wants_node = not options.no_node and any(peer.kind in ("node", "bun") for peer in peers)
    tools = building.install_peers(options.python, wants_node, options.loop, options.pypy)
    if any(scenario.tls for scenario in scenarios):
        building.make_certificate(tools.python)
    results = Results(machine.describe(), building.versions(tools))
    results.settings = {
        "date": datetime.date.today().isoformat(),
        "rounds": options.rounds,
        "duration": options.duration,
        "warmup": options.warmup,
        "quick": options.quick,
        "loop": options.loop,
    }
    measure = Measure(tools, frozenset(building.features()), options.duration, options.warmup)
    measure_in_turn(measure, results, scenarios, peers, options.rounds)
    # Many points, each compared with its neighbours.
    shorter = replace(measure, duration=options.duration / 2)
    for sweep in sweeps:
        measure_in_turn(shorter, results, reduce(sweep, options.quick), swept, options.rounds)
    return results


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs what the command line asks for; returns the exit status: 1 when a run failed."""
    options = read_options(arguments)
    began = time.monotonic()
    if options.report:
        results = Results.load(options.report)
    else:
        results = measure_all(options)
        stamp = datetime.datetime.now().strftime("%Y%m%d-%H%M%S")
        kept = options.results or places.RESULTS / f"{stamp}.json"
        results.save(kept)
        print(f"{time.monotonic() - began:.0f} s; every run: {kept}", file=sys.stderr)
    whole = not options.only and not options.peers
    target = options.write or ((places.QUICK_REPORT if options.quick else places.REPORT) if whole else None)
    if target is not None:
        target.parent.mkdir(parents=True, exist_ok=True)
        write_report(results, target)
        print(f"the report: {target}", file=sys.stderr)
    else:
        for scenario in chosen(options.only)[0]:
            print("\n".join(["", f"{scenario.name}: {scenario.title}", "", *table(results, scenario)]))
    failures = results.failures()
    for scenario_name, peer_name, reason in failures:
        print(f"failed: {peer_name} in {scenario_name}: {reason}", file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
