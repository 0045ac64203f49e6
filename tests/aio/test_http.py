"""Plain HTTP on the port of a WebSocket server."""

import asyncio
from typing import Any

import pytest

from frame_bytes import close
from support.peers import http_request
from support.servers import ask, served
from support.waiting import until
from twinax import HTTPRequest, HTTPResponse


async def test_a_handler_that_is_a_function() -> None:
    def handle(request: HTTPRequest) -> HTTPResponse:
        text = f"{request.method} {request.path} {request.query} {request.headers['x-a']} {request.remote_address}"
        return HTTPResponse(200, text, {"X-B": "2"})

    async with served(http_handler=handle) as told:
        answer = await ask(told, http_request("GET", "/a%20b//c?d=e?", "X-A: 1"))
    assert answer.status == 200
    assert answer.body == b"GET /a b//c d=e? 1 127.0.0.1"
    assert answer["content-type"] == "text/plain; charset=utf-8"
    assert answer["connection"] == "close"
    assert answer["x-b"] == "2"


async def test_a_handler_that_is_a_coroutine_function() -> None:
    async def handle(request: HTTPRequest) -> bytes:
        await asyncio.sleep(3)
        return b"\x00\x01"

    async with served(http_handler=handle) as told:
        answer = await ask(told, http_request("GET", "/"))
    assert (answer.status, answer.body) == (200, b"\x00\x01")
    assert answer["content-type"] == "application/octet-stream"


@pytest.mark.parametrize(
    ("given", "status", "body", "kind"),
    [
        ("text", 200, b"text", "text/plain; charset=utf-8"),
        ("<!DOCTYPE html><p>", 200, b"<!DOCTYPE html><p>", "text/html; charset=utf-8"),
        (None, 404, b"not found\n", "text/plain; charset=utf-8"),
        (HTTPResponse(418, "é", {"Content-Type": "x/y"}), 418, "é".encode(), "x/y"),
        (HTTPResponse(302, headers=[("Location", "/")]), 302, b"", None),
        (HTTPResponse(204), 204, b"", None),
    ],
)
async def test_what_a_handler_may_return(given: Any, status: int, body: bytes, kind: str | None) -> None:
    async with served(http_handler=lambda request: given) as told:
        answer = await ask(told, http_request("GET", "/"))
    assert (answer.status, answer.body) == (status, body)
    assert answer.all("content-type") == ([kind] if kind else [])
    assert answer.all("content-length") == ([] if status == 204 else [str(len(body))])


async def test_the_server_sets_the_length() -> None:
    given = HTTPResponse(200, "four", {"Content-Length": "7", "Connection": "keep-alive"})
    async with served(http_handler=lambda request: given) as told:
        answer = await ask(told, http_request("GET", "/"))
    assert answer.all("content-length") == ["4"]
    assert answer.all("connection") == ["close"]


async def test_head_has_no_body() -> None:
    async with served(http_handler=lambda request: "four") as told:
        answer = await ask(told, http_request("HEAD", "/"), method="HEAD")
    assert answer["content-length"] == "4"
    assert answer.body == b""


def failing(request: HTTPRequest) -> str:
    raise KeyError("mine")


async def failing_later(request: HTTPRequest) -> str:
    await asyncio.sleep(1)
    raise KeyError("mine")


@pytest.mark.parametrize("handler", [failing, failing_later, lambda request: 7])
async def test_a_handler_that_fails(handler: Any, errors: list[Any]) -> None:
    async with served(http_handler=handler) as told:
        answer = await ask(told, http_request("GET", "/"))
        assert answer.status == 500
        assert b"mine" not in answer.body
        assert (await ask(told, http_request("GET", "/"))).status == 500  # the server goes on
    assert len(errors) == 2
    assert "http_handler failed" in errors[0].getMessage()


async def test_without_a_handler_426() -> None:
    async with served() as told:
        answer = await ask(told, http_request("GET", "/"))
    assert answer.status == 426
    assert answer["upgrade"] == "websocket"
    assert answer["connection"] == "close, Upgrade"
    assert answer["sec-websocket-version"] == "13"


@pytest.mark.parametrize("field", ["Content-Length: 5", "Transfer-Encoding: chunked", "Content-Length: x"])
async def test_bodies_are_refused(field: str) -> None:
    async with served(http_handler=lambda request: "no") as told:
        answer = await ask(told, http_request("POST", "/", field), b"GET / HTTP/1.1\r\n\r\n")
    assert answer.status == 413


async def test_a_body_of_nothing_is_none() -> None:
    async with served(http_handler=lambda request: request.method) as told:
        assert (await ask(told, http_request("POST", "/", "Content-Length: 0"))).body == b"POST"


async def test_what_follows_a_plain_request_is_discarded() -> None:
    asked: list[str] = []

    async def handle(request: HTTPRequest) -> str:
        asked.append(request.path)
        await asyncio.sleep(1)
        return request.path

    async with served(http_handler=handle) as told, told.peer() as peer:
        peer.send(http_request("GET", "/one"))
        await until(lambda: asked)
        peer.send(http_request("GET", "/two"))
        assert (await peer.answer()).body == b"/one"
        peer.send(http_request("GET", "/three"))
        assert await peer.ended() == b""
    assert asked == ["/one"]


async def test_a_client_that_ends_its_direction_is_answered() -> None:
    async def handle(request: HTTPRequest) -> str:
        await asyncio.sleep(1)
        return "still there"

    async with served(http_handler=handle) as told, told.peer() as peer:
        peer.send(http_request("GET", "/"))
        peer.finish()
        assert (await peer.answer()).body == b"still there"


async def test_a_client_that_leaves_is_nobodys_problem() -> None:
    asked: list[str] = []

    async def handle(request: HTTPRequest) -> str:
        asked.append(request.path)
        await asyncio.sleep(1)
        return "gone"

    async with served(http_handler=handle) as told:
        async with told.peer() as peer:
            peer.send(http_request("GET", "/"))
            await until(lambda: asked)
            peer.reset()
        await told.server._admission.wait_empty()


async def test_a_handler_that_takes_too_long() -> None:
    async def handle(request: HTTPRequest) -> str:
        await asyncio.sleep(11)
        return "late"

    async with served(http_handler=handle, open_timeout=10.0) as told:
        assert (await ask(told, http_request("GET", "/"))).status == 503


async def test_a_closing_server_lets_a_plain_request_be_answered() -> None:
    asked: list[str] = []

    async def handle(request: HTTPRequest) -> str:
        asked.append(request.path)
        await asyncio.sleep(1)
        return "in time"

    async with served(http_handler=handle) as told, told.peer() as peer:
        peer.send(http_request("GET", "/"))
        await until(lambda: asked)
        closing = asyncio.ensure_future(told.server.close())
        assert (await peer.answer()).body == b"in time"
        peer.finish()
        await closing


async def test_both_on_one_port() -> None:
    async with served(http_handler=lambda request: "page", auto_accept_connections=True) as told:
        assert (await ask(told, http_request("GET", "/"))).body == b"page"
        async with told.peer() as peer:
            assert (await peer.upgrade()).status == 101
            peer.send(close(1000))


async def test_http_1_0_without_host() -> None:
    async with served(http_handler=lambda request: "ok") as told:
        assert (await ask(told, b"GET / HTTP/1.0\r\n\r\n")).body == b"ok"


async def test_absolute_form() -> None:
    async with served(http_handler=lambda request: f"{request.path} {request.query} {request!r}") as told:
        answer = await ask(told, http_request("GET", "http://localhost/a?b"))
    assert answer.body == b"/a b <HTTPRequest GET http://localhost/a?b>"


@pytest.mark.parametrize("status", [100, 101, 199, 600, 0])
def test_statuses_that_are_no_answer(status: int) -> None:
    with pytest.raises(ValueError, match="200 to 599"):
        HTTPResponse(status)


def test_headers_are_checked() -> None:
    with pytest.raises(ValueError, match="X-A"):
        HTTPResponse(200, "", {"X-A": "1\r\nX-B: 2"})
