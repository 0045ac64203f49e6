"""Pictures for a terminal: the distribution of durations, and rates over time.

Blocks of Unicode where the stream can encode them, ASCII otherwise; colours at a terminal, unless NO_COLOR is set
(https://no-color.org); as wide as the terminal.
"""

import itertools
import math
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TextIO

from .histogram import Histogram

__all__ = ["Style", "bar_of", "columns", "distribution", "duration", "number", "share", "style_of"]

EIGHTHS: Final = " ▏▎▍▌▋▊▉█"
LEVELS: Final = " ▁▂▃▄▅▆▇█"
MAX_ROWS: Final = 18
HEIGHT: Final = 6
NARROWEST, WIDEST = 40, 100
# Steps within a power of ten, from coarse to fine: the finest that needs few enough rows is taken.
SERIES: Final = (
    (1.0, 1.2, 1.5, 1.8, 2.2, 2.7, 3.3, 3.9, 4.7, 5.6, 6.8, 8.2),
    (1.0, 1.5, 2.2, 3.3, 4.7, 6.8),
    (1.0, 2.0, 5.0),
    (1.0,),
)
GREEN, YELLOW, RED = 32, 33, 31


@dataclass(frozen=True, slots=True)
class Style:
    """What the place can show.

    Attributes:
        unicode: Whether it has block characters.
        color: Whether it has colours.
        redraws: Whether a line can be written over.
        width: Characters in a line.
    """

    unicode: bool
    color: bool
    redraws: bool
    width: int

    def paint(self, text: str, color: int) -> str:
        """Return `text` in a colour."""
        return f"\x1b[{color}m{text}\x1b[0m" if self.color and text else text

    def plain(self, text: str) -> str:
        """Return `text` without what ASCII lacks, where that is all there is."""
        return text if self.unicode else text.replace("µ", "u").replace("·", "-").replace("│", "|").replace("┤", "|")


def style_of(stream: TextIO) -> Style:
    """Return what a stream can show."""
    try:
        (EIGHTHS + LEVELS).encode(getattr(stream, "encoding", None) or "ascii")
        has_blocks = True
    except UnicodeEncodeError:
        has_blocks = False
    terminal = stream.isatty() and os.environ.get("TERM") != "dumb"
    color = terminal and not os.environ.get("NO_COLOR")
    return Style(has_blocks, color, terminal, max(NARROWEST, min(shutil.get_terminal_size().columns, WIDEST)))


def duration(seconds: float) -> str:
    """Return a duration with three digits and its unit."""
    for size, unit in ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs")):
        if seconds >= size * 0.9995:
            return f"{three_digits(seconds / size)} {unit}"
    return f"{seconds * 1e9:.0f} ns" if seconds else "0"


def number(value: float) -> str:
    """Return a number with its thousands apart; small ones with three digits."""
    return f"{value:,.0f}" if value >= 1000 or value == int(value) else three_digits(value)


def three_digits(value: float) -> str:
    """Return a number below 1000 with three digits in all."""
    return f"{value:.2f}" if value < 9.995 else f"{value:.1f}" if value < 99.95 else f"{value:.0f}"


def share(part: float) -> str:
    """Return a share in percent; a small one is never 0."""
    return f"{100 * part:.1f} %" if part >= 0.001 or not part else "<0.1 %"


def distribution(latency: Histogram, style: Style) -> list[str]:
    """Draw how often which durations occurred: a bar for each range, named by its lower end; the last has no end.

    The colour says how many were faster: green up to the 90th percentile, yellow up to the 99th, red beyond.
    """
    if not latency.total:
        return []
    # A few outliers would take the detail from all others: those share the last range.
    edges = edges_between(latency.percentile(0), latency.percentile(99.9))
    counts = latency.counts_between(edges)
    room = style.width - 24
    lines = []
    below = 0
    for low, count in zip(edges, counts, strict=False):
        part = count / latency.total
        color = GREEN if below < 0.9 * latency.total else YELLOW if below < 0.99 * latency.total else RED
        bar = bar_of(room * count / max(counts), style)
        label = style.plain(f"{duration(low):>10} │")
        lines.append(f"{label}{style.paint(bar, color)}{' ' * (room - len(bar))} {share(part) if count else '':>8}")
        below += count
    return [line.rstrip() for line in lines]


def edges_between(low: float, high: float) -> list[float]:
    """Return edges of ranges, round numbers that grow evenly on a logarithmic axis, around these durations."""
    return next((edges for series in SERIES if len(edges := edges_of(series, low, high)) <= MAX_ROWS + 1), [low, high])


def edges_of(series: Sequence[float], low: float, high: float) -> list[float]:
    """Return the members of a series from the last one that is not above `low` to the first one above `high`."""
    low, high = max(low, 1e-9), max(high, 1e-9)
    powers = range(math.floor(math.log10(low)) - 1, math.floor(math.log10(high)) + 2)
    members = [step * 10.0**power for power in powers for step in series]
    first = max(place for place, edge in enumerate(members) if edge <= low * 1.0001)
    last = min(place for place, edge in enumerate(members) if edge > high)
    return members[first : max(last, first + 1) + 1]


def bar_of(length: float, style: Style) -> str:
    """Return a horizontal bar of so many characters; what is not empty is seen."""
    if not style.unicode:
        return "#" * (round(length) or (length > 0))
    whole, eighths = divmod(round(length * 8) or (length > 0), 8)
    return EIGHTHS[8] * whole + (EIGHTHS[eighths] if eighths else "")


def columns(values: Sequence[float], seconds: float, style: Style) -> list[str]:
    """Draw rates over time: a column for each part of the time, from 0 at the bottom.

    Args:
        values: Rates, from the beginning to the end.
        seconds: How long that was.
        style: What the place can show.
    """
    if not values or not max(values):
        return []
    room = style.width - 12
    means = resample(values, min(room, max(len(values), 1)))
    # Few samples get wide columns.
    wide = max(1, room // len(means))
    top = max(means)
    rows = []
    for row in reversed(range(HEIGHT)):
        cells = "".join(cell_of(value / top * HEIGHT - row, style) * wide for value in means)
        label = number(top) if row == HEIGHT - 1 else "0" if row == 0 else ""
        rows.append(f"{style.plain(f'{label:>10} │')}{style.paint(cells.rstrip(), GREEN)}")
    end = duration(seconds)
    return [*rows, style.plain(f"{'0':>12}{end:>{max(0, wide * len(means) - 1)}}")]


def cell_of(height: float, style: Style) -> str:
    """Return a character that is filled to this height, of 0 to 1, from below."""
    levels = LEVELS if style.unicode else " .:#"
    return levels[max(0, min(len(levels) - 1, round(height * (len(levels) - 1))))]


def resample(values: Sequence[float], wanted: int) -> list[float]:
    """Return so many means of neighbouring values."""
    bounds = [round(place * len(values) / wanted) for place in range(wanted + 1)]
    return [sum(values[low:high]) / (high - low) for low, high in itertools.pairwise(bounds)]
