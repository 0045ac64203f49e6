"""The way in of a connection: frames of one read to messages, and the closing handshake.

`receive` walks the frames of one read. A message that is whole in its frame becomes a `str` or `bytes`
straight from the buffer and is handed to the listener in the same call; without a listener it waits in
the inbox for `recv`. Only what is incomplete is kept: a header or control frame as bytes (139 at the
most), a payload in the assembler.

The class knows no event loop. Its owner overrides the methods that begin with ``_on_`` and
``_hold_input``, ``_continue_input``, ``_schedule_flush``. It is a base class of the owner and not a part
of it so that `send` costs one call and a connection one object.
"""

from typing import Any

from .. import _cython as cython
from ..close import Close
from ..errors import RemoteProtocolError

if not cython.compiled:
    from .assembler import Assembler
    from .close_payload import parse_close_payload, shorten_reason
    from .cursor import Cursor
    from .data_frames import DataFrames
    from .fast import deliver_plain
    from .frames import OP_CLOSE, OP_PING, HeaderReader, MaskKeys
    from .rates import ControlRate
    from .settings import CoreSettings
    from .states import CLOSED, CLOSING, FAILED, OPEN

__all__ = ["HEADROOM", "CoreConnection"]

HEADROOM = 256  # room before the bytes of a read, for what the last read left over: at most 14 + 125
DIRECT_FROM = cython.declare(cython.Py_ssize_t, 32768)  # what is left of a payload that a wire reads into itself
FRAMES_PER_TURN = cython.declare(cython.Py_ssize_t, 256)
BYTES_PER_TURN = cython.declare(cython.Py_ssize_t, 65536)


@cython.cclass
class CoreConnection(DataFrames):
    """One WebSocket connection after its opening handshake, without I/O."""

    _cursor: Cursor
    _left_over: bytes
    _turn_frames: cython.Py_ssize_t
    _backlog: cython.bint
    _now: cython.double
    _control_rate: ControlRate | None
    _close_rcvd: Close | None

    def __init__(self, settings: CoreSettings, keys: MaskKeys | None) -> None:
        """Begin with an open connection.

        Args:
            settings: The limits.
            keys: Where masking keys come from; a client has them, a server does not (RFC 6455 5.1).
        """
        DataFrames.__init__(self, settings, keys)
        self._cursor = Cursor()
        self._left_over = b""
        self._turn_frames = 0
        self._backlog = False
        self._now = 0.0
        self._control_rate = None  # made for the first control frame
        self._close_rcvd = None

    @property
    def close_rcvd(self) -> Close | None:
        """The peer's close frame, or None when none came."""
        return self._close_rcvd

    # --- bytes in -----------------------------------------------------------------------------

    def receive(self, buffer: bytearray, end: cython.Py_ssize_t, now: cython.double) -> Any:
        """Take the bytes ``buffer[HEADROOM:end]``; the buffer may be reused as soon as this returns.

        Args:
            buffer: What was read, with `HEADROOM` bytes free before it.
            end: Where it ends.
            now: The time of the owner's clock, in seconds; negative switches the rate limit of control
                frames off for want of a clock.

        Returns:
            What the next bytes may be read into instead, and then told to `receive_payload`: the rest of a large
            payload need not be moved. None: there is no such thing.
        """
        start: cython.Py_ssize_t = HEADROOM
        rest: bytes = self._left_over
        if rest:
            if len(rest) <= HEADROOM:
                start -= len(rest)
                buffer[start:HEADROOM] = rest
            else:
                # Reading was stopped with a backlog, but the transport had more under way already.
                self._left_over = rest + buffer[HEADROOM:end]
                self.continue_receive(now)
                return None
        self._cursor.load(buffer, start, end)
        self._take_turn(now)
        return self._target()

    def receive_payload(self, count: cython.Py_ssize_t, now: cython.double) -> Any:
        """Take `count` bytes that were read into what `receive`, or this, has returned.

        Args:
            count: How many, at least one.
            now: As for `receive`.

        Returns:
            As `receive`.
        """
        if self._left_over or self._payload_left < count or self._assembler is None or self._state > CLOSING:
            return None  # the connection has ended meanwhile: what comes is discarded
        self._cursor.load(bytearray(), 0, 0)
        self._direct = count
        self._take_turn(now)
        return self._target()

    @cython.cfunc
    @cython.inline
    def _target(self) -> object:
        """Return what a wire may read into: the rest of a large payload, when nothing has to look at it first."""
        assembler: Assembler | None = self._assembler
        if (
            self._payload_left < DIRECT_FROM
            or assembler is None
            or self._left_over
            or self._stop
            or self._state > CLOSING
            or (self._pipeline is not None and self._pipeline.active)
        ):
            return None
        return assembler.target(self._payload_left)

    def continue_receive(self, now: cython.double) -> None:
        """Go on with what was left over when reading was stopped or the turn was used up."""
        self._cursor.load(bytearray(self._left_over), 0, len(self._left_over))
        self._take_turn(now)
        self._cursor.load(bytearray(), 0, 0)  # or the copy would live as long as the connection is idle

    @property
    def has_backlog(self) -> bool:
        """Whether bytes wait for `continue_receive`."""
        return self._backlog

    @cython.cfunc
    def _take_turn(self, now: cython.double) -> None:
        self._now = now
        self._left_over = b""
        self._backlog = False
        self._turn_frames = FRAMES_PER_TURN
        self._turn_bytes = BYTES_PER_TURN
        self._corked = True
        try:
            if self._direct:
                self._take_direct()
            self._read_frames()
            while self._messages and self._arrival is not None:
                self._wake_receiver()
                # It may have made room: what has come already is decoded in the same turn.
                self._read_frames()
        except RemoteProtocolError as error:
            self._let_receive()
            self.fail(error.close_code, str(error), error)
        except Exception as error:
            # An extension failed. Otherwise nothing that bytes can cause should get here; if it does, one
            # connection ends and not the server.
            self.fail(1011, "internal error", error)
        finally:
            # Also when a listener lets a CancelledError or KeyboardInterrupt through: the stream stays in step.
            self._corked = False
            self._keep_rest()
            self._apply_stop()
        self.flush()
        if self._messages or self._parts is not None:
            self._wake_receiver()

    @cython.cfunc
    def _let_receive(self) -> None:
        """Let a waiting task take, and answer, what came before the end of the connection."""
        if self._messages and self._arrival is not None:
            self._wake_receiver()

    @cython.cfunc
    def _keep_rest(self) -> None:
        cursor: Cursor = self._cursor
        if self._state > CLOSING:
            cursor.skip(cursor.available())
            self._assembler = None
            return
        if self._parts is not None:
            self._hand_on_part()
        if not cursor.available():
            return
        self._left_over = cursor.rest()
        if self._stop:
            self._backlog = True
        elif self._turn_frames <= 0 or self._turn_bytes <= 0:
            # A deep backlog does not starve other connections: the rest waits for the next turn.
            self._backlog = True
            self._hold_input()
            self._continue_input()

    @cython.cfunc
    def _read_frames(self) -> None:
        cursor: Cursor = self._cursor
        header: HeaderReader = self._header
        while self._may_read():
            deliver_plain(self)
            if not self._may_read():
                return
            if self._payload_left:
                if not self._read_payload(cursor):
                    return
                continue
            start: cython.Py_ssize_t = cursor.position
            if not header.read(cursor):
                return
            if header.opcode >= OP_CLOSE:
                if cursor.available() < header.length:
                    cursor.position = start
                    return
                self._turn_frames -= 1
                self._read_control(cursor)
            else:
                self._turn_frames -= 1
                self._read_data(cursor)

    @cython.cfunc
    @cython.inline
    def _may_read(self) -> cython.bint:
        """Whether another frame may be read in this turn."""
        return self._state <= CLOSING and not self._stop and self._turn_frames > 0 and self._turn_bytes > 0

    # --- control frames -----------------------------------------------------------------------

    @cython.cfunc
    def _read_control(self, cursor: Cursor) -> None:
        header: HeaderReader = self._header
        payload: bytes = cursor.take_bytes(header.length, header.key)
        self._charge_control_frame()
        if not self._settings.assemble:
            self._hand_on_frame(payload)
        if header.opcode == OP_CLOSE:
            self._read_close(payload)
        elif self._state != OPEN:
            return  # RFC 6455 1.4: whatever follows our close frame is discarded, but for the peer's own
        elif header.opcode == OP_PING:
            if self._on_ping(payload) and self._state == OPEN:  # a listener may have closed
                self._answer_ping(payload)
        else:
            self._on_pong(payload)

    @cython.cfunc
    def _charge_control_frame(self) -> None:
        settings: CoreSettings = self._settings
        if settings.control_rate <= 0 or self._now < 0:
            return
        if self._control_rate is None:
            self._control_rate = ControlRate(settings)
        self._control_rate.charge(settings, self._now)

    @cython.cfunc
    def _read_close(self, payload: bytes) -> None:
        close: Close = parse_close_payload(payload)
        self._let_receive()
        if self._state > CLOSING:
            return  # a listener of the frame, or the task that waited, has dropped the connection
        self._close_rcvd = close
        # RFC 6455 5.5.1: answer with the code that was received; 7.1.5 needs both frames to be sent.
        self._close_at_once(None if close.code == 1005 else close.code, "", CLOSED)
        self._on_close(close)

    def begin_close(self, code: int | None, reason: str) -> None:
        """Send our close frame after all messages accepted so far, and read on until the peer's comes.

        Raises:
            LocalProtocolError: Code or reason may not be sent.
        """
        self.send_close(code, reason)
        self._unstop(self._stop)

    def fail(self, code: int, reason: str, error: Exception) -> None:
        """Fail the connection (RFC 6455 7.1.7): tell the peer why, then take nothing more from it."""
        if self._state <= CLOSING:
            self._close_at_once(code, shorten_reason(reason), FAILED)
            self._on_failure(error)

    def close_now(self, code: int, reason: str) -> None:
        """Write a close frame before everything that is held back, and take nothing more from the peer.

        Raises:
            LocalProtocolError: Code or reason may not be sent.
        """
        if self._state <= CLOSING:
            self._close_at_once(code, reason, FAILED)

    # --- for the owner to override --------------------------------------------------------------

    def _on_ping(self, payload: bytes) -> bool:
        """A ping has come; return whether it is to be answered."""
        return True

    def _on_pong(self, payload: bytes) -> None:
        """A pong has come."""

    def _on_close(self, close: Close) -> None:
        """The peer's close frame has come; ours is sent, now at the latest."""

    def _on_failure(self, error: Exception) -> None:
        """The connection was failed; the peer is told as far as it reads."""
