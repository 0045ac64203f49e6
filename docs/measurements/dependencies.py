"""The figures of docs/explanation/dependencies.md: candidates for dependencies, measured beside what twinax has.

    pip install h11 httptools pyee multidict
    python docs/measurements/dependencies.py

Times are the best of seven rounds, which is what the code costs when nothing else disturbs it.
"""

import asyncio
import platform
import sys
import timeit
import tracemalloc
from collections.abc import Callable
from importlib.metadata import version

import h11
import httptools
import multidict
from pyee.asyncio import AsyncIOEventEmitter

from twinax import HandshakeError, Headers, WebSocketServer
from twinax.protocol import HeadBuffer, parse_request_head

FIELDS = (
    ("Host", "chat.example.com"),
    ("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"),
    ("Accept", "*/*"),
    ("Accept-Language", "en-US,en;q=0.5"),
    ("Accept-Encoding", "gzip, deflate, br, zstd"),
    ("Sec-WebSocket-Version", "13"),
    ("Origin", "https://chat.example.com"),
    ("Sec-WebSocket-Extensions", "permessage-deflate"),
    ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ("Connection", "keep-alive, Upgrade"),
    ("Cookie", "session=0123456789abcdef0123456789abcdef; theme=dark"),
    ("Upgrade", "websocket"),
)
HEAD = b"GET /chat?room=1 HTTP/1.1\r\n" + b"".join(f"{n}: {v}\r\n".encode() for n, v in FIELDS) + b"\r\n"

LENIENCIES = {
    "bare LF as line end": HEAD.replace(b"\r\n", b"\n"),
    "bare LF in one line": HEAD.replace(b"Accept: */*\r\n", b"Accept: */*\n"),
    "folded line (obs-fold)": HEAD.replace(b"en-US,en", b"en-US,\r\n en"),
    "two Host fields": HEAD.replace(b"\r\n\r\n", b"\r\nHost: evil.example\r\n\r\n"),
    "no Host": HEAD.replace(b"Host: chat.example.com\r\n", b""),
    "space before the colon": HEAD.replace(b"Upgrade: w", b"Upgrade : w"),
    "NUL in a value": HEAD.replace(b"*/*", b"*\0*"),
    "200 fields": HEAD.replace(b"\r\n\r\n", b"\r\n" + b"X: y\r\n" * 188 + b"\r\n"),
}


def ours(data: bytes) -> object:
    """Parse with twinax; None when it is refused."""
    try:
        head = HeadBuffer("server").feed(data)
        return None if head is None else parse_request_head(head)
    except HandshakeError:
        return None


def with_h11(data: bytes) -> object:
    """Parse with h11; None when it is refused."""
    connection = h11.Connection(h11.SERVER)
    connection.receive_data(data)
    try:
        event = connection.next_event()
    except h11.RemoteProtocolError:
        return None
    return event if isinstance(event, h11.Request) else None


class Collector:
    """The callbacks that httptools wants, and the least that one would do in them."""

    def __init__(self) -> None:
        self.target = b""
        self.headers: list[tuple[str, str]] = []
        self.complete = False

    def on_url(self, url: bytes) -> None:
        """Called with the target."""
        self.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Called with each field."""
        self.headers.append((name.decode("latin-1"), value.decode("latin-1")))

    def on_headers_complete(self) -> None:
        """Called at the empty line."""
        self.complete = True


def with_httptools(data: bytes) -> object:
    """Parse with httptools; None when it is refused."""
    collector = Collector()
    parser = httptools.HttpRequestParser(collector)
    try:
        parser.feed_data(data)
    except httptools.HttpParserUpgrade:
        pass
    except httptools.HttpParserError:
        return None
    return collector if collector.complete else None


PARSERS: dict[str, Callable[[bytes], object]] = {"twinax": ours, "h11": with_h11, "httptools": with_httptools}


def microseconds(function: Callable[[], object], number: int = 2000) -> float:
    """Return what one call costs."""
    return min(timeit.repeat(function, number=number, repeat=7)) / number * 1e6


def memory_of(make: Callable[[], object], count: int = 2000) -> float:
    """Return bytes per object."""
    make()
    tracemalloc.start()
    kept = [make() for _ in range(count)]
    size = tracemalloc.get_traced_memory()[0] - sys.getsizeof(kept)
    tracemalloc.stop()
    return size / count


def show_parsers() -> None:
    """Print what the parsers cost and what they let through."""
    print(f"\nrequest head, {len(FIELDS)} fields, {len(HEAD)} bytes")
    for name, parse in PARSERS.items():
        assert parse(HEAD) is not None
        print(f"  {name:10} {microseconds(lambda parse=parse: parse(HEAD)):7.1f} us")
    for what, data in LENIENCIES.items():
        answers = "  ".join(f"{name}: {'accepts' if parse(data) else 'refuses'}" for name, parse in PARSERS.items())
        print(f"  {what:24} {answers}")


class OurEmitter(WebSocketServer):
    """Something with our emitter that has no other cost when it is made."""

    def __init__(self) -> None:
        self._listeners = None


def show_emitters() -> None:
    """Print what an emitter costs, and what becomes of mistakes."""

    def listener(*args: object) -> None: ...

    def theirs() -> AsyncIOEventEmitter:
        emitter = AsyncIOEventEmitter()
        emitter.on("connect", listener)
        return emitter

    def mine() -> OurEmitter:
        emitter = OurEmitter()
        emitter.on("connect", listener)
        return emitter

    print("\nan emitter, bytes: without listeners, with one")
    bare = memory_of(lambda: object.__new__(OurEmitter))
    print(f"  twinax     {memory_of(OurEmitter) - bare:7.0f} {memory_of(mine) - bare:7.0f}")
    print(f"  pyee       {memory_of(AsyncIOEventEmitter):7.0f} {memory_of(theirs):7.0f}")
    emitter, other = mine(), theirs()
    print("calling one listener")
    print(f"  twinax     {microseconds(lambda: emitter._emit('connect', 1), 20000):7.3f} us")
    print(f"  pyee       {microseconds(lambda: other.emit('connect', 1), 20000):7.3f} us")
    asyncio.run(show_mistakes())


async def show_mistakes() -> None:
    """Print what pyee does about an unknown event and a failing listener."""
    unhandled: list[str] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: unhandled.append(context["message"]))
    emitter = AsyncIOEventEmitter()
    emitter.on("mesage", print)
    print("pyee: a listener for 'mesage' is taken; emit('message') returns", emitter.emit("message", 1))

    async def fails(_: object) -> None:
        raise RuntimeError("boom")

    def fails_at_once(_: object) -> None:
        raise RuntimeError("boom")

    emitter.on("message", fails)
    emitter.emit("message", 1)
    for _ in range(3):
        await asyncio.sleep(0)
    del emitter
    print("pyee: a coroutine listener that raises, without an 'error' listener:", unhandled or "nothing is said")
    second = AsyncIOEventEmitter()
    second.on("message", fails_at_once)
    try:
        second.emit("message", 1)
    except RuntimeError as error:
        print("pyee: a plain listener that raises: the exception goes to whoever emits:", repr(error))


def show_headers() -> None:
    """Print what the fields of a request cost to keep and to look up."""
    pairs = list(FIELDS)
    candidates: dict[str, Callable[[], object]] = {
        "twinax": lambda: Headers(pairs),
        "multidict": lambda: multidict.CIMultiDict(pairs),
    }
    print("\n12 fields: bytes kept, us to make, us to look one up")
    for name, make in candidates.items():
        fields = make()
        get = microseconds(lambda fields=fields: fields.get("upgrade"), 20000)  # type: ignore[attr-defined]
        print(f"  {name:10} {memory_of(make):7.0f} {microseconds(make):7.2f} {get:7.2f}")
    fields = multidict.CIMultiDict()
    fields.add("X-A\r\nX-B", "1\r\nX-C: 2")
    print("multidict takes a name and a value with CR LF:", dict(fields))


if __name__ == "__main__":
    print(platform.python_implementation(), platform.python_version(), platform.machine())
    print(", ".join(f"{name} {version(name)}" for name in ("h11", "httptools", "pyee", "multidict")))
    show_parsers()
    show_emitters()
    show_headers()
