"""Talk to a WebSocket server: every line you type is a message, and what comes back is printed.

At a terminal, lines that begin with a slash are commands ('//' sends a slash):

    /ping [TEXT]           send a ping, print the round trip
    /close [CODE [REASON]] close, with 1000 unless you say otherwise
    /hex BYTES             send a binary message, such as /hex 00 ff 7f
    /help, /quit

From a pipe or file every line is a message, also one with a slash, and standard output has the messages that
came back and nothing else (binary ones in hexadecimal). After the last line it waits for replies: until the
server closes, or nothing has come for one second since the last line or reply; with --wait SECONDS for exactly
that long ('inf': until the server closes); with --count N until N messages have come. Then it closes with 1000.

    printf 'one\\ntwo\\n' | twinax connect ws://localhost:8080/ --count 2

exit status: 0 closed in order (1000, 1001, or no code), 1 the connection broke, was closed with another code, or
--count was not reached, 2 wrong command line, 3 it could not connect, 130 stopped by SIGINT or SIGTERM.
"""

import argparse
import sys
from typing import Any

from .client_arguments import add_client_arguments, client_options, open_client
from .printing import Printer
from .quantities import at_least_zero, positive, size
from .running import run_async
from .session import Session

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("url", metavar="URL", help="ws://... or wss://...")
    asking = parser.add_argument_group("what to ask the server for")
    add_client_arguments(asking)
    asking.add_argument("--websocket-version", type=int, choices=(13, 8), default=13, help="(default: 13)")
    asking.add_argument("--timeout", type=at_least_zero, default=10.0, metavar="SECONDS", help="to connect (10)")
    sending = parser.add_argument_group("sending and receiving")
    sending.add_argument("--binary", action="store_true", help="send the bytes of each line as a binary message")
    sending.add_argument("--ping", type=at_least_zero, metavar="SECONDS", help="ping so often, print the round trip")
    sending.add_argument("--wait", type=at_least_zero, metavar="SECONDS", help="see above")
    sending.add_argument("--count", type=positive, metavar="N", help="close when N messages have come")
    sending.add_argument("--max-message-size", type=size, default=64 << 20, metavar="SIZE", help="(default: 64M)")
    showing = parser.add_argument_group("printing")
    showing.add_argument("--json", action="store_true", help="indent messages that are JSON")
    showing.add_argument(
        "--output",
        choices=("auto", "marked", "plain"),
        default="auto",
        help="marked: with direction marks, control characters escaped; plain: messages as they are;"
        " auto: marked at a terminal (default)",
    )
    showing.add_argument("--quiet", action="store_true", help="print messages only")


def run(arguments: argparse.Namespace) -> int:
    """Connect, and talk until either side has had enough."""
    marked = arguments.output == "marked" or (arguments.output == "auto" and sys.stdout.isatty())
    printer = Printer(marked=marked, pretty=arguments.json, quiet=arguments.quiet)
    options = _client_options(arguments)
    return run_async(_talk(arguments, printer, options))


def _client_options(arguments: argparse.Namespace) -> dict[str, Any]:
    return {
        **client_options(
            arguments.url,
            headers=arguments.header,
            subprotocols=arguments.subprotocol,
            origin=arguments.origin,
            unix=arguments.unix,
            authorities=arguments.ca,
            insecure=arguments.insecure,
            timeout=arguments.timeout,
        ),
        "websocket_version": arguments.websocket_version,
        "max_received_message_size": arguments.max_message_size,
        "max_received_frame_size": arguments.max_message_size and max(arguments.max_message_size, 125),
    }


async def _talk(arguments: argparse.Namespace, printer: Printer, options: dict[str, Any]) -> int:
    connection = await open_client(arguments.url, options)
    session = Session(
        connection,
        printer,
        binary=arguments.binary,
        ping_every=arguments.ping,
        wait=arguments.wait,
        count=arguments.count,
    )
    return await session.run()
