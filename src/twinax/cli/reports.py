"""A close report for people at a terminal and for programs."""

from typing import Any

from twinax import CloseReport

__all__ = ["report_as_dict", "report_as_text"]


def report_as_dict(report: CloseReport) -> dict[str, Any]:
    """Return a close report as what JSON can hold; durations are in seconds."""
    return {
        "code": report.code,
        "reason": report.reason,
        "closed_by": report.closed_by,
        "phase": report.phase,
        "cause": report.cause,
        "was_clean": report.was_clean,
        "sent": report.sent and {"code": report.sent.code, "reason": report.sent.reason},
        "rcvd": report.rcvd and {"code": report.rcvd.code, "reason": report.rcvd.reason},
        "error": report.error and f"{type(report.error).__name__}: {report.error}",
        "seconds_since_rcvd": report.seconds_since_rcvd,
        "seconds_since_sent": report.seconds_since_sent,
        "bytes_unsent": report.bytes_unsent,
        "messages_unread": report.messages_unread,
        "event_loop_lag": report.event_loop_lag,
        "duration": report.duration,
    }


def report_as_text(report: CloseReport) -> str:
    """Return a close report in a few lines, the code first."""
    who = {"local": "us", "remote": "the server", "network": "the network"}[report.closed_by]
    lines = [
        f"{report.code} {report.reason}".rstrip(),
        f"closed by {who} while {report.phase}" + (f": {report.cause}" if report.cause != report.reason else ""),
        f"close frames: sent {_frame(report.sent)}, received {_frame(report.rcvd)}",
        f"open for {report.duration:.2f} s",
    ]
    if error := report.explain_error():
        lines.append(f"underlying error: {error}")
    if report.bytes_unsent or report.messages_unread:
        lines.append(f"lost: {report.bytes_unsent} bytes unsent, {report.messages_unread} messages unread")
    return "\n".join(lines)


def _frame(close: Any) -> str:
    return "none" if close is None else f"{close.code} {close.reason}".rstrip()
