"""What commands that connect to a server share: how to ask for it, and what it means when it fails."""

import ssl
from argparse import _ArgumentGroup
from collections.abc import Iterable
from typing import Any

from twinax import HandshakeRejected, InvalidURI, WebSocketConnection, WebSocketError, connect

from .failure import CANNOT_CONNECT, CommandFailed, explain_os_error
from .printing import escape_controls

__all__ = ["add_client_arguments", "client_options", "client_tls", "explain_failure", "open_client"]


def add_client_arguments(group: _ArgumentGroup) -> None:
    """Declare what to ask a server for, and how to reach it."""
    group.add_argument("--header", action="append", default=[], metavar="'NAME: VALUE'", help="may be repeated")
    group.add_argument("--subprotocol", action="append", default=[], metavar="NAME", help="may be repeated")
    group.add_argument("--origin", help="pretend to be a page of this origin, such as https://example.com")
    group.add_argument("--unix", metavar="PATH", help="connect to this Unix socket instead of the URL's host")
    group.add_argument("--ca", metavar="FILE", help="trust these authorities (PEM) instead of the system's")
    group.add_argument("--insecure", action="store_true", help="do not verify the server's certificate")


def client_options(
    url: str,
    *,
    headers: Iterable[str],
    subprotocols: Iterable[str],
    origin: str | None,
    unix: str | None,
    authorities: str | None,
    insecure: bool,
    timeout: float,
) -> dict[str, Any]:
    """Return keyword options for `twinax.connect`.

    Raises:
        CommandFailed: A header field is none, or the authorities cannot be read.
    """
    return {
        "headers": [_split_header(line) for line in headers],
        "subprotocols": list(subprotocols),
        # Somebody at a terminal wants to see what the server answers.
        "require_subprotocol": False,
        "origin": origin,
        "unix_path": unix,
        "ssl": client_tls(authorities, insecure) if url[:4].lower() == "wss:" else None,
        "open_timeout": timeout or None,
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


async def open_client(url: str, options: dict[str, Any]) -> WebSocketConnection:
    """Connect.

    Raises:
        CommandFailed: It did not work, or an option is wrong; the text says why.
    """
    try:
        return await connect(url, **options)
    except InvalidURI as error:
        raise CommandFailed(str(error), 2) from error
    except HandshakeRejected as error:
        raise CommandFailed(f"{url} {explain_failure(error)}", CANNOT_CONNECT) from error
    except (WebSocketError, OSError) as error:
        raise CommandFailed(f"cannot connect to {url}: {explain_failure(error)}", CANNOT_CONNECT) from error
    except (TypeError, ValueError) as error:
        raise CommandFailed(str(error), 2) from error


def explain_failure(error: Exception) -> str:
    """Return why `twinax.connect` failed, in a few words and without control characters."""
    if isinstance(error, HandshakeRejected):
        return _explain_rejection(error)
    cause = error if isinstance(error, OSError) else error.__cause__
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"the certificate is not trusted: {cause.verify_message}; see --ca and --insecure"
    if isinstance(cause, ssl.SSLError):
        return f"TLS failed: {(cause.reason or str(cause)).replace('_', ' ').lower()}"
    # HandshakeTimeout is an OSError by descent, without a number.
    if isinstance(cause, OSError) and cause.errno is not None:
        return explain_os_error(cause)
    return escape_controls(str(error))


def _explain_rejection(error: HandshakeRejected) -> str:
    text = f"answered {error.status} {error.reason}".rstrip()
    fields = {name.lower(): value for name, value in error.headers}
    said = fields.get("x-websocket-reject-reason") or " ".join(error.body[:200].decode("utf-8", "replace").split())
    return escape_controls(f"{text}: {said}" if said else text)
