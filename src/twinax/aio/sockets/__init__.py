"""Sockets of our own: the one door to them, compiled or interpreted as the core is.

`HAS_SOCKETS` says whether we may listen on them, so that a TLS handshake counts from when its connection is accepted;
`USES_SOCKETS` whether plain connections run on them too. Otherwise the event loop's transports serve. ``TWINAX_WIRE``
is ``auto`` (the default: plain connections with the compiled core), ``socket`` (with either core), or ``transport``:
never sockets of our own, to find out whether a fault lies here.

Interpreted they lose: a read costs a dozen calls of Python here and four with the transports of uvloop. Microseconds of
processor time a message, transports and sockets of our own (CPython 3.11, 2026-11-25): 100 connections with 128 bytes
10.9 and 13.6 on uvloop, 16.3 and 16.7 on asyncio's own loop; pipelined ones cost the same. PyPy lacks `os.readv`.
"""

import os
import select
from typing import TYPE_CHECKING

from ..._core import IMPLEMENTATION

__all__ = ["HAS_SOCKETS", "USES_SOCKETS", "Acceptor", "Hub", "SocketWire"]

_choice = os.environ.get("TWINAX_WIRE", "auto")
if _choice not in ("auto", "socket", "transport"):
    raise ImportError(f"TWINAX_WIRE={_choice!r}: choose auto, socket or transport")

HAS_SOCKETS = hasattr(select, "epoll") and _choice != "transport"
USES_SOCKETS = HAS_SOCKETS and hasattr(os, "readv") and (_choice == "socket" or IMPLEMENTATION == "cython")

if IMPLEMENTATION == "cython" and HAS_SOCKETS and not TYPE_CHECKING:
    from ._compiled import Acceptor, Hub, SocketWire
else:
    from .acceptor import Acceptor
    from .hub import Hub
    from .socket_wire import SocketWire
