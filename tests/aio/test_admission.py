"""Who is let in: limits on connections and handshakes, Host, Origin, proxies."""

import asyncio
import contextlib
import logging
import re
from typing import Any

import pytest

from frame_bytes import close
from support.peers import RawPeer, http_request, upgrade_request
from support.servers import Served, ask, served
from support.waiting import until
from twinax import WebSocketRequest

OPEN = {"auto_accept_connections": True}


async def come_in(stack: contextlib.AsyncExitStack, told: Served) -> tuple[RawPeer, int]:
    """Ask for a connection that lasts as long as the stack; return the status, too."""
    peer = await stack.enter_async_context(told.peer())
    return peer, (await peer.upgrade()).status


# --- limits -------------------------------------------------------------------------------------


async def test_max_connections() -> None:
    async with served(max_connections=2, **OPEN) as told, contextlib.AsyncExitStack() as stack:
        first, status = await come_in(stack, told)
        assert status == 101
        assert (await come_in(stack, told))[1] == 101
        answer = await ask(told, upgrade_request())
        assert answer.status == 503
        assert answer["retry-after"] == "1"
        assert answer["x-websocket-reject-reason"] == "max_connections=2 are open"
        first.send(close(1000))
        first.finish()
        await until(lambda: len(told.server.connections) == 1)
        assert (await come_in(stack, told))[1] == 101


async def test_pending_requests_count_as_connections() -> None:
    async with served(pending=True, max_connections=1) as told, told.peer() as peer:
        peer.send(upgrade_request())
        await until(lambda: told.requests)
        assert (await ask(told, upgrade_request())).status == 503
        told.requests[0].reject()
        await peer.answer()
        async with told.peer() as other:
            other.send(upgrade_request())
            await until(lambda: len(told.requests) == 2)


async def test_max_connections_per_address() -> None:
    async with (
        served(max_connections_per_address=1, trusted_proxies=["127.0.0.1"], **OPEN) as told,
        told.peer() as one,
        told.peer() as two,
    ):
        assert (await one.upgrade("/", "X-Forwarded-For: 203.0.113.1")).status == 101
        answer = await ask(told, upgrade_request("/", "X-Forwarded-For: 203.0.113.1"))
        assert answer.status == 503
        assert answer["retry-after"] == "1"
        assert (await two.upgrade("/", "X-Forwarded-For: 203.0.113.2")).status == 101
        one.send(close(1000))
        one.finish()
        await until(lambda: len(told.server.connections) == 1)
        async with told.peer() as three:
            assert (await three.upgrade("/", "X-Forwarded-For: 203.0.113.1")).status == 101


async def test_pending_requests_count_per_address() -> None:
    async with served(pending=True, max_connections_per_address=1) as told, told.peer() as peer:
        peer.send(upgrade_request())
        await until(lambda: told.requests)
        assert (await ask(told, upgrade_request())).status == 503


async def test_newest_of_too_many_handshakes_is_turned_away(caplog: pytest.LogCaptureFixture) -> None:
    async with served(max_pending_handshakes=2, **OPEN) as told, told.peer(), told.peer() as second:
        await until(lambda: len(told.server._admission.incoming) == 2)
        with caplog.at_level(logging.WARNING):
            async with told.peer() as third:
                answer = await third.answer()  # before it has asked for anything
                assert answer.status == 503
                assert answer["retry-after"] == "1"
                assert await third.ended() == b""
        assert "max_pending_handshakes=2" in caplog.text
        assert (await second.upgrade()).status == 101
        second.send(close(1000))


# --- time ---------------------------------------------------------------------------------------


async def test_slow_head_is_answered_408() -> None:
    async with served(open_timeout=10.0, **OPEN) as told, told.peer() as peer:
        loop = asyncio.get_running_loop()
        began = loop.time()
        for byte in upgrade_request()[:5]:  # bytes do not wind the clock up again
            peer.send(bytes([byte]))
            await asyncio.sleep(1.5)
        answer = await peer.answer()
        assert loop.time() - began == pytest.approx(10)
        assert answer.status == 408
        assert await peer.ended() == b""


async def test_client_that_does_not_take_its_refusal_is_cut_off() -> None:
    async with served(linger_timeout=2.0) as told, told.peer() as peer:
        loop = asyncio.get_running_loop()
        peer.send(upgrade_request())
        assert (await peer.answer()).status == 404
        began = loop.time()
        await told.server._admission.wait_empty()
        assert loop.time() - began == pytest.approx(2)


async def test_client_that_sends_nothing_and_leaves() -> None:
    async with served(pending=True) as told:
        async with told.peer():
            await until(lambda: told.server._admission.incoming)
        await told.server._admission.wait_empty()
        async with told.peer() as peer:
            peer.send(b"GET / HT")
            await until(lambda: told.server._admission.incoming)
            peer.reset()
        await told.server._admission.wait_empty()
    assert told.errors == []


# --- Host ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "options", "status"),
    [
        ("localhost", {}, 101),
        ("localhost:8080", {}, 101),
        ("app.localhost", {}, 101),
        ("127.0.0.1:1", {}, 101),
        ("[::1]:1", {}, 101),
        ("evil.example", {}, 403),  # DNS rebinding
        ("evil.example", {"allowed_hosts": "*"}, 101),
        ("good.example", {"allowed_hosts": ["good.example"]}, 101),
        ("sub.good.example:9", {"allowed_hosts": ["*.good.example"]}, 101),
        ("localhost", {"allowed_hosts": ["good.example"]}, 403),
        ("", {}, 400),
    ],
)
async def test_host(host: str, options: dict[str, Any], status: int) -> None:
    async with served(**OPEN, **options) as told, told.peer() as peer:
        answer = await peer.upgrade(host=host)
        assert answer.status == status
        if status == 101:
            peer.send(close(1000))
        elif status == 403:
            assert host in answer["x-websocket-reject-reason"]
            assert told.errors[0].status == 403


async def test_every_host_where_others_can_connect() -> None:
    async with served(**OPEN) as told:
        await told.server.listen("0.0.0.0")
        async with told.peer() as peer:
            assert (await peer.upgrade(host="public.example")).status == 101
            peer.send(close(1000))


# --- Origin -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("origin", "allowed", "status"),
    [
        ("http://localhost", None, 101),
        ("http://LOCALHOST:80", None, 101),
        ("http://localhost:81", None, 403),
        ("http://evil.example", None, 403),
        ("null", None, 403),
        ("http://evil.exämple", None, 403),
        ("http://any.example", "*", 101),
        ("https://good.example", ["https://good.example"], 101),
        ("https://good.example.evil", ["https://good.example"], 403),
        ("https://a.good.example", [re.compile(r"https://[a-z]\.good\.example")], 101),
        ("https://a.good.example.evil", [re.compile(r"https://[a-z]\.good\.example")], 403),
        ("https://yes.example", lambda origin, request: "yes" in origin, 101),
        ("https://no.example", lambda origin, request: "yes" in origin, 403),
    ],
)
async def test_origin(origin: str, allowed: Any, status: int) -> None:
    async with served(**OPEN, allowed_origins=allowed) as told, told.peer() as peer:
        answer = await peer.upgrade("/", f"Origin: {origin}")  # auto_accept_connections does not switch it off
        assert answer.status == status
        if status == 101:
            peer.send(close(1000))
        else:
            assert "Origin" in answer["x-websocket-reject-reason"]


@pytest.mark.parametrize("rule", [lambda origin, request: 1 / 0, lambda origin, request: "yes"])
async def test_origin_check_that_fails_is_the_servers_fault(rule: Any, errors: list[Any]) -> None:
    async with served(**OPEN, allowed_origins=rule) as told:
        answer = await ask(told, upgrade_request("/", "Origin: https://any.example"))
        assert answer.status == 500
        assert told.connections == []
    assert "allowed_origins failed" in errors[0].getMessage()


# --- proxies ------------------------------------------------------------------------------------


async def addresses(*fields: str, **options: Any) -> list[str]:
    async with served(pending=True, **options) as told, told.peer() as peer:
        peer.send(upgrade_request("/", *fields))
        await until(lambda: told.requests)
        request: WebSocketRequest = told.requests[0]
        connection = request.accept()
        assert connection.remote_addresses == request.remote_addresses
        assert connection.remote_address == request.remote_address == request.remote_addresses[0]
        peer.send(close(1000))
        return request.remote_addresses


async def test_forwarding_fields_of_anybody_are_not_believed() -> None:
    assert await addresses("X-Forwarded-For: 203.0.113.1", "Forwarded: for=203.0.113.2") == ["127.0.0.1"]


async def test_forwarding_fields_of_trusted_proxies() -> None:
    trusted = {"trusted_proxies": ["127.0.0.0/8", "10.0.0.1"]}
    found = await addresses("X-Forwarded-For: 198.51.100.9, 203.0.113.1, 10.0.0.1", **trusted)
    assert found == ["203.0.113.1", "10.0.0.1", "127.0.0.1"]  # what stands left of the first stranger is hearsay
    assert await addresses('Forwarded: for="[2001:db8::1]:80"', **trusted) == ["2001:db8::1", "127.0.0.1"]


async def test_forwarding_fields_that_disagree_are_refused() -> None:
    async with served(**OPEN, trusted_proxies=["127.0.0.1"]) as told:
        fields = ("X-Forwarded-For: 203.0.113.1", "Forwarded: for=203.0.113.2")
        answer = await ask(told, upgrade_request("/", *fields))
        assert answer.status == 400
        assert [error.status for error in told.errors] == [400]
        assert (await ask(told, http_request("GET", "/", *fields))).status == 400


async def test_plain_requests_show_the_address_behind_the_proxy() -> None:
    async with served(
        trusted_proxies=["127.0.0.1"], http_handler=lambda request: request.remote_address, **OPEN
    ) as told:
        answer = await ask(told, http_request("GET", "/", "X-Forwarded-For: 203.0.113.1"))
        assert answer.body == b"203.0.113.1"
