"""What `twinax connect` prints: messages on standard output, everything else on standard error.

At a terminal every line carries a mark for its direction, and control characters are shown as escapes: a
server must not be able to move the cursor or rename the window. In a pipe a message is printed as it is.
"""

import json
import re
import sys
from typing import Final

__all__ = ["Printer", "describe_payload", "escape_controls"]

INCOMING: Final = "<"
OUTGOING: Final = ">"
EVENT: Final = "*"
SHOWN_BYTES: Final = 32
_CONTROL: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


class Printer:
    """Prints for one connection.

    Args:
        marked: Direction marks and escapes, as for a terminal.
        pretty: Print messages that are JSON indented.
        quiet: Leave out everything but messages.
    """

    def __init__(self, *, marked: bool, pretty: bool, quiet: bool) -> None:
        self._marked = marked
        self._pretty = pretty
        self._quiet = quiet

    def received(self, message: str | bytes) -> None:
        """Print a message of the server."""
        if isinstance(message, bytes):
            text = describe_payload(message) if self._marked else message.hex(" ")
        else:
            text = indent_json(message) if self._pretty else message
        print(self._mark(INCOMING, text), flush=True)

    def sent(self, message: str | bytes) -> None:
        """Print a message of ours, where it is not on the screen already."""
        if self._marked and not self._quiet:
            text = describe_payload(message) if isinstance(message, bytes) else message
            print(self._mark(OUTGOING, text), flush=True)

    def event(self, text: str) -> None:
        """Print what happened to the connection."""
        if not self._quiet:
            # Through print(): prompt-toolkit moves the prompt out of the way for both streams.
            print(mark_lines(EVENT, escape_controls(text)), file=sys.stdout if self._marked else sys.stderr, flush=True)

    def _mark(self, mark: str, text: str) -> str:
        return mark_lines(mark, escape_controls(text)) if self._marked else text


def escape_controls(text: str) -> str:
    """Return `text` with control characters as escapes, and so those that reverse the direction of writing."""
    return _CONTROL.sub(lambda match: match[0].encode("unicode_escape").decode(), text)


def mark_lines(mark: str, text: str) -> str:
    """Return `text` with a mark before its first line, and the others below it."""
    return f"{mark} " + text.replace("\n", "\n  ")


def indent_json(text: str) -> str:
    """Return `text` indented when it is JSON, and as it is otherwise."""
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return text


def describe_payload(payload: bytes) -> str:
    """Return the size and the first bytes of a binary message, in hexadecimal and as ASCII."""
    first = payload[:SHOWN_BYTES]
    more = " ..." if len(payload) > SHOWN_BYTES else ""
    readable = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in first)
    return f"({len(payload)} bytes) {first.hex(' ')}{more}  {readable}".rstrip()
