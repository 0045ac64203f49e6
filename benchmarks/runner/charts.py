"""Writes SVG: bars, and lines over logarithmic axes. Just what the report needs, without a library."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

__all__ = ["Bar", "Line", "bars", "lines"]

WIDTH = 760
FONT = "font-family='system-ui, sans-serif'"
INK, FAINT, PAPER = "#1f2430", "#c9ced8", "#ffffff"
OURS, OTHERS, MARK = "#c2410c", "#64748b", "#0f766e"
PALETTE = ("#0f766e", "#c2410c", "#ea9a5b", "#7c2d12", "#1d4ed8", "#7e22ce", "#64748b", "#15803d")


@dataclass(frozen=True)
class Bar:
    """One bar: its name, how long, and whether it is ours, the mark, or another's."""

    title: str
    value: float
    role: str = "other"


@dataclass(frozen=True)
class Line:
    """One line: its name, its points from left to right, and which of the colours it has."""

    title: str
    points: Sequence[tuple[float, float]]
    color: int


def shorten(value: float) -> str:
    """A number in at most four figures, as on an axis."""
    for size, suffix in ((1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.3g}{suffix}"
    return f"{value:.3g}"


def text(x: float, y: float, content: str, anchor: str = "start", size: int = 12, weight: str = "normal") -> str:
    """A line of text."""
    place = f"x='{x:.1f}' y='{y:.1f}' text-anchor='{anchor}'"
    return f"<text {place} {FONT} font-size='{size}' font-weight='{weight}' fill='{INK}'>{escape(content)}</text>"


def rule(x1: float, y1: float, x2: float, y2: float, color: str = FAINT) -> str:
    """A thin line."""
    return f"<line x1='{x1:.1f}' y1='{y1:.1f}' x2='{x2:.1f}' y2='{y2:.1f}' stroke='{color}'/>"


def document(height: float, title: str, parts: Sequence[str]) -> str:
    """The whole file."""
    head = f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {WIDTH} {height:.0f}' role='img'>"
    paper = f"<rect width='{WIDTH}' height='{height:.0f}' fill='{PAPER}'/>"
    body = [
        head,
        f"<title>{escape(title)}</title>",
        paper,
        text(16, 26, title, size=15, weight="600"),
        *parts,
        "</svg>",
    ]
    return "\n".join(body) + "\n"


def bars(title: str, unit: str, values: Sequence[Bar]) -> str:
    """Horizontal bars from zero, one below the other."""
    left, right, top, step = 210, WIDTH - 80, 56, 24
    longest = max((bar.value for bar in values), default=0.0) or 1.0
    colors = {"ours": OURS, "mark": MARK}
    parts = [text(16, 44, unit, size=11)]
    for i, bar in enumerate(values):
        y = top + i * step
        width = (right - left) * bar.value / longest
        color = colors.get(bar.role, OTHERS)
        parts.append(text(left - 8, y + 13, bar.title, "end", weight="600" if bar.role == "ours" else "normal"))
        parts.append(f"<rect x='{left}' y='{y}' width='{max(width, 1):.1f}' height='17' rx='2' fill='{color}'/>")
        parts.append(text(left + width + 6, y + 13, shorten(bar.value), size=11))
    return document(top + len(values) * step + 12, title, parts)


class LogAxis:
    """Places numbers between two ends, each power of ten as long as the next."""

    def __init__(self, values: Sequence[float], start: float, end: float) -> None:
        self.low = math.floor(math.log10(min(values)))
        self.high = max(math.ceil(math.log10(max(values))), self.low + 1)
        self.start, self.end = start, end

    def place(self, value: float) -> float:
        """Where a number is."""
        return self.start + (self.end - self.start) * (math.log10(value) - self.low) / (self.high - self.low)

    def ticks(self) -> list[float]:
        """The powers of ten."""
        return [10.0**power for power in range(self.low, self.high + 1)]


def lines(title: str, x_title: str, y_title: str, series: Sequence[Line]) -> str:
    """Lines over two logarithmic axes; a 0 to the left is drawn where the axis begins."""
    left, right, top, bottom = 70, WIDTH - 200, 56, 380
    xs = [x for line in series for x, _ in line.points if x > 0]
    ys = [y for line in series for _, y in line.points if y > 0]
    if not xs or not ys:
        return document(bottom, title, [text(16, 60, "nothing was measured")])
    across, up = LogAxis(xs, left, right), LogAxis(ys, bottom, top)
    parts = [text(16, 44, y_title, size=11), text((left + right) / 2, bottom + 36, x_title, "middle", size=11)]
    for tick in across.ticks():
        parts += [rule(across.place(tick), top, across.place(tick), bottom)]
        parts += [text(across.place(tick), bottom + 18, shorten(tick), "middle", size=11)]
    for tick in up.ticks():
        parts += [rule(left, up.place(tick), right, up.place(tick))]
        parts += [text(left - 8, up.place(tick) + 4, shorten(tick), "end", size=11)]
    for i, line in enumerate(series):
        color = PALETTE[line.color % len(PALETTE)]
        places = [(across.place(x) if x > 0 else left, up.place(y)) for x, y in line.points if y > 0]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        parts.append(f"<polyline points='{path}' fill='none' stroke='{color}' stroke-width='2'/>")
        parts += [f"<circle cx='{x:.1f}' cy='{y:.1f}' r='3' fill='{color}'/>" for x, y in places]
        y = top + 8 + i * 20
        parts.append(f"<rect x='{right + 16}' y='{y - 9}' width='12' height='12' fill='{color}'/>")
        parts.append(text(right + 34, y + 1, line.title))
    return document(bottom + 50, title, parts)
