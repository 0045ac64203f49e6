"""How often a peer may do what costs us more than it costs the peer."""

from .. import _cython as cython
from ..errors import RemoteProtocolError
from ..rules import Rule

if not cython.compiled:
    from .settings import CoreSettings

__all__ = ["ControlRate"]


@cython.final
@cython.cclass
class ControlRate:
    """A token bucket: each control frame costs a token, `control_rate` tokens come back a second."""

    _tokens: cython.double
    _at: cython.double

    def __init__(self, settings: CoreSettings) -> None:
        self._tokens = settings.control_burst
        self._at = -1.0

    @cython.cfunc
    def charge(self, settings: CoreSettings, now: cython.double) -> None:
        """Take a token at the time `now`; without one the peer has broken the limit."""
        if self._at >= 0:
            self._tokens += (now - self._at) * settings.control_rate
        self._tokens = min(self._tokens, settings.control_burst) - 1
        self._at = now
        if self._tokens < 0:
            raise RemoteProtocolError(Rule.TOO_MANY_CONTROL_FRAMES, limit=settings.control_rate)
