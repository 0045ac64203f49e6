"""What all connections of an event loop share: the receive buffer and the measure of the loop's delay.

One buffer for all: a read is decoded before the next one begins, and what is incomplete moves to the
connection's own. 10,000 idle connections so cost one buffer, and it stays in the processor's cache.
"""

import asyncio
from typing import Final
from weakref import ReferenceType, ref

from .._core import HEADROOM, Timers, Turn
from .sockets import HAS_SOCKETS, USES_SOCKETS, Hub

__all__ = ["LoopState", "get_hub", "get_loop_state"]

READ_SIZE = 262144  # four messages of 16 KiB and their headers are a little more than 64 KiB
LAG_WINDOW = 60.0

# An attribute of the loop. In a table beside it, however weak its keys, a loop that is closed on open connections would
# never be freed: those connections wait in the state for their timeouts, and know the loop.
STATE: Final = "_twinax_state"


class LoopState:
    """One of these per event loop; see `get_loop_state`.

    Without connections it does not hold the loop, which need not wait then for garbage to be collected: the hub is held
    by its sockets.

    Attributes:
        buffer: What is read lands here first.
        view: The part of it behind the headroom.
        timers: The timeouts of all connections.
        turn: Who has something to write at the end of the turn.
        hub: The sockets that are not left to transports; a reference that may be dead.
    """

    __slots__ = ("_worst", "_worst_at", "buffer", "hub", "timers", "turn", "view")

    def __init__(self) -> None:
        self.buffer = bytearray(HEADROOM + READ_SIZE)
        self.view = memoryview(self.buffer)[HEADROOM:]
        self.timers = Timers()
        self.turn = Turn()
        self.hub: ReferenceType[Hub] | None = None
        self._worst = 0.0
        self._worst_at = 0.0

    def record_timer(self, due: float, now: float) -> float:
        """Note how late a timer ran; return the delay in seconds."""
        lag = max(0.0, now - due)
        if lag >= self._worst or now - self._worst_at > LAG_WINDOW:
            self._worst = lag
            self._worst_at = now
        return lag

    def lag(self, now: float) -> float:
        """Return the longest delay of a timer in the last minute, in seconds."""
        return self._worst if now - self._worst_at <= LAG_WINDOW else 0.0


def get_loop_state(loop: asyncio.AbstractEventLoop) -> LoopState:
    """Return what the connections of this loop share."""
    state: LoopState | None = getattr(loop, STATE, None)
    if state is None:
        state = LoopState()
        setattr(loop, STATE, state)
    return state


def get_hub(loop: asyncio.AbstractEventLoop, *, tls: bool = False) -> Hub | None:
    """Return the hub of this loop; None where sockets are left to its transports.

    Args:
        loop: The event loop.
        tls: Whether it is for listening with TLS, where only accepting is up to the hub.
    """
    if not (HAS_SOCKETS if tls else USES_SOCKETS):
        return None
    state = get_loop_state(loop)
    hub = None if state.hub is None else state.hub()
    if hub is None:
        hub = Hub(loop, state.buffer, state.turn)
        state.hub = ref(hub)
    return hub
