"""The tree of exceptions, as its picture draws it, and what each carries."""

import re

import pytest

from twinax import errors
from twinax.close import CloseReport
from twinax.rules import Rule

REPORT = CloseReport(code=1006, reason="gone", closed_by="network", phase="open", cause="the cable")


def test_the_picture_shows_the_tree() -> None:
    assert errors.__doc__ is not None
    parents = ["WebSocketError"]
    drawn = {"WebSocketError"}
    for line in errors.__doc__.splitlines():
        match = re.match(r"    ([│ ]*)[├└]── (\w+)", line)
        if match is None:
            continue
        depth = len(match[1]) // 4 + 1
        name = match[2]
        assert getattr(errors, parents[depth - 1]) in getattr(errors, name).__mro__[1:]
        del parents[depth:]
        parents.append(name)
        drawn.add(name)
    assert drawn == set(errors.__all__)


def test_closed() -> None:
    error = errors.ConnectionClosedError(REPORT)
    assert (error.report, error.code, error.reason) == (REPORT, 1006, "gone")
    assert str(error) == str(REPORT)
    assert not isinstance(error, errors.ConnectionClosedOK)


def test_handshake() -> None:
    error = errors.HandshakeError("no", status=400, headers=(("A", "1"),))
    assert (str(error), error.status, error.headers) == ("no", 400, (("A", "1"),))
    rejected = errors.HandshakeRejected("no", status=401, reason="Unauthorized", body=b"x")
    assert (rejected.status, rejected.reason, rejected.body, rejected.headers) == (401, "Unauthorized", b"x", ())
    assert isinstance(errors.HandshakeTimeout("late"), TimeoutError)
    assert errors.HandshakeTimeout("late").status is None


def test_protocol() -> None:
    remote = errors.RemoteProtocolError(Rule.FRAME_TOO_BIG, length=2, limit=1)
    assert str(remote) == "frame of 2 bytes exceeds max_received_frame_size=1"
    assert str(errors.RemoteProtocolError(Rule.UNKNOWN_OPCODE, opcode=3)).endswith(" (RFC 6455 5.2)")
    assert (remote.rule, remote.close_code) == (Rule.FRAME_TOO_BIG, 1009)
    assert errors.LocalProtocolError("no").rule is None


def test_too_big_and_invalid_uri() -> None:
    big = errors.MessageTooBig("too big", size=2, limit=1, option="x")
    assert (big.size, big.limit, big.option) == (2, 1, "x")
    invalid = errors.InvalidURI("http://x", "the scheme is http")
    assert isinstance(invalid, ValueError)
    assert str(invalid) == "'http://x' is not a WebSocket URI: the scheme is http"
    with pytest.raises(errors.WebSocketError):
        raise invalid
