"""What `recv` and ``async for`` await: a message that waits already is returned at once, without a future.

A task that has to wait hands its wake-up to this object, which looks to the task like a future. When a
message has come, the task goes on within the very read event, so that what it sends in answer leaves in
the same write as everything else.
"""

from typing import TYPE_CHECKING, Any

from .. import _cython as cython
from ..errors import ConcurrencyError

if not cython.compiled:  # noqa: SIM102 - the compiler leaves out the whole of it, and only so
    if TYPE_CHECKING:
        from .inbox import Inbox

__all__ = ["Receiving"]


@cython.final
@cython.cclass
class Arrival:
    """What a task waits on for the next message: it offers what `asyncio.Task` asks of a future."""

    _inbox: Any
    _wakeup: Any
    _context: Any
    _cancelled: Any
    _asyncio_future_blocking: bool = cython.declare(object, visibility="public")

    def __init__(self, inbox: Any) -> None:
        self._inbox = inbox
        self._wakeup = None
        self._context = None
        self._cancelled = None
        self._asyncio_future_blocking = False

    @cython.cfunc
    def begin(self) -> None:
        """Be the one that waits."""
        inbox: Inbox = self._inbox
        inbox._arrival = self
        self._asyncio_future_blocking = True

    @cython.cfunc
    def forget(self) -> None:
        """Wait no more."""
        inbox: Inbox = self._inbox
        if inbox._arrival is self:
            inbox._arrival = None
        self._wakeup = None
        self._context = None

    @cython.cfunc
    def wake(self) -> None:
        """Run the waiting task up to its next wait."""
        wakeup, context = self._wakeup, self._context
        self.forget()
        if wakeup is not None:
            try:
                context.run(wakeup, self)
            except RuntimeError:
                # The bytes were handed over by another task, which asyncio does not let be interrupted.
                inbox: Inbox = self._inbox
                inbox._loop.call_soon(wakeup, self, context=context)

    def get_loop(self) -> Any:
        """Return the event loop of the connection."""
        inbox: Inbox = self._inbox
        return inbox._loop

    def add_done_callback(self, callback: Any, *, context: Any = None) -> None:
        """Have `callback` called when a message has come; called by the task that waits."""
        self._wakeup = callback
        self._context = context

    def cancel(self, msg: Any = None) -> bool:
        """Wake the task up with a `CancelledError`; called by `Task.cancel`. No message is lost."""
        if self._wakeup is None:
            return False
        inbox: Inbox = self._inbox
        self._cancelled = inbox._cancelled_error(msg)
        wakeup, context = self._wakeup, self._context
        self.forget()
        inbox._loop.call_soon(wakeup, self, context=context)
        return True

    def result(self) -> None:
        """Called by the task when it is woken up: raise if it was cancelled."""
        if self._cancelled is not None:
            cancelled, self._cancelled = self._cancelled, None
            raise cancelled


@cython.final
@cython.cclass
class Receiving:
    """Awaitable for the next message; a connection has one for `recv` and one for ``async for``.

    It also has the methods of a coroutine, so that it can be given to `asyncio.create_task`.
    """

    _inbox: Any
    _iterates: cython.bint
    _arrival: Any

    def __init__(self, inbox: Any, iterates: bool) -> None:
        """Make the awaitable of `inbox`; `iterates`: a connection closed in order ends the iteration."""
        self._inbox = inbox
        self._iterates = iterates
        self._arrival = None

    @cython.cfunc
    def _poll(self) -> object:
        """Return the next message; when there is none yet, the `Arrival` to wait on."""
        inbox: Inbox = self._inbox
        if not inbox.may_receive():
            raise ConcurrencyError(inbox._explain_receiver())
        if inbox._messages:
            return inbox._pop()
        if inbox.is_over():
            if self._iterates and inbox._has_ended_in_order():
                raise StopAsyncIteration
            raise inbox._closed_error()
        # What was sent before waiting for the answer leaves now and not a turn of the loop later.
        inbox.flush()
        if self._arrival is None:
            self._arrival = Arrival(inbox)
        arrival: Arrival = self._arrival
        arrival.begin()
        return arrival

    # --- as an awaitable ----------------------------------------------------------------------

    def __await__(self) -> "Receiving":
        return self

    def __iter__(self) -> "Receiving":
        return self

    def __next__(self) -> Arrival:
        message = self._poll()
        if isinstance(message, Arrival):
            return message
        raise StopIteration(message)

    # --- as a coroutine -----------------------------------------------------------------------

    def send(self, value: object) -> Arrival:
        """Go on; called by a task that runs this object itself."""
        return self.__next__()

    def throw(self, kind: Any, value: Any = None, traceback: Any = None) -> Any:
        """Give up waiting; called by a task that is cancelled."""
        self.close()
        raise kind if value is None else value

    def close(self) -> None:
        """Give up waiting."""
        if self._arrival is not None:
            arrival: Arrival = self._arrival
            arrival.forget()
