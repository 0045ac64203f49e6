"""``twinax bench``: real servers, good and bad ones, and every way in which a run ends."""

import asyncio
import json
import os
import signal
import socket
import ssl
from pathlib import Path
from typing import Any

import pytest
import trustme

import twinax as library
from processes import started

from .command import TWINAX, Outcome, twinax, within_a_minute
from .terminal import in_terminal

# Long enough for figures, and for a second worker to take part.
BRIEFLY = ("--warmup", "0", "--duration", "0.3", "--timeout", "5")


async def echo(connection: library.WebSocketConnection) -> None:
    async for message in connection:
        await connection.send(message)


async def bench(*arguments: str, handler: Any = echo, url: str = "", **options: Any) -> Outcome:
    """Runs the command against a server in this process."""
    async with library.serve(handler, "127.0.0.1", 0, **options) as server:
        return await twinax("bench", url or server.urls[0], *BRIEFLY, *arguments)


async def measure(*arguments: str, **options: Any) -> tuple[int, dict[str, Any]]:
    """Runs it with --json; gives the exit status and what it measured."""
    outcome = await bench("--json", *arguments, **options)
    assert outcome.out.count("\n") == 1, outcome.err
    return outcome.status, json.loads(outcome.out)


# --- what is measured ---------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["text", "binary"])
def test_messages_are_echoed_and_counted(kind: str) -> None:
    kinds = set()

    async def watch(connection: library.WebSocketConnection) -> None:
        async for message in connection:
            kinds.add((type(message), len(message)))
            await connection.send(message)

    status, found = asyncio.run(
        measure("--connections", "3", "--depth", "4", "--size", "1K", f"--{kind}", handler=watch)
    )
    assert status == 0
    assert kinds == {(str if kind == "text" else bytes, 1024)}
    assert (found["mode"], found["connections"], found["depth"], found["size"]) == ("messages", 3, 4, 1024)
    assert found["answered"] > 0
    assert found["answered_per_second"] == pytest.approx(found["answered"] / found["seconds"])
    assert found["bytes_per_second"] == pytest.approx(1024 * found["answered_per_second"])
    assert found["errors"]["total"] == 0
    spread = found["latency"]
    assert 0 < spread["min"] <= spread["p50"] <= spread["p90"] <= spread["p99"] <= spread["p99.9"] <= spread["max"]
    assert sum(found["answered_per_second_over_time"]) > 0


def test_several_processes_share_the_connections() -> None:
    status, found = asyncio.run(measure("--connections", "5", "--processes", "2"))
    assert status == 0
    assert (found["client"]["processes"], len(found["client"]["busy"])) == (2, 2)
    assert found["opening"]["seconds"] > 0


def test_there_are_not_more_processes_than_connections() -> None:
    assert asyncio.run(measure("--connections", "1", "--processes", "4"))[1]["client"]["processes"] == 1


def test_the_clock_sends_at_the_rate_that_was_asked_for() -> None:
    status, found = asyncio.run(measure("--rate", "200", "--duration", "1", "--connections", "3"))
    assert status == 0
    assert found["depth"] is None
    # A machine that is busy may be late, also to end; it is never early.
    assert 1 <= found["sent"] <= 200 * found["seconds"] + 10


def test_a_message_that_waits_for_a_busy_server_counts_from_when_it_was_due() -> None:
    """The server stops for half a second: those that were due meanwhile are late too, and not just the one."""

    async def pause_once(connection: library.WebSocketConnection) -> None:
        number = 0
        async for message in connection:
            number += 1
            if number == 20:
                await asyncio.sleep(0.5)
            await connection.send(message)

    arguments = ("--rate", "100", "--duration", "1.2", "--connections", "1")
    status, found = asyncio.run(measure(*arguments, handler=pause_once))
    assert status == 0
    assert found["latency"]["max"] >= 0.45
    assert found["latency"]["p90"] >= 0.2


def test_handshakes_are_counted() -> None:
    opened = 0

    async def count(connection: library.WebSocketConnection) -> None:
        nonlocal opened
        opened += 1
        await connection.wait_closed()

    status, found = asyncio.run(measure("--handshakes", "--connections", "2", handler=count))
    assert status == 0
    assert (found["mode"], found["size"], found["opening"]) == ("handshakes", None, None)
    assert 0 < found["answered"] < opened
    assert found["latency"]["p50"] > 0


def test_handshakes_by_the_clock() -> None:
    status, found = asyncio.run(measure("--handshakes", "--rate", "50", "--duration", "0.5"))
    assert status == 0
    assert 1 <= found["sent"] <= 30


def test_connections_are_opened_at_the_rate_that_was_asked_for() -> None:
    _, found = asyncio.run(measure("--connections", "5", "--connect-rate", "20"))
    assert found["opening"]["seconds"] >= 0.2


def test_what_is_asked_of_the_server() -> None:
    requests: list[library.WebSocketRequest] = []
    arguments = (
        "--header",
        "X-Token: abc",
        "--subprotocol",
        "chat",
        "--origin",
        "http://127.0.0.1",
        "--connections",
        "1",
    )
    options = {"on_request": requests.append, "subprotocols": ["chat"], "allowed_origins": "*"}
    status, _ = asyncio.run(measure(*arguments, **options))
    assert status == 0
    # One looks whether the server echoes, the other is the load.
    assert [(r.headers["x-token"], r.requested_protocols, r.origin) for r in requests] == [
        ("abc", ["chat"], "http://127.0.0.1")
    ] * 2


def test_a_server_that_speaks_first_is_let_speak() -> None:
    async def greet(connection: library.WebSocketConnection) -> None:
        # Late, so that the first messages of the load are under way before it.
        await asyncio.sleep(0.2)
        await connection.send("welcome")
        await connection.send(b"\x01")
        await echo(connection)

    status, found = asyncio.run(measure(handler=greet))
    assert (status, found["errors"]["total"]) == (0, 0)


def test_compression_is_used_when_asked_for() -> None:
    status, found = asyncio.run(measure("--compress"))
    assert status == 0
    assert [name.partition(";")[0] for name in found["extensions"]] == ["permessage-deflate"]
    assert asyncio.run(measure())[1]["extensions"] == []
    assert "nothing was compressed" in asyncio.run(bench("--compress", extensions=[])).out


def test_over_tls(tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    within_a_minute(tls_session(tmp_path, context))


async def tls_session(folder: Path, context: ssl.SSLContext) -> None:
    async with library.serve(echo, "localhost", 0, ssl=context) as server:
        url = f"wss://localhost:{server.port}/"
        for trust in (("--ca", str(folder / "ca.pem")), ("--insecure",)):
            assert (await twinax("bench", url, *BRIEFLY, *trust)).status == 0
        outcome = await twinax("bench", url, *BRIEFLY)
        assert (outcome.status, outcome.out) == (3, "")
        assert "the certificate is not trusted" in outcome.err


# --- servers that do not echo -------------------------------------------------------------------


async def keep_silent(connection: library.WebSocketConnection) -> None:
    async for _ in connection:
        pass


async def shout(connection: library.WebSocketConnection) -> None:
    async for message in connection:
        await connection.send(f"ARE YOU THERE, {len(message)}?"[:10])


async def refuse(connection: library.WebSocketConnection) -> None:
    await connection.recv()
    await connection.close(1008, "not here")


async def talk_on(connection: library.WebSocketConnection) -> None:
    while True:
        await connection.send("tick")
        await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("handler", "complaint"),
    [
        (keep_silent, "does not echo: it did not answer a message of 128 bytes within 0.5 s"),
        (shout, "does not echo: it answered 'ARE YOU TH' instead of a message of 128 bytes within 0.5 s"),
        (refuse, "does not echo, it closed the connection: 1008 not here"),
        (talk_on, "does not echo: it answered 'tick' instead of a message of 128 bytes."),
    ],
)
def test_a_server_that_does_not_echo_is_said_so(handler: Any, complaint: str) -> None:
    outcome = asyncio.run(bench("--timeout", "0.5", handler=handler))
    assert (outcome.status, outcome.out) == (3, "")
    assert complaint in outcome.err
    assert outcome.err.count("\n") == 1
    assert handler is refuse or "--no-verify" in outcome.err


def test_any_answer_will_do_without_verification() -> None:
    status, found = asyncio.run(measure("--no-verify", handler=shout))
    assert (status, found["errors"]["total"]) == (0, 0)
    assert found["answered"] > 0


def test_nobody_listens() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        outcome = asyncio.run(twinax("bench", f"ws://127.0.0.1:{unused.getsockname()[1]}/"))
    assert (outcome.status, outcome.out) == (3, "")
    assert outcome.err.endswith("/: connection refused\n")


# --- what goes wrong on the way -----------------------------------------------------------------


def test_answers_that_are_not_the_message_are_counted() -> None:
    async def mix_up(connection: library.WebSocketConnection) -> None:
        number = 0
        async for message in connection:
            number += 1
            await connection.send(message if number % 10 else "something else")

    status, found = asyncio.run(measure("--connections", "1", handler=mix_up))
    assert status == 1
    assert found["errors"]["wrong"] == found["errors"]["total"] > 0


def test_messages_that_answer_nothing_are_counted() -> None:
    async def echo_twice(connection: library.WebSocketConnection) -> None:
        async for message in connection:
            await connection.send(message)
            await connection.send(message)

    status, found = asyncio.run(measure("--no-verify", "--rate", "50", "--connections", "1", handler=echo_twice))
    assert status == 1
    assert found["errors"]["unexpected"] > 0


def test_connections_that_the_server_closes_are_told_with_their_reports() -> None:
    async def tire(connection: library.WebSocketConnection) -> None:
        for _ in range(20):
            await connection.send(await connection.recv())
        await connection.recv()
        await connection.close(1013, "tired")

    outcome = asyncio.run(bench("--connections", "3", handler=tire))
    assert outcome.status == 1
    assert "3 connections ended: 1013 tired, closed by the server while open" in outcome.out
    assert "3 were not answered" in outcome.out


def test_messages_that_never_come_back_are_lost() -> None:
    async def forget_the_last(connection: library.WebSocketConnection) -> None:
        number = 0
        async for message in connection:
            number += 1
            if number < 20:
                await connection.send(message)

    arguments = ("--connections", "1", "--timeout", "0.5")
    status, found = asyncio.run(measure(*arguments, handler=forget_the_last))
    assert (status, found["errors"]["lost"]) == (1, 1)


def test_connections_that_are_refused_are_told() -> None:
    outcome = asyncio.run(bench("--connections", "5", max_connections=2))
    assert outcome.status == 1
    assert "could not connect: answered 503 " in outcome.out


def test_handshakes_that_fail_are_told() -> None:
    seen = 0

    async def refuse_later(request: library.WebSocketRequest) -> None:
        nonlocal seen
        seen += 1
        if seen > 3:
            request.reject(429, "slow down")

    status, found = asyncio.run(measure("--handshakes", "--connections", "1", on_request=refuse_later))
    assert status == 1
    assert list(found["errors"]["failed_to_connect"]) == ["answered 429 Too Many Requests: slow down"]


def test_a_server_that_is_gone_before_the_start() -> None:
    seen = 0

    async def refuse_all_but_the_first(request: library.WebSocketRequest) -> None:
        nonlocal seen
        seen += 1
        if seen > 1:
            request.reject(503, "gone")

    outcome = asyncio.run(bench("--connections", "2", on_request=refuse_all_but_the_first))
    assert (outcome.status, outcome.out) == (3, "")
    assert "none of 2 connections to ws://" in outcome.err
    assert "answered 503" in outcome.err


# --- how it is shown ----------------------------------------------------------------------------


def test_in_a_pipe_there_are_plain_lines_and_a_picture() -> None:
    outcome = asyncio.run(bench("--duration", "1.5", "--warmup", "0.1"))
    assert outcome.status == 0
    assert "\x1b" not in outcome.out + outcome.err
    assert "\r" not in outcome.err
    assert "10 of 10 connections are open\n" in outcome.err
    assert " messages/s  p50 " in outcome.err
    for word in ("messages ", "payload ", "errors ", "p99.9", "latency: share", "messages/s over time", "│█"):
        assert word in outcome.out


def test_quiet_has_no_progress() -> None:
    assert asyncio.run(bench("--quiet")).err == ""


@pytest.mark.parametrize(("variables", "colored"), [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)])
def test_at_a_terminal_one_line_moves(variables: dict[str, str], colored: bool) -> None:
    within_a_minute(terminal_session(colored, variables))


async def terminal_session(colored: bool, variables: dict[str, str]) -> None:
    async with (
        library.serve(echo, "127.0.0.1", 0) as server,
        in_terminal("bench", server.urls[0], *BRIEFLY, "--duration", "1.5", variables=variables) as terminal,
    ):
        await terminal.see(r"\d messages/s  p50 ")
        await terminal.see(r"messages/s over time")
        assert await terminal.status() == 0
        assert ("\x1b[32m" in terminal.shown) is colored
        assert ("\x1b[K" in terminal.shown) is ("TERM" not in variables)


def test_without_unicode_the_picture_is_ascii(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    monkeypatch.setenv("COLUMNS", "60")
    outcome = asyncio.run(bench())
    assert outcome.status == 0
    assert outcome.out.isascii()
    picture = outcome.out.partition("latency: share")[2]
    assert "|#" in picture
    # Behind it may stand, in a whole sentence, that it was the client that could not do more.
    assert max(len(line) for line in picture.splitlines() if "|" in line) <= 60


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_shows_what_was_measured_so_far(number: signal.Signals) -> None:
    within_a_minute(signal_session(number))


async def signal_session(number: signal.Signals) -> None:
    async with (
        library.serve(echo, "127.0.0.1", 0) as server,
        started(*TWINAX, "bench", server.urls[0], "--warmup", "0", "--duration", "inf", "--json") as program,
    ):
        await program.line(r"^1\.\d s .* messages/s")
        program.signal(number)
        found = json.loads((await program.line(r"^\{.*\}$"))[0])
        assert 1 <= found["seconds"] < 30
        assert found["answered"] > 0
        assert found["errors"]["total"] == 0
        with pytest.raises(Exception, match="ended with status 130"):
            await program.finished(20)


def test_a_signal_before_the_start_ends_it() -> None:
    within_a_minute(early_signal_session())


async def early_signal_session() -> None:
    asked = asyncio.Event()

    async def hesitate(request: library.WebSocketRequest) -> None:
        asked.set()
        await asyncio.Event().wait()

    async with (
        library.serve(echo, "127.0.0.1", 0, on_request=hesitate) as server,
        started(*TWINAX, "bench", server.urls[0]) as program,
    ):
        await asyncio.wait_for(asked.wait(), 30)
        program.signal(signal.SIGINT)
        with pytest.raises(Exception, match=r"ended with status 130 \(it printed nothing\)"):
            await program.finished(20)


@pytest.mark.parametrize(
    "arguments",
    [["--rate", "0"], ["--duration", "-1"], ["--size", "none"], ["--text", "--binary"], ["--connections", "0"]],
)
def test_a_wrong_number_is_a_wrong_command_line(arguments: list[str]) -> None:
    outcome = asyncio.run(twinax("bench", "ws://127.0.0.1:1/", *arguments))
    assert (outcome.status, outcome.out) == (2, "")
    assert "error: " in outcome.err


@pytest.mark.parametrize("other", [("--rate", "100"), ("--handshakes",)])
def test_a_depth_that_means_nothing_is_refused(other: tuple[str, ...]) -> None:
    outcome = asyncio.run(twinax("bench", "ws://127.0.0.1:1/", "--depth", "3", *other))
    assert (outcome.status, outcome.out) == (2, "")
    assert f"--depth 3: {other[0]}" in outcome.err


def test_more_connections_than_files() -> None:
    outcome = asyncio.run(twinax("bench", "ws://127.0.0.1:1/", "--connections", "1000000000", "--processes", "1"))
    assert outcome.status == 2
    assert "raise 'ulimit -Hn'" in outcome.err


def test_a_worker_that_dies_is_a_failure() -> None:
    within_a_minute(dead_worker_session())


async def dead_worker_session() -> None:
    async with (
        library.serve(echo, "127.0.0.1", 0) as server,
        started(*TWINAX, "bench", server.urls[0], "--warmup", "0", "--duration", "inf") as program,
    ):
        await program.line(r"^1\.\d s .* messages/s")
        for worker in workers_of(program.pid):
            os.kill(worker, signal.SIGKILL)
        await program.line("twinax bench: worker 1 ended early, with status -9")


def workers_of(pid: int) -> list[int]:
    """The children of a process."""
    path = Path(f"/proc/{pid}/task/{pid}/children")
    if not path.exists():
        pytest.skip("this system does not tell the children of a process")
    return [int(word) for word in path.read_text().split()]
