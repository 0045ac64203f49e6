"""The command line as a whole: help, wrong commands, output that nobody reads."""

import os
import subprocess
import sys

import pytest

from twinax import __version__
from twinax.cli.main import COMMANDS

from .command import TWINAX


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*TWINAX, *arguments], capture_output=True, text=True, timeout=30, check=False)


def test_help_names_every_command() -> None:
    result = run("--help")
    assert result.returncode == 0
    assert all(f"\n  {name} " in result.stdout for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself_and_its_exit_status(name: str) -> None:
    result = run(name, "--help")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith(f"usage: twinax {name} ")
    assert "exit status: 0" in result.stdout


def test_version() -> None:
    assert run("--version").stdout == f"twinax {__version__}\n"


def test_without_a_command_the_help_is_shown() -> None:
    result = run()
    assert (result.returncode, result.stdout) == (2, run("--help").stdout)


@pytest.mark.parametrize("arguments", [["dance"], ["--dance"], ["serve"], ["doctor", "--dance"], ["connect"]])
def test_a_wrong_command_line_is_two_lines_and_status_2(arguments: list[str]) -> None:
    result = run(*arguments)
    assert (result.returncode, result.stdout) == (2, "")
    assert "error: " in result.stderr.splitlines()[-1]
    assert "Traceback" not in result.stderr


def test_only_the_file_of_the_command_is_imported() -> None:
    script = (
        "import sys\nfrom twinax.cli.main import main\nmain(['doctor', '--json'])\n"
        "print([name for name in ('serve', 'connect', 'demo') if f'twinax.cli.{name}' in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=30, check=True)
    assert result.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("argument", ["doctor", "--help", "--version"])
def test_a_reader_that_has_gone_is_no_error(argument: str, unbuffered: str) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    command = [*TWINAX, argument]
    environment = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
    try:
        result = subprocess.run(
            command, stdout=writing, stderr=subprocess.PIPE, timeout=30, check=False, env=environment
        )
    finally:
        os.close(writing)
    assert (result.returncode, result.stderr) == (0, b"")
