"""Messages to listeners that are coroutine functions: one at a time, and in order."""

import asyncio
from typing import TYPE_CHECKING

from .events import is_coroutine_function, run_in_background

if TYPE_CHECKING:
    from .listeners import ConnectionListeners

__all__ = ["MessagePump"]


class MessagePump:
    """Takes the messages of one connection as long as a coroutine function listens for them."""

    __slots__ = ("_connection", "_task")

    def __init__(self, connection: "ConnectionListeners") -> None:
        self._connection = connection
        self._task: asyncio.Future[None] | None = None

    def start(self) -> None:
        """Run, if it does not."""
        if self._task is None or self._task.done():
            self._task = run_in_background(self._run(), self._connection.message_listener_failed)

    def is_wanted(self) -> bool:
        """Whether a coroutine function listens."""
        return any(is_coroutine_function(listener) for listener in self._connection.listeners("message"))

    async def _run(self) -> None:
        connection = self._connection
        while self.is_wanted():
            if not connection.waiting and connection.has_ended:
                return
            if not connection.waiting or connection.is_paused:
                # Looks again when a message has come, the listeners have changed, or the connection is gone.
                await connection.wait_arrival()
                continue
            message = connection.take()
            for listener in connection.listeners("message"):
                result = listener(message)
                if asyncio.iscoroutine(result) or asyncio.isfuture(result):
                    await result
