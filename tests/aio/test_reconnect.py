"""When a client tries again, and after how long."""

import ssl
import time
from email.utils import formatdate

import pytest

from twinax.aio.reconnect import Backoff, is_temporary, read_retry_after
from twinax.errors import HandshakeError, HandshakeRejected, HandshakeTimeout


def caused_by(cause: BaseException | None) -> HandshakeError:
    error = HandshakeError("failed")
    error.__cause__ = cause
    return error


def rejected(status: int, **headers: str) -> HandshakeRejected:
    pairs = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return HandshakeRejected("rejected", status=status, headers=pairs)


@pytest.mark.parametrize(
    "error",
    [
        caused_by(ConnectionRefusedError()),
        caused_by(OSError("name or service not known")),
        caused_by(EOFError()),
        caused_by(ssl.SSLError("handshake failure")),
        HandshakeTimeout("slow"),
        rejected(500),
        rejected(503),
        rejected(429),
    ],
)
def test_what_may_be_better_later(error: HandshakeError) -> None:
    assert is_temporary(error)


@pytest.mark.parametrize(
    "error",
    [
        caused_by(None),
        caused_by(ValueError("Sec-WebSocket-Accept")),
        caused_by(ssl.SSLCertVerificationError("self-signed")),
        rejected(400),
        rejected(401),
        rejected(404),
        rejected(302),
    ],
)
def test_what_will_not(error: HandshakeError) -> None:
    assert not is_temporary(error)


def test_pauses_double_up_to_the_limit_and_begin_again() -> None:
    asked: list[tuple[float, float]] = []

    def most(low: float, high: float) -> float:
        asked.append((low, high))
        return high

    backoff = Backoff(1.0, 5.0, most)
    assert [backoff.next_pause() for _ in range(5)] == [1.0, 2.0, 4.0, 5.0, 5.0]
    assert {low for low, _ in asked} == {0.0}
    backoff.reset()
    assert backoff.next_pause() == 1.0


def test_the_first_pause_is_not_above_the_limit_either() -> None:
    assert Backoff(10.0, 2.0, max).next_pause() == 2.0


def test_pauses_are_drawn_by_default() -> None:
    backoff = Backoff(1.0, 1.0)
    pauses = {backoff.next_pause() for _ in range(50)}
    assert len(pauses) > 10
    assert all(0.0 <= pause <= 1.0 for pause in pauses)


def test_a_pause_is_not_shorter_than_the_server_asks() -> None:
    assert Backoff(0.0, 0.0).next_pause(rejected(503, Retry_After="7")) == 7.0
    assert Backoff(9.0, 9.0, max).next_pause(rejected(503, Retry_After="7")) == 9.0
    assert Backoff(0.0, 0.0).next_pause(rejected(503, Retry_After="999999999999")) == 3600.0
    assert Backoff(0.0, 0.0).next_pause(rejected(503)) == 0.0


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0.0),
        ("120", 120.0),
        (formatdate(1_000_030, usegmt=True), 30.0),
        (formatdate(999_000, usegmt=True), 0.0),
        ("soon", None),
        ("-1", None),
        ("1.5", None),
        ("²", None),
        ("", None),
        ("Fri, 31 Dec 99999 23:59:59 GMT", None),
    ],
)
def test_retry_after(value: str, seconds: float | None) -> None:
    assert read_retry_after(rejected(503, retry_after=value), 1_000_000.0) == seconds


def test_retry_after_of_an_error_without_headers() -> None:
    assert read_retry_after(HandshakeError("x"), time.time()) is None
