"""Who is measured: every peer, how its server and its client are started, and what it cannot do."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from . import places
from .scenarios import Scenario

__all__ = ["PEERS", "QUICK", "REFERENCE", "SWEPT", "Peer", "Toolbox", "chosen_peers"]

NO_DEFLATE = "has no permessage-deflate"


@dataclass(frozen=True)
class Toolbox:
    """The programs that peers run in; None where a machine lacks one.

    Attributes:
        python: An interpreter that has the Python peers.
        pypy: PyPy.
        node: Node.
        bun: Bun.
        missing: Why something is not there, by the kind of peer that needs it.
        loop: The event loop of the Python peers: ``auto``, ``asyncio`` or ``uvloop``.
    """

    python: str
    pypy: str | None
    node: str | None
    bun: str | None
    missing: Mapping[str, str] = field(default_factory=dict)
    loop: str = "auto"


@dataclass(frozen=True)
class Peer:
    """One library, in one way of using it.

    Attributes:
        name: For the command line and the results.
        title: For the tables.
        kind: What it runs in: ``native``, ``python``, ``pypy``, ``node`` or ``bun``.
        server: The server's file; None: it has none.
        client: The client's file; None: it has none.
        package: Whose version is told.
        lacks: Letters of scenarios that it cannot run, and why.
        only: Letters of scenarios that it is there for; empty: all.
        environment: Variables to set.
        pure: Whether it runs without the compiled parts of its package.
        warmup: Seconds that it needs to warm up, beside those that all have.
        deflate: What tells the server to compress.
    """

    name: str
    title: str
    kind: str
    server: str | None
    client: str | None
    package: str
    lacks: Mapping[str, str] = field(default_factory=dict)
    only: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    pure: bool = False
    warmup: float = 0.0
    deflate: tuple[str, ...] = ("--deflate",)

    @property
    def is_python(self) -> bool:
        """Whether it runs in a Python of whatever make."""
        return self.kind in ("python", "pypy")

    def why_not(self, scenario: Scenario, tools: Toolbox) -> str | None:
        """Why the peer cannot run a scenario; None when it can."""
        if self.kind in tools.missing:
            return tools.missing[self.kind]
        if self.only and scenario.letter not in self.only:
            return "not meant for it"
        if scenario.kind == "client" and self.client is None:
            return "has no client"
        if scenario.kind != "client" and self.server is None:
            return "has no server"
        if scenario.deflate is not None and "f" in self.lacks:
            return self.lacks["f"]
        return self.lacks.get(scenario.name, self.lacks.get(scenario.letter))

    def interpreter(self, tools: Toolbox, folder: Path, file: str) -> list[str]:
        """The beginning of a command that runs one of the peer's files."""
        if self.kind == "native":
            return [str(places.PROGRAMS / file)]
        if self.is_python:
            return [str(tools.python if self.kind == "python" else tools.pypy), str(folder / file)]
        program = tools.node if self.kind == "node" else tools.bun
        return [str(program), str(places.NODE / file)]

    def server_command(self, scenario: Scenario, tools: Toolbox) -> list[str]:
        """How the peer's server is started for a scenario."""
        assert self.server is not None
        command = [*self.interpreter(tools, places.SERVERS, self.server), "--port", "0", "--mode", scenario.mode]
        if self.is_python:
            command += ["--loop", tools.loop]
        if scenario.deflate is not None:
            command += self.deflate
        if scenario.tls:
            command += ["--tls-cert", str(places.CERTIFICATES / "server.pem")]
            command += ["--tls-key", str(places.CERTIFICATES / "server.key")]
        return command

    def client_command(self, tools: Toolbox) -> list[str]:
        """How the peer's client is started."""
        assert self.client is not None
        command = self.interpreter(tools, places.CLIENTS, self.client)
        return command + (["--loop", tools.loop] if self.is_python else [])

    def variables(self) -> dict[str, str]:
        """The environment of the peer's processes."""
        folders = [places.SOURCE, *([places.PURE] if self.pure else [])]
        path = os.pathsep.join(map(str, folders))
        return {**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1", **self.environment}


# A JIT compiles what it has seen often enough.
JIT = 3.0
COMPILED = {"TWINAX_CORE": "compiled"}
INTERPRETED = {"TWINAX_CORE": "python"}
# aiohttp and what it stands on are asked one by one to do without their compiled parts.
AIOHTTP = ("AIOHTTP", "FROZENLIST", "MULTIDICT", "PROPCACHE", "YARL")
WITHOUT_COMPILED_PARTS = {f"{name}_NO_EXTENSIONS": "1" for name in AIOHTTP}

PEERS: tuple[Peer, ...] = (
    Peer("limit", "limit server (C)", "native", "limit", "load", "", deflate=("--deflate", "6")),
    Peer("limit-zlib-1", "limit server (C), zlib 1", "native", "limit", None, "", only="f", deflate=("--deflate", "1")),
    Peer(
        "twinax",
        "twinax, listeners",
        "python",
        "twinax_listeners_server.py",
        "twinax_listeners_client.py",
        "twinax",
        environment=COMPILED,
    ),
    Peer(
        "twinax-zlib",
        "twinax, listeners, only Python's zlib",
        "python",
        "twinax_listeners_server.py",
        None,
        "twinax",
        only="f",
        environment=COMPILED,
        deflate=("--deflate", "--zlib"),
    ),
    Peer(
        "twinax-async-for",
        "twinax, async for",
        "python",
        "twinax_async_for_server.py",
        "twinax_async_for_client.py",
        "twinax",
        environment=COMPILED,
    ),
    Peer(
        "twinax-python",
        "twinax, interpreted core",
        "python",
        "twinax_listeners_server.py",
        "twinax_listeners_client.py",
        "twinax",
        environment=INTERPRETED,
    ),
    Peer(
        "twinax-pypy",
        "twinax, PyPy",
        "pypy",
        "twinax_listeners_server.py",
        "twinax_listeners_client.py",
        "twinax",
        environment=INTERPRETED,
        warmup=JIT,
    ),
    Peer("picows", "picows", "python", "picows_server.py", "picows_client.py", "picows", lacks={"f": NO_DEFLATE}),
    Peer(
        "picows-websockets",
        "picows, its websockets layer",
        "python",
        "picows_websockets_server.py",
        "picows_websockets_client.py",
        "picows",
    ),
    Peer("websockets", "websockets", "python", "websockets_server.py", "websockets_client.py", "websockets"),
    Peer(
        "websockets-python",
        "websockets, interpreted",
        "python",
        "websockets_server.py",
        "websockets_client.py",
        "websockets",
        pure=True,
    ),
    Peer(
        "websockets-pypy",
        "websockets, PyPy",
        "pypy",
        "websockets_server.py",
        "websockets_client.py",
        "websockets",
        pure=True,
        warmup=JIT,
    ),
    Peer("aiohttp", "aiohttp", "python", "aiohttp_server.py", "aiohttp_client.py", "aiohttp"),
    Peer(
        "aiohttp-python",
        "aiohttp, interpreted",
        "python",
        "aiohttp_server.py",
        "aiohttp_client.py",
        "aiohttp",
        environment=WITHOUT_COMPILED_PARTS,
    ),
    Peer("uvicorn", "uvicorn + websockets", "python", "uvicorn_server.py", None, "uvicorn"),
    Peer("granian", "granian (RSGI)", "python", "granian_server.py", None, "granian", lacks={"f": NO_DEFLATE}),
    Peer("tornado", "tornado", "python", "tornado_server.py", "tornado_client.py", "tornado"),
    Peer("ws", "ws (Node)", "node", "ws_server.mjs", "ws_client.mjs", "ws"),
    Peer(
        "websocket-node",
        "WebSocket-Node (Node)",
        "node",
        "websocket_server.mjs",
        "websocket_client.mjs",
        "websocket",
        lacks={"f": NO_DEFLATE},
    ),
    Peer("bun", "Bun", "bun", "bun_server.mjs", "bun_client.mjs", "bun"),
)

# Ratios are told against this peer, the best of the others in Python.
REFERENCE = "picows"
# Few lines make a plot readable; and a sweep takes long.
SWEPT = ("limit", "twinax", "twinax-async-for", "twinax-python", "picows", "websockets", "aiohttp")
QUICK = ("limit", "twinax", "twinax-async-for", "twinax-python", "picows", "websockets", "aiohttp", "ws")


def chosen_peers(names: Iterable[str]) -> list[Peer]:
    """The peers that a command line names, in the order of the table; all of them without any.

    Raises:
        ValueError: There is none of that name.
    """
    wanted = list(names)
    known = {peer.name for peer in PEERS}
    for name in wanted:
        if name not in known:
            raise ValueError(f"no peer {name!r}: there are {', '.join(peer.name for peer in PEERS)}")
    return [peer for peer in PEERS if not wanted or peer.name in wanted]
