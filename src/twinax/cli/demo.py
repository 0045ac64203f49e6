"""Serve a page that shows WebSockets at work: echo, a shared whiteboard, a live counter, close reports.

Open the address that it prints, in two windows. The page loads nothing from elsewhere, and only pages of this
server may connect. To try it from a phone, listen on an address that the phone can reach:

    twinax demo --host 0.0.0.0

exit status: 0 stopped by a signal, 1 it could not start, 2 wrong command line.
"""

import argparse
import base64
import hashlib
import importlib.resources
import re
import ssl
import webbrowser

from twinax import HTTPRequest, HTTPResponse, WebSocketRouter, WebSocketServer

from .demo_channels import Counter, Details, Echo, Tabs, Whiteboard
from .failure import CommandFailed
from .running import run_async, stopping_signals
from .serve import add_address_arguments, server_tls, start

__all__ = ["DemoPage", "add_arguments", "build_server", "run"]

# The page's button that breaks this limit shows what the server makes of it.
MAX_MESSAGE_SIZE = 64 * 1024


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_address_arguments(parser, port_default=8765)
    parser.add_argument("--open", action="store_true", help="open the page in the browser")


def run(arguments: argparse.Namespace) -> int:
    """Serve the page until a signal comes."""
    return run_async(_serve(arguments, server_tls(arguments.tls_cert, arguments.tls_key)))


async def _serve(arguments: argparse.Namespace, tls: ssl.SSLContext | None) -> int:
    server = build_server()
    with stopping_signals() as stop:
        await start(_listen(server, arguments.host, arguments.port, tls), f"{arguments.host}:{arguments.port}")
        pages = [re.sub(r"^ws(s?)://", r"http\1://", url) + "/" for url in server.urls]
        for page in pages:
            print(f"demo at {page}", flush=True)
        print("Open it in two windows; Ctrl-C stops it.", flush=True)
        if arguments.open:
            webbrowser.open(pages[0])
        await stop.wait()
        await server.close()
    return 0


async def _listen(server: WebSocketServer, host: str, port: int, tls: ssl.SSLContext | None) -> WebSocketServer:
    await server.listen(host, port, ssl=tls)
    return server


def build_server() -> WebSocketServer:
    """Return the demo as a server that does not listen yet."""
    page = DemoPage()
    # 10,000 messages may be on their way when the browser sends faster than it reads.
    server = WebSocketServer(
        http_handler=page.answer, max_received_message_size=MAX_MESSAGE_SIZE, max_received_frame_size=MAX_MESSAGE_SIZE
    )
    router = WebSocketRouter(server=server)
    tabs = Tabs()
    for channel in (Echo(tabs), Details(tabs), Whiteboard(), Counter()):
        router.mount("/live", channel.name, channel.join)
    return server


class DemoPage:
    """The page, with a policy that lets the browser run nothing but what stands in it.

    Attributes:
        headers: The fields of the answer.
    """

    def __init__(self) -> None:
        self._html = importlib.resources.files("twinax.cli").joinpath("demo.html").read_text("utf-8")
        policy = {
            "default-src": "'none'",
            "script-src": self._hash("script"),
            "style-src": self._hash("style"),
            "connect-src": "'self'",
            "img-src": "data:",
            "base-uri": "'none'",
            "form-action": "'none'",
            "frame-ancestors": "'none'",
        }
        self.headers = {
            "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in policy.items()),
            "Content-Type": "text/html; charset=utf-8",
            "Cache-Control": "no-store",
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
        }

    def _hash(self, element: str) -> str:
        parts: list[str] = re.findall(rf"<{element}>(.*?)</{element}>", self._html, re.DOTALL)
        if len(parts) != 1:
            raise CommandFailed(f"demo.html has {len(parts)} <{element}> elements instead of one")
        return f"'sha256-{base64.b64encode(hashlib.sha256(parts[0].encode()).digest()).decode()}'"

    def answer(self, request: HTTPRequest) -> HTTPResponse | None:
        """Answer a plain HTTP request."""
        if request.path != "/":
            return None
        if request.method not in ("GET", "HEAD"):
            return HTTPResponse(405, "GET or HEAD\n", {"Allow": "GET, HEAD"})
        return HTTPResponse(200, self._html, self.headers)
