"""What was measured: every single run, and what a table says about several."""

import json
import statistics
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from .measuring import Outcome

__all__ = ["Results", "Summary"]


@dataclass(frozen=True)
class Summary:
    """What several runs of one peer in one scenario say.

    Attributes:
        value: The median, in the unit of the scenario; None when nothing was measured.
        spread: From the smallest to the largest, as a share of the median.
        cpu: The median of the processor time a message, in microseconds.
        p50: The median latency in microseconds, median of the runs; None where it is not measured.
        p99: The 99th percentile, as `p50`.
        busy: How much of its core what is measured used, the median; near 1 unless the load generator, the depth or
            other programs on the machine are the limit.
        received: Bytes a message on the wire, from the server; None where that is not counted.
        missing: Why there is nothing.
        failed: Whether that is a failure.
    """

    value: float | None = None
    spread: float = 0.0
    cpu: float | None = None
    p50: float | None = None
    p99: float | None = None
    busy: float | None = None
    received: float | None = None
    missing: str | None = None
    failed: bool = False


def median(values: Iterable[Any]) -> float | None:
    """The median of the values that are there; None without any."""
    found = [value for value in values if value is not None]
    return statistics.median(found) if found else None


def find(raw: dict[str, Any] | None, *path: str) -> float | None:
    """A number inside a line of JSON; None when it is not there."""
    at: Any = raw
    for name in path:
        at = at.get(name) if isinstance(at, dict) else None
    return float(at) if isinstance(at, int | float) else None


@dataclass
class Results:
    """All runs, and what they were made with.

    Attributes:
        machine: What it is.
        versions: Of peers and of what they run on.
        settings: Rounds, seconds, whether it was a quick look.
        runs: By scenario and peer: the outcome of each round.
    """

    machine: dict[str, str] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    runs: dict[str, dict[str, list[Outcome]]] = field(default_factory=dict)

    def add(self, scenario: str, peer: str, outcome: Outcome) -> None:
        """Adds the outcome of the next round."""
        self.runs.setdefault(scenario, {}).setdefault(peer, []).append(outcome)

    def peers(self, scenario: str) -> list[str]:
        """Who was asked to run a scenario, in the order of the table."""
        return list(self.runs.get(scenario, {}))

    def summary(self, scenario: str, peer: str) -> Summary:
        """What the rounds say together."""
        outcomes = self.runs.get(scenario, {}).get(peer, [])
        measured = [outcome for outcome in outcomes if outcome.value is not None]
        if not measured:
            last = outcomes[-1] if outcomes else Outcome(missing="not measured")
            return Summary(missing=last.missing, failed=last.failed)
        values = [outcome.value for outcome in measured if outcome.value is not None]
        middle = statistics.median(values)
        raws = [outcome.raw for outcome in measured]
        return Summary(
            value=middle,
            spread=(max(values) - min(values)) / middle if middle else 0.0,
            cpu=median(outcome.cpu for outcome in measured),
            p50=median(find(raw, "latency_us", "p50") for raw in raws),
            p99=median(find(raw, "latency_us", "p99") for raw in raws),
            busy=median(find(raw, "server_cpu", "busy") for raw in raws),
            received=median(find(raw, "bytes_in_per_message") for raw in raws),
        )

    def ratio(self, scenario: str, peer: str, reference: str, attribute: str = "value") -> float | None:
        """How many times the reference a peer is: the median of the ratios within each round.

        Neighbours in a round ran within seconds of each other, under the same noise.
        """
        ours = self.runs.get(scenario, {}).get(peer, [])
        theirs = self.runs.get(scenario, {}).get(reference, [])
        pairs = [(getattr(a, attribute), getattr(b, attribute)) for a, b in zip(ours, theirs, strict=False)]
        return median(a / b for a, b in pairs if a is not None and b)

    def failures(self) -> list[tuple[str, str, str]]:
        """Scenario, peer and reason of every run that failed."""
        return [
            (scenario, peer, outcome.missing or "")
            for scenario, peers in self.runs.items()
            for peer, outcomes in peers.items()
            for outcome in outcomes
            if outcome.failed
        ]

    def save(self, path: Path) -> None:
        """Writes everything as JSON."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(self), indent=1))

    @classmethod
    def load(cls, path: Path) -> "Results":
        """Reads what `save` wrote."""
        found = json.loads(path.read_text())
        runs = {
            scenario: {peer: [Outcome(**outcome) for outcome in outcomes] for peer, outcomes in peers.items()}
            for scenario, peers in found.pop("runs").items()
        }
        return cls(**found, runs=runs)
