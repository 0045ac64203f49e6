"""When to try again, and after how long: the policy of ``async for connection in connect(...)``."""

import ssl as ssl_module
import time
from collections.abc import Callable
from typing import Final

from ..errors import HandshakeError, HandshakeRejected, HandshakeTimeout
from ..protocol import random_bytes

__all__ = ["Backoff", "is_temporary", "read_retry_after"]

# A server that asks for more is believed this far: a slip in its configuration must not stop a client for a year.
MAX_RETRY_AFTER: Final = 3600.0
TOO_MANY_REQUESTS: Final = 429


def draw(low: float, high: float) -> float:
    """Return a number between two others, by the system's randomness: forks of a process do not draw alike."""
    return low + (high - low) * (int.from_bytes(random_bytes(4), "big") / 0xFFFF_FFFF)


class Backoff:
    """Pauses between attempts: full jitter under a limit that doubles.

    Drawn from 0 to the limit, so that the clients of a server that comes back do not come all at once.

    Args:
        delay: The limit of the first pause, in seconds.
        max_delay: What the limit doubles up to, in seconds.
        uniform: Draws a number between two others.
    """

    __slots__ = ("_delay", "_limit", "_max_delay", "_uniform")

    def __init__(self, delay: float, max_delay: float, uniform: Callable[[float, float], float] = draw) -> None:
        self._delay = delay
        self._max_delay = max_delay
        self._uniform = uniform
        self._limit = min(delay, max_delay)

    def reset(self) -> None:
        """Begin again with the first pause: a connection was open."""
        self._limit = min(self._delay, self._max_delay)

    def next_pause(self, error: HandshakeError | None = None) -> float:
        """Return the seconds to wait before the next attempt.

        Args:
            error: Why the last one failed; when it has a Retry-After, the pause is not shorter.
        """
        pause = self._uniform(0.0, self._limit)
        self._limit = min(self._limit * 2, self._max_delay)
        wanted = None if error is None else read_retry_after(error, time.time())
        return pause if wanted is None else max(pause, min(wanted, MAX_RETRY_AFTER))


def is_temporary(error: HandshakeError) -> bool:
    """Tell whether the same attempt may succeed later: the network, a timeout, 429 and 5xx."""
    if isinstance(error, HandshakeRejected):
        return error.status == TOO_MANY_REQUESTS or (error.status or 0) >= 500
    if isinstance(error, HandshakeTimeout):
        return True
    cause = error.__cause__
    # A certificate that is not accepted today will not be in a minute either.
    return isinstance(cause, OSError | EOFError) and not isinstance(cause, ssl_module.SSLCertVerificationError)


def read_retry_after(error: HandshakeError, now: float) -> float | None:
    """Return the seconds that a server asks to wait (RFC 9110 10.2.3), None when it asks for none.

    Args:
        error: Its refusal.
        now: Seconds since the epoch.
    """
    value = next((value for name, value in error.headers if name.lower() == "retry-after"), None)
    if value is None:
        return None
    if value.isascii() and value.isdigit():
        return float(value[:9])
    from email.utils import parsedate_to_datetime  # loads much, and is needed rarely

    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - now)
    except (ValueError, OverflowError):
        return None
