"""The event objects of `W3CWebSocket`, and the listeners that they go to."""

import inspect
from collections.abc import Callable
from typing import Any

from ..logs import CLIENT_LOGGER
from .events import run_in_background

__all__ = ["CloseEvent", "ErrorEvent", "Event", "EventTarget", "MessageEvent"]


class Event:
    """Something happened.

    Attributes:
        type: The name of the event: ``open``, ``message``, ``error``, ``close``, or one of yours.
        target: The object that it was dispatched to; None before.
    """

    __slots__ = ("target", "type")

    def __init__(self, type: str) -> None:
        self.type = type
        self.target: Any = None

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.type}>"


class MessageEvent(Event):
    """A message has come.

    Attributes:
        data: `str` for a text message, `bytes` for a binary one.
        origin: The address that it comes from.
    """

    __slots__ = ("data", "origin")

    def __init__(self, data: str | bytes, origin: str = "") -> None:
        super().__init__("message")
        self.data = data
        self.origin = origin


class ErrorEvent(Event):
    """The connection could not be opened, or broke; a `CloseEvent` follows.

    Attributes:
        message: What happened, in a sentence.
        error: The exception behind it, where there is one.
        status: The HTTP status of the server's refusal, where there is one.
    """

    __slots__ = ("error", "message", "status")

    def __init__(self, message: str, error: BaseException | None = None, status: int | None = None) -> None:
        super().__init__("error")
        self.message = message
        self.error = error
        self.status = status

    def __repr__(self) -> str:
        return f"<ErrorEvent {self.message}>"


class CloseEvent(Event):
    """The connection is closed.

    Attributes:
        code: The close code that the server sent; 1005 when it sent none, 1006 when there was no close frame.
        reason: The reason that the server sent; when there was no close frame, what happened instead.
        was_clean: Whether both close frames were exchanged.
    """

    __slots__ = ("code", "reason", "was_clean")

    def __init__(self, code: int, reason: str, was_clean: bool) -> None:
        super().__init__("close")
        self.code = code
        self.reason = reason
        self.was_clean = was_clean

    @property
    def wasClean(self) -> bool:
        """The name that the standard gives `was_clean`."""
        return self.was_clean

    def __repr__(self) -> str:
        return f"<CloseEvent {self.code} {self.reason!r} {'clean' if self.was_clean else 'not clean'}>"


class EventTarget:
    """Listeners by the name of an event, as in a browser.

    A listener is a function, a coroutine function, or an object with a method ``handle_event`` (or
    ``handleEvent``); it is called with the event. When one raises, that is logged, and the others are called.
    """

    def __init__(self) -> None:
        self._event_listeners: dict[str, list[tuple[Any, bool]]] = {}

    def add_event_listener(self, type: str, listener: Any, *, once: bool = False) -> None:
        """Call `listener` whenever there is an event of that name; adding it again changes nothing.

        Args:
            type: The name of the event.
            listener: What to call.
            once: For the next time only.

        Raises:
            TypeError: The listener cannot be called.
        """
        _check_listener(listener)
        listeners = self._event_listeners.setdefault(type, [])
        if all(item is not listener and item != listener for item, _ in listeners):
            listeners.append((listener, once))

    def remove_event_listener(self, type: str, listener: Any) -> None:
        """Take a listener back; nothing happens when it was not added."""
        listeners = self._event_listeners.get(type, [])
        listeners[:] = [item for item in listeners if item[0] is not listener and item[0] != listener]

    def dispatch_event(self, event: Event) -> bool:
        """Call the handler (``onopen`` and so on) and the listeners of an event.

        Returns:
            True: no event of this class can be cancelled.
        """
        event.target = self
        handler = getattr(self, f"on{event.type}", None)
        if handler is not None:
            self._call(handler, event)
        for listener, once in list(self._event_listeners.get(event.type, ())):
            if once:
                self.remove_event_listener(event.type, listener)
            self._call(listener, event)
        return True

    addEventListener = add_event_listener
    removeEventListener = remove_event_listener
    dispatchEvent = dispatch_event

    def _call(self, listener: Any, event: Event) -> None:
        try:
            result = _get_function(listener)(event)
        except Exception as error:
            _log_failure(event, error)
            return
        if inspect.isawaitable(result):
            run_in_background(result, lambda error: _log_failure(event, error))


def _get_function(listener: Any) -> Callable[[Event], Any]:
    for name in ("handle_event", "handleEvent"):
        method = getattr(listener, name, None)
        if method is not None:
            return method  # type: ignore[no-any-return]  # whatever it is, it is called
    return listener  # type: ignore[no-any-return]


def _check_listener(listener: Any) -> None:
    if not callable(_get_function(listener)):
        raise TypeError(f"{listener!r} is neither a function nor an object with handle_event")


def _log_failure(event: Event, error: BaseException) -> None:
    CLIENT_LOGGER.error("listener of %r failed", event.type, exc_info=error)
