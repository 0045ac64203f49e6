"""How a command fails: one line that says what is wrong, and an exit status; those that several commands have."""

import os
import socket
from typing import Final

__all__ = ["CANNOT_CONNECT", "INTERRUPTED", "CommandFailed", "explain_os_error"]

CANNOT_CONNECT: Final = 3
INTERRUPTED: Final = 130
"""What shells report for a program that Ctrl-C has ended: 128 and the number of SIGINT."""


class CommandFailed(Exception):
    """The command cannot go on; `main` prints the message and exits, without a traceback.

    Attributes:
        status: The exit status, 1 to 255.
    """

    def __init__(self, message: str, status: int = 1) -> None:
        super().__init__(message)
        self.status = status


def explain_os_error(error: OSError) -> str:
    """Return what the operating system says, without its number and without Python's words around it."""
    # The texts that asyncio makes of a failed bind or connect only repeat the address; names that cannot be
    # resolved have numbers of their own.
    known = error.errno is not None and error.errno > 0 and not isinstance(error, socket.gaierror)
    text = os.strerror(error.errno or 0) if known else error.strerror or str(error) or type(error).__name__
    return text[:1].lower() + text[1:]
