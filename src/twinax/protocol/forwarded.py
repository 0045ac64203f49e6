"""The client's address behind proxies: X-Forwarded-For and Forwarded (RFC 7239), as far as they can be believed.

Anyone can send these fields. What a proxy of ours appended stands at the right end, so the fields are
walked from there, and no further than the first address that is not one of our proxies. What two readers
could read differently (a quote that does not end, two fields that disagree) is refused, not guessed:
whoever made it up is the only one whom that hurts.
"""

import re
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

from ..errors import HandshakeError
from ..headers import Headers
from .grammar import MAX_ELEMENTS

__all__ = ["remote_addresses"]

_Address = IPv4Address | IPv6Address
_Network = IPv4Network | IPv6Network

# One parameter of an element (RFC 7239 4), or nothing, and the separator after it. Wider than the grammar in
# values without quotes, since proxies forget them around ports. The alternatives exclude each other, so a
# match takes linear time, and the first that fails ends the reading.
_PARAMETER: Final = re.compile(
    r"""[ \t]*(?:([!#$%&'*+\-.^_`|~0-9A-Za-z]+)=(?:"((?:[^"\\]|\\.)*)"|([^",; \t]*)))?[ \t]*([,;]|$)"""
)


def remote_addresses(
    peer: str, headers: Headers, trusted_proxies: Iterable[str | IPv4Network | IPv6Network] = ()
) -> list[str]:
    """Return the addresses that a request came through, the client's first and the peer's last.

    Args:
        peer: The address at the other end of the connection; ``""`` for a Unix socket, whose peer is
            trusted as soon as any proxy is: who may open it is decided by the file system.
        headers: The fields of the request.
        trusted_proxies: Addresses and networks whose word counts. Without any, only `peer` is returned.

    Returns:
        One address at least. The first is the nearest one that is not trusted, or the farthest known.

    Raises:
        HandshakeError: Forwarded is malformed, or both fields are there and disagree: one of them was made
            up, and which one only the proxy knows (400).
        ValueError: An item of `trusted_proxies` is no address or network.
    """
    trusted = [ip_network(item) if isinstance(item, str) else item for item in trusted_proxies]
    if not trusted:
        return [peer]
    address = _read_address(peer)
    if address is not None and not _is_in(address, trusted):
        return [peer]
    chains = []
    for name, read in (("X-Forwarded-For", _read_x_forwarded_for), ("Forwarded", _read_forwarded)):
        value = headers.combined(name)
        if value is not None:
            chains.append(_walk(peer, read(value), trusted))
    if len(chains) == 2 and chains[0] != chains[1]:
        raise HandshakeError("X-Forwarded-For and Forwarded disagree: have the proxy remove one", status=400)
    return chains[0] if chains else [peer]


def _walk(peer: str, hops: list[str], trusted: list[_Network]) -> list[str]:
    chain = [peer]
    is_trusted = True
    while is_trusted and hops:
        address = _read_address(hops.pop())
        if address is None:  # hidden ("unknown", "_x") or garbage: what is left of it cannot be placed
            break
        chain.append(str(address))
        is_trusted = _is_in(address, trusted)
    chain.reverse()
    return chain


def _is_in(address: _Address, networks: list[_Network]) -> bool:
    return any(address in network for network in networks)


def _read_x_forwarded_for(value: str) -> list[str]:
    return [item.strip(" \t") for item in value.split(",")]


def _read_forwarded(value: str) -> list[str]:
    """Return the for= of each element (RFC 7239 4); ``""`` where an element has none."""
    if value.count(",") + value.count(";") > MAX_ELEMENTS:
        raise HandshakeError(f"Forwarded has more than {MAX_ELEMENTS} elements", status=400)
    hops = []
    hop = None
    position = 0
    while True:
        match = _PARAMETER.match(value, position)
        if match is None:
            raise HandshakeError(f"Forwarded cannot be read at {position}", status=400)
        name, quoted, plain, separator = match.groups()
        if name is not None and name.lower() == "for":
            if hop is not None:
                raise HandshakeError("Forwarded has two for= in one element", status=400)
            hop = plain if quoted is None else quoted
        if separator != ";":
            hops.append(hop or "")
            hop = None
        if not separator:
            return hops
        position = match.end()


def _read_address(text: str) -> _Address | None:
    """Return the address in ``1.2.3.4``, ``1.2.3.4:80``, ``::1``, ``[::1]`` or ``[::1]:80``; None for all else."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text)
    except ValueError:
        return None
    # A socket that takes both families shows IPv4 peers as ::ffff:1.2.3.4.
    return getattr(address, "ipv4_mapped", None) or address
