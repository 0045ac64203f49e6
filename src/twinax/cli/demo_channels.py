"""The four subprotocols of the demo page: what each does with a connection.

A channel has the subprotocol's name and `join(request)`, which accepts a request and registers listeners.
``details`` watches the ``echo`` connection of the same browser tab, so that the page can show what the
server knows about it; the tab names itself in the query, by a random number.
"""

import asyncio
import json
import platform
from collections import OrderedDict, deque
from typing import Any, ClassVar

from twinax import IMPLEMENTATION, CloseCode, WebSocketConnection, WebSocketRouterRequest, __version__

from .reports import report_as_dict

__all__ = ["Counter", "Details", "Echo", "Tabs", "Whiteboard", "check_draw"]

Members = set[WebSocketConnection]


def send_to(members: Members, message: str) -> None:
    """Send to those that are open, without waiting for the slow ones."""
    for member in members:
        if member.connected:
            member.send(message)


class Tab:
    """What the server remembers of one browser tab.

    Attributes:
        echo: Its open ``echo`` connection.
        watchers: Its ``details`` connections.
        report: How its last ``echo`` connection ended, as JSON.
    """

    def __init__(self) -> None:
        self.echo: WebSocketConnection | None = None
        self.watchers: Members = set()
        self.report: str | None = None

    def describe_echo(self) -> str:
        """Return what the page shows of the ``echo`` connection."""
        echo = self.echo
        view = echo and {
            "id": echo.id,
            "version": echo.websocket_version,
            "remote": echo.remote_address,
            "latency": echo.latency,
            "buffered": echo.buffered_amount,
        }
        return json.dumps({"type": "echo", "connection": view})


class Tabs:
    """The tabs that are or were there; the oldest are forgotten."""

    LIMIT = 256

    def __init__(self) -> None:
        self._tabs: OrderedDict[str, Tab] = OrderedDict()

    def of(self, request: WebSocketRouterRequest) -> Tab:
        """Return the tab that a request comes from."""
        _, _, name = request.resource.partition("?tab=")
        tab = self._tabs.setdefault(name[:64], Tab())
        self._tabs.move_to_end(name[:64])
        if len(self._tabs) > self.LIMIT:
            self._tabs.popitem(last=False)
        return tab


class Echo:
    """Sends every message back as it came."""

    name: ClassVar[str] = "echo"

    def __init__(self, tabs: Tabs) -> None:
        self._tabs = tabs

    def join(self, request: WebSocketRouterRequest) -> None:
        """Let a connection in."""
        connection = request.accept(request.origin)
        tab = self._tabs.of(request)
        tab.echo = connection
        send_to(tab.watchers, tab.describe_echo())

        @connection.on("message")
        async def on_message(message: str | bytes) -> None:
            await connection.send(message)

        @connection.on("close")
        def on_close(code: int, reason: str) -> None:
            assert connection.close_report is not None
            tab.report = json.dumps({"type": "report", "report": report_as_dict(connection.close_report)})
            if tab.echo is connection:
                tab.echo = None
            send_to(tab.watchers, tab.describe_echo())
            send_to(tab.watchers, tab.report)


class Details:
    """Tells a tab about its ``echo`` connection, and ends it when the tab asks for that."""

    name: ClassVar[str] = "details"
    PING_EVERY = 1.0

    def __init__(self, tabs: Tabs) -> None:
        self._tabs = tabs
        self._pinging: set[asyncio.Task[None]] = set()

    def join(self, request: WebSocketRouterRequest) -> None:
        """Let a connection in."""
        connection = request.accept(request.origin)
        tab = self._tabs.of(request)
        tab.watchers.add(connection)
        connection.send(
            json.dumps(
                {
                    "type": "server",
                    "version": f"twinax {__version__}",
                    "core": "compiled" if IMPLEMENTATION == "cython" else "interpreted",
                    "python": platform.python_version(),
                }
            )
        )
        connection.send(tab.describe_echo())
        if tab.report is not None:
            connection.send(tab.report)
        pinging = asyncio.ensure_future(self._ping(tab, connection))
        self._pinging.add(pinging)

        @connection.on("message")
        def on_message(message: str | bytes) -> None:
            self._obey(tab, connection, message)

        @connection.on("close")
        def on_close(code: int, reason: str) -> None:
            tab.watchers.discard(connection)
            self._pinging.discard(pinging)
            pinging.cancel()

    async def _ping(self, tab: Tab, watcher: WebSocketConnection) -> None:
        """Measure the round trip of the ``echo`` connection with pings, as long as somebody watches it."""
        while True:
            if tab.echo is not None and tab.echo.connected:
                # Whatever keeps the pong away is told by the connection's own end.
                await asyncio.wait([tab.echo.ping()], timeout=self.PING_EVERY)
                send_to({watcher}, tab.describe_echo())
            await asyncio.sleep(self.PING_EVERY)

    def _obey(self, tab: Tab, connection: WebSocketConnection, message: str | bytes) -> None:
        order = read_order(message)
        action = order.get("do")
        if action == "ping" and isinstance(order.get("number"), int):
            connection.send(json.dumps({"type": "pong", "number": order["number"]}))
        elif action == "close":
            if tab.echo is not None:
                tab.echo.close(CloseCode.SERVICE_RESTART, "you asked for it")
        elif action == "cut":
            if tab.echo is not None:
                tab.echo.drop(skip_close_frame=True)
        else:
            connection.close(CloseCode.POLICY_VIOLATION, "not an order of the demo")


class Whiteboard:
    """One drawing for everybody; who joins gets it whole."""

    name: ClassVar[str] = "whiteboard"
    KEPT_STROKES = 5000
    KEPT_CHARACTERS = 1 << 20

    def __init__(self) -> None:
        self._members: Members = set()
        self._strokes: deque[str] = deque()
        self._characters = 0

    def join(self, request: WebSocketRouterRequest) -> None:
        """Let a connection in."""
        connection = request.accept(request.origin)
        connection.send('{"type":"history","draws":[' + ",".join(self._strokes) + "]}")
        self._members.add(connection)
        self._tell_people()

        @connection.on("message")
        def on_message(message: str | bytes) -> None:
            order = read_order(message)
            if order.get("type") == "clear":
                self._strokes.clear()
                self._characters = 0
                send_to(self._members, '{"type":"clear"}')
            elif check_draw(order):
                stroke = json.dumps(order, separators=(",", ":"))
                self._keep(stroke)
                send_to(self._members - {connection}, stroke)
            else:
                connection.close(CloseCode.POLICY_VIOLATION, "not a stroke of the whiteboard")

        @connection.on("close")
        def on_close(code: int, reason: str) -> None:
            self._members.discard(connection)
            self._tell_people()

    def _keep(self, stroke: str) -> None:
        self._strokes.append(stroke)
        self._characters += len(stroke)
        while len(self._strokes) > self.KEPT_STROKES or self._characters > self.KEPT_CHARACTERS:
            self._characters -= len(self._strokes.popleft())

    def _tell_people(self) -> None:
        send_to(self._members, json.dumps({"type": "people", "count": len(self._members)}))


class Counter:
    """One number for everybody, counted up as long as somebody looks."""

    name: ClassVar[str] = "counter"
    PERIOD = 0.05

    def __init__(self) -> None:
        self._members: Members = set()
        self._value = 0
        self._counting: asyncio.Task[None] | None = None

    def join(self, request: WebSocketRouterRequest) -> None:
        """Let a connection in."""
        connection = request.accept(request.origin)
        self._members.add(connection)
        connection.send(str(self._value))
        if self._counting is None:
            self._counting = asyncio.ensure_future(self._count())

        @connection.on("message")
        def on_message(message: str | bytes) -> None:
            if message != "reset":
                connection.close(CloseCode.POLICY_VIOLATION, "the counter knows 'reset' only")
                return
            self._value = 0
            send_to(self._members, "0")

        @connection.on("close")
        def on_close(code: int, reason: str) -> None:
            self._members.discard(connection)
            if not self._members and self._counting is not None:
                self._counting.cancel()
                self._counting = None

    async def _count(self) -> None:
        while True:
            await asyncio.sleep(self.PERIOD)
            self._value += 1
            send_to(self._members, str(self._value))


def read_order(message: str | bytes) -> dict[str, Any]:
    """Return the JSON object that a message holds; an empty one when it holds none."""
    if isinstance(message, bytes):
        return {}
    try:
        order = json.loads(message)
    except (ValueError, RecursionError):
        return {}
    return order if isinstance(order, dict) else {}


def check_draw(order: dict[str, Any]) -> bool:
    """Tell whether `order` is a stroke, and nothing but a stroke: it is sent to everybody."""
    points = order.get("points")
    return (
        order.keys() == {"type", "color", "width", "points"}
        and order["type"] == "draw"
        and _is_within(order["color"], 0, 5)
        and _is_within(order["width"], 1, 32)
        and isinstance(points, list)
        and 2 <= len(points) <= 512
        and len(points) % 2 == 0
        and all(_is_within(point, 0, 10_000) for point in points)
    )


def _is_within(value: object, low: int, high: int) -> bool:
    return type(value) is int and low <= value <= high
