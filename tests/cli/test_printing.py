"""What is printed for whom, and what a server may do to a terminal: nothing."""

import pytest

from twinax.cli.printing import Printer, describe_payload, escape_controls, indent_json

HOSTILE = "\x1b]0;owned\x07\x1b[2J\r\x9b31m\u202etxt.exe"


def test_control_characters_become_escapes() -> None:
    shown = escape_controls(HOSTILE)
    assert shown == "\\x1b]0;owned\\x07\\x1b[2J\\r\\x9b31m\\u202etxt.exe"
    assert escape_controls("Größe\t😀\n") == "Größe\t😀\n"


def test_a_terminal_gets_marks(capsys: pytest.CaptureFixture[str]) -> None:
    printer = Printer(marked=True, pretty=False, quiet=False)
    printer.event("connected")
    printer.sent("one")
    printer.received("two\nlines" + HOSTILE)
    printer.received(b"\x00A\xff")
    out = capsys.readouterr().out
    assert out == f"* connected\n> one\n< two\n  lines{escape_controls(HOSTILE)}\n< (3 bytes) 00 41 ff  .A.\n"


def test_a_pipe_gets_messages_as_they_are_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    printer = Printer(marked=False, pretty=False, quiet=False)
    printer.event("connected")
    printer.sent("one")
    printer.received(HOSTILE)
    printer.received(b"\x00A\xff")
    captured = capsys.readouterr()
    assert captured.out == f"{HOSTILE}\n00 41 ff\n"
    assert captured.err == "* connected\n"


def test_quiet_leaves_messages(capsys: pytest.CaptureFixture[str]) -> None:
    printer = Printer(marked=True, pretty=True, quiet=True)
    printer.event("connected")
    printer.sent("one")
    printer.received('{"a":[1]}')
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ('< {\n    "a": [\n      1\n    ]\n  }\n', "")


def test_only_json_is_indented() -> None:
    assert indent_json('{"größe": 1}') == '{\n  "größe": 1\n}'
    assert indent_json("{not json") == "{not json"
    assert indent_json("[" * 100_000) == "[" * 100_000


def test_long_payloads_are_cut() -> None:
    assert describe_payload(b"") == "(0 bytes)"
    assert describe_payload(bytes(100)).startswith("(100 bytes) 00 00 ")
    assert " ... " in describe_payload(bytes(100))
