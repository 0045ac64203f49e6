"""Pictures as text: what they show, how wide they are, and in which letters."""

import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinax.cli.load.histogram import Histogram
from twinax.cli.load.picture import (
    MAX_ROWS,
    Style,
    bar_of,
    columns,
    distribution,
    duration,
    edges_between,
    number,
    share,
    style_of,
)

BLOCKS = Style(unicode=True, color=False, redraws=False, width=60)
ASCII = Style(unicode=False, color=False, redraws=False, width=60)
COLORS = Style(unicode=True, color=True, redraws=True, width=60)


def recorded(*seconds: float) -> Histogram:
    histogram = Histogram()
    for value in seconds:
        histogram.record(round(value * 1e9))
    return histogram


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0"),
        (5e-8, "50 ns"),
        (1.234e-6, "1.23 µs"),
        (0.99999e-3, "1.00 ms"),
        (0.0123456, "12.3 ms"),
        (0.25, "250 ms"),
        (75.0, "75.0 s"),
    ],
)
def test_durations_have_three_digits(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_numbers_and_shares() -> None:
    assert [number(value) for value in (0, 7, 2.5, 999.4, 1234567.8)] == ["0", "7", "2.50", "999", "1,234,568"]
    assert [share(part) for part in (0, 0.0001, 0.25, 1)] == ["0.0 %", "<0.1 %", "25.0 %", "100.0 %"]


@given(st.floats(0, 1000), st.floats(0, 1000))
def test_edges_are_few_and_enclose_what_was_measured(one: float, other: float) -> None:
    low, high = sorted((one, other))
    edges = edges_between(low, high)
    assert 2 <= len(edges) <= MAX_ROWS + 1
    assert edges == sorted(set(edges))
    assert edges[0] <= max(low, 1e-9) * 1.001
    assert edges[-1] > high


def test_a_distribution_has_a_bar_for_each_range() -> None:
    lines = distribution(recorded(*[0.0011] * 8, *[0.0016] * 4), BLOCKS)
    assert [re.split(r" *[│█ ]+", line.strip())[:2] for line in lines] == [
        ["1.00", "ms"],
        ["1.20", "ms"],
        ["1.50", "ms"],
    ]
    assert [line.count("█") for line in lines] == [36, 0, 18]
    assert [line[-7:].strip() for line in lines][::2] == ["66.7 %", "33.3 %"]


def test_outliers_share_the_last_range() -> None:
    lines = distribution(recorded(*[0.001] * 5000, 100.0), BLOCKS)
    assert len(lines) == 1
    assert "100.0 %" in lines[0]


def test_colours_tell_the_slow_ones() -> None:
    text = "\n".join(distribution(recorded(*[0.001] * 90, *[0.004] * 9, 0.02), COLORS))
    assert re.findall(r"\x1b\[(\d+)m[█▉▊▋▌▍▎▏]", text) == ["32", "33", "31"]


@given(st.floats(0, 50))
def test_a_bar_is_as_long_as_it_should_be_and_never_vanishes(length: float) -> None:
    for style, least in ((BLOCKS, 1), (ASCII, 1)):
        bar = bar_of(length, style)
        assert len(bar) >= (least if length else 0)
        assert abs(len(bar) - length) <= 1


def test_columns_are_as_high_as_the_rate() -> None:
    lines = columns([0, 50, 100], 3.0, BLOCKS)
    assert lines[0].startswith("       100 │")
    assert lines[0].count("█") == 16
    assert lines[-2].startswith("         0 │")
    assert lines[-2].count("█") == 32
    assert lines[-1].split() == ["0", "3.00", "s"]
    assert max(map(len, lines)) <= BLOCKS.width


def test_many_values_are_averaged() -> None:
    lines = columns([float(place % 2) for place in range(1000)], 100.0, ASCII)
    assert max(map(len, lines)) <= ASCII.width
    assert "\n".join(lines).isascii()


def test_nothing_to_draw() -> None:
    assert distribution(Histogram(), BLOCKS) == []
    assert columns([], 0, BLOCKS) == []
    assert columns([0.0], 1, BLOCKS) == []


class Terminal(io.TextIOWrapper):
    """A stream that says that it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("encoding", "variables", "expected"),
    [
        ("utf-8", {}, (True, True, True)),
        ("utf-8", {"NO_COLOR": "1"}, (True, False, True)),
        ("utf-8", {"NO_COLOR": ""}, (True, True, True)),
        ("utf-8", {"TERM": "dumb"}, (True, False, False)),
        ("latin-1", {}, (False, True, True)),
    ],
)
def test_what_a_terminal_can_show(
    encoding: str, variables: dict[str, str], expected: tuple[bool, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "72")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    style = style_of(Terminal(io.BytesIO(), encoding))
    assert (style.unicode, style.color, style.redraws, style.width) == (*expected, 72)


def test_a_pipe_has_no_colours() -> None:
    assert style_of(io.TextIOWrapper(io.BytesIO(), "utf-8")).color is False
