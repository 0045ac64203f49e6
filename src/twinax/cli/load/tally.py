"""What a worker counts, and the sample of it that goes to the parent ten times a second."""

import dataclasses
import json
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from twinax import CloseReport

from ..printing import escape_controls
from .histogram import Histogram

__all__ = ["DRAINING", "END", "MEASURING", "OPENING", "READY", "WARMUP", "Sample", "Tally"]

OPENING = "opening"
READY = "ready"
WARMUP = "warmup"
MEASURING = "measuring"
DRAINING = "draining"
END = "end"
KINDS_OF_FAILURE = 20


@dataclass(slots=True, kw_only=True)
class Sample:
    """What one worker did since its last sample.

    Attributes:
        phase: `OPENING`, `READY`, `WARMUP`, `MEASURING`, `DRAINING` or `END`.
        at: Seconds from the start of the phase to the end of the sample.
        span: Seconds that it covers.
        answered: Messages that came back (handshakes that were done).
        sent: Messages that were sent.
        wrong: Answers that were not the message.
        unexpected: Messages that answer nothing.
        lost: Messages that will not be answered: their connection was closed, or time was up.
        open: Connections that are open now.
        under_way: Messages that wait for their answer now.
        processor: Seconds of processor time.
        waited: Seconds for which the process could have run but had no core; None where the system does not tell.
        latency: Durations of what was answered, as `Histogram.take` gives them.
        opened: Durations of opening handshakes, likewise.
        failures: Why opening handshakes failed, and how often.
        closes: How connections ended that we did not close, and how often.
    """

    phase: str
    at: float = 0.0
    span: float = 0.0
    answered: int = 0
    sent: int = 0
    wrong: int = 0
    unexpected: int = 0
    lost: int = 0
    open: int = 0
    under_way: int = 0
    processor: float = 0.0
    waited: float | None = None
    latency: Mapping[str, int] = field(default_factory=dict)
    opened: Mapping[str, int] = field(default_factory=dict)
    failures: Mapping[str, int] = field(default_factory=dict)
    closes: Mapping[str, int] = field(default_factory=dict)

    def as_json(self) -> str:
        """Return the sample as one line."""
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def from_json(cls, line: str | bytes) -> "Sample":
        """Return the sample that `as_json` gave."""
        return cls(**json.loads(line))


class Tally:
    """Counts until a sample is taken; whoever counts changes the attributes.

    Attributes:
        answered: See `Sample`, and so the others.
    """

    __slots__ = (
        "_began",
        "_closes",
        "_failures",
        "_processor",
        "_waited",
        "answered",
        "latency",
        "lost",
        "opened",
        "sent",
        "unexpected",
        "wrong",
    )

    def __init__(self) -> None:
        self.answered = self.sent = self.wrong = self.unexpected = self.lost = 0
        self.latency = Histogram()
        self.opened = Histogram()
        self._failures: Counter[str] = Counter()
        self._closes: Counter[str] = Counter()
        self._began = time.perf_counter()
        self._processor = time.process_time()
        self._waited = waited_for_core()

    def note_failure(self, reason: str) -> None:
        """Count an opening handshake that failed."""
        _count(self._failures, reason)

    def note_close(self, report: CloseReport) -> None:
        """Count a connection that ended before we closed it."""
        reason = f"{report.code} {report.reason}".rstrip()
        who = {"local": "by us", "remote": "by the server", "network": "by the network"}[report.closed_by]
        error = f" ({type(report.error).__name__}: {report.error})" if report.error is not None else ""
        _count(self._closes, escape_controls(f"{reason}, closed {who} while {report.phase}: {report.cause}{error}"))

    def take(self, phase: str, at: float, *, open_now: int, under_way: int) -> Sample:
        """Return what was counted since the last time, and begin anew."""
        now, processor, waited = time.perf_counter(), time.process_time(), waited_for_core()
        sample = Sample(
            phase=phase,
            at=at,
            span=now - self._began,
            answered=self.answered,
            sent=self.sent,
            wrong=self.wrong,
            unexpected=self.unexpected,
            lost=self.lost,
            open=open_now,
            under_way=under_way,
            processor=processor - self._processor,
            waited=None if waited is None or self._waited is None else waited - self._waited,
            latency=self.latency.take(),
            opened=self.opened.take(),
            failures=dict(self._failures),
            closes=dict(self._closes),
        )
        self.answered = self.sent = self.wrong = self.unexpected = self.lost = 0
        self._failures.clear()
        self._closes.clear()
        self._began, self._processor, self._waited = now, processor, waited
        return sample


def _count(reasons: "Counter[str]", reason: str) -> None:
    # A server that gives each connection a reason of its own must not fill the memory.
    reasons[reason if reason in reasons or len(reasons) < KINDS_OF_FAILURE else "for other reasons"] += 1


def waited_for_core() -> float | None:
    """Return the seconds for which this process could have run but had no core, since it began; Linux alone tells."""
    try:
        with open("/proc/self/schedstat", "rb") as file:
            return int(file.read().split()[1]) / 1e9
    except (OSError, ValueError, IndexError):
        return None
