"""Every option, with its default and the reason for it.

`connect`, `serve`, `WebSocketClient` and `WebSocketServer` take the same keyword options; they become
one of the frozen dataclasses below, which refuse wrong values when they are made. Durations are in
seconds, sizes in bytes, None means no limit.
"""

import logging
import re
import ssl as ssl_module
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from ipaddress import IPv4Network, IPv6Network
from typing import Any, TypedDict, TypeVar

from .checks import (
    as_extensions,
    as_network,
    as_pairs,
    as_rules,
    as_sequence,
    check_callable,
    check_names,
    check_number,
    freeze,
)
from .extension import Extension
from .other_names import suggest_option

__all__ = [
    "ClientConfig",
    "ClientOptions",
    "ConnectionConfig",
    "ConnectionOptions",
    "ServerConfig",
    "ServerOptions",
    "build_config",
]

KIB = 1024
MIB = 1024 * KIB


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionConfig:
    """What holds for a connection in either role.

    Attributes:
        max_received_frame_size: Largest payload of one frame. Decided from the header, before the
            payload is read; a larger one closes with 1009. What an extension has encoded may be an eighth and
            64 bytes longer, since what cannot be compressed grows. 1 MiB: enough for nearly every
            application, little enough that 1,000 hostile peers cannot fill a machine.
        max_received_message_size: Largest message over all its fragments, after decompression. A
            fragment after the first counts for 64 bytes at the least.
        max_empty_frames: Data frames without payload in a row; more close with 1008. They cost the
            sender two bytes and the receiver a call each.
        max_control_frames_per_second: Pings, pongs and close frames a second on the long run; more
            close with 1008.
        control_frame_burst: How many of them may come at once.
        fragment_outgoing_messages: Split messages longer than `fragmentation_threshold`, so that a
            ping or another urgent frame need not wait for all of a large one.
        fragmentation_threshold: Payload of an outgoing fragment.
        assemble_fragments: Deliver whole messages. False: a ``frame`` event for each frame instead, and no
            extensions that work on messages.
        keepalive: Ping a peer that is silent, and give up when it stays so.
        keepalive_interval: Silence before a ping. 20 s: below the 30 to 60 s after which common
            proxies and mobile networks drop an idle connection.
        keepalive_grace_period: Silence after the ping before the peer counts as dead. Any byte is life.
        drop_connection_on_keepalive_timeout: False: go on pinging instead of giving up.
        use_native_keepalive: Leave it to TCP keepalive instead of sending pings.
        disable_nagle_algorithm: Set TCP_NODELAY: small frames leave at once.
        open_timeout: For the whole opening handshake: connecting, TLS and HTTP, and on a server the
            application's decision.
        close_timeout: From our close frame to the peer's; then the connection is aborted.
        linger_timeout: From the end of the closing handshake to the peer's FIN; then aborted.
        receive_queue_messages: Messages received but not taken by the application; when there are
            more, reading pauses.
        receive_queue_size: The same in bytes (characters, of text).
        high_water_mark: Bytes that the transport holds unsent before ``send`` has to be waited for.
        low_water_mark: Bytes at which it goes on.
        max_unsent_size: Bytes that may be unsent in all; more drop the connection, with a report.
        send_stall_timeout: Seconds without any progress while bytes are unsent; then the connection
            is dropped.
        extensions: The extensions to negotiate, from `twinax.extensions` or your own, the preferred ones
            first. None: permessage-deflate with its defaults, for most messages are text and shrink to a
            third. ``()``: none.
        extension_idle_timeout: Seconds without a message that goes through an extension; then extensions
            give back their memory until the next one: permessage-deflate its compressor, and all of its
            inflater but the window. 20 s: a connection that talks less often does not miss it much.
        logger: Where this connection logs; ``twinax.server`` or ``twinax.client`` by default.
    """

    max_received_frame_size: int | None = 1 * MIB
    max_received_message_size: int | None = 1 * MIB
    max_empty_frames: int | None = 16
    max_control_frames_per_second: float | None = 100.0
    control_frame_burst: int = 200
    fragment_outgoing_messages: bool = True
    fragmentation_threshold: int = 16 * KIB
    assemble_fragments: bool = True
    keepalive: bool = True
    keepalive_interval: float = 20.0
    keepalive_grace_period: float = 20.0
    drop_connection_on_keepalive_timeout: bool = True
    use_native_keepalive: bool = False
    disable_nagle_algorithm: bool = True
    open_timeout: float | None = 10.0
    close_timeout: float | None = 5.0
    linger_timeout: float = 2.0
    receive_queue_messages: int = 64
    receive_queue_size: int = 256 * KIB
    high_water_mark: int = 64 * KIB
    low_water_mark: int = 16 * KIB
    max_unsent_size: int | None = 16 * MIB
    send_stall_timeout: float | None = 30.0
    extensions: Iterable[Extension] | None = None
    extension_idle_timeout: float | None = 20.0
    logger: logging.Logger | logging.LoggerAdapter[Any] | None = None

    @property
    def native_keepalive(self) -> float | None:
        """Seconds of silence after which the kernel probes the peer; None: it does not."""
        # Linux refuses more seconds (MAX_TCP_KEEPIDLE).
        return min(self.keepalive_interval, 32767.0) if self.keepalive and self.use_native_keepalive else None

    def __post_init__(self) -> None:
        for name, (kind, low, high) in RANGES.items():
            if hasattr(self, name):
                check_number(name, getattr(self, name), kind, low, high, optional=name in OPTIONAL)
        for name in FLAGS:
            if hasattr(self, name) and not isinstance(getattr(self, name), bool):
                raise TypeError(f"{name}={getattr(self, name)!r}: True or False")
        if self.low_water_mark > self.high_water_mark:
            raise ValueError(f"low_water_mark={self.low_water_mark} is above high_water_mark={self.high_water_mark}")
        freeze(self, "extensions", as_extensions(self.extensions))


OriginRule = str | re.Pattern[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerConfig(ConnectionConfig):
    """What holds for a server, on top of `ConnectionConfig`.

    Attributes:
        subprotocols: What `serve` speaks, in order of preference.
        allowed_origins: Who may connect from a browser: exact origins, compiled patterns (full match),
            ``"*"``, or a callable ``(origin, request) -> bool``. None: requests without Origin and those
            whose Origin matches Host.
        allowed_hosts: Names (with or without port) that Host may carry, or ``"*"``. None: on a server
            bound to loopback only loopback names (against DNS rebinding), elsewhere any.
        auto_accept_connections: Accept every request that passes the rules, with its first subprotocol.
        trusted_proxies: Addresses or networks whose X-Forwarded-For and Forwarded are believed.
        parse_cookies: Read the Cookie field.
        parse_extensions: Read the Sec-WebSocket-Extensions field.
        on_request: Called by `serve` with each `WebSocketRequest`, before it is accepted; may reject it,
            or accept it with headers, cookies and a subprotocol of its own. May be a coroutine function.
        http_handler: Answers requests that are no upgrades: takes an `HTTPRequest`, returns an
            `HTTPResponse` (or text or bytes). May be a coroutine function. None: 426.
        headers: Extra header fields of every 101.
        max_connections: Open connections; more are answered with 503.
        max_connections_per_address: Open connections of one remote address; more are answered with 503.
        max_pending_handshakes: Unfinished opening handshakes. None: a tenth of `max_connections`, at
            least 64; 1,024 when that is unlimited.
        backlog: Connections that the kernel queues for us.
    """

    subprotocols: Sequence[str] = ()
    allowed_origins: str | Iterable[OriginRule] | Callable[[str, Any], bool] | None = None
    allowed_hosts: str | Iterable[str] | None = None
    auto_accept_connections: bool = False
    trusted_proxies: Iterable[str | IPv4Network | IPv6Network] = ()
    parse_cookies: bool = True
    parse_extensions: bool = True
    on_request: Callable[[Any], Awaitable[None] | None] | None = None
    http_handler: Callable[[Any], Any] | None = None
    headers: Mapping[str, str] | Iterable[tuple[str, str]] = ()
    max_connections: int | None = None
    max_connections_per_address: int | None = None
    max_pending_handshakes: int | None = None
    backlog: int = 1024

    def __post_init__(self) -> None:
        # slots=True makes a new class, which the zero-argument super() of a dataclass does not know.
        ConnectionConfig.__post_init__(self)
        freeze(self, "subprotocols", check_names(self.subprotocols))
        networks = tuple(as_network(item) for item in as_sequence("trusted_proxies", self.trusted_proxies))
        freeze(self, "trusted_proxies", networks)
        if not callable(self.allowed_origins):
            freeze(self, "allowed_origins", as_rules("allowed_origins", self.allowed_origins))
        freeze(self, "allowed_hosts", as_rules("allowed_hosts", self.allowed_hosts))
        freeze(self, "headers", as_pairs(self.headers))
        for name in ("on_request", "http_handler"):
            check_callable(name, getattr(self, name))

    @property
    def pending_limit(self) -> int:
        """The number of opening handshakes that may be under way."""
        if self.max_pending_handshakes is not None:
            return self.max_pending_handshakes
        # 1,024 unfinished heads are 16 MiB at the worst.
        return 1024 if self.max_connections is None else max(64, self.max_connections // 10)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientConfig(ConnectionConfig):
    """What holds for a client, on top of `ConnectionConfig`.

    Attributes:
        subprotocols: What the client speaks, in order of preference.
        require_subprotocol: Fail when subprotocols were offered and the server chose none.
        origin: The Origin field, for servers that ask for it.
        headers: Extra header fields of the request; Host overrides the default one.
        cookies: Cookies to send: a mapping of names to values.
        websocket_version: 13, or 8 for servers of 2011.
        ssl: TLS settings for wss; None: verify chain and name against the system's authorities.
        server_hostname: The name to verify, where it is not the host of the address.
        local_address: Host and port to connect from.
        unix_path: Connect to this Unix socket instead of the address's host.
        sock: A connected socket to use.
        max_redirects: Redirects to follow; credentials and cookies are dropped on a change of origin,
            and wss never goes to ws.
        reconnect_delay: First pause of ``async for connection in connect(...)``, drawn from 0 to this.
        max_reconnect_delay: The pause doubles up to this.
    """

    subprotocols: Sequence[str] = ()
    require_subprotocol: bool = True
    origin: str | None = None
    headers: Mapping[str, str] | Iterable[tuple[str, str]] = ()
    cookies: Mapping[str, str] = field(default_factory=dict)
    websocket_version: int = 13
    ssl: ssl_module.SSLContext | None = None
    server_hostname: str | None = None
    local_address: tuple[str, int] | None = None
    unix_path: str | None = None
    sock: Any = None
    max_redirects: int = 10
    reconnect_delay: float = 1.0
    max_reconnect_delay: float = 60.0

    def __post_init__(self) -> None:
        ConnectionConfig.__post_init__(self)
        freeze(self, "subprotocols", check_names(self.subprotocols))
        freeze(self, "headers", as_pairs(self.headers))
        freeze(self, "cookies", dict(self.cookies))
        if self.websocket_version not in (8, 13):
            raise ValueError(f"websocket_version={self.websocket_version!r}: 8 or 13")
        if self.ssl is not None and not isinstance(self.ssl, ssl_module.SSLContext):
            raise TypeError(f"ssl={self.ssl!r}: an ssl.SSLContext or None")


class ConnectionOptions(TypedDict, total=False):
    """Keyword options of a connection; `ConnectionConfig` explains each."""

    max_received_frame_size: int | None
    max_received_message_size: int | None
    max_empty_frames: int | None
    max_control_frames_per_second: float | None
    control_frame_burst: int
    fragment_outgoing_messages: bool
    fragmentation_threshold: int
    assemble_fragments: bool
    keepalive: bool
    keepalive_interval: float
    keepalive_grace_period: float
    drop_connection_on_keepalive_timeout: bool
    use_native_keepalive: bool
    disable_nagle_algorithm: bool
    open_timeout: float | None
    close_timeout: float | None
    linger_timeout: float
    receive_queue_messages: int
    receive_queue_size: int
    high_water_mark: int
    low_water_mark: int
    max_unsent_size: int | None
    send_stall_timeout: float | None
    extensions: Iterable[Extension] | None
    extension_idle_timeout: float | None
    logger: logging.Logger | logging.LoggerAdapter[Any] | None


class ServerOptions(ConnectionOptions, total=False):
    """Keyword options of a server; `ServerConfig` explains each."""

    subprotocols: Sequence[str]
    allowed_origins: str | Iterable[OriginRule] | Callable[[str, Any], bool] | None
    allowed_hosts: str | Iterable[str] | None
    auto_accept_connections: bool
    trusted_proxies: Iterable[str | IPv4Network | IPv6Network]
    parse_cookies: bool
    parse_extensions: bool
    on_request: Callable[[Any], Awaitable[None] | None] | None
    http_handler: Callable[[Any], Any] | None
    headers: Mapping[str, str] | Iterable[tuple[str, str]]
    max_connections: int | None
    max_connections_per_address: int | None
    max_pending_handshakes: int | None
    backlog: int


class ClientOptions(ConnectionOptions, total=False):
    """Keyword options of a client; `ClientConfig` explains each."""

    subprotocols: Sequence[str]
    require_subprotocol: bool
    origin: str | None
    headers: Mapping[str, str] | Iterable[tuple[str, str]]
    cookies: Mapping[str, str]
    websocket_version: int
    ssl: ssl_module.SSLContext | None
    server_hostname: str | None
    local_address: tuple[str, int] | None
    unix_path: str | None
    sock: Any
    max_redirects: int
    reconnect_delay: float
    max_reconnect_delay: float


# Option -> (type, lowest, highest). Zero-length fragments would never end a message.
RANGES: dict[str, tuple[type, float, float]] = {
    "max_received_frame_size": (int, 125, 2**62),
    "max_received_message_size": (int, 1, 2**62),
    "max_empty_frames": (int, 0, 2**31),
    "max_control_frames_per_second": (float, 0.001, 1e9),
    "control_frame_burst": (int, 1, 10**9),
    "fragmentation_threshold": (int, 1, 2**31),
    "keepalive_interval": (float, 0.001, 86400 * 365),
    "keepalive_grace_period": (float, 0.001, 86400 * 365),
    "open_timeout": (float, 0.001, 86400),
    "close_timeout": (float, 0.0, 86400),
    "linger_timeout": (float, 0.0, 86400),
    "receive_queue_messages": (int, 1, 2**31),
    "receive_queue_size": (int, 1, 2**62),
    "high_water_mark": (int, 1, 2**31),
    "low_water_mark": (int, 0, 2**31),
    "max_unsent_size": (int, 1, 2**62),
    "send_stall_timeout": (float, 0.001, 86400),
    "extension_idle_timeout": (float, 0.001, 86400),
    "max_connections": (int, 1, 2**31),
    "max_connections_per_address": (int, 1, 2**31),
    "max_pending_handshakes": (int, 1, 2**31),
    "backlog": (int, 1, 2**16),
    "max_redirects": (int, 0, 100),
    "reconnect_delay": (float, 0.0, 86400),
    "max_reconnect_delay": (float, 0.0, 86400),
}
OPTIONAL = {
    "max_received_frame_size",
    "max_received_message_size",
    "max_empty_frames",
    "max_control_frames_per_second",
    "open_timeout",
    "close_timeout",
    "max_unsent_size",
    "send_stall_timeout",
    "extension_idle_timeout",
    "max_connections",
    "max_connections_per_address",
    "max_pending_handshakes",
}
FLAGS = (
    "fragment_outgoing_messages",
    "assemble_fragments",
    "keepalive",
    "drop_connection_on_keepalive_timeout",
    "use_native_keepalive",
    "disable_nagle_algorithm",
    "auto_accept_connections",
    "parse_cookies",
    "parse_extensions",
    "require_subprotocol",
)

Config = TypeVar("Config", bound=ConnectionConfig)


def build_config(kind: type[Config], options: Mapping[str, Any]) -> Config:
    """Return a config made of keyword options.

    Raises:
        TypeError: An option is unknown (the name that may be meant is suggested), or has the wrong type.
        ValueError: A value is outside its range.
    """
    known = {item.name for item in fields(kind)}
    for name in options:
        if name not in known:
            raise TypeError(f"unknown option {name!r}{suggest_option(name, known)}")
    return kind(**options)
