"""Happy eyeballs: order, races, errors, cancellation; addresses of loopback stand for those of a resolver."""

import asyncio
import contextlib
import errno
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
from raw_servers import run

from twinax.aio.dialing import Address, dial, interleave

V4 = socket.AF_INET
V6 = socket.AF_INET6


def address(name: str, port: int = 0, family: Any = V4) -> Address:
    return (family, socket.SOCK_STREAM, socket.IPPROTO_TCP, (name, port))


def resolve_to(*addresses: Address) -> None:
    """Lets the running loop's resolver answer this, whatever it is asked."""

    async def getaddrinfo(*args: object, **kwargs: object) -> list[Any]:
        return [(family, kind, proto, "", target) for family, kind, proto, target in addresses]

    asyncio.get_running_loop().getaddrinfo = getaddrinfo  # type: ignore[method-assign]  # the loop is thrown away


@contextlib.asynccontextmanager
async def listening(host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[int]:
    """A server that accepts and says nothing; gives its port."""
    server = await asyncio.get_running_loop().create_server(asyncio.Protocol, host, port)
    async with server:
        yield server.sockets[0].getsockname()[1]


@contextlib.contextmanager
def silent_address() -> Any:
    """An address that never answers: a listener whose queue is full."""
    with socket.socket() as listener, contextlib.ExitStack() as stack:
        listener.bind(("127.0.0.3", 0))
        listener.listen(0)
        name = listener.getsockname()
        for _ in range(4):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(name)
        yield address(*name)


def closed_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def test_families_alternate() -> None:
    a, b, c, d = address("1"), address("2"), address("3", family=V6), address("4")
    assert interleave([a, b, c, d]) == [a, c, b, d]
    assert interleave([c, a, b]) == [c, a, b]
    assert interleave([a]) == [a]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_connects(host: str) -> None:
    async def main() -> None:
        async with listening() as port:
            with await dial(host, port) as sock:
                assert sock.getpeername() == ("127.0.0.1", port)
                assert not sock.getblocking()

    run(main())


def test_goes_on_to_the_next_address_at_once_when_one_refuses() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        async with listening() as port:
            resolve_to(address("127.0.0.1", closed_port()), address("127.0.0.1", port))
            before = loop.time()
            with await dial("some.host", port) as sock:
                assert sock.getpeername()[1] == port
            assert loop.time() - before < 0.2

    run(main())


def test_does_not_wait_for_an_address_that_is_silent() -> None:
    async def main() -> None:
        with silent_address() as silent:
            async with listening() as port:
                resolve_to(silent, address("127.0.0.1", port))
                with await dial("some.host", port) as sock:
                    assert sock.getpeername() == ("127.0.0.1", port)

    run(main())


def test_says_why_every_address_failed() -> None:
    async def main() -> OSError:
        first, second = closed_port(), closed_port()
        resolve_to(address("127.0.0.1", first), address("127.0.0.1", second))
        with pytest.raises(ConnectionRefusedError) as caught:
            await dial("some.host", 1)
        assert f"{first}" in str(caught.value)
        assert f"{second}" in str(caught.value)
        return caught.value

    assert run(main()).errno == errno.ECONNREFUSED


def test_an_unknown_name() -> None:
    async def main() -> None:
        with pytest.raises(socket.gaierror):
            await dial("name.invalid", 1)

    run(main())


def test_a_local_address_of_the_wrong_family() -> None:
    async def main() -> None:
        async with listening() as port:
            with pytest.raises(OSError):
                await dial("127.0.0.1", port, ("::1", 0))

    run(main())


def test_cancelled_while_several_are_under_way() -> None:
    async def main() -> None:
        with silent_address() as silent:
            resolve_to(silent, silent, silent)
            task = asyncio.create_task(dial("some.host", 1))
            await asyncio.wait([task], timeout=0.3)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    run(main())  # a socket that is left open is a ResourceWarning, which fails the test
