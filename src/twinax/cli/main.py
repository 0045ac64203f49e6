"""The command ``twinax``: finds the command's file, imports it, and turns failures into one line.

Each command is one file with a docstring, ``add_arguments(parser)`` and ``run(arguments) -> exit status``. Only the
file of the command that is asked for is imported, so ``twinax --help`` answers at once.
"""

import argparse
import importlib
import os
import sys
from collections.abc import Sequence

from .._version import __version__
from .failure import INTERRUPTED, CommandFailed

__all__ = ["COMMANDS", "main"]

COMMANDS = {
    "serve": "serve an echo server, or a handler of yours",
    "connect": "talk to a WebSocket server, by hand or from a pipe",
    "bench": "load a server that echoes, show how fast it answers",
    "demo": "serve a page that shows what WebSockets can do",
    "doctor": "show what this installation has and what it lacks",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        argv: The arguments after the program's name; None: those of this process.

    Returns:
        The exit status: 0 when all went well, 2 for a wrong command line, 130 after Ctrl-C; the others are
        the command's own and stand in its ``--help``.
    """
    try:
        try:
            return _main(sys.argv[1:] if argv is None else argv)
        finally:
            # At the interpreter's own end a failure would be a complaint and status 120.
            sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read our output has gone, as `head` does. Python would complain once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _main(arguments: Sequence[str]) -> int:
    parser = _build_parser()
    # Options before the command belong to `twinax` itself; everything after it to the command.
    chosen = parser.parse_args(arguments[: _command_place(arguments) + 1])
    if chosen.command is None:
        parser.print_help()
        return 2
    return _run(chosen.command, arguments[_command_place(arguments) + 1 :])


def _command_place(arguments: Sequence[str]) -> int:
    return next((place for place, word in enumerate(arguments) if not word.startswith("-")), len(arguments))


def _build_parser() -> argparse.ArgumentParser:
    lines = "\n".join(f"  {name:10}{text}" for name, text in COMMANDS.items())
    parser = argparse.ArgumentParser(
        prog="twinax",
        description=f"WebSocket servers and clients at the command line.\n\ncommands:\n{lines}",
        epilog="'twinax COMMAND --help' explains a command.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"twinax {__version__}")
    parser.add_argument("command", nargs="?", choices=list(COMMANDS), metavar="COMMAND", help="one of the above")
    return parser


def _run(name: str, arguments: Sequence[str]) -> int:
    try:
        command = importlib.import_module(f"{__package__}.{name}")
        parser = argparse.ArgumentParser(
            prog=f"twinax {name}",
            description=command.__doc__,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        command.add_arguments(parser)
        return int(command.run(parser.parse_args(arguments)))
    except CommandFailed as failure:
        print(f"twinax {name}: {failure}", file=sys.stderr)
        return failure.status
    except KeyboardInterrupt:
        return INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
