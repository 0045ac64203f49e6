"""A close report as text and as JSON."""

import json

from twinax import Close, CloseReport
from twinax.cli.reports import report_as_dict, report_as_text

CUT = CloseReport(
    code=1006,
    reason="the peer went away",
    closed_by="network",
    phase="open",
    cause="the connection was reset",
    error=ConnectionResetError(104, "Connection reset by peer"),
    bytes_unsent=12,
    messages_unread=1,
    duration=1.234,
)
CLEAN = CloseReport(
    code=4000, reason="bye", closed_by="remote", phase="open", cause="the peer closed",
    sent=Close(4000), rcvd=Close(4000, "bye"),
)  # fmt: skip


def test_a_broken_connection_as_text() -> None:
    assert report_as_text(CUT).splitlines() == [
        "1006 the peer went away",
        "closed by the network while open: the connection was reset",
        "close frames: sent none, received none",
        "open for 1.23 s",
        "underlying error: ConnectionResetError: [Errno 104] Connection reset by peer",
        "lost: 12 bytes unsent, 1 messages unread",
    ]


def test_a_closing_handshake_as_text() -> None:
    assert report_as_text(CLEAN).splitlines()[:3] == [
        "4000 bye",
        "closed by the server while open: the peer closed",
        "close frames: sent 4000, received 4000 bye",
    ]


def test_json_says_the_same() -> None:
    found = json.loads(json.dumps(report_as_dict(CUT)))
    assert (found["code"], found["sent"], found["was_clean"]) == (1006, None, False)
    assert found["error"] == "ConnectionResetError: [Errno 104] Connection reset by peer"
    assert json.loads(json.dumps(report_as_dict(CLEAN)))["rcvd"] == {"code": 4000, "reason": "bye"}
