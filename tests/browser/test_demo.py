"""The demo page in a real browser, in two tabs: what a person sees of it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from webdriver import Browser

from twinax.cli.demo import build_server

Start = Callable[[], AbstractAsyncContextManager[Browser]]
ALL_OPEN = "document.querySelectorAll('.state[data-state=open]').length === 4"
# Counts what is not transparent on the canvas.
PAINTED = """(() => {
    const canvas = document.querySelector('#canvas');
    const pixels = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
    return pixels.filter((value, place) => place % 4 === 3 && value > 0).length;
})()"""


@asynccontextmanager
async def two_tabs(browser: Start) -> AsyncIterator[tuple[Browser, str, str]]:
    """Opens the demo in two tabs of one browser; gives it, and the names of the tabs."""
    async with build_server() as server, browser() as window:
        await server.listen("127.0.0.1", 0)
        first = await request(window, "GET", "/window")
        await window.open(f"http://127.0.0.1:{server.port}/")
        await window.wait_for(ALL_OPEN)
        second = (await request(window, "POST", "/window/new", {"type": "tab"}))["handle"]
        await switch(window, second)
        await window.open(f"http://127.0.0.1:{server.port}/")
        await window.wait_for(ALL_OPEN)
        yield window, first, second


async def request(window: Browser, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
    return await window.request(method, f"/session/{window.session}{path}", body)


async def switch(window: Browser, tab: str) -> None:
    await request(window, "POST", "/window", {"handle": tab})


async def draw(window: Browser, kind: str) -> None:
    """Draws a line over the whiteboard with a mouse, a pen or a finger."""
    box = await window.run(
        "canvas.scrollIntoView({block: 'center'});"
        "const box = canvas.getBoundingClientRect(); return [box.x, box.y, box.width, box.height]"
    )
    x, y, width, height = map(round, box)
    steps = [
        {"type": "pointerMove", "x": x + width * part // 10, "y": y + height * part // 10, "duration": 20}
        for part in range(3, 8)
    ]
    actions = [*steps[:1], {"type": "pointerDown", "button": 0}, *steps[1:], {"type": "pointerUp", "button": 0}]
    pointer = {"type": "pointer", "id": kind, "parameters": {"pointerType": kind}, "actions": actions}
    await request(window, "POST", "/actions", {"actions": [pointer]})


def within_a_minute(session: Any) -> None:
    asyncio.run(asyncio.wait_for(session, 60))


def test_what_is_drawn_in_one_tab_appears_in_the_other(browser: Start) -> None:
    within_a_minute(whiteboard_session(browser))


async def whiteboard_session(browser: Start) -> None:
    async with two_tabs(browser) as (window, first, second):
        await window.wait_for("document.querySelector('#people').textContent === '2 windows'")
        for kind in ("mouse", "touch"):
            assert await window.run(f"return {PAINTED}") == 0
            await draw(window, kind)
            assert await window.wait_for(f"{PAINTED} > 500")
            await switch(window, first)
            assert await window.wait_for(f"{PAINTED} > 500")
            await window.run("document.querySelector('#clear').click()")
            await window.wait_for(f"{PAINTED} === 0")
            await switch(window, second)
            await window.wait_for(f"{PAINTED} === 0")
        await draw(window, "pen")
        await window.wait_for(f"{PAINTED} > 500")
        await switch(window, first)
        await request(window, "POST", "/refresh", {})
        assert await window.wait_for(f"{PAINTED} > 500"), "who comes later sees the drawing"


def test_echo_counter_and_close_report(browser: Start) -> None:
    within_a_minute(echo_session(browser))


async def echo_session(browser: Start) -> None:
    async with two_tabs(browser) as (window, first, _):
        await window.run("document.querySelector('#echo-text').value = ''")
        await window.type("#echo-text", "typed by a person")
        await window.click("#echo-send")
        row = await window.wait_for("document.querySelector('#echo-log li:not(.empty)')?.innerText")
        assert row.startswith("typed by a person")
        assert row.endswith(" ms")
        await window.click("#echo-burst")
        await window.wait_for("document.querySelector('#echo-log').innerText.includes('a second')")
        assert "10,001 out, 10,001 in" in await window.run("return document.querySelector('#d-messages').innerText")

        await window.wait_for("Number(document.querySelector('#count').textContent) > 5")
        await window.click("#reset")
        await window.wait_for("Number(document.querySelector('#count').textContent) < 5")
        await window.wait_for("document.querySelector('#rate').textContent.includes('messages a second')")

        assert "compiled" in (core := await window.run("return server.textContent")) or "interpreted" in core
        await window.wait_for("document.querySelector('#d-latency').textContent.endsWith('ms')")
        await window.click("#end-cut")
        await window.wait_for("document.querySelector('#seen-here').innerText.startsWith('1006')")
        report = await window.wait_for(
            "(t => t.startsWith('1006') && t)(document.querySelector('#seen-there').innerText)"
        )
        assert "closed by the server while open" in report
        await window.click("#again")
        await window.wait_for(ALL_OPEN)
        await window.click("#end-big")
        await window.wait_for("document.querySelector('#seen-here').innerText.startsWith('1009')")
        await switch(window, first)
        assert await window.run(f"return {ALL_OPEN}"), "the other tab is not concerned"


def test_the_page_complains_about_nothing(browser: Start) -> None:
    within_a_minute(policy_session(browser))


async def policy_session(browser: Start) -> None:
    async with two_tabs(browser) as (window, _, _):
        # The policy would forbid what is not the page's own; a violation is reported as an event and blocks it.
        await window.run(
            "window.broken = [];"
            "addEventListener('securitypolicyviolation', (event) => broken.push(event.violatedDirective));"
            "document.body.append(Object.assign(document.createElement('script'), {textContent: 'window.ran = 1'}));"
        )
        assert await window.wait_for("broken.length && broken") == ["script-src-elem"]
        assert await window.run("return window.ran ?? null") is None
        size = {"width": 500, "height": 900}
        await request(window, "POST", "/window/rect", size)
        await window.wait_for("innerWidth < 600")
        assert await window.run("return document.documentElement.scrollWidth <= innerWidth"), (
            "nothing to scroll sideways"
        )
