"""What all workers measured, put together while it comes in."""

from collections import Counter, deque
from dataclasses import dataclass
from typing import Final

from .histogram import Histogram
from .tally import DRAINING, MEASURING, OPENING, READY, WARMUP, Sample

__all__ = ["FULL", "Outcome"]

FULL: Final = 0.95
"""Share of a core from which a worker counts as fully busy."""

RECENT: Final = 10
"""Samples of a worker that the live figures cover: a second."""


@dataclass(slots=True)
class WorkerTotals:
    """What one worker has said about itself.

    Attributes:
        open: Connections that are open.
        answered: Messages that were answered within the measured time.
        seconds: Measured so far.
        processor: Seconds of processor time of these.
        waited: Seconds of these for which it had no core though it wanted one.
        opening: Seconds that opening the connections took.
    """

    open: int = 0
    answered: int = 0
    seconds: float = 0.0
    processor: float = 0.0
    waited: float = 0.0
    opening: float = 0.0

    @property
    def busy(self) -> float:
        """The share of the time for which it ran, or would have with a core of its own; 0 to 1."""
        return min(1.0, (self.processor + self.waited) / self.seconds) if self.seconds else 0.0


class Outcome:
    """Sums of samples.

    Attributes:
        phase: What the workers are doing.
        elapsed: Seconds since that began.
        answered: Messages (handshakes) that were answered within the measured time.
        sent: Messages that were sent within it.
        late: Messages that were answered after its end.
        wrong: Answers that were not the message.
        unexpected: Messages that answered nothing.
        lost: Messages that were not answered.
        latency: Durations of all that was answered.
        opened: Durations of the opening handshakes of the connections.
        failures: Why opening handshakes failed, and how often.
        closes: How connections ended that were not closed by us, and how often.
        workers: One entry a worker.
    """

    def __init__(self, workers: int, tick: float) -> None:
        self.phase = OPENING
        self.elapsed = 0.0
        self.answered = self.sent = self.late = 0
        self.wrong = self.unexpected = self.lost = 0
        self.latency = Histogram()
        self.opened = Histogram()
        self.failures: Counter[str] = Counter()
        self.closes: Counter[str] = Counter()
        self._answers: list[float] = []
        self.workers = [WorkerTotals() for _ in range(workers)]
        self._tick = tick
        self._recent: list[deque[Sample]] = [deque(maxlen=RECENT) for _ in range(workers)]

    def add(self, number: int, sample: Sample) -> None:
        """Add what worker `number` said."""
        worker = self.workers[number]
        self.phase, self.elapsed = sample.phase, sample.at
        worker.open = sample.open
        self.wrong += sample.wrong
        self.unexpected += sample.unexpected
        self.lost += sample.lost
        self.opened.add(sample.opened)
        self.failures.update(sample.failures)
        self.closes.update(sample.closes)
        if sample.phase in (OPENING, READY):
            worker.opening = sample.at
        elif sample.phase != WARMUP:
            self.latency.add(sample.latency)
        if sample.phase == MEASURING:
            self.answered += sample.answered
            worker.answered += sample.answered
            self.sent += sample.sent
            worker.seconds += sample.span
            worker.processor += sample.processor
            worker.waited += sample.waited or 0.0
            self._add_to_timeline(sample)
        elif sample.phase == DRAINING:
            self.late += sample.answered
        self._recent[number].append(sample)

    def _add_to_timeline(self, sample: Sample) -> None:
        # Samples come a little late, and not all workers at the same time: each is spread over what it covers.
        begin, end = max(0.0, sample.at - sample.span), sample.at
        while len(self._answers) * self._tick < end:
            self._answers.append(0.0)
        for place in range(int(begin / self._tick), len(self._answers)):
            covered = min(end, (place + 1) * self._tick) - max(begin, place * self._tick)
            self._answers[place] += sample.answered * max(0.0, covered) / (end - begin) if end > begin else 0.0

    @property
    def timeline(self) -> list[float]:
        """Answers a second, within each tick that was measured as a whole."""
        whole = max(1, round(self.seconds / self._tick - 0.25)) if self._answers else 0
        return [answers / self._tick for answers in self._answers[:whole]]

    @property
    def seconds(self) -> float:
        """Seconds that were measured."""
        return max(worker.seconds for worker in self.workers)

    @property
    def rate(self) -> float:
        """Answers a second, over the measured time."""
        return sum(worker.answered / worker.seconds for worker in self.workers if worker.seconds)

    @property
    def open_now(self) -> int:
        """Connections that are open."""
        return sum(worker.open for worker in self.workers)

    @property
    def opening_seconds(self) -> float:
        """Seconds until the last connection was open."""
        return max(worker.opening for worker in self.workers)

    @property
    def errors(self) -> int:
        """Everything that went wrong."""
        failed = self.failures.total() + self.closes.total()
        return failed + self.wrong + self.unexpected + self.lost

    @property
    def busy(self) -> list[float]:
        """How busy each worker was, as a share of a core."""
        return [worker.busy for worker in self.workers]

    @property
    def limited_by_client(self) -> bool:
        """Whether a worker was fully busy: then the figures are those of the client."""
        return any(share >= FULL for share in self.busy)

    def recent(self) -> tuple[float, Histogram]:
        """Return answers a second and their durations, of the last second."""
        latency = Histogram()
        rate = 0.0
        for samples in self._recent:
            same = [sample for sample in samples if sample.phase == self.phase]
            span = sum(sample.span for sample in same)
            rate += sum(sample.answered for sample in same) / span if span else 0.0
            for sample in same:
                latency.add(sample.latency)
        return rate, latency
