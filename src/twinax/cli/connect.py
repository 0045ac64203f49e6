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
import ssl
import sys
from typing import Any

from twinax import HandshakeRejected, InvalidURI, WebSocketConnection, WebSocketError, connect

from .failure import CommandFailed, explain_os_error
from .printing import Printer, escape_controls
from .quantities import at_least_zero, positive, size
from .running import run_async
from .session import Session

__all__ = ["add_arguments", "client_tls", "run"]

CANNOT_CONNECT = 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("url", metavar="URL", help="ws://... or wss://...")
    asking = parser.add_argument_group("what to ask the server for")
    asking.add_argument("--header", action="append", default=[], metavar="'NAME: VALUE'", help="may be repeated")
    asking.add_argument("--subprotocol", action="append", default=[], metavar="NAME", help="may be repeated")
    asking.add_argument("--origin", help="pretend to be a page of this origin, such as https://example.com")
    asking.add_argument("--websocket-version", type=int, choices=(13, 8), default=13, help="(default: 13)")
    asking.add_argument("--unix", metavar="PATH", help="connect to this Unix socket instead of the URL's host")
    asking.add_argument("--ca", metavar="FILE", help="trust these authorities (PEM) instead of the system's")
    asking.add_argument("--insecure", action="store_true", help="do not verify the server's certificate")
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
        "headers": [_split_header(line) for line in arguments.header],
        "subprotocols": arguments.subprotocol,
        # Somebody at a terminal wants to see what the server answers.
        "require_subprotocol": False,
        "origin": arguments.origin,
        "websocket_version": arguments.websocket_version,
        "unix_path": arguments.unix,
        "ssl": client_tls(arguments.ca, arguments.insecure) if arguments.url[:4].lower() == "wss:" else None,
        "open_timeout": arguments.timeout or None,
        "max_received_message_size": arguments.max_message_size,
        "max_received_frame_size": arguments.max_message_size and max(arguments.max_message_size, 125),
    }


def _split_header(line: str) -> tuple[str, str]:
    name, colon, value = line.partition(":")
    if not colon or not name.strip():
        raise CommandFailed(f"--header {line!r}: write 'Name: value'", 2)
    return name.strip(), value.strip()


def client_tls(authorities: str | None, insecure: bool) -> ssl.SSLContext:
    """Return TLS settings for a client.

    Raises:
        CommandFailed: The file is missing or holds no certificates.
    """
    try:
        context = ssl.create_default_context(cafile=authorities)
    except (OSError, ValueError) as error:
        # ssl.SSLError is an OSError too; the system's errors alone have a number that means something here.
        missing = isinstance(error, FileNotFoundError | PermissionError | IsADirectoryError)
        problem = "there is no such file that can be read" if missing else "no certificates in PEM"
        raise CommandFailed(f"--ca {authorities}: {problem}") from error
    if insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


async def _talk(arguments: argparse.Namespace, printer: Printer, options: dict[str, Any]) -> int:
    connection = await _open(arguments.url, options)
    session = Session(
        connection,
        printer,
        binary=arguments.binary,
        ping_every=arguments.ping,
        wait=arguments.wait,
        count=arguments.count,
    )
    return await session.run()


async def _open(url: str, options: dict[str, Any]) -> WebSocketConnection:
    try:
        return await connect(url, **options)
    except InvalidURI as error:
        raise CommandFailed(str(error), 2) from error
    except HandshakeRejected as error:
        raise CommandFailed(_explain_rejection(url, error), CANNOT_CONNECT) from error
    except (WebSocketError, OSError) as error:
        raise CommandFailed(f"cannot connect to {url}: {_explain(error)}", CANNOT_CONNECT) from error
    except (TypeError, ValueError) as error:
        raise CommandFailed(str(error), 2) from error


def _explain_rejection(url: str, error: HandshakeRejected) -> str:
    text = f"{url} answered {error.status} {error.reason}".rstrip()
    fields = {name.lower(): value for name, value in error.headers}
    said = fields.get("x-websocket-reject-reason") or " ".join(error.body[:200].decode("utf-8", "replace").split())
    return escape_controls(f"{text}: {said}" if said else text)


def _explain(error: Exception) -> str:
    cause = error if isinstance(error, OSError) else error.__cause__
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"the certificate is not trusted: {cause.verify_message}; see --ca and --insecure"
    if isinstance(cause, ssl.SSLError):
        return f"TLS failed: {(cause.reason or str(cause)).replace('_', ' ').lower()}"
    # HandshakeTimeout is an OSError by descent, without a number.
    if isinstance(cause, OSError) and cause.errno is not None:
        return explain_os_error(cause)
    return str(error)
