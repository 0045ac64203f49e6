"""`WebSocketRequest`: what it shows, and that it is decided once, in every possible way."""

import asyncio
import datetime
from typing import Any

import pytest

from frame_bytes import close, frame
from support.peers import ACCEPT, KEY, http_request, upgrade_request
from support.servers import ask, served
from support.waiting import until
from twinax import LocalProtocolError, SetCookie, WebSocketRequest

COOKIES = 'Cookie: a=1; b="x y"; c; a=%41; d=%zz'


async def pending(*fields: str, target: str = "/", **options: Any) -> WebSocketRequest:
    """Return a request as it came; it is rejected when the test has looked at it."""
    async with served(pending=True, **options) as told, told.peer() as peer:
        peer.send(upgrade_request(target, *fields))
        await until(lambda: told.requests)
        return told.requests[0]


# --- what it shows ------------------------------------------------------------------------------


async def test_resource() -> None:
    request = await pending(target="/chat/1?x=1&y=&x=2")
    assert request.resource == "/chat/1?x=1&y=&x=2"
    assert request.path == "/chat/1"
    assert request.resource_url.path == "/chat/1"
    assert request.resource_url.query == "x=1&y=&x=2"
    assert request.query == {"x": ["1", "2"], "y": [""]}


@pytest.mark.parametrize("target", ["//[", "//evil.example/x", "/a//b?c?d"])
async def test_strange_targets_are_paths(target: str) -> None:
    request = await pending(target=target)
    assert request.resource == target
    assert request.path == target.partition("?")[0]


async def test_what_a_request_shows() -> None:
    request = await pending("Origin: http://localhost", "X-Other: 1", trusted_proxies=())
    assert request.host == "localhost"
    assert request.key == KEY
    assert request.origin == "http://localhost"
    assert request.websocket_version == 13
    assert request.remote_address == "127.0.0.1"
    assert request.remote_addresses == ["127.0.0.1"]
    assert request.headers["x-other"] == "1"
    assert request.http_request.method == "GET"
    assert request.server_config.keepalive
    assert "/ from 127.0.0.1" in repr(request)


async def test_protocols_are_lower_cased_and_their_case_is_kept() -> None:
    request = await pending("Sec-WebSocket-Protocol: Chat , SUPERchat")
    assert request.requested_protocols == ["chat", "superchat"]
    assert request.protocol_full_case_map == {"chat": "Chat", "superchat": "SUPERchat"}


async def test_extensions_with_parameters() -> None:
    request = await pending('Sec-WebSocket-Extensions: permessage-deflate; a; b="10", x-other')
    assert request.requested_extensions == [("permessage-deflate", [("a", None), ("b", "10")]), ("x-other", [])]


async def test_extensions_need_not_be_parsed() -> None:
    request = await pending("Sec-WebSocket-Extensions: =broken=", parse_extensions=False)
    assert request.requested_extensions == []


async def test_cookies() -> None:
    request = await pending(COOKIES)
    assert [(cookie.name, cookie.value) for cookie in request.cookies] == [
        ("a", "1"),
        ("b", "x y"),
        ("c", None),
        ("a", "A"),
        ("d", "%zz"),
    ]


async def test_cookies_need_not_be_parsed() -> None:
    request = await pending(COOKIES, parse_cookies=False)
    assert request.cookies == []


async def test_version_8_has_its_own_origin_field() -> None:
    async with served(pending=True) as told, told.peer() as peer:
        peer.send(upgrade_request("/", "Sec-WebSocket-Origin: http://localhost", version=8))
        await until(lambda: told.requests)
        request = told.requests[0]
        assert (request.websocket_version, request.origin) == (8, "http://localhost")
        connection = request.accept(None, request.origin)
        answer = await peer.answer()
        assert answer["sec-websocket-origin"] == "http://localhost"
        assert answer.all("origin") == []
        assert connection.websocket_version == 8
        peer.send(close(1000))


# --- accepting ----------------------------------------------------------------------------------


async def test_accept_in_full() -> None:
    async with served(pending=True, headers={"Server": "test"}) as told, told.peer() as peer:
        peer.send(upgrade_request("/", "Sec-WebSocket-Protocol: One, Two"))
        await until(lambda: told.requests)
        request = told.requests[0]
        assert told.server.pending_requests == [request]
        assert request.socket.getpeername() == peer.writer.get_extra_info("sockname")
        events: list[str] = []
        for event in ("request_accepted", "request_rejected", "request_resolved"):
            request.on(event, lambda _, event=event: events.append(event))
        connection = request.accept(
            "TWO",
            "https://example.com",
            [
                SetCookie("a", "1", path="/", max_age=60, same_site="Lax"),
                {"name": "b", "value": "2", "domain": "Example.com", "secure": True, "httponly": True},
                {"name": "c", "value": "", "expires": datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)},
            ],
            headers={"X-More": "yes"},
        )
        answer = await peer.answer()
        assert events == ["request_accepted", "request_resolved"]
        assert told.server.pending_requests == []
        assert told.server.connections == told.connections == [connection]
        assert request.is_resolved
        assert connection.request is request
        assert connection.protocol == "TWO"  # as passed; the wire has the client's case
        assert answer.status == 101
        assert answer.fields == [
            ("upgrade", "websocket"),
            ("connection", "Upgrade"),
            ("sec-websocket-accept", ACCEPT),
            ("sec-websocket-protocol", "Two"),
            ("origin", "https://example.com"),
            ("set-cookie", "a=1; Path=/; Max-Age=60; SameSite=Lax"),
            ("set-cookie", "b=2; Domain=example.com; Secure; HttpOnly"),
            ("set-cookie", "c=; Expires=Fri, 02 Jan 2026 03:04:05 GMT"),
            ("server", "test"),
            ("x-more", "yes"),
        ]
        peer.send(close(1000))


async def test_accept_and_reject_only_once() -> None:
    async with served(pending=True) as told:
        for first in ("accept", "reject"):
            async with told.peer() as peer:
                peer.send(upgrade_request())
                await until(lambda: told.requests)
                request = told.requests.pop()
                getattr(request, first)()
                for second in (request.accept, request.reject):
                    with pytest.raises(LocalProtocolError, match="may only be accepted or rejected one time"):
                        second()
                assert (await peer.answer()).status == (101 if first == "accept" else 403)
                peer.finish()
                await peer.ended()


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("three",), LocalProtocolError),
        (("one two",), ValueError),
        (("one\x7f",), ValueError),
        (("öne",), ValueError),
        ((None, "http://x\r\nSet-Cookie: evil=1"), ValueError),
        ((None, None, [{"name": "a b", "value": "1"}]), ValueError),
        ((None, None, [{"name": "a", "value": "1;2"}]), ValueError),
        ((None, None, [{"name": "a", "value": "1"}, {"name": "a", "value": "2"}]), ValueError),
        ((None, None, [{"name": "a", "value": "1", "secure": 1}]), TypeError),
        ((None, None, [{"name": "__Host-a", "value": "1"}]), ValueError),
        ((None, None, [{"value": "1"}]), ValueError),
        ((None, None, ["a=1"]), TypeError),
    ],
)
async def test_what_cannot_be_accepted_is_500_and_an_error(arguments: tuple[Any, ...], error: type[Exception]) -> None:
    async with served(pending=True) as told, told.peer() as peer:
        peer.send(upgrade_request("/", "Sec-WebSocket-Protocol: one, two"))
        await until(lambda: told.requests)
        with pytest.raises(error):
            told.requests[0].accept(*arguments)
        answer = await peer.answer()
        assert answer.status == 500
        assert answer.all("set-cookie") == []
        assert await peer.ended() == b""
        assert told.connections == []
        assert told.server.pending_requests == []


@pytest.mark.parametrize(
    "headers", [{"X-A": "1\r\nX-B: 2"}, {"X A": "1"}, {"Sec-WebSocket-Accept": "x"}, {"Upgrade": "h2c"}]
)
async def test_headers_that_may_not_be_added(headers: dict[str, str]) -> None:
    async with served(pending=True) as told, told.peer() as peer:
        peer.send(upgrade_request())
        await until(lambda: told.requests)
        with pytest.raises(ValueError):
            told.requests[0].accept(headers=headers)
        assert (await peer.answer()).status == 500


async def test_bytes_behind_the_request_are_delivered_after_connect() -> None:
    order: list[Any] = []

    async def listen(connection: Any) -> None:
        order.append("connect")
        connection.on("message", order.append)

    def decide(request: WebSocketRequest) -> None:
        connection = request.accept()
        order.append("accepted")
        connection.on("message", order.append)

    async with served() as told, told.peer() as peer:
        told.server.on("request", decide)
        told.server.on("connect", lambda connection: order.append("connect"))
        peer.send(upgrade_request(), frame(1, b"one"), frame(1, b"two"), frame(1, b"thr")[:5])
        assert (await peer.answer()).status == 101
        peer.send(frame(1, b"thr")[5:], close(1000))
        assert (await peer.close_frame())[0] == 1000
        await peer.ended()
    assert order == ["connect", "accepted", "one", "two", "thr"]


async def test_bytes_that_come_while_the_application_decides_are_kept() -> None:
    async with served(pending=True) as told, told.peer() as peer:
        peer.send(upgrade_request(), frame(1, b"in the packet of the request"))
        await until(lambda: told.requests)
        peer.send(*(frame(2, bytes(1000)) for _ in range(200)))  # more than is read before the decision
        await asyncio.sleep(1)
        assert len(told.requests[0]._incoming.early) <= 2 * 65536
        connection = told.requests[0].accept()
        assert await connection.recv() == "in the packet of the request"
        for _ in range(200):
            assert await connection.recv() == bytes(1000)
        peer.send(close(1000))
        await connection.wait_closed()


# --- rejecting ----------------------------------------------------------------------------------


async def test_reject_says_403_by_default() -> None:
    async with served(pending=True) as told, told.peer() as peer:
        peer.send(upgrade_request(), frame(1, b"early"))
        await until(lambda: told.requests)
        events: list[str] = []
        for event in ("request_accepted", "request_rejected", "request_resolved"):
            told.requests[0].on(event, lambda request, event=event: events.append(event))
        told.requests[0].reject()
        answer = await peer.answer()
        assert (answer.status, answer.body) == (403, b"")
        assert answer["connection"] == "close"
        assert answer.all("x-websocket-reject-reason") == []
        assert events == ["request_rejected", "request_resolved"]
        peer.send(upgrade_request())  # discarded, not read as another request
        assert await peer.ended() == b""
        assert told.server.pending_requests == []
    assert len(told.requests) == 1


async def test_reject_in_full() -> None:
    async with served(pending=True) as told, told.peer() as peer:
        peer.send(upgrade_request())
        await until(lambda: told.requests)
        told.requests[0].reject(401, "who are you?", {"WWW-Authenticate": "Basic"}, "sign in\n")
        answer = await peer.answer()
    assert (answer.status, answer.body) == (401, b"sign in\n")
    assert answer["x-websocket-reject-reason"] == "who are you?"
    assert answer["www-authenticate"] == "Basic"


@pytest.mark.parametrize(
    ("status", "reason", "headers"),
    [(101, None, {}), (403, "a\r\nX: b", {}), (403, None, {"X": "a\nb"}), (403, None, {"Content-Length": "7"})],
)
async def test_reject_with_what_cannot_be_sent_decides_nothing(
    status: int, reason: str | None, headers: dict[str, str]
) -> None:
    async with served(pending=True) as told, told.peer() as peer:
        peer.send(upgrade_request())
        await until(lambda: told.requests)
        with pytest.raises(ValueError):
            told.requests[0].reject(status, reason, headers)
        assert not told.requests[0].is_resolved
        told.requests[0].reject(404)
        assert (await peer.answer()).status == 404


# --- the client goes away, or the application takes too long ------------------------------------


@pytest.mark.parametrize("how", ["finish", "reset"])
async def test_client_that_goes_away_resolves_its_request(how: str) -> None:
    async with served(pending=True) as told, told.peer() as peer:
        peer.send(upgrade_request())
        await until(lambda: told.requests)
        events: list[str] = []
        for event in ("request_accepted", "request_rejected", "request_resolved"):
            told.requests[0].on(event, lambda request, event=event: events.append(event))
        getattr(peer, how)()
        await until(lambda: not told.server.pending_requests)
        assert events == ["request_resolved"]
        assert told.requests[0].is_resolved
        told.requests[0].reject()  # too late, and no error: the application could not know
        assert events == ["request_resolved", "request_rejected", "request_resolved"]


async def test_request_that_nobody_decides_is_rejected_after_open_timeout(errors: list[Any]) -> None:
    async with served(pending=True, open_timeout=10.0) as told, told.peer() as peer:
        loop = asyncio.get_running_loop()
        began = loop.time()
        answer = await peer.upgrade()
        assert loop.time() - began == pytest.approx(10)
        assert answer.status == 503
        assert "open_timeout=10.0" in answer["x-websocket-reject-reason"]
        with pytest.raises(LocalProtocolError):
            told.requests[0].accept()
    assert "neither accepted nor rejected" in errors[0].getMessage()


async def test_without_open_timeout_a_request_waits() -> None:
    async with served(pending=True, open_timeout=None) as told, told.peer() as peer:
        peer.send(upgrade_request())
        await asyncio.sleep(86400)
        assert told.server.pending_requests == told.requests
        told.requests[0].accept()
        assert (await peer.answer()).status == 101
        peer.send(close(1000))


async def test_failing_listener_of_a_request_is_logged(errors: list[Any]) -> None:
    async with served(pending=True) as told, told.peer() as peer:
        peer.send(upgrade_request())
        await until(lambda: told.requests)
        told.requests[0].on("request_accepted", lambda connection: 1 / 0)
        told.requests[0].accept()
        assert (await peer.answer()).status == 101
        peer.send(close(1000))
    assert "request_accepted" in errors[0].getMessage()


async def test_unknown_events_are_refused() -> None:
    request = await pending()
    with pytest.raises(ValueError, match="request_accepted, request_rejected, request_resolved"):
        request.on("accepted", print)


# --- requests that never become one -------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (upgrade_request(host=None), 400),
        (upgrade_request("/", "Host: other"), 400),
        (upgrade_request().replace(b"Sec-WebSocket-Key: " + KEY.encode() + b"\r\n", b""), 400),
        (upgrade_request("/", f"Sec-WebSocket-Key: {KEY}"), 400),
        (upgrade_request().replace(KEY.encode(), b"c2hvcnQ="), 400),
        (upgrade_request().replace(b"Sec-WebSocket-Version: 13\r\n", b""), 400),
        (upgrade_request().replace(b"Version: 13", b"Version: x"), 400),
        (upgrade_request(version=7), 426),
        (upgrade_request().replace(b"GET ", b"POST "), 405),
        (upgrade_request().replace(b"HTTP/1.1", b"HTTP/1.0"), 400),
        (upgrade_request().replace(b"HTTP/1.1", b"HTTP/2.0"), 505),
        (upgrade_request().replace(b"Connection: Upgrade", b"Connection: close"), 400),
        (upgrade_request("/", "X-Folded: a\r\n b"), 400),
        (upgrade_request("/", "X-Nul: a\0b"), 400),
        (upgrade_request("/", "X-Bad : a"), 400),
        (upgrade_request().replace(b"\r\n", b"\n"), 400),
        (upgrade_request("/", "Content-Length: 5"), 400),
        (upgrade_request("/" + "a" * 9000), 414),
        (upgrade_request("/", "X-Long: " + "a" * 9000), 431),
        (upgrade_request("/", *(f"X-{i}: 1" for i in range(100))), 431),
        (upgrade_request("/", *(f"X-{i}: {'a' * 4000}" for i in range(5))), 431),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
        (b"GARBAGE\r\n\r\n", 400),
        (upgrade_request("/", "Sec-WebSocket-Protocol: a,,\x01"), 400),
    ],
)
async def test_handshakes_that_break_a_rule(data: bytes, status: int) -> None:
    async with served(pending=True) as told:
        answer = await ask(told, data, b"GET /next HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert answer.status == status
        if status == 426:
            assert answer["sec-websocket-version"] == "13, 8"
        (error,) = told.errors
        assert error.status == status
    assert told.requests == []


async def test_upgrade_error_comes_after_the_answer() -> None:
    seen: list[bool] = []
    async with served(pending=True) as told:
        told.server.on(
            "upgrade_error", lambda error: seen.append(next(iter(told.server._admission.incoming)).is_answered)
        )
        await ask(told, upgrade_request(version=7))
    assert seen == [True]


async def test_connection_is_a_list_of_tokens() -> None:
    async with served(pending=True) as told, told.peer() as peer:
        peer.send(upgrade_request().replace(b"Connection: Upgrade", b"Connection: keep-alive, Upgrade"))
        await until(lambda: told.requests)


async def test_plain_requests_are_no_requests_for_a_websocket() -> None:
    async with served(pending=True) as told:
        answer = await ask(told, http_request("GET", "/"))
        assert answer.status == 426
        assert answer["upgrade"] == "websocket"
        assert told.errors == []
    assert told.requests == []
