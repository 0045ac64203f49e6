"""Events: listeners by name, plain functions or coroutine functions.

An unknown event name is refused at once, because a listener that waits for ``"mesage"`` would fail in
silence. A listener that raises never harms the server: the owner decides what its failure means.
"""

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from functools import partial
from types import CodeType, MethodType
from typing import Any, ClassVar, TypeVar, overload

__all__ = ["Emitter", "is_coroutine_function", "run_in_background"]

Listener = TypeVar("Listener", bound=Callable[..., Any])

# The event loop keeps weak references to tasks only.
_running: set["asyncio.Future[Any]"] = set()


def is_coroutine_function(listener: object) -> bool:
    """Tell whether calling `listener` gives a coroutine; looks through partials and callable objects."""
    function: Any = listener
    if type(function) is MethodType:
        function = function.__func__
    code = getattr(function, "__code__", None)
    # A function on which nothing is written that would have to be looked through, compiled or not: nearly all are.
    if type(code) is CodeType and not function.__dict__:
        return bool(code.co_flags & inspect.CO_COROUTINE)
    while hasattr(function, "func"):
        function = function.func
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
        getattr(function, "__call__", None)  # noqa: B004 - the method is wanted, not whether there is one
    )


def check_callable(event: str, listener: object) -> None:
    """Refuse a listener that cannot be called."""
    if not callable(listener):
        raise TypeError(f"listener for {event!r}: {listener!r} is not callable")


def run_in_background(awaitable: Awaitable[Any], on_error: Callable[[BaseException], object]) -> "asyncio.Future[Any]":
    """Run an awaitable to its end; an exception goes to `on_error`, a cancellation to nobody."""
    task = asyncio.ensure_future(awaitable)
    _running.add(task)

    def done(task: "asyncio.Future[Any]") -> None:
        _running.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            on_error(error)

    task.add_done_callback(done)
    return task


class Emitter:
    """Mixin: `on`, `once`, `off` for the events that the class names in `EVENTS`."""

    __slots__ = ()

    EVENTS: ClassVar[frozenset[str]] = frozenset()
    _listeners: dict[str, tuple[Callable[..., Any], ...]] | None

    @overload
    def on(self, event: str) -> Callable[[Listener], Listener]: ...
    @overload
    def on(self, event: str, listener: Listener) -> Listener: ...
    def on(self, event: str, listener: Callable[..., Any] | None = None) -> Any:
        """Call `listener` whenever `event` happens.

        Args:
            event: One of the events of this class.
            listener: A function or coroutine function. Left out, `on` is a decorator.

        Returns:
            The listener, so that a decorated function keeps its name.

        Raises:
            ValueError: There is no such event; the message lists them.
            TypeError: The listener cannot be called.
            ConcurrencyError: On a connection, for ``message``, while a task receives.
        """
        self._check_event(event)
        if listener is None:
            return partial(self.on, event)
        check_callable(event, listener)
        self._check_listening(event)
        # The slot is the subclass's: a mixin beside a compiled class may have no layout of its own.
        listeners = self._listeners = self._listeners or {}  # type: ignore[misc]
        listeners[event] = (*listeners.get(event, ()), listener)
        self._listeners_changed(event)
        return listener

    @overload
    def once(self, event: str) -> Callable[[Listener], Listener]: ...
    @overload
    def once(self, event: str, listener: Listener) -> Listener: ...
    def once(self, event: str, listener: Callable[..., Any] | None = None) -> Any:
        """As `on`, for the next time only."""
        self._check_event(event)
        if listener is None:
            return partial(self.once, event)
        check_callable(event, listener)

        def only_once(*args: Any) -> Any:
            self.off(event, only_once)
            return listener(*args)

        only_once.func = listener  # type: ignore[attr-defined]  # found by `off` and is_coroutine_function
        self.on(event, only_once)
        return listener

    def off(self, event: str, listener: Callable[..., Any]) -> None:
        """Take a listener back; nothing happens when it is not registered.

        Raises:
            ValueError: There is no such event.
        """
        self._check_event(event)
        if self._listeners and event in self._listeners:
            kept = tuple(
                item for item in self._listeners[event] if item != listener and getattr(item, "func", None) != listener
            )
            self._listeners[event] = kept
            self._listeners_changed(event)

    def listeners(self, event: str) -> tuple[Callable[..., Any], ...]:
        """Return the listeners of an event, in the order in which they were added."""
        if event not in self.EVENTS:
            self._check_event(event)
        return self._listeners.get(event, ()) if self._listeners else ()

    def _check_event(self, event: str) -> None:
        if event not in self.EVENTS:
            raise ValueError(
                f"{type(self).__name__} has no event {event!r}; its events are {', '.join(sorted(self.EVENTS))}"
            )

    def _emit(self, event: str, *args: Any) -> bool:
        """Call the listeners of an event; return whether there are any."""
        listeners = self._listeners.get(event, ()) if self._listeners else ()
        for listener in listeners:
            try:
                result = listener(*args)
                if inspect.isawaitable(result):
                    run_in_background(result, lambda error: self._on_listener_failure(event, error))
            except Exception as error:
                self._on_listener_failure(event, error)
        return bool(listeners)

    def _check_listening(self, event: str) -> None:
        """Raise if there may be no listener of `event`."""

    def _listeners_changed(self, event: str) -> None:
        """Listeners of `event` were added or removed."""

    def _on_listener_failure(self, event: str, error: BaseException) -> None:
        """A listener of `event` raised."""
        raise NotImplementedError
