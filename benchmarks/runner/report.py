"""Writes the report: Markdown with tables, and the plots beside it."""

from collections.abc import Iterable
from pathlib import Path

from .charts import Bar, Line, bars, lines
from .peers import PEERS, REFERENCE, SWEPT, Peer, chosen_peers
from .results import Results, Summary
from .scenarios import SCENARIOS, SWEEPS, Scenario, Sweep

__all__ = ["table", "write_report"]

LIMIT = "limit"
# What decides f and k as much as any peer does.
LIBRARIES = ("deflate of twinax", "TLS of Python")
NOT_MEASURED = "not measured: "
# Kinds of peers that a machine may have nothing to run in: then it is the peer that is missing, not the scenario.
KINDS_LACKED = ("node", "bun", "pypy")
INTRODUCTION = """# Benchmarks

Written by `make bench` (`benchmarks/`, see its README for what is measured and how). Figures are for the public API.

- The server runs on one core, the load generator on another; each figure is the median of {rounds}
  of {duration} s each, interleaved (A B C, A B C, ...). *Spread* is from the smallest to the largest, as a share of it.
- *CPU* is the processor time of the server (in j: of the client) for one message, all its threads and processes. On a
  machine that others use as well it is the steadier figure.
- *{reference} = 1* and *limit = 1* are medians of the ratios within each round. The limit server is a minimal epoll
  server in C: what is left is the kernel's cost.
- Every echo is compared with its message, of those of 1 MiB one in 16.
"""


def number(value: float | None) -> str:
    """A figure with as many digits as it is worth."""
    if value is None:
        return "-"
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def times(value: float | None) -> str:
    """A ratio."""
    return "-" if value is None else f"{value:.2f}" if value < 10 else f"{value:.1f}"


def share(value: float | None) -> str:
    """A share in percent."""
    return "-" if value is None else f"{100 * value:.0f} %"


def rows(header: list[str], body: Iterable[list[str]]) -> list[str]:
    """A table; all columns but the first are numbers."""
    rule = ["---", *["---:"] * (len(header) - 1)]
    return ["| " + " | ".join(row) + " |" for row in (header, rule, *body)]


def columns(scenario: Scenario) -> list[str]:
    """The titles of a scenario's table."""
    titles = ["", scenario.unit, "spread"]
    if scenario.kind != "idle":
        titles += ["CPU, µs"]
    if scenario.kind not in ("idle", "client"):
        titles += ["core busy", "p50, µs", "p99, µs"]
    if scenario.deflate is not None and scenario.kind != "idle":
        titles += ["bytes on the wire"]
    return [*titles, f"{REFERENCE} = 1", "limit = 1"]


def row(results: Results, scenario: Scenario, peer: Peer, summary: Summary) -> list[str]:
    """One peer's line in a scenario's table."""
    name = scenario.name
    cells = [peer.title, number(summary.value), share(summary.spread)]
    if scenario.kind != "idle":
        cells += [number(summary.cpu)]
    if scenario.kind not in ("idle", "client"):
        cells += [share(summary.busy), number(summary.p50), number(summary.p99)]
    if scenario.deflate is not None and scenario.kind != "idle":
        cells += [number(summary.received)]
    return [*cells, times(results.ratio(name, peer.name, REFERENCE)), times(results.ratio(name, peer.name, LIMIT))]


def table(results: Results, scenario: Scenario) -> list[str]:
    """A scenario's table, and below it who is missing and why."""
    peers = [peer for peer in PEERS if peer.name in results.peers(scenario.name)]
    summaries = {peer.name: results.summary(scenario.name, peer.name) for peer in peers}
    body = [row(results, scenario, p, summaries[p.name]) for p in peers if summaries[p.name].value is not None]
    missing: dict[str, list[str]] = {}
    for peer in peers:
        reason = summaries[peer.name].missing
        if reason is not None and not peer.only:
            missing.setdefault(f"failed: {reason}" if summaries[peer.name].failed else reason, []).append(peer.title)
    notes = [f"- {', '.join(titles)}: {reason}." for reason, titles in missing.items()]
    return [*rows(columns(scenario), body), *(["", *notes] if notes else [])]


def overview(results: Results, scenarios: list[Scenario]) -> list[str]:
    """All scenarios beside all peers, in the first unit of each."""
    peers = [p for p in PEERS if any(p.name in results.peers(s.name) for s in scenarios) and not p.only]
    body = []
    for scenario in scenarios:
        summaries = [results.summary(scenario.name, peer.name) for peer in peers]
        cells = [number(s.value) + (f" ({number(s.cpu)})" if s.cpu is not None else "") for s in summaries]
        body.append([f"{scenario.name}: {scenario.unit}", *cells])
    return rows(["(CPU, µs a message)", *(peer.title for peer in peers)], body)


def role(peer: Peer) -> str:
    """How a peer's bar is drawn."""
    return "ours" if peer.package == "twinax" else "mark" if peer.name == LIMIT else "other"


def draw_scenario(results: Results, scenario: Scenario) -> str:
    """The bars of a scenario, the best above."""
    found = [(peer, results.summary(scenario.name, peer.name).value) for peer in PEERS]
    values = [Bar(peer.title, value, role(peer)) for peer, value in found if value is not None]
    values.sort(key=lambda bar: bar.value, reverse=scenario.kind != "idle")
    return bars(f"{scenario.name}: {scenario.title}", scenario.unit, values)


def draw_sweep(results: Results, sweep: Sweep) -> str:
    """The lines of a sweep: processor time a message."""
    series = []
    for peer in chosen_peers(SWEPT):
        costs = [(number, results.summary(scenario.name, peer.name).cpu) for number, scenario in sweep.points]
        points = [(float(number), cost) for number, cost in costs if cost]
        if points:
            series.append(Line(peer.title, points, SWEPT.index(peer.name)))
    return lines(sweep.title, sweep.axis, "server CPU, µs a message", series)


def sweep_table(results: Results, sweep: Sweep) -> list[str]:
    """The figures behind a plot."""
    peers = [p for p in PEERS if any(p.name in results.peers(s.name) for _, s in sweep.points)]
    points = [(n, s) for n, s in sweep.points if results.peers(s.name)]
    body = [
        [peer.title, *(number(results.summary(scenario.name, peer.name).cpu) for _, scenario in points)]
        for peer in peers
    ]
    return rows([sweep.axis, *(f"{n:,}" for n, _ in points)], body)


def describe(results: Results) -> list[str]:
    """The machine, the versions, and what went wrong."""
    wanted = ("python", "pypy", "node", "cc", *dict.fromkeys(peer.package for peer in PEERS if peer.package), "uvloop")
    versions = [f"{name} {results.versions[name]}" for name in wanted if name in results.versions]
    lines = [f"- {name}: {value}" for name, value in results.machine.items()]
    lines.append(f"- versions: {', '.join(versions)}")
    lines += [f"- {name}: {results.versions[name]}" for name in LIBRARIES if name in results.versions]
    for scenario, peer, reason in results.failures():
        lines.append(f"- failed: {peer} in {scenario}: {reason}")
    return [*lines, *missing(results)]


def missing(results: Results) -> list[str]:
    """What a machine lacked or was not asked for: a report without it would look complete."""
    asked = {peer for peers in results.runs.values() for peer in peers}
    lacking: dict[str, set[str]] = {}
    for scenario, peers in results.runs.items():
        for peer in PEERS:
            reason = results.summary(scenario, peer.name).missing if peer.name in peers else None
            if reason is not None and reason.startswith(NOT_MEASURED):
                lacking.setdefault(reason, set()).add(peer.title if peer.kind in KINDS_LACKED else scenario)
    lines = [f"- {reason}: {', '.join(sorted(what))}" for reason, what in lacking.items()]
    for what, names in (
        ("peers", [peer.title for peer in PEERS if peer.name not in asked]),
        ("scenarios", [scenario.name for scenario in SCENARIOS if scenario.name not in results.runs]),
        ("plots", [s.name for s in SWEEPS if not any(point.name in results.runs for _, point in s.points)]),
    ):
        if names:
            lines.append(f"- {what} that were not asked for: {', '.join(names)}")
    if results.settings["quick"]:
        lines.append("- a quick look: one short round with fewer connections; `make bench` takes its time")
    return lines


def write_report(results: Results, path: Path) -> None:
    """Writes the report and its plots; what was not measured is left out."""
    folder = path.parent / path.stem
    folder.mkdir(parents=True, exist_ok=True)
    scenarios = [scenario for scenario in SCENARIOS if results.peers(scenario.name)]
    rounds = results.settings["rounds"]
    text = INTRODUCTION.format(
        rounds="1 round" if rounds == 1 else f"{rounds} rounds",
        duration=results.settings["duration"],
        reference=REFERENCE,
    ).splitlines()
    text += ["", f"Measured on {results.settings['date']}:", "", *describe(results), ""]
    text += ["## All scenarios", "", *overview(results, scenarios), ""]
    for scenario in scenarios:
        name = f"{scenario.name}.svg"
        (folder / name).write_text(draw_scenario(results, scenario))
        text += [f"## {scenario.name}: {scenario.title}", "", *table(results, scenario), ""]
        text += [f"![{scenario.title}]({folder.name}/{name})", ""]
    for sweep in SWEEPS:
        if not any(results.peers(scenario.name) for _, scenario in sweep.points):
            continue
        name = f"{sweep.name}.svg"
        (folder / name).write_text(draw_sweep(results, sweep))
        text += [f"## {sweep.title}", "", "Processor time of the server, µs a message.", ""]
        text += [*sweep_table(results, sweep), "", f"![{sweep.title}]({folder.name}/{name})", ""]
    path.write_text("\n".join(text).rstrip() + "\n")
