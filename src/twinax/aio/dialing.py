"""From host and port to a connected socket: happy eyeballs (RFC 8305), on any event loop.

Written out because asyncio's own (``happy_eyeballs_delay``) leaves sockets open when it is cancelled
(Python 3.11 to 3.13), and uvloop has none.
"""

import asyncio
import ipaddress
import socket
from itertools import chain, zip_longest
from typing import Any, Final

__all__ = ["dial", "dial_unix", "interleave"]

# RFC 8305 5: recommended before the next address is tried while the last one has not answered.
ATTEMPT_DELAY: Final = 0.25

Address = tuple[Any, Any, int, Any]


async def dial(host: str, port: int, local_address: tuple[str, int] | None = None) -> socket.socket:
    """Connect to whichever address of a host answers first.

    Args:
        host: A name, or an address without brackets.
        port: The port.
        local_address: Where to connect from; addresses of the other family then fail.

    Returns:
        The connected socket, non-blocking.

    Raises:
        OSError: The name is not known, or no address could be reached; of several errors the first
            one's errno, and the texts of all.

    Cancellation: Safe; every socket is closed.
    """
    addresses = await _resolve(host, port)
    if len(addresses) == 1:
        return await _connect(addresses[0], local_address)
    waiting = iter(addresses)
    running: set[asyncio.Task[socket.socket]] = set()
    errors: list[OSError] = []
    winner: socket.socket | None = None
    try:
        while winner is None:
            following = next(waiting, None)
            if following is not None:
                running.add(asyncio.create_task(_connect(following, local_address)))
            if not running:
                raise _join(errors)
            delay = None if following is None else ATTEMPT_DELAY
            done, running = await asyncio.wait(running, timeout=delay, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                error = task.exception()
                if isinstance(error, OSError):
                    errors.append(error)
                elif winner is None:
                    winner = task.result()
                else:
                    running.add(task)
        return winner
    finally:
        for task in running:
            task.cancel()
            task.add_done_callback(_dispose)


async def dial_unix(path: str) -> socket.socket:
    """Connect to a Unix socket.

    Returns:
        The connected socket, non-blocking.

    Raises:
        OSError: Nobody listens there.

    Cancellation: Safe; the socket is closed.
    """
    return await _connect((socket.AF_UNIX, socket.SOCK_STREAM, 0, path), None)


def interleave(addresses: list[Address]) -> list[Address]:
    """Order addresses so that families alternate, beginning with that of the first (RFC 8305 4)."""
    first = [item for item in addresses if item[0] == addresses[0][0]]
    other = [item for item in addresses if item[0] != addresses[0][0]]
    return [item for item in chain.from_iterable(zip_longest(first, other)) if item is not None]


async def _resolve(host: str, port: int) -> list[Address]:
    try:
        version = ipaddress.ip_address(host).version if "%" not in host else 0
    except ValueError:
        version = 0
    if version:  # an address needs no thread of the resolver
        family = socket.AF_INET if version == 4 else socket.AF_INET6
        return [(family, socket.SOCK_STREAM, socket.IPPROTO_TCP, (host, port))]
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return interleave([(family, kind, proto, address) for family, kind, proto, _, address in found])


async def _connect(address: Address, local_address: tuple[str, int] | None) -> socket.socket:
    family, kind, proto, target = address
    sock = socket.socket(family, kind, proto)
    try:
        sock.setblocking(False)
        if local_address is not None:
            sock.bind(local_address)
        await asyncio.get_running_loop().sock_connect(sock, target)
    except BaseException:
        sock.close()
        raise
    return sock


def _dispose(task: "asyncio.Task[socket.socket]") -> None:
    """Close what came too late."""
    if not task.cancelled() and task.exception() is None:
        task.result().close()


def _join(errors: list[OSError]) -> OSError:
    texts = list(dict.fromkeys(str(error) for error in errors))
    if len(texts) == 1:
        return errors[0]
    # Made with an errno, it is of the subclass of that errno.
    return OSError(errors[0].errno, "; ".join(texts))
