"""What connections of a loop share goes with the loop."""

import asyncio
import gc
import weakref
from collections.abc import Callable

import pytest

from twinax import WebSocketServer, connect


def uvloop() -> asyncio.AbstractEventLoop:
    loop: asyncio.AbstractEventLoop = pytest.importorskip("uvloop").new_event_loop()
    return loop


@pytest.mark.parametrize("factory", [asyncio.new_event_loop, uvloop])
@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
def test_a_loop_that_is_closed_on_open_connections_is_freed(factory: Callable[[], asyncio.AbstractEventLoop]) -> None:
    freed: list[str] = []

    async def leave_everything_open() -> None:
        server = WebSocketServer(auto_accept_connections=True)
        await server.listen("127.0.0.1")
        connection = await connect(server.urls[0])
        connection.send("x")
        for name, thing in (("loop", asyncio.get_running_loop()), ("server", server)):
            weakref.finalize(thing, freed.append, name)

    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(leave_everything_open())
    del runner
    gc.collect()
    assert sorted(freed) == ["loop", "server"]
