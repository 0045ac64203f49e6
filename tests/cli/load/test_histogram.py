"""The histogram: its error, its ends, and what goes through a pipe."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinax.cli.load.histogram import LONGEST, SIZE, Histogram, middle


def filled(*nanoseconds: int) -> Histogram:
    histogram = Histogram()
    for value in nanoseconds:
        histogram.record(value)
    return histogram


@given(st.integers(0, LONGEST))
def test_what_is_read_is_at_most_one_percent_beside_the_truth(nanoseconds: int) -> None:
    histogram = filled(nanoseconds)
    for read in (histogram.percentile(50), histogram.mean()):
        assert read * 1e9 == pytest.approx(nanoseconds, rel=0.008, abs=1e-6)


@given(st.lists(st.integers(0, 10**10), min_size=1, max_size=200), st.sampled_from([0, 1, 50, 90, 99, 99.9, 100]))
def test_percentiles_are_those_of_a_sorted_list(values: list[int], percent: float) -> None:
    values.sort()
    place = max(1, -(-len(values) * percent // 100))
    assert filled(*values).percentile(percent) * 1e9 == pytest.approx(values[int(place) - 1], rel=0.008, abs=1e-6)


def test_buckets_rise_and_leave_no_gap() -> None:
    middles = [middle(index) for index in range(SIZE)]
    assert middles == sorted(set(middles))


def test_beyond_either_end() -> None:
    histogram = filled(-5, LONGEST + 1, 2**80)
    assert histogram.percentile(0) == 0
    assert histogram.percentile(100) == pytest.approx(LONGEST / 1e9, rel=0.008)
    assert histogram.total == 3


def test_nothing_was_recorded() -> None:
    histogram = Histogram()
    assert (histogram.percentile(50), histogram.mean(), histogram.total, histogram.take()) == (0, 0, 0, {})


@given(st.lists(st.lists(st.integers(0, LONGEST)), max_size=5))
def test_parts_add_up_to_the_whole(parts: list[list[int]]) -> None:
    whole = Histogram()
    for values in parts:
        part = filled(*values)
        whole.add(json.loads(json.dumps(part.take())))
        assert part.total == 0
    expected = filled(*(value for values in parts for value in values))
    assert whole.total == expected.total
    assert whole.take() == expected.take()


def test_counts_between_edges() -> None:
    histogram = filled(5_000, 15_000, 15_000, 25_000, 95_000)
    assert histogram.counts_between([10e-6, 20e-6, 30e-6]) == [3, 2]
