"""A histogram of durations: any range, a known error, and so small that a process sends one ten times a second.

Buckets are log-linear, as in an HDR histogram: durations of up to 127 ns have a bucket each, and every doubling
beyond is cut into 64 equal parts. What is read from a bucket is its middle, at most 0.8 % beside the truth.
"""

from collections.abc import Mapping
from typing import Final

__all__ = ["Histogram"]

BITS: Final = 7
PARTS: Final = 1 << (BITS - 1)
LONGEST: Final = (1 << 46) - 1
"""Nanoseconds, almost 20 hours: anything longer is counted as this."""

SIZE: Final = (LONGEST.bit_length() - BITS) * PARTS + 2 * PARTS


class Histogram:
    """Counts durations in nanoseconds.

    Attributes:
        total: How many there are.
    """

    __slots__ = ("_counts", "total")

    def __init__(self) -> None:
        self._counts = [0] * SIZE
        self.total = 0

    def record(self, nanoseconds: int) -> None:
        """Count one duration; a negative one as 0."""
        # Index = doublings beyond 127 ns, 64 buckets each, and the leading seven bits.
        shift = nanoseconds.bit_length() - BITS
        if shift <= 0:
            index = max(nanoseconds, 0)
        elif nanoseconds > LONGEST:
            index = SIZE - 1
        else:
            index = shift * PARTS + (nanoseconds >> shift)
        self._counts[index] += 1
        self.total += 1

    def add(self, counts: Mapping[str, int]) -> None:
        """Add what `take` of another histogram gave."""
        for index, count in counts.items():
            self._counts[int(index)] += count
            self.total += count

    def take(self) -> dict[str, int]:
        """Return what was counted in a form that JSON keeps, and begin anew."""
        taken = {str(index): count for index, count in enumerate(self._counts) if count} if self.total else {}
        if taken:
            self._counts = [0] * SIZE
            self.total = 0
        return taken

    def percentile(self, percent: float) -> float:
        """Return the duration in seconds that so many percent do not exceed; 0.0 without any.

        Args:
            percent: 0 to 100; 0 gives the shortest, 100 the longest.
        """
        wanted = max(1, -(-self.total * percent // 100))
        seen = 0
        for index, count in enumerate(self._counts):
            seen += count
            if count and seen >= wanted:
                return middle(index)
        return 0.0

    def mean(self) -> float:
        """Return the mean in seconds; 0.0 without any."""
        if not self.total:
            return 0.0
        return sum(middle(index) * count for index, count in enumerate(self._counts) if count) / self.total

    def counts_between(self, edges: list[float]) -> list[int]:
        """Return how many lie between each two neighbouring edges, which are in seconds and rise."""
        found = [0] * (len(edges) - 1)
        place = 0
        for index, count in enumerate(self._counts):
            if count:
                seconds = middle(index)
                while place < len(found) - 1 and seconds >= edges[place + 1]:
                    place += 1
                found[place] += count
        return found


def middle(index: int) -> float:
    """Return the duration in seconds in the middle of a bucket."""
    shift = max(0, index // PARTS - 1)
    low = (index - shift * PARTS) << shift
    return (low + ((1 << shift) - 1) / 2) / 1e9
