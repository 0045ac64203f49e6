"""`WebSocketRouter`: requests of a server to callbacks."""

import asyncio
import re
from typing import Any

import pytest

from frame_bytes import close
from support.peers import upgrade_request
from support.servers import ask, served
from support.waiting import until
from twinax import LocalProtocolError, WebSocketRouter, WebSocketRouterRequest, WebSocketServer


async def test_a_request_goes_to_its_route() -> None:
    async with served() as told, told.peer() as peer:
        router = WebSocketRouter(told.server)
        seen: list[WebSocketRouterRequest] = []
        events: list[Any] = []

        @router.mount("/chat/{room}", "Chat")
        def chat(request: WebSocketRouterRequest) -> None:
            seen.append(request)
            request.on("request_accepted", events.append)
            events.append(request.accept("http://localhost", [{"name": "a", "value": "1"}], headers={"X-A": "1"}))

        answer = await peer.upgrade(
            "/chat/lobby?x=1", "Sec-WebSocket-Protocol: other, CHAT", "Origin: http://localhost"
        )
        assert answer.status == 101
        assert answer["sec-websocket-protocol"] == "CHAT"
        assert answer["origin"] == "http://localhost"
        assert answer["set-cookie"] == "a=1"
        assert answer["x-a"] == "1"
        (request,) = seen
        assert request.path_params == {"room": "lobby"}
        assert request.protocol == "CHAT"
        assert request.resource == "/chat/lobby?x=1"
        assert request.origin == "http://localhost"
        assert request.remote_address == "127.0.0.1"
        assert request.websocket_version == 13
        assert request.cookies == []
        assert request.requested_extensions == []
        assert request.http_request is request.request.http_request
        with pytest.raises(AttributeError):
            _ = request.nonsense
        with pytest.raises(AttributeError):
            _ = request._nonsense
        assert events == [told.connections[0]] * 2
        assert told.connections[0].protocol == "CHAT"
        peer.send(close(1000))


async def test_without_a_route_404() -> None:
    async with served() as told:
        router = WebSocketRouter(told.server)
        router.mount("/chat", "chat", lambda request: request.accept())
        for target, fields in (
            ("/", ["Sec-WebSocket-Protocol: chat"]),
            ("/chat", []),
            ("/chat", ["Sec-WebSocket-Protocol: other"]),
            ("//[", []),
            ("//chat/chat", ["Sec-WebSocket-Protocol: chat"]),
        ):
            answer = await ask(told, upgrade_request(target, *fields))
            assert answer.status == 404
            assert answer["x-websocket-reject-reason"] == "No handler is available for the given request."


async def test_a_route_for_requests_without_a_subprotocol() -> None:
    async with served() as told, told.peer() as peer:
        router = WebSocketRouter(told.server)
        router.mount(re.compile("^/plain"), None, lambda request: request.accept())
        answer = await peer.upgrade("/plain?query=never-counts")
        assert answer.status == 101
        assert answer.all("sec-websocket-protocol") == []
        peer.send(close(1000))


async def test_a_callback_may_be_a_coroutine_function_and_reject() -> None:
    async with served() as told:
        router = WebSocketRouter(told.server)
        events: list[Any] = []

        @router.mount("*", "*")
        async def reject(request: WebSocketRouterRequest) -> None:
            request.on("request_rejected", events.append)
            await asyncio.sleep(1)
            request.reject(401, "sign in", {"WWW-Authenticate": "Basic"}, "no")
            with pytest.raises(LocalProtocolError):
                request.accept()
            events.append(request)

        answer = await ask(told, upgrade_request())
        assert (answer.status, answer.body) == (401, b"no")
        assert answer["www-authenticate"] == "Basic"
        assert len(events) == 2
        assert events[0] is events[1]


async def test_a_callback_that_fails(errors: list[Any]) -> None:
    async with served() as told:
        router = WebSocketRouter(told.server)
        router.mount("*", "*", lambda request: 1 / 0)
        assert (await ask(told, upgrade_request())).status == 500
    assert len(errors) == 1


async def test_a_failing_listener_of_a_routed_request_is_logged(errors: list[Any]) -> None:
    async with served() as told, told.peer() as peer:
        router = WebSocketRouter(told.server)

        @router.mount("*")
        def accept(request: WebSocketRouterRequest) -> None:
            request.on("request_accepted", lambda connection: 1 / 0)
            request.accept()

        assert (await peer.upgrade()).status == 101
        peer.send(close(1000))
    assert "'request_accepted'" in errors[0].getMessage()


async def test_attach_and_detach() -> None:
    async with served() as told:
        router = WebSocketRouter()
        router.mount("*", "*", lambda request: request.reject(402))
        router.detach_server()  # nothing to detach from
        assert (await ask(told, upgrade_request())).status == 404
        router.attach_server(told.server)
        assert (await ask(told, upgrade_request())).status == 402
        with pytest.raises(ValueError, match="attached to a server already"):
            router.attach_server(WebSocketServer())
        router.detach_server()
        assert (await ask(told, upgrade_request())).status == 404
        other = WebSocketServer()
        router.attach_server(other)


async def test_unmount() -> None:
    async with served() as told, told.peer() as peer:
        router = WebSocketRouter(told.server)
        router.mount("/a", None, lambda request: request.accept())
        assert (await peer.upgrade("/a")).status == 101
        router.unmount("/a")
        assert (await ask(told, upgrade_request("/a"))).status == 404
        with pytest.raises(ValueError, match="not mounted"):
            router.unmount("/a")
        assert told.connections[0].connected
        peer.send(close(1000))
        peer.finish()
        await until(lambda: told.ends)


def test_what_cannot_be_mounted() -> None:
    router = WebSocketRouter()
    with pytest.raises(TypeError, match="callback=7"):
        router.mount("/", None, 7)  # type: ignore[type-var]
    router.mount("/", None, print)
    with pytest.raises(ValueError, match="mounted"):
        router.mount("/", None, print)
    assert router.mount("/other", None, print) is print
