"""Close codes, and the report of an end as people read it."""

import dataclasses

import pytest

from twinax.close import CLOSE_DESCRIPTIONS, Close, CloseCode, CloseReport, is_code_on_wire


def test_codes_that_may_be_on_the_wire() -> None:
    allowed = {*range(1000, 1004), *range(1007, 1015), *range(3000, 5000)}
    assert {code for code in range(70_000) if is_code_on_wire(code)} == allowed


def test_every_code_has_a_text() -> None:
    assert set(CloseCode) <= set(CLOSE_DESCRIPTIONS)
    assert CloseCode(1000) is CloseCode.NORMAL
    assert all(code.description == CLOSE_DESCRIPTIONS[code] for code in CloseCode)
    assert f"{CloseCode.GOING_AWAY:d}" == "1001"


def report(**values: object) -> CloseReport:
    needed = {"code": 1006, "reason": "gone", "closed_by": "network", "phase": "open", "cause": "the cable"}
    return CloseReport(**{**needed, **values})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({}, ""),
        ({"error": OSError(5, "I/O")}, "; underlying error: OSError: [Errno 5] I/O"),
        ({"bytes_unsent": 3}, "; lost: 3 bytes unsent, 0 messages unread"),
        ({"messages_unread": 2}, "; lost: 0 bytes unsent, 2 messages unread"),
        ({"error": KeyError("x")}, "; underlying error: KeyError: 'x'"),
        ({"error": RuntimeError("the cable")}, ""),  # the cause is its text
        ({"event_loop_lag": 0.9}, ""),
        ({"event_loop_lag": 2.25}, "; the event loop was blocked for 2.2 s"),
    ],
)
def test_report_in_words(values: dict[str, object], text: str) -> None:
    assert str(report(**values)) == f"1006 gone; closed by network while open: the cable{text}"


def test_report_says_nothing_twice() -> None:
    assert (
        str(report(reason="the cable", error=RuntimeError("the cable")))
        == "1006 the cable; closed by network while open"
    )


def test_report_without_a_reason() -> None:
    assert str(report(reason="")).startswith("1006; closed by network")


def test_clean_means_both_close_frames() -> None:
    assert not report().was_clean
    assert not report(sent=Close(1000)).was_clean
    assert not report(rcvd=Close(1000)).was_clean
    assert report(sent=Close(1000), rcvd=Close(1005)).was_clean


def test_reports_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        report().code = 1000  # type: ignore[misc]
    assert Close(1000) == Close(1000, "")
