"""The way out of a connection: messages to frames, and the states that allow it.

While the peer does not read, messages are held back unwritten, so that control frames and an urgent close
can still go between them.
"""

from collections import deque
from typing import Any

from .. import _cython as cython
from ..close import Close
from ..errors import LocalProtocolError

if not cython.compiled:
    from .close_payload import build_close_payload
    from .done import DONE
    from .fast import send_plain
    from .frames import (
        FIN,
        MAX_CONTROL_PAYLOAD,
        OP_BINARY,
        OP_CLOSE,
        OP_CONTINUATION,
        OP_PING,
        OP_PONG,
        OP_TEXT,
        MaskKeys,
    )
    from .pipeline import COMPRESS, COMPRESS_NOT, ENCODED, Pipeline
    from .settings import CoreSettings
    from .sink import Sink
    from .states import CLOSING, ENCODING, FRAGMENTS, LOST, OPEN, STATE_NAMES

__all__ = ["Output"]

HELD_COST = cython.declare(cython.Py_ssize_t, 64)  # of a message that is held back, beside its payload


@cython.cclass
class Output(Sink):
    """The sending half of a connection after its opening handshake, without I/O."""

    _settings: CoreSettings
    _keys: MaskKeys | None
    _pipeline: Pipeline | None
    _state: cython.uint
    _writable: cython.bint
    _mid_message: cython.uint
    _held: deque[tuple[int, bytes, int]] | None
    _held_size: cython.Py_ssize_t
    _waiting_pong: bytes | None
    _held_close: bytes | None
    _close_sent: Close | None

    def __init__(self, settings: CoreSettings, keys: MaskKeys | None) -> None:
        Sink.__init__(self)
        self._settings = settings
        self._keys = keys
        self._pipeline = None
        self._state = OPEN
        self._writable = True
        self._mid_message = 0
        self._held = None
        self._held_size = 0
        self._waiting_pong = None
        self._held_close = None
        self._close_sent = None

    # --- questions ----------------------------------------------------------------------------

    @property
    def is_open(self) -> bool:
        """Whether messages can be sent: no close frame has gone either way and nothing has failed."""
        return self._state == OPEN

    @property
    def state_name(self) -> str:
        """``open``, ``closing``, ``closed``, ``failed`` or ``lost``, for logs and people."""
        return STATE_NAMES[self._state]

    @property
    def close_sent(self) -> Close | None:
        """Our close frame, or None when none was sent."""
        return self._close_sent

    @property
    def is_writable(self) -> bool:
        """Whether the peer keeps up: nothing is held back."""
        return self._writable and not self._held and not self._mid_message & ENCODING

    @property
    def transport_ready(self) -> bool:
        """Whether the transport takes more, whatever is held back for other reasons."""
        return self._writable

    @property
    def held_size(self) -> int:
        """Bytes accepted by `send` that the transport has not been given yet."""
        return self._held_size + self.pending_size

    # --- messages -----------------------------------------------------------------------------

    def send(self, data: Any, compress: bool | None = None) -> Any:
        """Send one message now: `str` as text, bytes-like as binary, a number as text, an iterable in parts.

        Args:
            data: The message.
            compress: True or False: compress it, or do not, where that was agreed on with the peer. None:
                as the extension sees fit.

        Returns:
            An awaitable, ready at once or, when the peer is slow, as soon as it has caught up.

        Raises:
            ConnectionClosed: The connection is not open, or was given up now since the peer reads nothing.
            TypeError: `data` is none of these.
        """
        if compress is None and send_plain(self, data):
            return DONE if self._writable else self._wait_writable()
        wish: cython.uint = 0 if compress is None else self._wish(compress)
        if isinstance(data, str):
            payload = data.encode()
            return self._send_message(OP_TEXT | wish, payload, len(payload))
        if type(data) is bytes:
            return self._send_message(OP_BINARY | wish, data, len(data))
        return self._send_other(data, compress)

    def send_bytes(self, data: Any, compress: bool | None = None) -> Any:
        """Send one binary message; see `send`."""
        # A copy, for the caller may change it; memoryview refuses what is not bytes-like, whatever its items.
        payload: bytes = data if type(data) is bytes else memoryview(data).tobytes()
        return self._send_message(OP_BINARY | self._wish(compress), payload, len(payload))

    @cython.cfunc
    @cython.inline
    def _wish(self, compress: object) -> cython.uint:
        if compress is None or self._pipeline is None:
            return 0
        return COMPRESS if compress else COMPRESS_NOT

    @cython.cfunc
    def _send_message(self, opcode: cython.uint, payload: bytes, length: cython.Py_ssize_t) -> object:
        if self._state != OPEN:
            raise self._closed_error()
        if not self._writable or self._mid_message or self._held:
            self._hold(FIN | opcode, payload, 0)
            return self._wait_writable()
        if self._pipeline is not None:
            if length >= self._pipeline.offload_size and self._encode_apart(opcode, payload):
                return self._wait_writable()
            encoded: bytes | None = self._encode(opcode, payload)
            if encoded is None:
                raise self._closed_error()
            payload = encoded
            opcode = (opcode & 0x0F) | self._pipeline.rsv
            length = len(payload)
        return self._send_encoded(opcode, payload, length)

    @cython.cfunc
    def _send_encoded(self, opcode: cython.uint, payload: bytes, length: cython.Py_ssize_t) -> object:
        """Send a message as it is; nothing is held back."""
        if length > self._settings.fragment_size:
            self._write_fragments(opcode, payload, 0)
            if self._held or self._held_close is not None:
                self._release()  # what came in between
        else:
            self._put(FIN | opcode, payload, length)
        if not self._corked:
            self._uncork()
        return DONE if self._writable else self._wait_writable()

    @cython.cfunc
    def _write_fragments(self, opcode: cython.uint, payload: bytes, offset: cython.Py_ssize_t) -> None:
        """Write as much of a message from `offset` on as the transport takes; hold the rest.

        Writing may call back: the transport says that it is full, or that it is not, and the application
        sends, closes or drops. Until this returns all of that is held back, as it is during a stream.
        """
        view = memoryview(payload)
        length: cython.Py_ssize_t = len(payload)
        size: cython.Py_ssize_t = self._settings.fragment_size
        first: cython.uint
        self._mid_message |= FRAGMENTS
        while self._writable and offset < length and self._state <= CLOSING:
            first = OP_CONTINUATION if offset else opcode
            if length - offset <= size:
                first |= FIN
                size = length - offset
            self._put(first, view[offset : offset + size], size)
            offset += size
        self._mid_message &= ~FRAGMENTS
        if offset < length:
            self._hold_first(FIN | opcode | ENCODED, payload, offset)

    def send_frame_bytes(self, first_byte: int, payload: bytes) -> Any:
        """Send one frame as it is: the caller sees to it that the frames make sense together."""
        if self._state != OPEN:
            raise self._closed_error()
        if first_byte & 0x08 or (self._writable and not self._mid_message and not self._held):
            self._put(first_byte, payload, len(payload))
            self._uncork()
        else:
            self._hold(first_byte, payload, -1)
        return DONE if self._writable else self._wait_writable()

    # --- control frames -----------------------------------------------------------------------

    def send_control(self, opcode: int, payload: bytes) -> None:
        """Send a ping or pong now, before any message that is held back (RFC 6455 5.4)."""
        if self._state != OPEN:
            raise self._closed_error()
        if len(payload) > MAX_CONTROL_PAYLOAD:
            name = "ping" if opcode == OP_PING else "pong"
            raise LocalProtocolError(
                f"{name} with {len(payload)} bytes of payload, at most 125 are allowed (RFC 6455 5.5)"
            )
        self._put(FIN | opcode, payload, len(payload))
        self._uncork()

    @cython.cfunc
    def _answer_ping(self, payload: bytes) -> None:
        # RFC 6455 5.5.3: only the most recent ping need be answered. A peer that sends pings and does
        # not read would otherwise make us keep an answer to each.
        if self._writable:
            self._put(FIN | OP_PONG, payload, len(payload))
        else:
            self._waiting_pong = payload

    def send_close(self, code: int | None, reason: str) -> None:
        """Begin the closing handshake: the close frame goes after all messages accepted so far.

        Raises:
            LocalProtocolError: Code or reason may not be sent.
        """
        payload = build_close_payload(code, reason)
        if self._state != OPEN:
            return
        self._state = CLOSING
        self._close_sent = Close(1005 if code is None else code, reason)
        if self._held or self._mid_message or not self._writable:
            self._held_close = payload
        else:
            self._put(FIN | OP_CLOSE, payload, len(payload))
            self._uncork()

    @cython.cfunc
    def _close_at_once(self, code: int | None, reason: str, state: cython.uint) -> None:
        """Send a close frame before everything that is held back, which is given up."""
        if self._close_sent is None or self._held_close is not None:
            payload = build_close_payload(code, reason)
            self._close_sent = Close(1005 if code is None else code, reason)
            self._put(FIN | OP_CLOSE, payload, len(payload))
        self._held_close = None
        self._state = state
        self._uncork()

    def mark_lost(self) -> None:
        """Say that the TCP connection is gone: nothing more can be sent."""
        self._state = LOST

    # --- held back ----------------------------------------------------------------------------

    @cython.cfunc
    def _put(self, first_byte: cython.uint, payload: object, length: cython.Py_ssize_t) -> None:
        keys: MaskKeys | None = self._keys
        if self._pipeline is not None and self._pipeline.has_frame_stages and not first_byte & 0x08:
            payload = self._encode_frame(first_byte, payload)
            if payload is None:
                return
            first_byte = self._pipeline.first
            length = len(payload)
        if keys is None:
            self._append(first_byte, payload, length, False, 0)
        else:
            self._append(first_byte, payload, length, True, keys.next())

    def set_writable(self, writable: bool) -> None:
        """Say whether the transport takes more; when it does again, what was held back goes first."""
        self._writable = writable
        if writable:
            self._release()

    @cython.cfunc
    def _hold(self, first_byte: cython.uint, payload: bytes, offset: cython.Py_ssize_t) -> None:
        if self._held is None:
            self._held = deque()
        # One message may wait whatever its size. Each is charged what it costs us, or empty ones could pile up.
        room: cython.Py_ssize_t = self._settings.max_unsent - self._held_size - HELD_COST * len(self._held)
        if self._held and len(payload) + HELD_COST > room:
            raise self._on_overflow(self._held_size + len(payload), self._settings.max_unsent)
        self._held.append((first_byte, payload, offset))
        self._held_size += len(payload)

    @cython.cfunc
    def _hold_first(self, first_byte: cython.uint, payload: bytes, offset: cython.Py_ssize_t) -> None:
        if self._held is None:
            self._held = deque()
        self._held.appendleft((first_byte, payload, offset))
        self._held_size += len(payload) - offset

    @cython.cfunc
    def _release(self) -> None:
        """Write what was held back, as far as the transport takes it."""
        if self._waiting_pong is not None and self._writable and self._state <= CLOSING:
            self._put(FIN | OP_PONG, self._waiting_pong, len(self._waiting_pong))
            self._waiting_pong = None
        first: cython.uint
        offset: cython.Py_ssize_t
        while self._held and self._writable and not self._mid_message and self._state <= CLOSING:
            item = self._held.popleft()
            first = item[0]
            payload = item[1]
            offset = item[2]
            self._held_size -= len(payload) - max(offset, 0)
            if self._pipeline is not None and offset == 0 and not first & ENCODED:
                if len(payload) >= self._pipeline.offload_size and self._encode_apart(first, payload):
                    return  # it goes on when that is done
                encoded: bytes | None = self._encode(first, payload)
                if encoded is None:
                    return  # the connection has failed
                payload = encoded
                first = FIN | (first & 0x0F) | self._pipeline.rsv
            first &= 0xFF
            if offset < 0 or (offset == 0 and len(payload) <= self._settings.fragment_size):
                self._put(first, payload, len(payload))
            else:
                self._write_fragments(first & 0x7F, payload, offset)
        if self._held_close is not None and self._writable and not self._held and not self._mid_message:
            held_close = self._held_close
            self._held_close = None
            self._put(FIN | OP_CLOSE, held_close, len(held_close))
        self._uncork()
        if self._writable and not self._held and not self._mid_message and self._state <= CLOSING:
            self._on_writable()

    # --- for the owner to override --------------------------------------------------------------

    @cython.cfunc
    def _encode(self, opcode: cython.uint, payload: bytes) -> bytes | None:
        """Return what a message becomes in the pipeline; None: an extension failed, and with it the connection."""
        raise NotImplementedError

    @cython.cfunc
    def _encode_apart(self, opcode: cython.uint, payload: bytes) -> cython.bint:
        """Begin to encode a large message in another thread; return whether that was done."""
        raise NotImplementedError

    @cython.cfunc
    def _encode_frame(self, first_byte: cython.uint, payload: object) -> bytes | None:
        """Return what the payload of a frame becomes in the pipeline; None as for `_encode`."""
        raise NotImplementedError

    def _send_other(self, data: Any, compress: bool | None) -> Any:
        """Send what is neither `str` nor `bytes`."""
        return self.send_bytes(data, compress)

    def _closed_error(self) -> Exception:
        """Return what `send` raises when the connection is not open."""
        return LocalProtocolError(f"the connection is {self.state_name}")

    def _wait_writable(self) -> Any:
        """Return an awaitable that is ready when the peer has caught up."""
        return DONE

    def _on_writable(self) -> None:
        """Nothing is held back any more."""

    def _on_overflow(self, size: int, limit: int) -> Exception:
        """The peer does not read and `limit` is reached: give the connection up; return what `send` raises."""
        return LocalProtocolError(f"{size} bytes would be unsent, max_unsent_size={limit}")
