"""``twinax connect``: piped and typed input against real servers, and the status of every end."""

import asyncio
import importlib.util
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

EDITORS = [
    False,
    pytest.param(
        True,
        marks=pytest.mark.skipif(
            importlib.util.find_spec("prompt_toolkit") is None, reason="prompt-toolkit is not installed"
        ),
    ),
]


async def echo(connection: library.WebSocketConnection) -> None:
    async for message in connection:
        await connection.send(message)


async def talk(
    *arguments: str, stdin: str | bytes = b"", handler: Any = echo, **options: Any
) -> tuple[Outcome, list[library.CloseReport]]:
    """Runs the command against a server in this process; gives its outcome, and how the server's connections ended."""
    reports: list[library.CloseReport] = []

    async def remember(connection: library.WebSocketConnection) -> None:
        try:
            await handler(connection)
        finally:
            await connection.close()
            assert connection.close_report is not None
            reports.append(connection.close_report)

    async with library.serve(remember, "127.0.0.1", 0, **options) as server:
        outcome = await twinax("connect", server.urls[0], *arguments, stdin=stdin)
    return outcome, reports


# --- piped input --------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", [["--count", "3"], ["--wait", "0.5"], []])
def test_every_line_is_a_message_and_standard_output_has_the_replies(rule: list[str]) -> None:
    outcome, reports = asyncio.run(talk(*rule, stdin="one\r\n/two\nGröße 😀"))
    assert (outcome.status, outcome.out) == (0, "one\n/two\nGröße 😀\n")
    assert outcome.err.startswith("* connected to 127.0.0.1, no subprotocol, version 13\n* 1000 ")
    assert "closed by us while open" in outcome.err
    assert [(report.code, report.closed_by, report.was_clean) for report in reports] == [(1000, "remote", True)]


def test_replies_that_come_one_by_one_put_the_end_off() -> None:
    async def slow(connection: library.WebSocketConnection) -> None:
        await connection.recv()
        # Together more than the second of quiet that ends it, each less.
        for number in range(4):
            await asyncio.sleep(0.4)
            await connection.send(str(number))

    outcome, _ = asyncio.run(talk(stdin="go\n", handler=slow))
    assert (outcome.status, outcome.out) == (0, "0\n1\n2\n3\n")


def test_wait_inf_waits_for_the_server() -> None:
    async def last_word(connection: library.WebSocketConnection) -> None:
        await connection.recv()
        await connection.send("last word")

    outcome, _ = asyncio.run(talk("--wait", "inf", stdin="go\n", handler=last_word))
    assert (outcome.status, outcome.out) == (0, "last word\n")
    assert "closed by the server while open" in outcome.err


def test_count_ends_before_the_input_does() -> None:
    async def chatter(connection: library.WebSocketConnection) -> None:
        while True:
            await connection.send("tick")
            await asyncio.sleep(0)

    outcome, _ = asyncio.run(talk("--count", "2", handler=chatter))
    assert (outcome.status, outcome.out) == (0, "tick\ntick\n")


def test_too_few_messages_are_a_failure() -> None:
    outcome, _ = asyncio.run(talk("--count", "3", "--wait", "0.2", stdin="one\n"))
    assert (outcome.status, outcome.out) == (1, "one\n")
    assert outcome.err.endswith("* 1 of 3 messages came\n")


def test_a_long_input_is_sent_whole() -> None:
    lines = [f"{number} {'x' * 1000}" for number in range(3000)]
    outcome, _ = asyncio.run(talk("--quiet", "--count", "3000", stdin="\n".join(lines)))
    assert outcome == Outcome(0, "\n".join(lines) + "\n", "")


def test_binary_lines_come_back_in_hexadecimal() -> None:
    outcome, _ = asyncio.run(talk("--binary", "--count", "2", stdin=b"AB\n\xff\xfe\n"))
    assert (outcome.status, outcome.out) == (0, "41 42\nff fe\n")


def test_a_line_that_is_not_utf8_is_named() -> None:
    outcome, reports = asyncio.run(talk(stdin=b"good\nb\xffd\n"))
    assert outcome.status == 1
    assert outcome.err.endswith("twinax connect: line 2 of the input is not UTF-8; --binary sends bytes as they are\n")
    assert reports[0].was_clean


def test_json_marks_and_quiet() -> None:
    outcome, _ = asyncio.run(
        talk("--json", "--output", "marked", "--quiet", "--count", "2", stdin='{"a":[1]}\n\x1b[2Jx\n')
    )
    assert outcome.out == '< {\n    "a": [\n      1\n    ]\n  }\n< \\x1b[2Jx\n'
    assert outcome.err == ""
    outcome, _ = asyncio.run(talk("--output", "marked", "--count", "1", stdin="one\n"))
    assert outcome.out.splitlines()[1:3] == ["> one", "< one"]


def test_pings_are_shown_with_their_round_trip() -> None:
    async def ping_back(connection: library.WebSocketConnection) -> None:
        pinged = asyncio.Event()
        connection.on("ping", lambda cancel, data: pinged.set())
        await pinged.wait()
        await connection.ping(b"are you there")

    outcome, _ = asyncio.run(talk("--ping", "0.05", "--wait", "inf", handler=ping_back))
    assert "* ping received: are you there\n" in outcome.err
    assert "* pong received, round trip " in outcome.err


# --- what is asked for --------------------------------------------------------------------------


def test_header_subprotocol_origin_and_version_reach_the_server() -> None:
    seen: list[Any] = []

    async def look(connection: library.WebSocketConnection) -> None:
        request = connection.request
        assert request is not None
        seen.append((connection.protocol, request.origin, request.headers.get("X-Trace"), request.websocket_version))

    outcome, _ = asyncio.run(
        talk(
            *("--header", "X-Trace: a: b", "--subprotocol", "chat", "--subprotocol", "news"),
            *("--origin", "https://example.com", "--websocket-version", "8"),
            handler=look,
            subprotocols=["news"],
            allowed_origins=["https://example.com"],
        )
    )
    assert outcome.status == 0
    assert seen == [("news", "https://example.com", "a: b", 8)]
    assert "subprotocol news, version 8" in outcome.err


def test_a_unix_socket(tmp_path: Path) -> None:
    within_a_minute(unix_session(str(tmp_path / "s")))


async def unix_session(path: str) -> None:
    async with library.serve(echo, path=path):
        outcome = await twinax("connect", "ws://localhost/", "--unix", path, "--count", "1", stdin="hello\n")
    assert (outcome.status, outcome.out) == (0, "hello\n")


def test_certificates_are_verified_unless_told_otherwise(tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    (tmp_path / "text.pem").write_text("not a certificate\n")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    within_a_minute(tls_session(tmp_path, context))


async def tls_session(folder: Path, context: ssl.SSLContext) -> None:
    async with library.serve(echo, "127.0.0.1", 0, ssl=context) as server:
        ask = ("connect", server.urls[0], "--count", "1")
        for trust in (("--ca", str(folder / "ca.pem")), ("--insecure",)):
            assert (await twinax(*ask, *trust, stdin="hello\n")).out == "hello\n"
        refused = await twinax(*ask)
        assert refused.status == 3
        assert "the certificate is not trusted: " in refused.err
        assert (await twinax(*ask, "--ca", str(folder / "none.pem"))).err.endswith("no such file that can be read\n")
        assert (await twinax(*ask, "--ca", str(folder / "text.pem"))).err.endswith("no certificates in PEM\n")
        plain = await twinax("connect", server.urls[0].replace("wss:", "ws:"))
        assert plain.status == 3


# --- ends ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("code", "status"), [(1000, 0), (1001, 0), (1011, 1), (4000, 1)])
def test_the_status_follows_the_close_code(code: int, status: int) -> None:
    async def close(connection: library.WebSocketConnection) -> None:
        await connection.close(code, "because")

    outcome, _ = asyncio.run(talk("--wait", "inf", handler=close))
    assert outcome.status == status
    assert f"* {code} because\n  closed by the server while open" in outcome.err


def test_a_connection_that_breaks_is_status_1_and_says_why() -> None:
    async def cut(connection: library.WebSocketConnection) -> None:
        connection.drop(skip_close_frame=True)

    outcome, _ = asyncio.run(talk("--wait", "inf", handler=cut))
    assert outcome.status == 1
    assert "* 1006 " in outcome.err
    assert "closed by the network while open" in outcome.err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_closes_in_order(number: int) -> None:
    within_a_minute(signal_session(number))


async def signal_session(number: int) -> None:
    ended: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    async def wait(connection: library.WebSocketConnection) -> None:
        await connection.wait_closed()
        ended.set_result(connection.close_report)

    async with library.serve(wait, "127.0.0.1", 0) as server:
        async with started(*TWINAX, "connect", server.urls[0]) as program:
            await program.line("connected to")
            program.signal(number)
            report = await asyncio.wait_for(ended, 20)
            await program.line("closed by us")
        assert (report.code, report.closed_by, report.was_clean) == (1001, "remote", True)
        assert not [line for line in program.lines if "Traceback" in line]


@pytest.mark.parametrize(
    ("arguments", "status", "complaint"),
    [
        (["http//nowhere"], 2, "is not a WebSocket URI"),
        (["ws://localhost:1/", "--header", "no colon"], 2, "write 'Name: value'"),
        (["ws://localhost:1/", "--header", "a b: c"], 2, "the name is not a token"),
        (["ws://localhost:1/", "--subprotocol", "a b"], 2, "a b"),
        (["ws://no-such-host.invalid/"], 3, "cannot connect to ws://no-such-host.invalid/: "),
    ],
)
def test_what_cannot_be_opened_is_one_line(arguments: list[str], status: int, complaint: str) -> None:
    outcome = asyncio.run(twinax("connect", *arguments))
    assert (outcome.status, outcome.out) == (status, "")
    assert outcome.err.startswith("twinax connect: ")
    assert outcome.err.count("\n") == 1
    assert complaint in outcome.err


def test_nobody_listens() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        outcome = asyncio.run(twinax("connect", f"ws://127.0.0.1:{unused.getsockname()[1]}/"))
    assert outcome.status == 3
    assert outcome.err.endswith("/: connection refused\n")
    assert outcome.err.count("\n") == 1


def test_the_server_says_no() -> None:
    within_a_minute(rejected_session())


async def rejected_session() -> None:
    server = library.WebSocketServer()
    server.on("request", lambda request: request.reject(403, "members é only"))
    async with server:
        await server.listen("127.0.0.1", 0)
        url = server.urls[0]
        outcome = await twinax("connect", url)
    assert outcome.status == 3
    assert outcome.err == f"twinax connect: {url} answered 403 Forbidden: members é only\n"


# --- typed input --------------------------------------------------------------------------------

TYPED = [
    ("hello", "< you said 'hello'"),
    ("//etc/hosts", "< you said '/etc/hosts'"),
    ("/hex 00 ff", r"< you said b'\\x00\\xff'"),
    ("/hex x", r"\* /hex: non-hexadecimal"),
    ("/ping are you there", r"\* pong received, round trip \d+\.\d\d ms"),
    ("/dance", r"\* there is no command /dance"),
    ("/help", r"\* /ping \[TEXT\]"),
    ("/close 1005", r"\* /close: "),
    ("/close 4000 good bye", r"\* 4000 good bye"),
]


@pytest.mark.parametrize("line_editor", EDITORS)
def test_a_conversation_at_a_terminal(line_editor: bool) -> None:
    within_a_minute(terminal_session(line_editor))


async def terminal_session(line_editor: bool) -> None:
    received: list[Any] = []

    async def remember(connection: library.WebSocketConnection) -> None:
        async for message in connection:
            received.append(message)
            await connection.send(f"you said {message!r}")

    enter = "\r" if line_editor else "\n"
    async with (
        library.serve(remember, "127.0.0.1", 0) as server,
        in_terminal("connect", server.urls[0], line_editor=line_editor) as terminal,
    ):
        await terminal.see(r"\* type /help for commands")
        for line, answer in TYPED:
            terminal.type(line + enter)
            await terminal.see(answer)
        assert await terminal.status() == 1
    assert received == ["hello", "/etc/hosts", b"\x00\xff"]


@pytest.mark.parametrize("line_editor", EDITORS)
@pytest.mark.parametrize(("key", "status", "code"), [("\x04", 0, 1000), ("\x03", 130, 1001)])
def test_control_d_and_control_c(line_editor: bool, key: str, status: int, code: int) -> None:
    within_a_minute(key_session(line_editor, key, status, code))


async def key_session(line_editor: bool, key: str, status: int, code: int) -> None:
    ended: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()

    async def wait(connection: library.WebSocketConnection) -> None:
        await connection.wait_closed()
        ended.set_result(connection.close_code)

    async with library.serve(wait, "127.0.0.1", 0) as server:
        async with in_terminal("connect", server.urls[0], line_editor=line_editor) as terminal:
            await terminal.see("type /help")
            if line_editor:
                await terminal.see("\n>")
            terminal.type(key)
            assert await terminal.status() == status, terminal.screen
            assert "Traceback" not in terminal.screen
        assert await asyncio.wait_for(ended, 10) == code


def test_the_server_may_close_while_somebody_types() -> None:
    within_a_minute(closed_while_typing_session())


async def closed_while_typing_session() -> None:
    async def close(connection: library.WebSocketConnection) -> None:
        await connection.recv()
        await connection.close(1013, "busy")

    async with (
        library.serve(close, "127.0.0.1", 0) as server,
        in_terminal("connect", server.urls[0], line_editor=False) as terminal,
    ):
        await terminal.see("type /help")
        terminal.type("hello\n")
        await terminal.see(r"\* 1013 busy")
        assert await terminal.status() == 1
