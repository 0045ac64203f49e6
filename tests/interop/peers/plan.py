"""What every Python peer of the interop tests has in common: the messages, the arguments and the report.

A client takes `URL --close CODE [--reason TEXT] [--ca FILE]`, offers the subprotocol `chat`, sends every message of
plan.json and checks its echo, pings where its library can, closes, and prints one line of JSON: what it saw.
A server takes `[--cert FILE --key FILE]`, prints `ready PORT`, echoes, speaks `chat` when it is offered, and prints
`closed CODE REASON` after each connection. It ends when its standard input does.
plan.js is the same for Node.
"""

import argparse
import asyncio
import json
import ssl
import sys
from collections.abc import Coroutine
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["SUBPROTOCOL", "Message", "Report", "messages", "run_client", "run_server", "say_closed"]

SUBPROTOCOL = "chat"


@dataclass(frozen=True)
class Message:
    """One message to send.

    Attributes:
        name: What a report calls it.
        data: A str goes out as text, bytes as binary.
        fragments: Into how many frames to cut it, where the library can.
    """

    name: str
    data: str | bytes
    fragments: int

    def pieces(self) -> list[str | bytes]:
        """The message cut into its fragments; text is cut between characters."""
        size = -(-len(self.data) // self.fragments)
        return [self.data[start : start + size] for start in range(0, len(self.data), size)]

    def byte_pieces(self) -> list[bytes]:
        """The message cut into its fragments, as bytes; text is cut inside characters too."""
        data = self.data.encode() if isinstance(self.data, str) else self.data
        # One byte less than an even share falls inside a character of three bytes.
        size = max(1, -(-len(data) // self.fragments) - 1)
        return [data[start : start + size] for start in range(0, len(data), size)] or [b""]


@dataclass
class Report:
    """What a client saw; printed as one line of JSON.

    Attributes:
        echoed: Names of the messages that came back as they went out.
        wrong: Names of those that did not.
        fragmented: Whether the library can send fragments, and did.
        ping: Whether a ping was answered; None when the library cannot say.
        subprotocol: The one that the server chose.
        close: Code and reason of the server's close frame.
    """

    echoed: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    fragmented: bool = False
    ping: bool | None = None
    subprotocol: str | None = None
    close: tuple[int | None, str] = (None, "")

    def check(self, message: Message, echo: object) -> None:
        """Books the echo of a message."""
        same = type(echo) is type(message.data) and echo == message.data
        (self.echoed if same else self.wrong).append(message.name)


def messages() -> list[Message]:
    """The messages of plan.json."""
    rows = json.loads(Path(__file__).with_name("plan.json").read_text())
    found = []
    for row in rows:
        text = row["unit"] * row["count"]
        data = text if row["kind"] == "text" else text.encode("latin-1")
        found.append(Message(row["name"], data, row.get("fragments", 1)))
    return found


def run_client(client: Any) -> None:
    """Runs `client(url, tls_context, code, reason)`, a coroutine function that returns a `Report`, and prints it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("--close", type=int, default=1000)
    parser.add_argument("--reason", default="")
    parser.add_argument("--ca")
    arguments = parser.parse_args()
    tls = ssl.create_default_context(cafile=arguments.ca) if arguments.ca else None
    report = asyncio.run(client(arguments.url, tls, arguments.close, arguments.reason))
    print(json.dumps(asdict(report)), flush=True)


def run_server(start: Any) -> None:
    """Runs `start(tls_context)`, a coroutine function that returns a listening port, until standard input ends."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--cert")
    parser.add_argument("--key")
    arguments = parser.parse_args()
    tls = None
    if arguments.cert:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(arguments.cert, arguments.key)
    asyncio.run(_serve(start(tls)))


async def _serve(start: Coroutine[Any, Any, int]) -> None:
    port = await start
    print(f"ready {port}", flush=True)
    await asyncio.to_thread(sys.stdin.read)


def say_closed(code: int | None, reason: str) -> None:
    """Prints how a connection of a server ended."""
    print(f"closed {code} {reason}", flush=True)
