"""twinax in Pyodide, which is Python in a browser: the browser's WebSocket takes the place of ours."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

import twinax
from processes import started

HERE = Path(__file__).parent
SOURCES = HERE.parents[1] / "src"

CONVERSATION = """
import asyncio
from twinax import IMPLEMENTATION, W3CWebSocket, __version__

ended = asyncio.Event()
ws = W3CWebSocket.new(url, "echo")

def on_close(event):
    print("close", event.code, event.wasClean)
    ended.set()

def on_message(event):
    print("message", event.data)
    ws.close(3000, "bye")

ws.onopen = lambda event: ws.send("hello from Python")
ws.onmessage = on_message
ws.onclose = on_close
await ended.wait()
print(__version__, IMPLEMENTATION, ws.protocol, ws.readyState == W3CWebSocket.CLOSED)
"""


@pytest.fixture
def pyodide(absent: Callable[[str], NoReturn]) -> list[str]:
    if not shutil.which("node"):
        absent("no node on PATH: nothing is tested in Pyodide")
    if not (HERE / "node_modules" / "pyodide").is_dir():
        absent(f"the npm package pyodide is not installed: run npm ci in {HERE}")
    return ["node", str(HERE / "peers" / "pyodide.mjs"), str(SOURCES)]


@pytest.mark.real_time
async def test_the_websocket_of_the_browser_is_handed_on(pyodide: list[str]) -> None:
    async def echo(connection: twinax.WebSocketConnection) -> None:
        connection.on("message", connection.send)
        await connection.wait_closed()

    async with (
        twinax.serve(echo, "127.0.0.1", 0, subprotocols=["echo"]) as server,
        started(*pyodide, CONVERSATION, server.urls[0]) as program,
    ):
        await program.finished(within=60)
    assert program.lines == [
        "message hello from Python",
        "close 3000 True",
        f"{twinax.__version__} python echo True",
    ]


@pytest.mark.real_time
async def test_where_there_is_no_websocket_there_is_none(pyodide: list[str]) -> None:
    async with started(*pyodide, "import twinax; print(twinax.W3CWebSocket)") as program:
        await program.finished(within=60)
    assert program.lines == ["None"]
