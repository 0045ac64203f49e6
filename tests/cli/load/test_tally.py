"""What a worker counts between two samples."""

from twinax import CloseReport
from twinax.cli.load.tally import KINDS_OF_FAILURE, MEASURING, Tally


def test_a_sample_begins_anew() -> None:
    tally = Tally()
    tally.answered = tally.sent = 3
    tally.latency.record(1000)
    tally.note_failure("refused")
    first = tally.take(MEASURING, 0.1, open_now=2, under_way=1)
    assert (first.answered, first.sent, first.open, first.under_way) == (3, 3, 2, 1)
    assert (sum(first.latency.values()), first.failures) == (1, {"refused": 1})
    assert first.span > 0
    second = tally.take(MEASURING, 0.2, open_now=2, under_way=1)
    assert (second.answered, second.sent, second.latency, second.failures) == (0, 0, {}, {})


def test_reasons_without_end_do_not_fill_the_memory() -> None:
    tally = Tally()
    for number in range(1000):
        tally.note_failure(f"reason {number}")
    failures = tally.take(MEASURING, 0, open_now=0, under_way=0).failures
    assert len(failures) == KINDS_OF_FAILURE + 1
    assert failures["for other reasons"] == 1000 - KINDS_OF_FAILURE


def test_reports_are_one_line_without_control_characters() -> None:
    tally = Tally()
    error = ConnectionResetError(104, "Connection reset by peer")
    tally.note_close(
        CloseReport(code=1006, reason="a\x1b[2J", closed_by="network", phase="open", cause="it broke", error=error)
    )
    closes = tally.take(MEASURING, 0, open_now=0, under_way=0).closes
    text = "1006 a\\x1b[2J, closed by the network while open: it broke (ConnectionResetError: [Errno 104] "
    assert closes == {f"{text}Connection reset by peer)": 1}
