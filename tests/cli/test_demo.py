"""The demo: its page over HTTP, and its four subprotocols with clients of twinax and of PyPI's websockets."""

import asyncio
import base64
import contextlib
import hashlib
import http.client
import json
import re
import signal
from collections.abc import AsyncIterator
from html.parser import HTMLParser
from typing import Any

import pytest
import websockets
from websockets.typing import Origin, Subprotocol

import twinax
from processes import started
from twinax.cli.demo import MAX_MESSAGE_SIZE, build_server
from twinax.cli.demo_channels import Tabs, check_draw, read_order

from .command import TWINAX, within_a_minute
from .command import twinax as run_twinax

STROKE = {"type": "draw", "color": 2, "width": 4, "points": [0, 0, 10_000, 5_000]}


@contextlib.asynccontextmanager
async def demo() -> AsyncIterator[int]:
    """Serves the demo in this process; gives its port."""
    async with build_server() as server:
        await server.listen("127.0.0.1", 0)
        yield server.port


def live(port: int, tab: str = "a") -> str:
    return f"ws://127.0.0.1:{port}/live?tab={tab}"


async def ask(port: int, method: str, path: str) -> tuple[int, dict[str, str], str]:
    """Sends a plain HTTP request; gives status, fields by lower-case name, and body."""

    def request() -> tuple[int, dict[str, str], str]:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        try:
            connection.request(method, path)
            response = connection.getresponse()
            fields = {name.lower(): value for name, value in response.getheaders()}
            return response.status, fields, response.read().decode()
        finally:
            connection.close()

    return await asyncio.to_thread(request)


class Outline(HTMLParser):
    """What a page loads, and which of its fields have no name."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.handlers: list[str] = []
        self.ids: list[str] = []
        self.labelled: set[str] = set()
        self.inputs: list[dict[str, str | None]] = []
        self._open_labels = 0
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        found = dict(attributes)
        self.loaded += [value or "" for name, value in attributes if name in ("src", "href", "srcset", "action")]
        self.handlers += [name for name, _ in attributes if name.startswith("on") or name == "style"]
        self.ids += [found["id"] or ""] if "id" in found else []
        if tag == "label":
            self._open_labels += 1
            self.labelled.add(found.get("for") or "")
        if tag == "input":
            self.inputs.append(found)
            if self._open_labels:
                self.labelled.add(found.get("id") or "")

    def handle_endtag(self, tag: str) -> None:
        self._open_labels -= tag == "label"


# --- the page -----------------------------------------------------------------------------------


def test_the_page_runs_nothing_but_what_stands_in_it() -> None:
    within_a_minute(page_session())


async def page_session() -> None:
    async with demo() as port:
        status, fields, page = await ask(port, "GET", "/")
    assert (status, fields["content-type"]) == (200, "text/html; charset=utf-8")
    policy = dict(part.split(" ", 1) for part in fields["content-security-policy"].split("; "))
    assert policy["default-src"] == policy["base-uri"] == policy["form-action"] == policy["frame-ancestors"] == "'none'"
    assert policy["connect-src"] == "'self'"
    for element, directive in (("script", "script-src"), ("style", "style-src")):
        contents = re.findall(rf"<{element}[^>]*>(.*?)</{element}>", page, re.DOTALL)
        hashes = [f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" for text in contents]
        assert policy[directive].split() == hashes
    outline = Outline(page)
    assert all(address.startswith("data:") for address in outline.loaded)
    assert outline.handlers == [], "the policy forbids inline handlers and style attributes"
    assert len(set(outline.ids)) == len(outline.ids)
    assert [field for field in outline.inputs if field.get("id") not in outline.labelled] == []


def test_other_paths_and_methods_are_refused() -> None:
    within_a_minute(other_paths_session())


async def other_paths_session() -> None:
    async with demo() as port:
        assert (await ask(port, "GET", "/other"))[0] == 404
        assert (await ask(port, "DELETE", "/"))[0] == 405
        status, fields, body = await ask(port, "HEAD", "/")
        assert (status, body) == (200, "")
        assert int(fields["content-length"]) > 10_000


# --- the subprotocols ---------------------------------------------------------------------------


def test_echo_with_websockets() -> None:
    within_a_minute(echo_session())


async def echo_session() -> None:
    async with demo() as port, websockets.connect(live(port), subprotocols=[Subprotocol("echo")]) as client:
        assert client.subprotocol == "echo"
        await client.send("hello")
        await client.send(b"\x00\xff")
        assert [await client.recv(), await client.recv()] == ["hello", b"\x00\xff"]


def test_echo_with_twinax() -> None:
    within_a_minute(own_echo_session())


async def own_echo_session() -> None:
    async with demo() as port, twinax.connect(live(port), subprotocols=["echo"]) as client:
        for number in range(1000):
            client.send(f"message {number}")
        assert [await client.recv() for _ in range(1000)] == [f"message {number}" for number in range(1000)]


def test_a_stroke_reaches_the_others_and_those_who_come_later() -> None:
    within_a_minute(whiteboard_session())


async def whiteboard_session() -> None:
    async def join(port: int) -> Any:
        return await websockets.connect(live(port), subprotocols=[Subprotocol("whiteboard")])

    async def news(client: Any) -> Any:
        return json.loads(await client.recv())

    async with demo() as port:
        first = await join(port)
        assert await news(first) == {"type": "history", "draws": []}
        assert await news(first) == {"type": "people", "count": 1}
        second = await join(port)
        assert await news(first) == {"type": "people", "count": 2}
        assert [await news(second), await news(second)] == [
            {"type": "history", "draws": []},
            {"type": "people", "count": 2},
        ]
        await first.send(json.dumps(STROKE))
        assert await news(second) == STROKE
        third = await join(port)
        assert await news(third) == {"type": "history", "draws": [STROKE]}
        assert await news(first) == await news(third) == {"type": "people", "count": 3}
        await third.send('{"type": "clear"}')
        assert await news(first) == await news(third) == {"type": "clear"}
        await third.close()
        assert await news(first) == {"type": "people", "count": 2}
        await first.send('{"type": "draw", "color": "<img>"}')
        with pytest.raises(websockets.ConnectionClosed):
            await first.recv()
        assert first.close_code == 1008
        await second.close()


def test_everybody_sees_the_same_count() -> None:
    within_a_minute(counter_session())


async def counter_session() -> None:
    async with demo() as port:
        first = await websockets.connect(live(port), subprotocols=[Subprotocol("counter")])
        numbers = [int(await first.recv()) for _ in range(4)]
        assert numbers == list(range(4))
        second = await websockets.connect(live(port), subprotocols=[Subprotocol("counter")])
        assert int(await second.recv()) >= 3
        await first.send("reset")
        while int(await second.recv()) != 0:
            pass
        assert int(await second.recv()) == 1
        await second.send("double")
        with pytest.raises(websockets.ConnectionClosed):
            await read_to_the_end(second)
        assert second.close_code == 1008
        await first.close()


async def read_to_the_end(client: Any) -> None:
    while True:
        await client.recv()


# --- the server's view of the echo connection ----------------------------------------------------


@contextlib.asynccontextmanager
async def watched_echo(port: int) -> AsyncIterator[tuple[Any, Any]]:
    """Opens ``details`` and ``echo`` of one tab; gives both."""
    async with websockets.connect(live(port, "t"), subprotocols=[Subprotocol("details")]) as details:
        assert (await find(details, "server"))["version"] == f"twinax {twinax.__version__}"
        assert (await find(details, "echo"))["connection"] is None
        async with websockets.connect(live(port, "t"), subprotocols=[Subprotocol("echo")]) as echo:
            view = (await find(details, "echo"))["connection"]
            assert (view["version"], view["remote"]) == (13, "127.0.0.1")
            yield details, echo


async def find(details: Any, kind: str) -> Any:
    """Reads until a message of this kind comes."""
    while (message := json.loads(await details.recv()))["type"] != kind:
        pass
    return message


async def end(order: dict[str, Any] | None, closing: int | None = None) -> tuple[Any, int | None]:
    """Ends a watched connection; gives the server's report, and the code that the client saw."""
    async with demo() as port, watched_echo(port) as (details, echo):
        if order is not None:
            await details.send(json.dumps(order))
        elif closing is not None:
            await echo.close(closing, "bye")
        else:
            await echo.send("x" * (MAX_MESSAGE_SIZE + 1))
        report = (await find(details, "report"))["report"]
        assert (await find_closed_view(port)) == report
        await echo.wait_closed()
        return report, echo.close_code


async def find_closed_view(port: int) -> Any:
    """The report as the next connection of the same tab gets it."""
    async with websockets.connect(live(port, "t"), subprotocols=[Subprotocol("details")]) as details:
        return (await find(details, "report"))["report"]


def test_the_report_of_a_connection_that_the_page_closes() -> None:
    report, seen = asyncio.run(end(None, 4001))
    assert (report["code"], report["reason"], report["closed_by"]) == (4001, "bye", "remote")
    assert report["was_clean"]
    assert seen == 4001


def test_the_report_of_a_connection_that_the_server_closes() -> None:
    report, seen = asyncio.run(end({"do": "close"}))
    assert (report["code"], report["closed_by"], report["was_clean"]) == (1012, "local", True)
    assert seen == 1012


def test_the_report_of_a_connection_that_is_cut_names_the_cause() -> None:
    report, seen = asyncio.run(end({"do": "cut"}))
    assert (report["code"], report["closed_by"], report["sent"], report["rcvd"]) == (1006, "local", None, None)
    assert report["cause"]
    assert seen == 1006


def test_the_report_of_a_message_that_is_too_large() -> None:
    report, seen = asyncio.run(end(None))
    assert (report["code"], report["closed_by"]) == (1009, "local")
    assert str(MAX_MESSAGE_SIZE) in report["cause"]
    assert seen == 1009


def test_details_answers_pings_and_measures_with_pings_of_its_own() -> None:
    within_a_minute(ping_session())


async def ping_session() -> None:
    async with demo() as port, watched_echo(port) as (details, _):
        await details.send('{"do": "ping", "number": 7}')
        assert await find(details, "pong") == {"type": "pong", "number": 7}
        while (view := (await find(details, "echo"))["connection"])["latency"] is None:
            pass
        assert 0 < view["latency"] < 10
        await details.send('{"do": "dance"}')
        with pytest.raises(websockets.ConnectionClosed):
            await find(details, "nothing")
        assert details.close_code == 1008


# --- who may come in ----------------------------------------------------------------------------


def test_pages_of_another_origin_and_unknown_subprotocols_are_refused() -> None:
    within_a_minute(refused_session())


async def refused_session() -> None:
    async with demo() as port:
        own = Origin(f"http://127.0.0.1:{port}")
        async with websockets.connect(live(port), subprotocols=[Subprotocol("echo")], origin=own):
            pass
        for options, status in (
            ({"origin": Origin("http://evil.example"), "subprotocols": [Subprotocol("echo")]}, 403),
            ({"subprotocols": [Subprotocol("chat")]}, 404),
            ({}, 404),
        ):
            with pytest.raises(websockets.InvalidStatus) as caught:
                await websockets.connect(live(port), **options)
            assert caught.value.response.status_code == status


@pytest.mark.parametrize(
    "change",
    [
        {"type": "clear"},
        {"color": 6},
        {"color": -1},
        {"color": True},
        {"color": "2"},
        {"width": 0},
        {"width": 1.5},
        {"points": []},
        {"points": [1]},
        {"points": [1, 2, 3]},
        {"points": [0, 10_001]},
        {"points": [0, None]},
        {"points": "0 0"},
        {"points": [0] * 514},
        {"script": "alert()"},
    ],
)
def test_only_strokes_are_sent_on(change: dict[str, Any]) -> None:
    assert check_draw(STROKE)
    assert not check_draw({**STROKE, **change})


@pytest.mark.parametrize("message", ["", "{", "[]", "1", "null", b"{}", "[" * 100_000])
def test_what_is_no_json_object_is_an_empty_order(message: str | bytes) -> None:
    assert read_order(message) == {}
    assert not check_draw(read_order(message))


def test_old_tabs_are_forgotten() -> None:
    class Request:
        def __init__(self, tab: str) -> None:
            self.resource = f"/live?tab={tab}"

    tabs: Any = Tabs()
    first = tabs.of(Request("first"))
    assert tabs.of(Request("first")) is first
    for number in range(Tabs.LIMIT):
        tabs.of(Request(str(number)))
    assert tabs.of(Request("first")) is not first


# --- the command --------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_command(number: int) -> None:
    within_a_minute(command_session(number))


async def command_session(number: int) -> None:
    async with started(*TWINAX, "demo", "--port", "0") as program:
        port = int((await program.line(r"demo at http://127\.0\.0\.1:(\d+)/"))[1])
        assert (await ask(port, "GET", "/"))[0] == 200
        async with websockets.connect(live(port), subprotocols=[Subprotocol("echo")]) as client:
            program.signal(number)
            await client.wait_closed()
            assert client.close_code == 1001
        await program.finished(10)
        assert not [line for line in program.lines if "Traceback" in line]


def test_a_port_in_use_is_one_line() -> None:
    within_a_minute(port_in_use_session())


async def port_in_use_session() -> None:
    async with demo() as port:
        outcome = await run_twinax("demo", "--port", str(port))
    assert outcome.status == 1
    assert outcome.err == f"twinax demo: cannot listen on 127.0.0.1:{port}: address already in use\n"
