"""One epoll for all sockets of an event loop, itself watched by the loop.

A loop that watches every socket by itself makes a handle, a context switch and several calls of Python
for every read. Here one look gives up to 256 sockets that are ready, and they are served in a row; what
they were caused to send to others leaves at the end of the round. When many are busy the hub looks again
before it goes back to the loop, which meanwhile runs nothing else: `ROUNDS` bounds that.

One or two sockets are watched by the loop itself: for a client with its connection, or a server with its first, one
epoll behind the other would only be one call of the system more for each message.
"""

import asyncio
import contextvars
from typing import Any

from ... import _cython as cython

if not cython.compiled:
    from .kernel import READABLE, WRITABLE, Poller, run_ready

__all__ = ["Hub", "Watched"]

ROUNDS = cython.declare(cython.Py_ssize_t, 4)
BUSY = cython.declare(cython.Py_ssize_t, 8)  # sockets ready at a time from which another look pays
LEFT_TO_LOOP = cython.declare(cython.Py_ssize_t, 2)  # sockets


@cython.cclass
class Watched:
    """A socket that a hub watches."""

    _hub: Any
    _fd: cython.Py_ssize_t
    _events: cython.uint  # what it is watched for; 0: not at all
    _context: Any

    def __init__(self, hub: Any, fd: int) -> None:
        self._hub = hub
        self._fd = fd
        self._events = 0
        # What listeners find in context variables is what was there when the socket was made or listened on.
        self._context = None

    @cython.cfunc
    def ready(self, events: cython.uint) -> None:
        """The socket is ready for `events`."""
        raise NotImplementedError

    def failed(self, error: Exception) -> None:
        """What `ready` called has raised."""
        raise error

    @cython.cfunc
    def watch(self, events: cython.uint) -> None:
        """Be told of these events from now on; of none: not even of errors."""
        if events != self._events:
            hub: Hub = self._hub
            hub.change(self, self._events, events)
            self._events = events


@cython.final
@cython.cclass
class Hub:
    """The sockets of one event loop that are not left to its transports.

    Attributes:
        loop: The event loop.
        buffer: What is read lands here first.
        size: The size of the buffer.
    """

    loop: Any = cython.declare(object, visibility="readonly")
    buffer: bytearray = cython.declare(bytearray, visibility="readonly")
    size: cython.Py_ssize_t
    _turn: Any
    _time: Any
    _poller: Poller | None
    _watched: list[Any]  # by file descriptor
    _count: cython.Py_ssize_t
    _now: cython.double  # during a round; else 0
    __weakref__: Any

    def __init__(self, loop: asyncio.AbstractEventLoop, buffer: bytearray, turn: Any) -> None:
        """Make the hub of a loop.

        Args:
            loop: The event loop; it must offer ``add_reader``.
            buffer: Shared by all connections of the loop.
            turn: Its `run` writes what was sent meanwhile.
        """
        self.loop = loop
        self.buffer = buffer
        self.size = len(buffer)
        self._turn = turn
        self._time = loop.time
        self._poller = None
        self._watched = []
        self._count = 0
        self._now = 0.0

    @cython.cfunc
    def now(self) -> cython.double:
        """Return the time of the loop; within a round it is asked once."""
        return self._now or self._time()

    @cython.cfunc
    def change(self, item: Watched, before: cython.uint, after: cython.uint) -> None:
        """Watch `item` for other events than before."""
        fd: cython.Py_ssize_t = item._fd
        if not before:
            self._add(item, fd, after)
        elif after:
            self._watch(fd, before, after)
        else:
            self._remove(fd, before)

    @cython.cfunc
    def _add(self, item: Watched, fd: cython.Py_ssize_t, events: cython.uint) -> None:
        if self._poller is None and self._count >= LEFT_TO_LOOP:
            self._take_over()
        self._watch(fd, 0, events)
        while len(self._watched) <= fd:
            self._watched.append(None)
        self._watched[fd] = item
        self._count += 1

    @cython.cfunc
    def _remove(self, fd: cython.Py_ssize_t, events: cython.uint) -> None:
        self._watch(fd, events, 0)
        self._watched[fd] = None
        self._count -= 1
        poller: Poller | None = self._poller
        if poller is not None and not self._count:
            # A loop that is closed later owes nothing to anybody.
            self._poller = None
            self.loop.remove_reader(poller.fileno())
            poller.close()

    @cython.cfunc
    def _watch(self, fd: cython.Py_ssize_t, before: cython.uint, after: cython.uint) -> None:
        poller: Poller | None = self._poller
        if poller is None:
            self._tell_loop(fd, before, after)
        elif not before:
            poller.add(fd, after)
        elif after:
            poller.change(fd, after)
        else:
            poller.remove(fd)

    @cython.cfunc
    def _tell_loop(self, fd: cython.Py_ssize_t, before: cython.uint, after: cython.uint) -> None:
        if before & ~after & READABLE:
            self.loop.remove_reader(fd)
        if before & ~after & WRITABLE:
            self.loop.remove_writer(fd)
        # In an empty context: that of whoever happens to be first must not be everybody's.
        if after & ~before & READABLE:
            contextvars.Context().run(self.loop.add_reader, fd, self.serve_one, fd, READABLE)
        if after & ~before & WRITABLE:
            contextvars.Context().run(self.loop.add_writer, fd, self.serve_one, fd, WRITABLE)

    @cython.cfunc
    def _take_over(self) -> None:
        """Watch what was left to the loop; where there is no descriptor for it, or no memory, it stays there."""
        items: list[Any] = [item for item in self._watched if item is not None]
        item: Watched
        try:
            poller: Poller = Poller()
            for item in items:
                poller.add(item._fd, item._events)
        except OSError:
            return
        for item in items:
            self._tell_loop(item._fd, item._events, 0)
        contextvars.Context().run(self.loop.add_reader, poller.fileno(), self.poll)
        self._poller = poller

    def serve_one(self, fd: int, events: int) -> None:
        """Serve a socket that the loop has found ready."""
        try:
            self._begin_round()
            self._serve(fd, events)
        finally:
            self._end_round()

    def poll(self) -> None:
        """Serve the sockets that are ready; called by the loop."""
        index: cython.Py_ssize_t
        count: cython.Py_ssize_t
        for _ in range(ROUNDS):
            poller: Poller | None = self._poller
            if poller is None:
                return
            count = poller.wait()
            try:
                self._begin_round()
                for index in range(count):
                    self._serve(poller.fd(index), poller.events(index))
            finally:
                self._end_round()
            if count < BUSY:
                return

    @cython.cfunc
    def _begin_round(self) -> None:
        self._now = self._time()
        self._turn.begin_round()

    @cython.cfunc
    def _end_round(self) -> None:
        self._now = 0.0
        self._turn.run()

    @cython.cfunc
    def _serve(self, fd: cython.Py_ssize_t, events: cython.uint) -> None:
        item: Watched | None = self._watched[fd]
        if item is None:
            return  # closed by one that was served before it
        try:
            run_ready(item, events)
        except Exception as error:
            item.failed(error)
