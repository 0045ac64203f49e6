"""How a connection ends: the timeouts of the closing handshake, and the report afterwards.

After both close frames a server ends the TCP connection and a client waits for that (RFC 6455 7.1.1);
whoever fails the connection half-closes it, so that the peer can still read the close frame, and takes
nothing more from it. Every step has a timeout; then the connection is aborted.
"""

import errno
import ssl
from collections.abc import Generator
from typing import TYPE_CHECKING, Any, Literal

from ..close import CLOSE_DESCRIPTIONS, CloseReport

if TYPE_CHECKING:
    from .life import ConnectionLife

__all__ = ["Closed", "Closing", "explain_loss"]

ClosedBy = Literal["local", "remote", "network"]


def explain_loss(error: BaseException | None) -> str:
    """Say in a sentence why the transport is gone."""
    if error is None:
        return "the peer ended the TCP connection without a close frame"
    # An SSLError is an OSError too, and its number one of OpenSSL: 1 is not EPERM.
    if isinstance(error, ssl.SSLError):
        return f"TLS error: {error}"
    if isinstance(error, OSError) and error.errno is not None:
        name = errno.errorcode.get(error.errno, str(error.errno))
        return f"socket error {name}: {error.strerror or error}"
    return f"{type(error).__name__}: {error}"


class Closed:
    """What `close` returns: awaiting it waits until the connection is closed."""

    __slots__ = ("_connection",)

    def __init__(self, connection: "ConnectionLife") -> None:
        self._connection = connection

    def __await__(self) -> Generator[Any, None, None]:
        return self._connection.wait_closed().__await__()


class Closing:
    """The end of one connection, from its first sign to the report."""

    __slots__ = (
        "_aborted",
        "_connection",
        "_due",
        "_end",
        "_too_late",
        "by_failure",
        "cause",
        "closed_by",
        "error",
        "phase",
    )

    phase: Literal["handshake", "open", "closing"]

    def __init__(self, connection: "ConnectionLife", closed_by: ClosedBy, cause: str) -> None:
        self._connection = connection
        self._due = 0.0  # when a timeout is over; 0: none runs
        self._too_late: str | None = None  # what it then says
        self.closed_by: ClosedBy = closed_by
        self.cause = cause
        self.error: BaseException | None = None
        self.phase = "open"
        self.by_failure = False
        self._aborted = False
        self._end: tuple[float, int, int, float] | None = None

    # --- steps --------------------------------------------------------------------------------

    def wait_for_close_frame(self) -> None:
        """Our close frame is on its way."""
        timeout = self._connection.config.close_timeout
        self._arm(timeout, f"no close frame from the peer within close_timeout={timeout} s")

    def end_transport(self) -> None:
        """Both close frames are exchanged: end the TCP connection, the server first."""
        wire = self._connection.wire
        if not self._connection.is_client or wire.is_tls:
            wire.finish()
        self._arm(self._connection.config.linger_timeout, None)

    def fail(self, cause: str, error: BaseException | None) -> None:
        """The peer broke a rule, or the application failed: the close frame is written, nothing more is read."""
        if self.cause:
            # We were closing already, so the peer was told another reason, and will not answer it any more.
            self.phase = "closing"
            self.become(f"{self.cause}, but {cause}", error)
            self._aborted = True
        else:
            self.become(cause, error)
            self.by_failure = True
        self._connection.flush()
        self._connection.wire.finish()
        # What comes is read, to be discarded: closing a socket on unread bytes resets the peer, which then
        # may lose our close frame.
        self._connection.wire.resume_reading()
        self._arm(self._connection.config.close_timeout, None)

    def become(self, cause: str, error: BaseException | None) -> None:
        """Note what went wrong while the connection was ending."""
        self.cause = cause
        self.error = error

    def _arm(self, timeout: float | None, cause: str | None) -> None:
        if self._due:
            self.cancel()
        if timeout is not None:
            loop = self._connection.wire.loop
            self._due = loop.time() + timeout
            self._too_late = cause
            self._connection.loop_state.timers.add(loop, self, self._due)

    def time_has_come(self, due: float, now: float) -> None:
        """Called by the timers: the peer has taken too long."""
        self._due = 0.0
        self._connection.loop_state.record_timer(due, now)
        if self._too_late is not None:
            self.phase = "closing"
            self.cause = f"{self.cause}, but {self._too_late}"
        self._aborted = True
        self._connection.wire.abort()

    def abort(self, cause: str, error: BaseException | None) -> None:
        """End the TCP connection now, for this cause."""
        self.become(cause, error)
        self._aborted = True
        self._connection.wire.abort()

    def cancel(self) -> None:
        """Stop the clock."""
        if self._due:
            self._connection.loop_state.timers.discard(self, self._due)
            self._due = 0.0

    # --- the report ---------------------------------------------------------------------------

    def lose(self, error: BaseException | None) -> None:
        """The transport is gone; an error counts unless the closing handshake was done already."""
        connection = self._connection
        if self._due:
            self.cancel()
        if connection.close_rcvd is None and not self.by_failure and connection.close_sent is not None:
            self.phase = "closing"
            if not self._aborted:
                self.become(f"{self.cause}, but {explain_loss(error)}", error)

    def note_end(self) -> None:
        """The connection has ended: keep what the report needs and what changes from now on."""
        self._end = measure(self._connection)
        del self._connection  # or each would keep the other until garbage is collected

    def build_report(self, connection: "ConnectionLife") -> CloseReport:
        """Return the report; as long as the connection has not ended, of what is known by now."""
        wire = connection.wire
        now, unsent, unread, lag = self._end or measure(connection)
        code, reason = self.code_and_reason(connection)
        return CloseReport(
            code=code,
            reason=reason,
            closed_by=self.closed_by,
            phase=self.phase,
            cause=self.cause,
            sent=connection.close_sent,
            rcvd=connection.close_rcvd,
            error=self.error,
            seconds_since_rcvd=now - wire.last_rcvd if wire.last_rcvd else None,
            seconds_since_sent=now - wire.last_sent if wire.last_sent else None,
            bytes_unsent=unsent,
            messages_unread=unread,
            event_loop_lag=lag,
            duration=now - connection.opened_at,
            trace=connection.trace_lines(),
        )

    def is_plain(self, connection: "ConnectionLife") -> bool:
        """Whether it ended as the peer, or both, wanted: nothing that anybody has to look into."""
        is_clean = connection.close_sent is not None and connection.close_rcvd is not None
        return self.closed_by == "remote" or (self.closed_by == "local" and is_clean)

    def code_and_reason(self, connection: "ConnectionLife") -> tuple[int, str]:
        """What the application sees: the code of whoever began, 1006 when no close frame came."""
        sent, rcvd = connection.close_sent, connection.close_rcvd
        if self.closed_by == "remote" and rcvd is not None:
            return rcvd.code, rcvd.reason or CLOSE_DESCRIPTIONS.get(rcvd.code, "")
        # While the connection is not gone yet, whoever asks is told what it is being closed with.
        if sent is not None and (rcvd is not None or self.by_failure or not connection.wire.is_lost):
            return sent.code, sent.reason or CLOSE_DESCRIPTIONS.get(sent.code, "")
        return 1006, self.cause


def measure(connection: "ConnectionLife") -> tuple[float, int, int, float]:
    """Return the time, the unsent bytes, the unread messages, and the delay of the event loop."""
    wire = connection.wire
    now = wire.loop.time()
    unsent = connection.held_size + wire.unsent
    return now, unsent, connection.waiting, connection.loop_state.lag(now)
