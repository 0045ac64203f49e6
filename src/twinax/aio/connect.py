"""`connect`: one connection, or one after the other."""

import asyncio
from collections.abc import AsyncIterator, Generator, Iterable
from typing import Any, Unpack

from ..config import ClientConfig, ClientOptions, build_config
from ..errors import HandshakeError
from ..logs import CLIENT_LOGGER
from ..uri import URILike, WebSocketURI, parse_uri
from .connection import WebSocketConnection
from .opening import open_connection
from .reconnect import Backoff, is_temporary

__all__ = ["connect"]


class connect:
    """Connect to a WebSocket server.

    Three ways to use it::

        connection = await connect("wss://example.com/")         # close it yourself

        async with connect("wss://example.com/") as connection:  # closed at the end of the block
            ...

        async for connection in connect("wss://example.com/"):   # connects again whenever it is lost
            try:
                async for message in connection:
                    ...
            except ConnectionClosedError:
                pass

    The block closes with 1000, or with 1011 when it is left by an exception. The loop closes each
    connection when its body goes on or is left, then waits: a time drawn from 0 to ``reconnect_delay``
    after a connection that was open; after each failure up to twice as much, at most
    ``max_reconnect_delay``, and never less than a server's Retry-After. It tries again after network
    errors, timeouts, 429 and 5xx, and raises everything else.

    Args:
        uri: The address, or several of servers that stand in for each other, tried in turn.
        **options: See `twinax.config.ClientConfig`.

    Raises:
        InvalidURI: An address is none.
        TypeError: An unknown option, or a value of the wrong type.
        ValueError: A value out of range, or no address.
        HandshakeRejected: When used: the server answered with another status than 101.
        HandshakeTimeout: When used: it was not done within ``open_timeout``.
        HandshakeError: When used: it failed in another way; an `OSError` behind it is its ``__cause__``.

    Cancellation: Safe at any moment; the socket is closed.
    Concurrency: Each use opens a connection of its own.
    """

    def __init__(self, uri: URILike | Iterable[URILike], **options: Unpack[ClientOptions]) -> None:
        # What urllib.parse gives is a tuple, too.
        uris: list[Any] = [uri] if isinstance(uri, URILike | bytes) or not isinstance(uri, Iterable) else list(uri)
        if not uris:
            raise ValueError("uri=[]: at least one address is needed")
        self._uris = [parse_uri(item) for item in uris]
        self._config = build_config(ClientConfig, options)
        self._entered: list[WebSocketConnection] = []

    @property
    def config(self) -> ClientConfig:
        """The options."""
        return self._config

    # --- one connection -----------------------------------------------------------------------

    async def _open(self) -> WebSocketConnection:
        """Open a connection to the first server that answers."""
        *others, last = self._uris
        for uri in others:
            try:
                return await open_connection(uri, self._config)
            except HandshakeError as error:
                self._log_failure(uri, error)
        return await open_connection(last, self._config)

    def __await__(self) -> Generator[object, None, WebSocketConnection]:
        return self._open().__await__()

    async def __aenter__(self) -> WebSocketConnection:
        connection = await self._open()
        self._entered.append(connection)
        return connection

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        await self._entered.pop().close(1000 if kind is None else 1011)

    # --- one after the other ------------------------------------------------------------------

    async def __aiter__(self) -> AsyncIterator[WebSocketConnection]:
        """Iterate over connections: each time the body goes on, the next one is opened."""
        backoff = Backoff(self._config.reconnect_delay, self._config.max_reconnect_delay)
        position = 0
        failed_in_a_row = 0
        while True:
            uri = self._uris[position]
            try:
                connection = await open_connection(uri, self._config)
            except HandshakeError as error:
                if not is_temporary(error):
                    raise
                self._log_failure(uri, error)
                position = (position + 1) % len(self._uris)
                failed_in_a_row += 1
                # A pause is for the servers: as long as there is one that was not asked, it is asked at once.
                if failed_in_a_row % len(self._uris) == 0:
                    await asyncio.sleep(backoff.next_pause(error))
                continue
            failed_in_a_row = 0
            backoff.reset()
            try:
                yield connection
            finally:
                await connection.close()
            await asyncio.sleep(backoff.next_pause())

    def _log_failure(self, uri: WebSocketURI, error: HandshakeError) -> None:
        logger = self._config.logger or CLIENT_LOGGER
        logger.info("connecting to %s failed: %s", uri, error)
