"""What is printed at the end: for people, and as one line for programs."""

import json
import os
from typing import Any, Final

from twinax import IMPLEMENTATION, __version__

from .outcome import Outcome
from .picture import Style, columns, distribution, duration, number, share
from .plan import Plan

__all__ = ["as_json", "as_text"]

PERCENTILES: Final = (50.0, 90.0, 99.0, 99.9)
MEGABYTE: Final = 1_000_000


def as_json(plan: Plan, outcome: Outcome) -> str:
    """Return everything as one line of JSON; durations are in seconds, sizes in bytes."""
    latency, opened = outcome.latency, outcome.opened
    found: dict[str, Any] = {
        "url": plan.url,
        "mode": "handshakes" if plan.handshakes else "messages",
        "connections": plan.connections,
        "depth": None if plan.rate or plan.handshakes else plan.depth,
        "size": None if plan.handshakes else plan.size,
        "type": None if plan.handshakes else "binary" if plan.binary else "text",
        "rate": plan.rate,
        "extensions": list(plan.agreed),
        "seconds": outcome.seconds,
        "answered": outcome.answered,
        "answered_per_second": outcome.rate,
        "bytes_per_second": None if plan.handshakes else outcome.rate * plan.size,
        "sent": outcome.sent,
        "answered_late": outcome.late,
        "latency": _spread(latency),
        "opening": None if plan.handshakes else {"seconds": outcome.opening_seconds, **_spread(opened)},
        "errors": {
            "total": outcome.errors,
            "wrong": outcome.wrong,
            "unexpected": outcome.unexpected,
            "lost": outcome.lost,
            "failed_to_connect": dict(outcome.failures),
            "closed": dict(outcome.closes),
        },
        "client": {
            "version": __version__,
            "core": _core(),
            "processes": len(outcome.workers),
            "busy": outcome.busy,
            "limited_by_client": outcome.limited_by_client,
        },
        "answered_per_second_over_time": outcome.timeline,
    }
    return json.dumps(found)


def _spread(durations: Any) -> dict[str, float]:
    if not durations.total:
        return {}
    percentiles = {f"p{percent:g}": durations.percentile(percent) for percent in PERCENTILES}
    return {"min": durations.percentile(0), "mean": durations.mean(), **percentiles, "max": durations.percentile(100)}


def _core() -> str:
    return "compiled" if IMPLEMENTATION == "cython" else "interpreted"


def as_text(plan: Plan, outcome: Outcome, style: Style) -> str:
    """Return the figures, the pictures, and what went wrong."""
    lines = [*_head(plan, outcome), "", *_figures(plan, outcome)]
    if outcome.latency.total:
        lines += [
            "",
            "latency: share of the answers that took so long, up to the next line",
            *distribution(outcome.latency, style),
        ]
        lines += ["", f"{_unit(plan)} over time", *columns(outcome.timeline, outcome.seconds, style)]
    lines += _errors(outcome)
    lines += _remarks(plan, outcome)
    return style.plain("\n".join(lines))


def _unit(plan: Plan) -> str:
    return "handshakes/s" if plan.handshakes else "messages/s"


def _head(plan: Plan, outcome: Outcome) -> list[str]:
    kind = "binary" if plan.binary else "text"
    rate = f"{number(plan.rate or 0)} a second by the clock"
    if plan.handshakes:
        load = f"handshakes, {f'{rate}, at most ' if plan.rate else ''}{number(plan.connections)} at a time"
    else:
        depth = rate if plan.rate else f"{number(plan.depth)} under way on each"
        load = f"{number(plan.connections)} connections, messages of {number(plan.size)} B ({kind}), {depth}"
    if plan.agreed:
        load += f", {', '.join(plan.agreed)}"
    processes = f"{len(outcome.workers)} process{'es' if len(outcome.workers) > 1 else ''}"
    measured = f"{duration(outcome.seconds)} after {duration(plan.warmup)} of warm-up"
    return [f"{plan.url}", load, f"measured for {measured}, by {processes}, twinax {__version__}, {_core()} core"]


def _figures(plan: Plan, outcome: Outcome) -> list[str]:
    what = "handshakes" if plan.handshakes else "messages"
    rows = [(what, f"{number(outcome.answered)}", f"{number(round(outcome.rate))} a second")]
    if not plan.handshakes:
        size = outcome.answered * plan.size / MEGABYTE
        speed = outcome.rate * plan.size / MEGABYTE
        rows.append(("payload", f"{number(size)} MB", f"{number(speed)} MB/s each way"))
    lines = [f"{name:10}{amount:>16}{' ' * 5}{speed}" for name, amount, speed in rows]
    lines.append(f"{'errors':10}{number(outcome.errors) if outcome.errors else 'none':>16}")
    for name, value in _spread(outcome.latency).items():
        lines.append(f"{'latency' if name == 'min' else '':10}{name:>6}{duration(value):>12}")
    if outcome.opened.total:
        spread = f"p50 {duration(outcome.opened.percentile(50))}, max {duration(outcome.opened.percentile(100))}"
        opened = f"{number(outcome.opened.total)} connections in {duration(outcome.opening_seconds)}"
        lines.append(f"{'opening':10}{opened}: {spread}")
    return lines


def _errors(outcome: Outcome) -> list[str]:
    lines = []
    for reason, times in outcome.failures.most_common():
        lines.append(f"{number(times):>10} could not connect: {reason}")
    for reason, times in outcome.closes.most_common():
        lines.append(f"{number(times):>10} connections ended: {reason}")
    for times, what in (
        (outcome.wrong, "answers were not the message that was due (changed, or in another order)"),
        (outcome.unexpected, "messages came that answer nothing"),
        (outcome.lost, "were not answered"),
    ):
        if times:
            lines.append(f"{number(times):>10} {what}")
    return ["", "errors", *lines] if lines else []


def _remarks(plan: Plan, outcome: Outcome) -> list[str]:
    """Say what the figures are not."""
    lines = []
    if plan.compress and not plan.agreed:
        lines.append("nothing was compressed: the server did not agree to it")
    if outcome.limited_by_client:
        lines += _client_was_the_limit(outcome)
    if plan.rate and outcome.seconds and outcome.sent < 0.99 * plan.rate * outcome.seconds:
        sent = outcome.sent / outcome.seconds
        lines.append(f"the rate was not reached: {number(round(sent))} of {number(plan.rate)} a second were sent")
    if plan.rate and outcome.late > 0.01 * outcome.sent:
        lines.append(f"{number(outcome.late)} of them were answered after the end; their latency is in the figures")
    return ["", *(f"! {line}" for line in lines)] if lines else []


def _client_was_the_limit(outcome: Outcome) -> list[str]:
    busiest = max(outcome.busy)
    workers = len(outcome.workers)
    lines = [f"the client itself was the limit: a process of it needed {share(busiest)} of a core"]
    if any(worker.waited > 0.2 * worker.seconds for worker in outcome.workers):
        lines.append("  and had to wait for one: other programs, perhaps the server, use the same cores")
    elif workers < (os.cpu_count() or 1):
        lines.append(f"  try --processes {workers + 1}")
    else:
        lines.append("  this machine has no more cores: load the server from another one as well")
    return lines
