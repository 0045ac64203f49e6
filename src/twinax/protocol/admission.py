"""Who may connect: the checks of Origin and Host (RFC 6455 10.2, 4.2.1).

A browser lets any page open a WebSocket anywhere and sends the user's cookies along; Origin is the only
thing that tells pages apart. A page can also give its own name the address of a server that only
loopback reaches (DNS rebinding); then Host is what tells.
"""

import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any, Final, Protocol

from ..uri import parse_host

__all__ = ["LOOPBACK_HOSTS", "AllowedOrigins", "check_host", "check_origin"]

LOOPBACK_HOSTS: Final = ("localhost", "*.localhost", "127.0.0.1", "[::1]")
"""What Host says when a server is reached by its loopback address."""

_SCHEME: Final = re.compile(r"[a-z][a-z0-9+.\-]*")
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}

# The clients of a server name it in a handful of ways, so what was found out about one name is kept: 70,000
# instructions a request become 2,000 (callgrind, November 2026). A hostile client fills it with names of its own at
# most, and longer ones than this are not kept: 128 KiB in all.
_LONGEST_KEPT: Final = 256
_NAMES_KEPT: Final = 256


class _Request(Protocol):
    """What the checks ask of a request."""

    @property
    def origin(self) -> str | None: ...

    @property
    def host(self) -> str: ...


OriginRule = str | re.Pattern[str] | Callable[[str, Any], bool]
AllowedOrigins = OriginRule | Iterable[OriginRule] | None
"""Exact origins, compiled patterns, callables ``(origin, request) -> bool``: one, several, or None."""


def check_origin(request: _Request, allowed: AllowedOrigins = None) -> bool:
    """Tell whether the page that asks may connect.

    Always yes without Origin (no browser asks), and where Origin and Host name the same host and port.
    Everything else, ``null`` too, needs a rule in `allowed`.

    Args:
        request: The request.
        allowed: ``"*"`` for any; exact origins (``"https://example.com"``, compared by scheme, host and
            port, with default ports filled in); compiled patterns, which must match the whole origin;
            callables, which get the origin and the request. One, or several of which one must agree.

    Returns:
        Whether it may.

    Raises:
        TypeError: A callable returned something else than True or False, such as a coroutine.
    """
    origin = request.origin
    if origin is None or _is_same_host(origin, request.host):
        return True
    if allowed is None:
        return False
    rules = (allowed,) if isinstance(allowed, str | re.Pattern) or callable(allowed) else allowed
    return any(_fits(rule, origin, request) for rule in rules)


def check_host(request: _Request, allowed: str | Iterable[str] | None = None) -> bool:
    """Tell whether the Host of a request is one of ours.

    Args:
        request: The request.
        allowed: Hosts with a port (which then must be the same) or without (any port);
            ``"*.example.com"`` for every name below it; ``"*"`` or None for any.

    Returns:
        Whether it is.
    """
    if allowed is None:
        return True
    rules = (allowed,) if isinstance(allowed, str) else tuple(allowed)
    host = request.host
    return (_is_one_of if len(host) <= _LONGEST_KEPT else _is_one_of.__wrapped__)(host, rules)


@lru_cache(_NAMES_KEPT)
def _is_one_of(text: str, rules: tuple[str, ...]) -> bool:
    if "*" in rules:
        return True
    try:
        host, port = parse_host(text)
    except ValueError:
        return False
    return any(_is_host(rule, host, port) for rule in rules)


def _is_same_host(origin: str, host: str) -> bool:
    is_short = len(origin) <= _LONGEST_KEPT and len(host) <= _LONGEST_KEPT
    return (_compare_hosts if is_short else _compare_hosts.__wrapped__)(origin, host)


@lru_cache(_NAMES_KEPT)
def _compare_hosts(origin: str, host: str) -> bool:
    try:
        scheme, name, port = _parse_origin(origin)
        host_name, host_port = parse_host(host)
    except ValueError:
        return False
    # Only pages of the web: the names in app://localhost or chrome-extension://... are no hosts.
    # Host without a port means that of the scheme, which a proxy that ends TLS hides from us: Origin says it.
    default = _DEFAULT_PORTS.get(scheme)
    return default is not None and (name, port) == (host_name, host_port or default)


def _parse_origin(origin: str) -> tuple[str, str, int | None]:
    scheme, separator, rest = origin.partition("://")
    scheme = scheme.lower()
    if not separator or _SCHEME.fullmatch(scheme) is None:
        raise ValueError(f"{origin!r} is not an origin")
    host, port = parse_host(rest)
    return scheme, host, port or _DEFAULT_PORTS.get(scheme)


def _fits(rule: OriginRule, origin: str, request: _Request) -> bool:
    if isinstance(rule, re.Pattern):
        return rule.fullmatch(origin) is not None
    if isinstance(rule, str):
        return rule in ("*", origin) or _is_same_origin(rule, origin)
    answer = rule(origin, request)
    if not isinstance(answer, bool):
        # A coroutine is true: a door that was meant to be guarded would stand open.
        raise TypeError(f"allowed_origins: {rule!r} must return True or False, not {type(answer).__name__}")
    return answer


def _is_same_origin(rule: str, origin: str) -> bool:
    try:
        return _parse_origin(rule) == _parse_origin(origin)
    except ValueError:
        return False


def _is_host(rule: str, host: str, port: int | None) -> bool:
    if rule.startswith("*."):
        return host.endswith(rule[1:].lower())
    # An IPv6 address is written without brackets by people.
    bare = rule.count(":") > 1 and not rule.startswith("[")
    try:
        name, rule_port = parse_host(f"[{rule}]" if bare else rule)
    except ValueError:
        return False
    return name == host and rule_port in (None, port)
