"""The client's opening handshake: TCP, TLS, a request, its answer, and redirects, all within ``open_timeout``.

Whatever goes wrong and whenever the caller is cancelled, the socket is closed: only a connection that
is handed out stays open. The request is built before anything is connected, so that a bad argument costs
nothing and no byte of it is sent.
"""

import asyncio
import socket
import ssl as ssl_module
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Final, NoReturn

from ..config import ClientConfig
from ..errors import HandshakeError, HandshakeTimeout, NegotiationError
from ..headers import Headers
from ..protocol import (
    MASK_KEYS,
    ResponseHead,
    build_offer,
    build_refusal,
    build_rejection,
    build_request,
    check_answer,
    check_response,
    generate_key,
    random_bytes,
)
from ..uri import WebSocketURI, parse_uri, resolve_redirect
from .answer import ResponseReader
from .connection import WebSocketConnection
from .dialing import dial, dial_unix
from .settings import build_settings, select_extensions
from .tls_wire import TLSWire
from .transport_wire import TransportWire
from .wire import Wire, open_wire

__all__ = ["open_connection"]

NO_TIMEOUT: Final = 86400.0  # asyncio has no "none" for the TLS handshake
REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})

# Meant for the server that was named by the caller, not for another to which it redirects.
_PRIVATE_FIELDS: Final = ("Authorization", "Cookie", "Host", "Proxy-Authorization")


async def open_connection(uri: str | WebSocketURI, config: ClientConfig) -> WebSocketConnection:
    """Open a connection to a server.

    Args:
        uri: The address.
        config: The options.

    Returns:
        The open connection. Listeners that are added before control returns to the event loop miss nothing.

    Raises:
        InvalidURI: The address is none.
        ValueError: A header field, cookie, subprotocol or origin holds what it must not hold.
        HandshakeRejected: The server answered with another status than 101.
        HandshakeTimeout: It was not done within ``open_timeout``.
        HandshakeError: It failed in another way; an `OSError` behind it is its ``__cause__``.

    Cancellation: Safe; the socket is closed.
    """
    opening = _Opening(config, parse_uri(uri) if isinstance(uri, str) else uri)
    try:
        async with asyncio.timeout(config.open_timeout):
            return await opening.run()
    except TimeoutError:  # of the block above: what TCP and TLS raise was translated within it
        opening.raise_timeout()


@dataclass(slots=True)
class _Opening:
    """One call of `open_connection`.

    Attributes:
        config: The options; what is private is dropped from them when another origin is reached.
        uri: The address that is being asked.
        phase: What is being waited for.
        reader: Who reads the answer; None before there is a request.
    """

    config: ClientConfig
    uri: WebSocketURI
    phase: str = "connecting"
    reader: ResponseReader | None = None
    _redirects: int = field(default=0, init=False)

    async def run(self) -> WebSocketConnection:
        """Ask until the answer is not a redirect."""
        while True:
            connection = await self._ask()
            if connection is not None:
                return connection

    async def _ask(self) -> WebSocketConnection | None:
        """Ask once; return None when the answer is a redirect that was followed."""
        config, uri = self.config, self.uri
        key = generate_key(random_bytes)
        request = build_request(
            uri,
            key,
            protocols=config.subprotocols,
            origin=config.origin,
            headers=config.headers,
            cookies=config.cookies,
            version=config.websocket_version,
            extensions=build_offer(select_extensions(config)),
        )
        loop = asyncio.get_running_loop()
        self.reader = reader = ResponseReader(loop)
        done = False
        try:
            await self._connect(loop, reader)
            self.phase = "waiting for the answer of"
            reader.wire.write(request)
            head = await reader.read_head()
            if head.status == 101:
                connection = self._accept(head, key, reader)
                done = True
                return connection
            if head.status in REDIRECTS and config.max_redirects and "Location" in head.headers:
                self._redirect(head)
                return None
            raise build_rejection(head, await reader.read_body())
        finally:
            if not done:
                abandon(reader)

    def _accept(self, head: ResponseHead, key: str, reader: ResponseReader) -> WebSocketConnection:
        config = self.config
        extensions = select_extensions(config)
        try:
            accepted = check_response(
                head,
                key,
                protocols=config.subprotocols,
                require_subprotocol=config.require_subprotocol,
                offered_extensions=[extension.name for extension in extensions],
            )
            agreed = check_answer(extensions, accepted.extensions)
        except NegotiationError as error:
            # The server takes the connection for open: RFC 6455 7.4.1 has a code to tell it why it ends.
            reader.wire.write(build_refusal(error))
            raise
        connection = WebSocketConnection(
            config,
            build_settings(config),
            MASK_KEYS,
            reader.wire,
            early=reader.early,
            protocol=accepted.subprotocol,
            websocket_version=config.websocket_version,
            extensions=agreed,
        )
        reader.hand_over(connection)
        return connection

    def raise_timeout(self) -> NoReturn:
        """Raise what a timeout means at this point."""
        reader = self.reader
        if reader is not None and reader.head is not None and reader.head.status != 101:
            # Only the body was still missing: the answer says more than the timeout.
            raise build_rejection(reader.head, reader.body) from None
        message = f"timed out while {self.phase} {self._target()}: open_timeout={self.config.open_timeout} s"
        raise HandshakeTimeout(message) from None

    # --- redirects ----------------------------------------------------------------------------

    def _redirect(self, head: ResponseHead) -> None:
        config = self.config
        target = resolve_redirect(self.uri, head.headers["Location"])
        self._redirects += 1
        if self._redirects > config.max_redirects:
            raise HandshakeError(
                f"the server redirects to {target}, after max_redirects={config.max_redirects} redirects",
                status=head.status,
            )
        if config.sock is not None:
            raise HandshakeError(
                f"the server redirects to {target}, which cannot be reached with the same sock", status=head.status
            )
        if (target.scheme, target.host, target.port) != (self.uri.scheme, self.uri.host, self.uri.port):
            if config.unix_path is not None:
                raise HandshakeError(
                    f"the server redirects to {target}, which cannot be reached with unix_path={config.unix_path!r}",
                    status=head.status,
                )
            self.config = _without_private(config)
        self.uri = target
        self.phase = "connecting"

    # --- TCP and TLS --------------------------------------------------------------------------

    async def _connect(self, loop: asyncio.AbstractEventLoop, reader: ResponseReader) -> None:
        """Make the wire of the reader."""
        uri = self.uri
        self.phase = "connecting to"
        try:
            await self._connect_socket(loop, reader)
        except OSError as error:
            raise HandshakeError(f"cannot connect to {self._target()}: {_explain(error)}") from error
        if not uri.secure:
            return
        self.phase = "in the TLS handshake with"
        config = self.config
        context = config.ssl if config.ssl is not None else _default_context()
        wire = reader.wire
        assert isinstance(wire, TransportWire)
        try:
            transport = await loop.start_tls(
                wire.transport,
                wire,
                context,
                server_hostname=config.server_hostname or uri.host.partition("%")[0],
                ssl_handshake_timeout=config.open_timeout or NO_TIMEOUT,
                ssl_shutdown_timeout=max(config.linger_timeout, 0.001),
            )
        except OSError as error:
            raise HandshakeError(f"no TLS connection to {self._target()}: {_explain(error)}") from error
        if transport is None:  # asyncio says so when the connection went away in the very moment
            raise HandshakeError(f"no TLS connection to {self._target()}: the server ended it") from EOFError()
        wire.connection_made(transport)

    async def _connect_socket(self, loop: asyncio.AbstractEventLoop, reader: ResponseReader) -> None:
        config = self.config
        sock = config.sock
        if sock is None and config.unix_path is not None:
            sock = await dial_unix(config.unix_path)
        elif sock is None:
            sock = await dial(self.uri.host, self.uri.port, config.local_address)
        try:
            sock.setblocking(False)
            wire: Wire | None = None if self.uri.secure else open_wire(loop, sock, reader)
            if wire is None:
                wire = (TLSWire if self.uri.secure else TransportWire)(loop, reader)
                protocol = wire
                unix = sock.family == getattr(socket, "AF_UNIX", None)
                create = loop.create_unix_connection if unix else loop.create_connection
                await create(lambda: protocol, sock=sock)
            reader.wire = wire
        except BaseException:
            sock.close()
            raise

    def _target(self) -> str:
        """How messages call the other side."""
        if self.config.unix_path is not None:
            return self.config.unix_path
        host = f"[{self.uri.host}]" if ":" in self.uri.host else self.uri.host
        return f"{host}:{self.uri.port}"


def abandon(reader: ResponseReader) -> None:
    """Close the socket at once, as far as there is one; what follows is discarded."""
    if hasattr(reader, "wire"):
        reader.wire.abort()


def _without_private(config: ClientConfig) -> ClientConfig:
    """Return the options for a server of another origin."""
    headers = Headers(config.headers)
    for name in _PRIVATE_FIELDS:
        headers.remove(name)
    return replace(config, headers=headers.items(), cookies={}, server_hostname=None)


@lru_cache(1)
def _default_context() -> ssl_module.SSLContext:
    """Return the TLS settings of everybody who brings none; reading the certificates takes 20 ms."""
    return ssl_module.create_default_context()


def _explain(error: OSError) -> str:
    """Say what went wrong, with a hint where the cause is a common mistake."""
    if isinstance(error, ssl_module.SSLError) and error.reason in ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE"):
        return f"{error}; the server does not seem to speak TLS on this port: use ws://"
    return str(error) or type(error).__name__
