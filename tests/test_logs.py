"""What is logged, about whom, how often, and what never is."""

import logging
from types import SimpleNamespace
from typing import Any

import pytest

from frame_bytes import close, frame
from support.peers import Pair, accepted, upgrade_request
from support.servers import ask, served
from twinax import logs
from twinax.logs import ADDRESSES_KEPT, CLIENT_LOGGER, LINES_PER_SECOND, SERVER_LOGGER, LineLimit

SECRET = b"a secret that nobody may find in a log"


@pytest.fixture(autouse=True)
def fresh_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other tests have logged about this address, too."""
    monkeypatch.setattr(logs, "_limit", LineLimit())


async def leave(pair: Pair) -> None:
    pair.peer.finish()
    await pair.connection.wait_closed()


def lines(caplog: pytest.LogCaptureFixture, name: str = "twinax.server") -> list[tuple[int, str]]:
    """What was logged about connections, with its level."""
    records = [record for record in caplog.records if record.name == name]
    return [(record.levelno, record.getMessage()) for record in records if "listening on" not in record.msg]


# --- how connections end ------------------------------------------------------------------------


async def test_an_end_in_order_is_one_line_for_debugging(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "twinax")
    async with accepted() as pair:
        pair.peer.send(close(1000, b"bye"))
        await leave(pair)
    ((level, line),) = lines(caplog)
    assert level == logging.DEBUG
    assert f"#{pair.connection.id} " in line
    assert "127.0.0.1" in line
    assert "closed: 1000 bye; closed by remote while open: the peer closed" in line
    assert "\n" not in line


async def test_our_close_in_order(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "twinax")
    async with accepted() as pair:
        pair.connection.close()
        await pair.peer.close_frame()
        pair.peer.send(close(1000))
        await leave(pair)
    assert lines(caplog) == []


async def test_a_failure_is_logged_with_its_trace(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "twinax")
    async with accepted() as pair:
        pair.connection.pause()
        pair.connection.resume()
        pair.peer.send(frame(3))
        await pair.peer.close_frame()
        await leave(pair)
    ((level, line),) = lines(caplog)
    assert level == logging.INFO
    first, *trace = line.split("\n")
    assert "failed: 1002 unknown opcode 0x3" in first
    assert [text.split(" ", 5)[-1] for text in trace] == [
        "paused",
        "resumed",
        "failed: unknown opcode 0x3 (RFC 6455 5.2)",
        "FIN received",
    ]
    assert all(text.startswith("    +0.000 ") for text in trace)


async def test_the_trace_keeps_the_last_lines(caplog: pytest.LogCaptureFixture) -> None:
    async with accepted() as pair:
        for _ in range(100):
            pair.connection.pause()
            pair.connection.resume()
        await leave(pair)
        trace = pair.connection.close_report.trace
    assert 16 <= len(trace) <= 32
    assert trace[-1] == "+0.000 FIN received"


async def test_no_payload_and_no_close_reason_that_forges_lines(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with accepted() as pair:
        pair.peer.send(frame(1, SECRET), frame(9, SECRET), frame(2, SECRET, fin=False))
        pair.connection.send(SECRET)
        pair.connection.ping(SECRET[:20])
        pair.peer.send(close(1000, b"bye\nERROR root: all is lost\x1b[2J"))
        await leave(pair)
    text = "\n".join(line for _, line in lines(caplog))
    assert "secret" not in text
    assert "\\nERROR root: all is lost\\x1b[2J" in text
    assert "\nERROR" not in text


async def test_a_logger_of_ones_own(caplog: pytest.LogCaptureFixture) -> None:
    adapter = logging.LoggerAdapter(logging.getLogger("mine"), {"x": 1})
    caplog.set_level(logging.INFO)
    async with accepted(logger=adapter) as pair:
        await leave(pair)
    assert lines(caplog) == []
    assert len(lines(caplog, "mine")) == 1


async def test_a_level_that_is_off_costs_no_limit(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL, "twinax")
    async with accepted() as pair:
        await leave(pair)
    assert lines(caplog) == []
    assert logs._limit._counts == {}


# --- how often ----------------------------------------------------------------------------------


def test_lines_about_one_address_are_limited() -> None:
    limit = LineLimit(3)
    assert [limit.allow("a", 10.0) for _ in range(5)] == [(True, 0)] * 3 + [(False, 0)] * 2
    assert limit.allow("b", 10.9) == (True, 0)
    assert limit.allow("a", 11.0) == (True, 2)
    assert limit.allow("a", 11.5) == (True, 0)


def test_addresses_are_forgotten() -> None:
    limit = LineLimit(1)
    for number in range(ADDRESSES_KEPT + 1):
        limit.allow(str(number), 1.0)
    assert len(limit._counts) == ADDRESSES_KEPT
    assert limit.allow("0", 1.0) == (True, 0)


async def test_a_peer_that_fails_over_and_over_does_not_fill_the_disk(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [1000.0]
    monkeypatch.setattr(logs, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    caplog.set_level(logging.INFO, "twinax")
    async with served(max_connections=1, pending=True) as told, told.peer() as peer:
        peer.send(upgrade_request())
        for _ in range(LINES_PER_SECOND + 5):
            assert (await ask(told, upgrade_request())).status in (101, 503)
        assert len(lines(caplog)) == LINES_PER_SECOND
        clock[0] += 1
        await ask(told, upgrade_request())
    assert lines(caplog)[-1][1].endswith("(5 earlier lines about this address were left out)")


def test_names_of_the_loggers() -> None:
    assert SERVER_LOGGER.name == "twinax.server"
    assert CLIENT_LOGGER.name == "twinax.client"


async def test_errors_of_the_application_are_logged_with_their_traceback(errors: list[Any]) -> None:
    def fail(message: Any) -> None:
        raise KeyError("mine")

    async with accepted(on_connect=lambda connection: connection.on("message", fail)) as pair:
        pair.peer.text("x")
        await pair.peer.close_frame()
        await leave(pair)
    assert errors[0].exc_info[0] is KeyError
    assert f"#{pair.connection.id} " in errors[0].getMessage()
