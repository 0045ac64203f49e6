"""The pages of examples/ in a real browser."""

import asyncio
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

from webdriver import Browser

from processes import started

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
Start = Callable[[], AbstractAsyncContextManager[Browser]]
PAINTED = """canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data
    .filter((value, place) => place % 4 === 3 && value > 0).length"""
# A line over the canvas, as a pointer draws it.
DRAW = """
    const box = canvas.getBoundingClientRect();
    for (const [kind, part] of [['pointerdown', 0.2], ['pointermove', 0.5], ['pointermove', 0.8], ['pointerup', 0.8]]) {
        const at = {clientX: box.left + box.width * part, clientY: box.top + box.height * part};
        canvas.setPointerCapture = () => {};
        canvas.dispatchEvent(new PointerEvent(kind, {...at, pointerId: 1, bubbles: true}));
    }
"""


async def visit(browser: Start, program: str, look: Callable[[Browser], Any]) -> None:
    """Serves an example, opens its page, and looks at it."""
    async with started(sys.executable, EXAMPLES / program, "--port", "0") as server:
        address = (await server.line(r"listening on ws(://\S+)"))[1]
        async with browser() as window:
            await window.open(f"http{address}/")
            await look(window)


def within_a_minute(session: Any) -> None:
    asyncio.run(asyncio.wait_for(session, 60))


def test_fragmentation(browser: Start) -> None:
    async def look(window: Browser) -> None:
        await window.wait_for("state.textContent === 'Open.'")
        await window.click("#ask button")
        assert "100,000 characters in" in await window.wait_for("log.innerText")
        await window.run("kind.value = 'sendBinaryMessage'")
        await window.click("#ask button")
        assert await window.wait_for("log.innerText.includes('100,000 bytes in')")

    within_a_minute(visit(browser, "fragmentation_server.py", look))


def test_libwebsockets(browser: Start) -> None:
    async def look(window: Browser) -> None:
        await window.wait_for("Number(document.querySelector('#number').textContent) > 5")
        await window.click("#reset")
        await window.wait_for("Number(document.querySelector('#number').textContent) < 5")
        await window.wait_for("document.querySelector('#mirror').textContent === 'Open.'")
        await window.run(DRAW)
        assert await window.wait_for(f"{PAINTED} > 100")
        await window.click("#clear")
        assert await window.wait_for(f"{PAINTED} === 0")

    within_a_minute(visit(browser, "libwebsockets_server.py", look))


def test_whiteboard(browser: Start) -> None:
    async def look(window: Browser) -> None:
        await window.wait_for("document.querySelector('#state').textContent === 'Open.'")
        await window.run(DRAW)
        assert await window.wait_for(f"{PAINTED} > 100")
        await window.run("location.reload()")
        await window.wait_for("document.querySelector('#state').textContent === 'Open.'")
        assert await window.wait_for(f"{PAINTED} > 100"), "who comes later sees the drawing"

    within_a_minute(visit(browser, "whiteboard.py", look))
