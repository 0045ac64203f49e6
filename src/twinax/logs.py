"""Logging: one line about how a connection ended, with its trace when it failed.

No payload is ever logged. A peer that fails over and over cannot fill the disk: lines about one address
are limited to `LINES_PER_SECOND`, and the next line says how many were left out.
"""

import logging
import time
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from .close import CloseReport

__all__ = [
    "CLIENT_LOGGER",
    "EXTENSION_LOGGER",
    "LINES_PER_SECOND",
    "SERVER_LOGGER",
    "ConnectionLogger",
    "LineLimit",
    "log_about",
]

SERVER_LOGGER: Final = logging.getLogger("twinax.server")
CLIENT_LOGGER: Final = logging.getLogger("twinax.client")
EXTENSION_LOGGER: Final = logging.getLogger("twinax.extensions")

LINES_PER_SECOND: Final = 10
ADDRESSES_KEPT: Final = 1024


class LineLimit:
    """Counts the lines about each address in the current second."""

    def __init__(self, per_second: int = LINES_PER_SECOND) -> None:
        self._per_second = per_second
        self._counts: dict[str, tuple[int, int]] = {}

    def allow(self, address: str, now: float) -> tuple[bool, int]:
        """Tell whether a line about `address` may be logged, and how many were left out before it."""
        second = int(now)
        last_second, count = self._counts.get(address, (second, 0))
        left_out = 0
        if last_second != second:
            left_out = max(0, count - self._per_second)
            count = 0
        if address not in self._counts and len(self._counts) >= ADDRESSES_KEPT:
            self._counts.pop(next(iter(self._counts)))
        self._counts[address] = (second, count + 1)
        return count < self._per_second, left_out


_limit = LineLimit()

Logger = logging.Logger | logging.LoggerAdapter[Any]


def log_about(
    logger: "Logger", level: int, address: str, message: str, *values: object, exc_info: BaseException | None = None
) -> None:
    """Log a line about a peer, if there were not too many of them in this second."""
    if not logger.isEnabledFor(level):
        return
    allowed, left_out = _limit.allow(address, time.monotonic())
    if not allowed:
        return
    if left_out:
        message += f" ({left_out} earlier lines about this address were left out)"
    logger.log(level, "%s " + message, address, *values, exc_info=exc_info)


def escape_controls(text: str) -> str:
    """Return the text with its control characters escaped: a peer's close reason must not forge lines of a log."""
    return text if text.isprintable() else "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


class ConnectionLogger:
    """Logs for one connection, each line with its id and the address of the peer."""

    __slots__ = ("_connection", "_logger")

    def __init__(self, connection: Any, logger: "Logger | None") -> None:
        self._connection = connection
        self._logger = logger

    @property
    def target(self) -> "Logger":
        """Where the lines go."""
        return self._logger or (CLIENT_LOGGER if self._connection.is_client else SERVER_LOGGER)

    def ended(self, report: "CloseReport") -> None:
        """Log how the connection ended; with its trace when it failed."""
        if report.closed_by == "remote" or (report.closed_by == "local" and report.was_clean):
            self._log(logging.DEBUG, "closed: %s", escape_controls(str(report)))
        else:
            trace = "".join(f"\n    {escape_controls(line)}" for line in report.trace)
            self._log(logging.INFO, "failed: %s%s", escape_controls(str(report)), trace)

    def listener_failed(self, event: str, error: BaseException) -> None:
        """Log the exception of the application's code, with its traceback."""
        self._log(logging.ERROR, "listener of %r failed", event, exc_info=error)

    def extension_failed(self, error: BaseException) -> None:
        """Log that an extension raised when the connection was over."""
        self._log(logging.ERROR, "%s", error, exc_info=error)

    def _log(self, level: int, message: str, *values: object, exc_info: BaseException | None = None) -> None:
        connection = self._connection
        message = f"#{connection.id} {message}"
        log_about(self.target, level, connection.remote_address, message, *values, exc_info=exc_info)
