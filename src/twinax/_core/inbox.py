"""Delivery of messages to the application: to a listener at once, or into a bounded inbox for `recv`.

When the inbox is full, or the application pauses, reading stops: the kernel's buffer fills, and TCP
makes the peer wait.
"""

from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

from .. import _cython as cython
from ..errors import ConnectionClosedOK

if not cython.compiled:
    from .done import DONE
    from .frames import MaskKeys
    from .output import Output
    from .receiving import Arrival, Receiving
    from .settings import CoreSettings
    from .states import LOST, OPEN

__all__ = ["Inbox"]

# What stops reading: the application asked for it, or it does not take what has come.
STOP_USER = cython.declare(cython.uint, 1)
STOP_FULL = cython.declare(cython.uint, 2)


@cython.cclass
class Inbox(Output):
    """The receiving side of the application: listener, waiting messages, message in parts."""

    _listener: Any
    _messages: deque[Any] | None
    _messages_size: cython.Py_ssize_t
    _parts: deque[Any] | None
    _parts_complete: cython.bint
    _skipping: cython.bint  # the rest of a message whose reader has left is dropped
    _stop: cython.uint
    _input_held: cython.bint
    _reserved: cython.bint
    _arrival: Any  # of the task that waits for a message
    _ready: Any  # a message on its way to the task that is being woken for it
    _pulls: cython.bint  # that task may have further messages decoded
    _iteration: Any
    _loop: Any

    def __init__(self, settings: CoreSettings, keys: MaskKeys | None) -> None:
        Output.__init__(self, settings, keys)
        self._listener = None
        self._messages = None  # made for the first message that has to wait
        self._messages_size = 0
        self._parts = None
        self._parts_complete = False
        self._skipping = False
        self._stop = 0
        self._input_held = False
        self._reserved = False
        self._arrival = None
        self._ready = None
        self._pulls = False
        self._iteration = None
        self._loop = None

    # --- for the application ------------------------------------------------------------------

    def recv(self) -> Coroutine[Any, Any, str | bytes]:
        """Receive the next message.

        Returns:
            An awaitable, which gives `str` for a text message and `bytes` for a binary one.

        Raises:
            ConnectionClosedOK: The connection was closed in order; every message before was received.
            ConnectionClosedError: It ended in another way.
            ConcurrencyError: Somebody else receives already, or there is a listener for ``message``.

        Cancellation: Safe; no message is lost.
        Concurrency: One receiver at a time.
        Backpressure: While messages are not received, at most ``receive_queue_messages`` or
            ``receive_queue_size`` of them wait; then reading pauses and TCP makes the peer wait.
        """
        # A new one each time: a task that is cancelled before it has begun must not touch one that waits.
        receiving: Any = Receiving(self, False)
        return receiving  # type: ignore[no-any-return]

    def __aiter__(self) -> AsyncIterator[str | bytes]:
        """Iterate over messages until the connection is closed in order."""
        return self

    def __anext__(self) -> Coroutine[Any, Any, str | bytes]:
        if self._iteration is None:
            self._iteration = Receiving(self, True)
        return self._iteration  # type: ignore[no-any-return]

    def reserve(self, reserved: bool) -> None:
        """Say whether somebody else takes the messages, so that `recv` is refused."""
        self._reserved = reserved

    def set_loop(self, loop: Any) -> None:
        """Say which event loop runs the tasks that receive."""
        self._loop = loop

    def wake_receiver(self) -> None:
        """Let whoever waits look again: the connection is gone."""
        self._wake_receiver()

    @property
    def is_received(self) -> bool:
        """Whether somebody receives: a task, a listener, a reader of parts."""
        return not self.may_receive()

    @cython.cfunc
    def may_receive(self) -> cython.bint:
        """Whether nobody else receives: no other task, no listener, no reader of parts."""
        return not self._reserved and self._listener is None and self._parts is None and self._arrival is None

    @cython.cfunc
    def is_over(self) -> cython.bint:
        """Whether no message can come any more."""
        return self._state == LOST

    @cython.cfunc
    def _wake_receiver(self) -> None:
        """Let the task that waits take what has come."""
        arrival: Arrival | None = self._arrival
        if arrival is not None:
            arrival.wake()
        else:
            self._on_arrival()

    # --- for the owner ------------------------------------------------------------------------

    def listen(self, listener: Callable[[Any], object] | None) -> None:
        """Have every message handed to `listener` as it is decoded; None: let them wait for `take`.

        Messages that wait already are handed over by `drain_messages`, before any newer one.
        """
        self._listener = listener

    def drain_messages(self) -> None:
        """Hand waiting messages to the listener."""
        while self._messages and self._listener is not None and not self._stop & STOP_USER:
            self._call_listener(self._pop())

    @property
    def waiting(self) -> int:
        """How many messages wait for `take`."""
        return len(self._messages) if self._messages is not None else 0

    def take(self) -> Any:
        """Return the oldest waiting message; there must be one."""
        return self._pop()

    def stop_input(self) -> None:
        """Read nothing and deliver nothing until `start_input`; without effect once the connection is closing."""
        if self._state != OPEN:
            return  # the peer's close frame is to be read, and nothing else is delivered
        self._stop |= STOP_USER
        if not self._corked:
            self._apply_stop()

    def start_input(self) -> None:
        """Undo `stop_input`."""
        self._unstop(STOP_USER)

    @property
    def is_stopped(self) -> bool:
        """Whether nothing may be read: the application paused, or its inbox is full."""
        return self._stop != 0

    # --- a message in parts -------------------------------------------------------------------

    def open_parts(self) -> None:
        """Have the next message that is not waiting yet handed on in parts, as they arrive; the last may be empty."""
        self._parts = deque()
        self._parts_complete = False

    def take_part(self) -> Any:
        """Return the next part, or None when none is there yet."""
        if not self._parts:
            return None
        part = self._parts.popleft()
        self._shrink(len(part))
        return part

    @property
    def parts_ended(self) -> bool:
        """Whether the message in parts is complete and every part was taken."""
        return self._parts_complete and not self._parts

    def close_parts(self) -> None:
        """Let the next message be handed over as a whole again; parts that were not taken are dropped."""
        dropped: deque[Any] | None = self._parts
        self._parts = None
        self._parts_complete = False
        if dropped:
            self._shrink(sum(map(len, dropped)))

    @property
    def parts_open(self) -> bool:
        """Whether a message is being handed on in parts."""
        return self._parts is not None

    # --- delivery -----------------------------------------------------------------------------

    @cython.cfunc
    def _deliver(self, message: Any) -> None:
        """Hand over a message; what arrives after our close frame is discarded (RFC 6455 1.4)."""
        if self._state != OPEN:
            return
        if self._skipping:
            self._skipping = False
        elif self._listener is not None and not self._messages:
            self._call_listener(message)
        elif self._parts is not None and not self._parts_complete:
            # The last part also when it is empty: of an empty message it says whether that is text or bytes.
            self._parts.append(message)
            self._grow(len(message))
            self._parts_complete = True
        else:
            if self._messages is None:
                self._messages = deque()
            self._messages.append(message)
            self._grow(len(message))

    @cython.cfunc
    @cython.inline
    def _call_listener(self, message: Any) -> None:
        try:
            result: object = self._listener(message)
        except Exception as error:
            self._on_listener_error(error)
            return
        if result is not None and result is not DONE:
            self._on_listener_result(result)

    @cython.cfunc
    def _add_part(self, part: Any) -> None:
        if part and self._parts is not None:
            self._parts.append(part)
            self._grow(len(part))

    @cython.cfunc
    def _pop(self) -> Any:
        if self._messages is None:
            raise IndexError("no message is waiting")
        message = self._messages.popleft()
        self._shrink(len(message))
        return message

    @cython.cfunc
    def _count(self) -> cython.Py_ssize_t:
        """How many objects wait: a part counts as a message, or one of two bytes would cost us ten times that."""
        waiting: cython.Py_ssize_t = len(self._messages) if self._messages is not None else 0
        return waiting + (len(self._parts) if self._parts is not None else 0)

    @cython.cfunc
    def _grow(self, size: cython.Py_ssize_t) -> None:
        self._messages_size += size
        if self._messages_size >= self._settings.inbox_bytes or self._count() >= self._settings.inbox_messages:
            self._stop |= STOP_FULL  # applied at the end of the turn: a task that waits may make room first

    @cython.cfunc
    def _shrink(self, size: cython.Py_ssize_t) -> None:
        self._messages_size -= size
        # Half empty before reading starts again: the transport is not switched on and off per message.
        if (
            self._stop & STOP_FULL
            and self._messages_size <= self._settings.inbox_bytes // 2
            and self._count() <= self._settings.inbox_messages // 2
        ):
            self._unstop(STOP_FULL)

    @cython.cfunc
    def _unstop(self, bits: cython.uint) -> None:
        if self._stop & bits:
            self._stop &= ~bits
            if not self._stop and self._input_held:
                self._input_held = False
                self._continue_input()

    @cython.cfunc
    def _apply_stop(self) -> None:
        if self._stop and not self._input_held:
            self._input_held = True
            self._hold_input()

    # --- for the owner to override --------------------------------------------------------------

    def _hold_input(self) -> None:
        """Read nothing more from the transport."""

    def _continue_input(self) -> None:
        """Have `continue_receive` called in the next turn of the loop, then read again."""

    def _cancelled_error(self, message: Any) -> BaseException:
        """Return the exception that tells a task that it is cancelled."""
        raise NotImplementedError

    def _has_ended_in_order(self) -> bool:
        """Return whether the connection, which is gone, was closed as one side or the other wanted."""
        return isinstance(self._closed_error(), ConnectionClosedOK)

    def _explain_receiver(self) -> str:
        """Return why `recv` is refused."""
        return "another task is receiving from this connection; only one can"

    def _on_arrival(self) -> None:
        """Something waits for `take` or `take_part`."""

    def _on_listener_error(self, error: Exception) -> None:
        """The listener raised."""

    def _on_listener_result(self, result: object) -> None:
        """The listener returned something: an awaitable, if it is a coroutine function in disguise."""
