"""Samples of several workers, put together; and what is said about them."""

import dataclasses
import json

from twinax.cli.load.histogram import Histogram
from twinax.cli.load.outcome import Outcome
from twinax.cli.load.picture import Style
from twinax.cli.load.plan import Plan
from twinax.cli.load.summary import as_json, as_text
from twinax.cli.load.tally import DRAINING, END, MEASURING, READY, WARMUP, Sample

STYLE = Style(unicode=True, color=False, redraws=False, width=80)


def took(milliseconds: float, times: int) -> dict[str, int]:
    histogram = Histogram()
    for _ in range(times):
        histogram.record(round(milliseconds * 1e6))
    return histogram.take()


def two_workers(**changes: float | None) -> Outcome:
    """Two workers, one measured second each in two samples; `changes` are of every measured sample."""
    outcome = Outcome(2, 0.5)
    for number in (0, 1):
        outcome.add(number, Sample(phase=READY, at=0.2 + number, open=5, opened=took(2, 5)))
        outcome.add(number, Sample(phase=WARMUP, at=1, span=1, answered=1000, latency=took(900, 10)))
        for at in (0.5, 1.0):
            measured = Sample(
                phase=MEASURING,
                at=at,
                span=0.5,
                answered=50,
                sent=50,
                open=5,
                processor=0.1,
                waited=0.0,
                latency=took(1, 50),
            )
            outcome.add(number, dataclasses.replace(measured, **changes))  # type: ignore[arg-type]
        outcome.add(number, Sample(phase=DRAINING, answered=2, latency=took(5, 2)))
        outcome.add(number, Sample(phase=END))
    return outcome


def test_what_is_measured_counts_and_nothing_else() -> None:
    outcome = two_workers()
    assert (outcome.answered, outcome.sent, outcome.late, outcome.seconds, outcome.rate) == (200, 200, 4, 1.0, 200.0)
    # The last answers are among the durations, what came while warming up is not.
    assert outcome.latency.total == 204
    assert 0.0049 < outcome.latency.percentile(100) < 0.0051
    assert (outcome.opened.total, outcome.opening_seconds) == (10, 1.2)
    assert outcome.timeline == [200.0, 200.0]
    assert outcome.errors == 0


def test_samples_that_come_late_are_spread_over_their_time() -> None:
    outcome = Outcome(1, 0.5)
    outcome.add(0, Sample(phase=MEASURING, at=1.5, span=1.5, answered=300))
    outcome.add(0, Sample(phase=MEASURING, at=2.0, span=0.5, answered=10))
    assert outcome.timeline == [200.0, 200.0, 200.0, 20.0]


def test_everything_that_goes_wrong_is_an_error() -> None:
    outcome = two_workers()
    outcome.add(0, Sample(phase=MEASURING, wrong=1, unexpected=2, lost=3, failures={"refused": 4}, closes={"1011": 5}))
    assert outcome.errors == 15
    text = as_text(Plan(url="ws://a/"), outcome, STYLE)
    assert "         4 could not connect: refused" in text
    assert "         5 connections ended: 1011" in text
    assert "         3 were not answered" in text


def test_a_client_with_time_to_spare_is_not_the_limit() -> None:
    outcome = two_workers()
    assert outcome.busy == [0.2, 0.2]
    assert "!" not in as_text(Plan(url="ws://a/"), outcome, STYLE)


def test_a_busy_client_says_so() -> None:
    outcome = two_workers(processor=0.5)
    assert outcome.limited_by_client
    text = as_text(Plan(url="ws://a/"), outcome, STYLE)
    assert "! the client itself was the limit: a process of it needed 100.0 % of a core" in text
    assert json.loads(as_json(Plan(url="ws://a/"), outcome))["client"]["limited_by_client"] is True


def test_a_client_that_waits_for_a_core_is_the_limit_too() -> None:
    outcome = two_workers(processor=0.1, waited=0.4)
    assert "had to wait for one" in as_text(Plan(url="ws://a/"), outcome, STYLE)


def test_a_system_that_tells_less_does_not_fail() -> None:
    assert two_workers(waited=None).busy == [0.2, 0.2]


def test_a_rate_that_was_not_reached_is_told() -> None:
    text = as_text(Plan(url="ws://a/", rate=1000), two_workers(), STYLE)
    assert "! the rate was not reached: 200 of 1,000 a second were sent" in text
    assert "! 4 of them were answered after the end" in text
    assert "not reached" not in as_text(Plan(url="ws://a/", rate=201), two_workers(), STYLE)


def test_the_line_for_programs_survives_a_round_trip() -> None:
    found = json.loads(as_json(Plan(url="ws://a/", connections=10), two_workers()))
    assert found["answered_per_second"] == 200
    assert found["errors"] == {
        "total": 0,
        "wrong": 0,
        "unexpected": 0,
        "lost": 0,
        "failed_to_connect": {},
        "closed": {},
    }


def test_samples_go_through_a_pipe() -> None:
    sample = Sample(phase=MEASURING, at=1.5, answered=3, waited=None, latency={"5": 3}, closes={"1006": 1})
    assert Sample.from_json(sample.as_json()) == sample
