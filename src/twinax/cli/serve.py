"""Serve WebSocket connections.

WHAT is 'echo', which sends every message back, or MODULE:HANDLER, a function of yours that is called with
each connection; modules are looked for in the current directory first:

    twinax serve echo --port 8080
    twinax serve chat:handler --host 0.0.0.0 --port 443 --tls-cert cert.pem --tls-key key.pem

SIGINT (Ctrl-C) and SIGTERM close every connection with 1001 and end the server; a second one ends it at once.

exit status: 0 stopped by a signal, 1 it could not start, 2 wrong command line.
"""

import argparse
import asyncio
import contextlib
import importlib
import logging
import os
import ssl
import sys
import traceback
from collections.abc import Callable
from typing import Any, cast

from twinax import ConnectionClosed, WebSocketConnection, WebSocketServer, serve

from .failure import CommandFailed, explain_os_error
from .quantities import at_least_zero, port, positive, size
from .running import run_async, stopping_signals

__all__ = ["add_arguments", "echo", "load_handler", "run", "server_tls", "start"]

LOG_LEVELS = ("debug", "info", "warning", "error")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("what", metavar="WHAT", help="echo, or MODULE:HANDLER")
    add_address_arguments(parser, port_default=8080)
    parser.add_argument("--unix", metavar="PATH", help="listen on this Unix socket instead of host and port")
    parser.add_argument("--subprotocol", action="append", default=[], metavar="NAME", help="speak it; may be repeated")
    parser.add_argument(
        "--origin",
        action="append",
        metavar="ORIGIN",
        help="let pages of this origin connect, such as https://example.com, or '*'; may be repeated"
        " (default: pages of the same host and port)",
    )
    parser.add_argument(
        "--max-message-size", type=size, default=1 << 20, metavar="SIZE", help="64K, 1M, none (default: 1M)"
    )
    parser.add_argument("--max-connections", type=positive, metavar="N", help="turn away more (default: no limit)")
    parser.add_argument("--no-keepalive", action="store_true", help="do not ping silent peers")
    parser.add_argument(
        "--keepalive-interval", type=at_least_zero, default=20.0, metavar="SECONDS", help="(default: 20)"
    )
    parser.add_argument("--log-level", choices=LOG_LEVELS, default="warning", help="(default: warning)")


def add_address_arguments(parser: argparse.ArgumentParser, port_default: int) -> None:
    """Declare where to listen, and the certificate."""
    parser.add_argument("--host", default="127.0.0.1", help="name or address to bind (default: 127.0.0.1)")
    parser.add_argument(
        "--port", type=port, default=port_default, help=f"0 lets the system choose (default: {port_default})"
    )
    parser.add_argument("--tls-cert", metavar="FILE", help="certificate and its chain in PEM: speak wss")
    parser.add_argument("--tls-key", metavar="FILE", help="its key, where it is not in the same file")


def run(arguments: argparse.Namespace) -> int:
    """Serve until a signal comes."""
    logging.basicConfig(
        level=arguments.log_level.upper(), format="%(asctime)s %(levelname)s %(name)s %(message)s", stream=sys.stderr
    )
    handler = load_handler(arguments.what)
    tls = server_tls(arguments.tls_cert, arguments.tls_key)
    options: dict[str, Any] = {
        "subprotocols": arguments.subprotocol,
        "allowed_origins": arguments.origin,
        "max_received_message_size": arguments.max_message_size,
        "max_received_frame_size": arguments.max_message_size and max(arguments.max_message_size, 125),
        "max_connections": arguments.max_connections,
        "keepalive": not arguments.no_keepalive,
        "keepalive_interval": arguments.keepalive_interval,
    }
    return run_async(_serve(arguments, handler, tls, options))


async def _serve(
    arguments: argparse.Namespace, handler: Callable[..., Any], tls: ssl.SSLContext | None, options: dict[str, Any]
) -> int:
    try:
        starting = serve(
            handler,
            None if arguments.unix else arguments.host,
            0 if arguments.unix else arguments.port,
            path=arguments.unix,
            ssl=tls,
            **options,
        )
    except (TypeError, ValueError) as error:
        raise CommandFailed(str(error)) from error
    with stopping_signals() as stop:
        server = await start(starting, arguments.unix or f"{arguments.host}:{arguments.port}")
        for url in server.urls:
            print(f"listening on {url}", flush=True)
        await stop.wait()
        await _close(server)
    if arguments.unix:
        with contextlib.suppress(OSError):
            os.unlink(arguments.unix)
    return 0


async def start(starting: Any, where: str) -> WebSocketServer:
    """Await a server; that its address cannot be bound becomes one line.

    Raises:
        CommandFailed: It cannot listen there.
    """
    try:
        return cast(WebSocketServer, await starting)
    except OSError as error:
        raise CommandFailed(f"cannot listen on {where}: {explain_os_error(error)}") from error


async def _close(server: WebSocketServer) -> None:
    # A second Ctrl-C cancels: then whoever is left is cut off.
    with contextlib.suppress(asyncio.CancelledError):
        await server.close()


async def echo(connection: WebSocketConnection) -> None:
    """Send every message back as it came."""
    with contextlib.suppress(ConnectionClosed):
        async for message in connection:
            await connection.send(message)


def load_handler(what: str) -> Callable[..., Any]:
    """Return the handler that the command line names.

    Raises:
        CommandFailed: There is no such module or attribute, importing it failed, or it cannot be called.
    """
    if what == "echo":
        return echo
    module_name, _, path = what.partition(":")
    if not module_name or not path:
        raise CommandFailed(f"{what!r} is neither 'echo' nor MODULE:HANDLER, such as chat:handler", 2)
    handler: Any = _import(module_name)
    for name in path.split("."):
        if not hasattr(handler, name):
            raise CommandFailed(f"module {module_name!r} has no {path!r}")
        handler = getattr(handler, name)
    if not callable(handler):
        raise CommandFailed(f"{what} is {type(handler).__name__}, not a function that takes a connection")
    return cast(Callable[..., Any], handler)


def _import(module_name: str) -> Any:
    directory = os.getcwd()
    if directory not in sys.path:
        sys.path.insert(0, directory)
    try:
        return importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name and (module_name == error.name or module_name.startswith(f"{error.name}.")):
            raise CommandFailed(f"there is no module {module_name!r}, here or among the installed ones") from error
        raise CommandFailed(f"module {module_name!r} needs {error.name!r}, which is not installed") from error
    except Exception as error:
        # The last frame is the line of the user's code that failed; a traceback would show ours above it.
        frames = traceback.extract_tb(error.__traceback__)
        where = f" at {frames[-1].filename}:{frames[-1].lineno}" if frames else ""
        raise CommandFailed(f"importing {module_name!r} failed{where}: {type(error).__name__}: {error}") from error


def server_tls(certificate: str | None, key: str | None) -> ssl.SSLContext | None:
    """Return TLS settings for a server; None without a certificate.

    Raises:
        CommandFailed: A file is missing, is no PEM, or certificate and key do not belong together.
    """
    if certificate is None:
        if key is not None:
            raise CommandFailed("--tls-key needs --tls-cert", 2)
        return None
    for option, file in (("--tls-cert", certificate), ("--tls-key", key)):
        if file is not None and not os.access(file, os.R_OK):
            raise CommandFailed(f"{option} {file}: there is no such file that can be read")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(certificate, key)
    except (OSError, ValueError) as error:
        raise CommandFailed(_explain_certificate(certificate, key, error)) from error
    return context


def _explain_certificate(certificate: str, key: str | None, error: Exception) -> str:
    reason = getattr(error, "reason", None) or ""
    if "MISMATCH" in reason:
        return f"--tls-key {key} does not belong to --tls-cert {certificate}"
    lacks_key = "" if key is not None else " with its key, or name the key with --tls-key"
    return f"--tls-cert {certificate}: not a certificate in PEM{lacks_key}"
