"""One conversation of `twinax connect`: lines out, messages in, and an end that always has a status."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from twinax import ConnectionClosed, LocalProtocolError, WebSocketConnection

from .failure import INTERRUPTED, CommandFailed
from .keyboard import Interrupted, is_terminal, prompted_lines, read_lines
from .printing import Printer
from .reports import report_as_text
from .running import stopping_signals

__all__ = ["QUIET_SECONDS", "Session"]

QUIET_SECONDS = 1.0
"""Without --wait and --count: replies have stopped when none has come for so long."""

IN_ORDER = (1000, 1001, 1005)
HELP = "/ping [TEXT]   /close [CODE [REASON]]   /hex BYTES   /help   /quit   // for a line that begins with a slash"


class Session:
    """Talks over an open connection.

    Args:
        connection: The connection; it is closed when `run` returns.
        printer: Where everything is shown.
        binary: Send lines as binary messages.
        ping_every: Seconds between pings; None: none.
        wait: Seconds to wait after the end of the input; None: until it is quiet.
        count: Close when so many messages have come; None: do not count.
    """

    def __init__(
        self,
        connection: WebSocketConnection,
        printer: Printer,
        *,
        binary: bool = False,
        ping_every: float | None = None,
        wait: float | None = None,
        count: int | None = None,
    ) -> None:
        self._connection = connection
        self._printer = printer
        self._binary = binary
        self._ping_every = ping_every
        self._wait = wait
        self._count = count
        self._interactive = is_terminal()
        self._received = 0
        self._quiet: asyncio.Timeout | None = None
        self._enough = asyncio.Event()
        self._pings: set[asyncio.Task[None]] = set()

    async def run(self) -> int:
        """Talk until the server closes, the input ends, or a signal comes; return the exit status."""
        connection = self._connection
        with stopping_signals() as stop:
            self._greet()
            receiving = asyncio.ensure_future(self._receive())
            talking = asyncio.ensure_future(self._talk())
            stopping = asyncio.ensure_future(stop.wait())
            pinging = asyncio.ensure_future(self._ping_regularly())
            tasks = {receiving, talking, stopping}
            try:
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                interrupted = await self._judge(talking, stop)
                if connection.connected:
                    connection.close(1001 if interrupted else 1000, "")
                await connection.wait_closed()
                await receiving
            finally:
                for task in {talking, stopping, pinging, *self._pings}:
                    task.cancel()
                await asyncio.gather(talking, stopping, pinging, *self._pings, return_exceptions=True)
        return self._end(interrupted)

    def _greet(self) -> None:
        connection = self._connection
        connection.on("ping", lambda cancel, data: self._printer.event(f"ping received{_payload(data)}"))
        protocol = f"subprotocol {connection.protocol}" if connection.protocol else "no subprotocol"
        version = f"version {connection.websocket_version}"
        self._printer.event(f"connected to {connection.remote_address}, {protocol}, {version}")
        if self._interactive:
            self._printer.event("type /help for commands, Ctrl-D to close")

    async def _judge(self, talking: "asyncio.Future[None]", stop: asyncio.Event) -> bool:
        """Tell whether we were interrupted; raises what ended the input, when that was a failure."""
        if not talking.done():
            return stop.is_set()
        try:
            talking.result()
        except Interrupted:
            return True
        except CommandFailed:
            await self._connection.close(1000, "")
            raise
        return stop.is_set()

    def _end(self, interrupted: bool) -> int:
        report = self._connection.close_report
        assert report is not None, "wait_closed() returned before the connection was closed"
        self._printer.event(report_as_text(report))
        if interrupted:
            return INTERRUPTED
        if self._count is not None and self._received < self._count:
            self._printer.event(f"{self._received} of {self._count} messages came")
            return 1
        return 0 if report.code in IN_ORDER and report.was_clean else 1

    # --- receiving ------------------------------------------------------------------------------

    async def _receive(self) -> None:
        with contextlib.suppress(ConnectionClosed):
            async for message in self._connection:
                if self._enough.is_set():
                    continue
                self._received += 1
                self._printer.received(message)
                if self._quiet is not None and not self._quiet.expired():
                    self._quiet.reschedule(asyncio.get_running_loop().time() + QUIET_SECONDS)
                if self._received == self._count:
                    self._enough.set()

    async def _wait_for_replies(self) -> None:
        """Wait as the command's description says; the server's close ends it from outside."""
        with contextlib.suppress(TimeoutError):
            if self._count is not None or self._wait is not None:
                await asyncio.wait_for(self._enough.wait(), None if self._wait == float("inf") else self._wait)
                return
            # Every message that comes puts the end of the quiet off.
            async with asyncio.timeout(QUIET_SECONDS) as self._quiet:
                await self._enough.wait()

    # --- sending --------------------------------------------------------------------------------

    async def _talk(self) -> None:
        sending = asyncio.ensure_future(self._send_lines())
        enough = asyncio.ensure_future(self._enough.wait())
        try:
            await asyncio.wait({sending, enough}, return_when=asyncio.FIRST_COMPLETED)
            if sending.done():
                sending.result()
            if not self._enough.is_set() and not self._interactive:
                await self._wait_for_replies()
        finally:
            for task in (sending, enough):
                task.cancel()
            await asyncio.gather(sending, enough, return_exceptions=True)

    async def _send_lines(self) -> None:
        lines: AsyncIterator[bytes] = prompted_lines() if self._interactive else read_lines()
        number = 0
        with contextlib.suppress(ConnectionClosed):
            async for line in lines:
                number += 1
                if self._interactive and line.startswith(b"/") and not line.startswith(b"//"):
                    if not self._obey(line.decode("utf-8", "replace")):
                        return
                else:
                    await self._send(line[1:] if self._interactive and line.startswith(b"//") else line, number)

    async def _send(self, line: bytes, number: int) -> None:
        message: str | bytes = line
        if not self._binary:
            try:
                message = line.decode()
            except UnicodeDecodeError as error:
                problem = f"line {number} of the input is not UTF-8; --binary sends bytes as they are"
                raise CommandFailed(problem) from error
        if not self._interactive:
            self._printer.sent(message)
        await self._connection.send(message)

    def _obey(self, line: str) -> bool:
        """Carry out a command; return whether to go on."""
        name, _, rest = line[1:].strip().partition(" ")
        rest = rest.strip()
        try:
            if name == "ping":
                self._ping(rest.encode() or None)
            elif name == "hex":
                self._connection.send(bytes.fromhex(rest))
            elif name in ("close", "quit"):
                code, _, reason = rest.partition(" ")
                self._connection.close(int(code or 1000), reason.strip())
                return False
            else:
                self._printer.event(HELP if name == "help" else f"there is no command /{name}; {HELP}")
        except (ValueError, LocalProtocolError) as error:
            self._printer.event(f"/{name}: {error}")
        return True

    # --- pings ----------------------------------------------------------------------------------

    def _ping(self, payload: bytes | None) -> None:
        pong = self._connection.ping(payload)
        task = asyncio.ensure_future(self._await_pong(pong))
        self._pings.add(task)
        task.add_done_callback(self._pings.discard)

    async def _await_pong(self, pong: "asyncio.Future[float]") -> None:
        with contextlib.suppress(ConnectionClosed):
            self._printer.event(f"pong received, round trip {await pong * 1000:.2f} ms")

    async def _ping_regularly(self) -> None:
        while self._ping_every is not None and self._connection.connected:
            self._ping(None)
            await asyncio.sleep(self._ping_every)


def _payload(data: bytes) -> str:
    return f": {data.decode('utf-8', 'backslashreplace')}" if data else ""
