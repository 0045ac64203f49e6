"""`W3CWebSocket`: the interface that browsers have (https://websockets.spec.whatwg.org).

For people and programs that know it. Every name exists in the standard's spelling too (`readyState`,
`addEventListener`, ...). Beyond the standard, error events say what went wrong.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Literal, Unpack

from ..config import ClientConfig, ClientOptions, build_config
from ..errors import ConnectionClosed, HandshakeError, LocalProtocolError
from ..uri import parse_uri
from .connection import WebSocketConnection
from .opening import open_connection
from .w3c_events import CloseEvent, ErrorEvent, Event, EventTarget, MessageEvent

__all__ = ["W3CWebSocket"]

Handler = Callable[[Any], Any] | None

MAX_REASON = 123  # RFC 6455 5.5: 125 bytes less two for the code


class W3CWebSocket(EventTarget):
    """A WebSocket as browsers have it; made in a running event loop, it begins to connect at once.

    Set `onopen`, `onmessage`, `onerror`, `onclose`, or add listeners. Events come from the loop, never
    from within a call of yours.

    Attributes:
        url: The address, without user name and password.
        onopen: Called with an `Event` when the connection is open.
        onmessage: Called with a `MessageEvent` for each message, also for an empty one.
        onerror: Called with an `ErrorEvent` before `onclose`, when something went wrong.
        onclose: Called with a `CloseEvent`, once, however it ended.
    """

    CONNECTING: ClassVar[int] = 0
    OPEN: ClassVar[int] = 1
    CLOSING: ClassVar[int] = 2
    CLOSED: ClassVar[int] = 3

    def __init__(
        self, url: str, protocols: Sequence[str] | str | None = None, **options: Unpack[ClientOptions]
    ) -> None:
        """Begin to connect.

        Args:
            url: The address.
            protocols: Subprotocols in order of preference; a single one may be a string.
            **options: See `ClientConfig`; ``origin`` and ``headers`` among them.

        Raises:
            InvalidURI: The address is none.
            TypeError: An unknown option, or a value of the wrong type.
            ValueError: A value out of range.
            RuntimeError: There is no running event loop.
        """
        super().__init__()
        uri = parse_uri(url)
        values: dict[str, Any] = dict(options)
        if protocols is not None:
            values["subprotocols"] = [protocols] if isinstance(protocols, str) and protocols else list(protocols)
        config = build_config(ClientConfig, values)
        self.url = str(uri)
        self.onopen: Handler = None
        self.onmessage: Handler = None
        self.onerror: Handler = None
        self.onclose: Handler = None
        self._state = self.CONNECTING
        self._connection: WebSocketConnection | None = None
        self._binary_type: Literal["arraybuffer", "blob"] = "arraybuffer"
        self._discarded = 0
        self._origin = f"{uri.scheme}://{uri.host_header}"
        self._loop = asyncio.get_running_loop()
        self._task = self._loop.create_task(self._run(url, config))

    # --- what can be asked --------------------------------------------------------------------

    @property
    def ready_state(self) -> int:
        """`CONNECTING`, `OPEN`, `CLOSING` or `CLOSED`."""
        if self._state == self.OPEN and self._connection is not None and not self._connection.connected:
            return self.CLOSING  # the server has begun to close
        return self._state

    @property
    def protocol(self) -> str:
        """The subprotocol in use; ``""`` when there is none, and before the connection is open."""
        return (self._connection.protocol or "") if self._connection is not None else ""

    @property
    def extensions(self) -> str:
        """The extensions in use, as the header field names them; ``""`` when there are none."""
        return ", ".join(str(item) for item in self._connection.extensions) if self._connection is not None else ""

    @property
    def buffered_amount(self) -> int:
        """Bytes that were given to `send` and have not reached the network.

        It is exact as far as the kernel tells, frame headers included. What is sent after `close` counts
        and never leaves; the number does not fall to 0 when the connection is closed.
        """
        connection = self._connection
        if connection is None:
            return self._discarded
        report = connection.close_report
        return self._discarded + (connection.buffered_amount if report is None else report.bytes_unsent)

    @property
    def binary_type(self) -> Literal["arraybuffer", "blob"]:
        """``"arraybuffer"`` or ``"blob"``; both deliver `bytes`, which Python has for either."""
        return self._binary_type

    @binary_type.setter
    def binary_type(self, value: Literal["arraybuffer", "blob"]) -> None:
        """Set it; a ValueError for anything else."""
        if value not in ("arraybuffer", "blob"):
            raise ValueError(f"binary_type={value!r}: 'arraybuffer' or 'blob'")
        self._binary_type = value

    readyState = ready_state
    bufferedAmount = buffered_amount
    binaryType = binary_type

    # --- what can be done ---------------------------------------------------------------------

    def send(self, data: str | bytes | bytearray | memoryview) -> None:
        """Send a message; see `buffered_amount` for what a slow server leaves behind.

        After `close` nothing is sent and nothing is raised, as the standard says.

        Args:
            data: `str` for a text message, bytes-like for a binary one.

        Raises:
            LocalProtocolError: The connection is not open yet: wait for the ``open`` event.
            TypeError: `data` is neither.
        """
        if not isinstance(data, str | bytes | bytearray | memoryview):
            raise TypeError(f"send() takes str or bytes-like, not {type(data).__name__}")
        if self._state == self.CONNECTING:
            raise LocalProtocolError("send() while the connection is CONNECTING: wait for the open event")
        try:
            if self._connection is not None and self.ready_state == self.OPEN:
                self._connection.send(data)
                return
        except ConnectionClosed:
            pass  # the peer reads nothing: max_unsent_size is reached, and the close event says so
        self._discarded += len(data.encode()) if isinstance(data, str) else memoryview(data).nbytes

    def close(self, code: int | None = None, reason: str | None = None) -> None:
        """Close the connection, or give up connecting; nothing happens when that was done before.

        Args:
            code: 1000, or 3000 to 4999. None: 1000.
            reason: At most 123 bytes of UTF-8.

        Raises:
            ValueError: Another code, or a longer reason.
        """
        if code is not None and code != 1000 and not 3000 <= code <= 4999:
            raise ValueError(f"close code {code!r}: 1000 or 3000 to 4999")
        if reason is not None and len(reason.encode()) > MAX_REASON:
            raise ValueError(f"the reason has {len(reason.encode())} bytes of UTF-8: at most {MAX_REASON}")
        if self._state == self.CONNECTING:
            self._state = self.CLOSING
            self._task.cancel()
            error = HandshakeError("close() was called before the connection was open")
            self._loop.call_soon(self._fail, error)
        elif self.ready_state == self.OPEN and self._connection is not None:
            self._state = self.CLOSING
            self._connection.close(1000 if code is None else code, reason or "")

    # --- what happens -------------------------------------------------------------------------

    async def _run(self, url: str, config: ClientConfig) -> None:
        try:
            connection = await open_connection(url, config)
        except Exception as error:
            self._fail(error)
            return
        self._connection = connection
        self._state = self.OPEN
        connection.on("message", self._on_message)
        connection.on("close", self._on_close)
        self.dispatch_event(Event("open"))

    def _fail(self, error: Exception) -> None:
        """Tell that there will be no connection."""
        self._state = self.CLOSED
        status = error.status if isinstance(error, HandshakeError) else None
        self.dispatch_event(ErrorEvent(str(error), error, status))
        self.dispatch_event(CloseEvent(1006, str(error), False))

    def _on_message(self, data: str | bytes) -> None:
        self.dispatch_event(MessageEvent(data, self._origin))

    def _on_close(self, code: int, reason: str) -> None:
        connection = self._connection
        assert connection is not None
        report = connection.close_report
        assert report is not None
        self._state = self.CLOSED
        if not report.was_clean:
            self.dispatch_event(ErrorEvent(report.cause, report.error))
        if report.rcvd is not None:
            code, reason = report.rcvd.code, report.rcvd.reason
        self.dispatch_event(CloseEvent(code, reason, report.was_clean))

    def __repr__(self) -> str:
        state = ("CONNECTING", "OPEN", "CLOSING", "CLOSED")[self.ready_state]
        return f"<W3CWebSocket {state} {self.url}>"
