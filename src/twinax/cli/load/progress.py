"""How far a run is: one line that is written over again at a terminal, a line a second elsewhere."""

import time
from typing import Final, TextIO

from .outcome import Outcome
from .picture import bar_of, duration, number, style_of
from .plan import Plan
from .tally import DRAINING, END, MEASURING, OPENING, READY, WARMUP

__all__ = ["Progress"]

REDRAW_AFTER: Final = 0.2
REPEAT_AFTER: Final = 1.0
BAR: Final = 16
ERASE: Final = "\r\x1b[K"


class Progress:
    """Shows what happens.

    Args:
        stream: Where.
        plan: What is being done.
    """

    def __init__(self, stream: TextIO, plan: Plan) -> None:
        self._stream = stream
        self._plan = plan
        self._style = style_of(stream)
        self._shown_at = 0.0
        self._phase = ""

    def show(self, outcome: Outcome) -> None:
        """Show what is known now, when it is time to."""
        now = time.monotonic()
        begins = outcome.phase != self._phase
        self._phase = outcome.phase
        if begins and outcome.phase in (WARMUP, MEASURING):
            self._shown_at = now  # a figure of the first tenth of a second would say little
        elif not begins and now - self._shown_at < (REDRAW_AFTER if self._style.redraws else REPEAT_AFTER):
            return
        else:
            self._shown_at = now
            self._show(self._describe(outcome))

    def end(self) -> None:
        """Leave room for what comes after."""
        if self._style.redraws:
            self._stream.write(ERASE)
            self._stream.flush()

    def _show(self, text: str) -> None:
        if text:
            text = self._style.plain(text)
            self._stream.write(f"{ERASE}{text[: self._style.width - 1]}" if self._style.redraws else f"{text}\n")
            self._stream.flush()

    def _describe(self, outcome: Outcome) -> str:
        if outcome.phase in (OPENING, READY):
            if self._plan.handshakes:
                return ""
            failed = f", {number(outcome.failures.total())} failed" if outcome.failures else ""
            return f"{number(outcome.open_now)} of {number(self._plan.connections)} connections are open{failed}"
        if outcome.phase == DRAINING:
            return "waiting for what is still under way"
        return "" if outcome.phase == END else self._describe_load(outcome)

    def _describe_load(self, outcome: Outcome) -> str:
        rate, latency = outcome.recent()
        what = "handshakes" if self._plan.handshakes else "messages"
        figures = f"{number(round(rate))} {what}/s"
        if latency.total:
            figures += f"  p50 {duration(latency.percentile(50))}  p99 {duration(latency.percentile(99))}"
        if outcome.errors:
            figures += f"  {number(outcome.errors)} errors"
        if outcome.phase == WARMUP:
            return f"warming up  {figures}"
        return f"{self._bar(outcome.elapsed)}{outcome.elapsed:.1f} s  {figures}"

    def _bar(self, elapsed: float) -> str:
        if not self._style.redraws or self._plan.duration == float("inf"):
            return ""
        return f"{bar_of(BAR * min(1.0, elapsed / self._plan.duration), self._style):{BAR}} "
