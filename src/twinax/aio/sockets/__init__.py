"""Sockets of our own: the one door to them, compiled or interpreted as the core is.

`HAS_SOCKETS` says whether this system has what they stand on; elsewhere, and for TLS, the event loop's
transports serve. ``TWINAX_WIRE`` is ``auto`` (the default) or ``transport``: never sockets of our own, to find
out whether a fault lies here.
"""

import os
import select
from typing import TYPE_CHECKING

from ..._core import IMPLEMENTATION

__all__ = ["HAS_SOCKETS", "Acceptor", "Hub", "SocketWire"]

_choice = os.environ.get("TWINAX_WIRE", "auto")
if _choice not in ("auto", "transport"):
    raise ImportError(f"TWINAX_WIRE={_choice!r}: choose auto or transport")

HAS_SOCKETS = hasattr(select, "epoll") and _choice == "auto"

if IMPLEMENTATION == "cython" and HAS_SOCKETS and not TYPE_CHECKING:
    from ._compiled import Acceptor, Hub, SocketWire
else:
    from .acceptor import Acceptor
    from .hub import Hub
    from .socket_wire import SocketWire
