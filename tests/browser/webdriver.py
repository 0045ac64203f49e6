"""A headless Chromium, driven through chromedriver by the W3C WebDriver protocol: JSON over HTTP.

What the tests need of it is a handful of requests, so it is spoken here instead of by a package that would bring ten
others along.
"""

import asyncio
import base64
import http.client
import json
import os
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from processes import started

__all__ = ["Browser", "BrowserError", "started_browser"]

# The key under which WebDriver wraps a reference to an element (W3C WebDriver, 6.3).
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
FLAGS = [
    "--headless=new",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]
REQUEST_TIMEOUT = 60.0


class BrowserError(Exception):
    """WebDriver refused a request: the text is its own."""


@dataclass
class Browser:
    """One window of a browser; made by `started_browser`.

    Attributes:
        port: Where chromedriver listens.
        session: Its name for this window's session.
    """

    port: int
    session: str = ""

    async def open(self, url: str) -> None:
        """Loads a page, and waits until it is loaded."""
        await self._session_request("POST", "/url", {"url": url})

    async def run(self, script: str, *arguments: object) -> Any:
        """Runs JavaScript in the page, and returns what it returns; a promise is awaited."""
        return await self._session_request("POST", "/execute/sync", {"script": script, "args": arguments})

    async def click(self, selector: str) -> None:
        """Clicks the element that a CSS selector finds."""
        await self._session_request("POST", f"/element/{await self._element(selector)}/click", {})

    async def type(self, selector: str, text: str) -> None:
        """Types into the element that a CSS selector finds."""
        await self._session_request("POST", f"/element/{await self._element(selector)}/value", {"text": text})

    async def wait_for(self, expression: str) -> Any:
        """Waits until a JavaScript expression is true in the page, and returns its value."""
        # Until the session's script timeout, 30 s, which fails the request.
        script = f"""return new Promise((done) => {{
            const look = () => {{
                const value = {expression};
                if (value) done(value); else setTimeout(look, 20);
            }};
            look();
        }});"""
        return await self.run(script)

    async def screenshot(self) -> bytes:
        """What the window shows, as a PNG file."""
        return base64.b64decode(await self._session_request("GET", "/screenshot"))

    async def _element(self, selector: str) -> str:
        found = await self._session_request("POST", "/element", {"using": "css selector", "value": selector})
        name: str = found[ELEMENT]
        return name

    async def _session_request(self, method: str, path: str, body: dict[str, object] | None = None) -> Any:
        return await self.request(method, f"/session/{self.session}{path}", body)

    async def request(self, method: str, path: str, body: dict[str, object] | None = None) -> Any:
        """Sends one request to chromedriver, and returns the value that it answers."""
        return await asyncio.to_thread(self._request, method, path, body)

    def _request(self, method: str, path: str, body: dict[str, object] | None) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=REQUEST_TIMEOUT)
        try:
            payload = None if body is None else json.dumps(body).encode()
            connection.request(method, path, payload, {"Content-Type": "application/json; charset=utf-8"})
            response = connection.getresponse()
            value = json.loads(response.read())["value"]
        finally:
            connection.close()
        if response.status != 200:
            raise BrowserError(f"{method} {path}: {value['error']}: {value['message']}")
        return value


@asynccontextmanager
async def started_browser(chromedriver: str, chromium: str) -> AsyncIterator[Browser]:
    """Starts chromedriver and a browser with a new profile; ends both at the end of the block."""
    with tempfile.TemporaryDirectory(prefix="browser-", ignore_cleanup_errors=True) as folder:
        # Whatever the browser keeps lies in this folder: nothing is read from the user's profile, or left in it.
        home = {"HOME": folder, "XDG_CONFIG_HOME": folder, "XDG_CACHE_HOME": folder, "TMPDIR": folder}
        async with started(chromedriver, "--port=0", env=home) as driver:
            port = int((await driver.line(r"started successfully on port (\d+)"))[1])
            browser = Browser(port)
            created = await browser.request("POST", "/session", _capabilities(chromium, folder))
            browser.session = created["sessionId"]
            try:
                yield browser
            finally:
                await browser.request("DELETE", f"/session/{browser.session}")


def _capabilities(chromium: str, folder: str) -> dict[str, object]:
    flags = [*FLAGS, f"--user-data-dir={folder}/profile"]
    if os.geteuid() == 0:
        # Chromium's sandbox refuses to run as root.
        flags.append("--no-sandbox")
    options = {"binary": chromium, "args": flags}
    return {"capabilities": {"alwaysMatch": {"browserName": "chrome", "goog:chromeOptions": options}}}
