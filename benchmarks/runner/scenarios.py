"""What is measured: the scenarios of the table, and the sweeps behind the plots."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

__all__ = ["SCENARIOS", "SWEEPS", "Scenario", "Sweep", "chosen"]


@dataclass(frozen=True)
class Scenario:
    """One thing that is measured.

    Attributes:
        name: A letter, and a word behind it where a letter has several.
        title: One line for the tables.
        kind: ``echo``, ``publish``, ``idle`` and ``handshake`` drive a server with the load generator, ``client`` runs
            a peer's client against the limit server.
        connections: How many.
        depth: Messages of a connection under way at a time.
        size: Bytes of a message.
        form: ``text``, ``binary`` or ``json``.
        deflate: What is offered of permessage-deflate; None: nothing.
        tls: Whether it runs over wss.
        check: Which echoes are compared: ``all`` or ``sample``, where comparing would cost more than the server.
        idle: Connections that are open beside and do nothing.
        touch: With ``idle``: messages that each connection has echoed before memory is read.
    """

    name: str
    title: str
    kind: str = "echo"
    connections: int = 1
    depth: int = 1
    size: int = 32
    form: str = "binary"
    deflate: str | None = None
    tls: bool = False
    check: str = "all"
    idle: int = 0
    touch: int = 0

    @property
    def letter(self) -> str:
        """The letter in the table."""
        return self.name[0]

    @property
    def unit(self) -> str:
        """What the value counts."""
        names = {"idle": "KiB a connection", "publish": "deliveries/s", "handshake": "handshakes/s"}
        return names.get(self.kind, "messages/s")

    @property
    def mode(self) -> str:
        """The mode of the server."""
        return {"publish": "broadcast", "idle": "idle"}.get(self.kind, "echo")

    def load_arguments(self) -> list[str]:
        """What the load generator is told, without the address, the duration and the processes."""
        arguments = ["--size", str(self.size), f"--{self.form}", "--depth", str(self.depth), "--check", self.check]
        if self.kind == "idle":
            arguments += ["--idle", str(self.connections), "--touch", str(self.touch)]
        else:
            arguments += ["--connections", str(self.connections)]
        if self.kind in ("publish", "handshake"):
            arguments.append(f"--{self.kind}")
        if self.deflate is not None:
            arguments += ["--deflate", self.deflate]
        return arguments + (["--tls"] if self.tls else [])

    def smaller(self) -> "Scenario":
        """The same with fewer connections, for a look in seconds."""
        if self.kind == "idle":
            return replace(self, connections=min(self.connections, 1000), idle=min(self.idle, 1000))
        if self.kind == "publish":
            return replace(self, connections=min(self.connections, 200))
        return replace(self, idle=min(self.idle, 1000))


A = Scenario("a", "1 connection, depth 1, 32 B text", form="text")
B = Scenario("b", "100 connections, depth 1, 128 B text", connections=100, size=128, form="text")
C = Scenario("c", "10 connections, depth 64, 32 B binary (pipelined)", connections=10, depth=64)
D = Scenario("d", "8 connections, depth 4, 16 KiB binary", connections=8, depth=4, size=16384)
E = Scenario("e", "4 connections, depth 1, 1 MiB binary", connections=4, size=1 << 20, check="sample")
DEFLATED = "client_max_window_bits"


def as_client(scenario: Scenario) -> Scenario:
    """A client of the same shape against the limit server."""
    return replace(
        scenario, name=f"j-{scenario.name}", title=f"client against the limit server: {scenario.title}", kind="client"
    )


def over_tls(scenario: Scenario) -> Scenario:
    """The same over wss."""
    return replace(scenario, name=f"k-{scenario.name}", title=f"over TLS: {scenario.title}", tls=True)


SCENARIOS: tuple[Scenario, ...] = (
    A,
    B,
    C,
    D,
    E,
    Scenario(
        "f",
        "100 connections, depth 1, 512 B JSON text, permessage-deflate",
        connections=100,
        size=512,
        form="json",
        deflate=DEFLATED,
    ),
    Scenario("g-plain", "5,000 idle connections: memory", kind="idle", connections=5000),
    Scenario(
        "g-deflate",
        "5,000 idle connections with permessage-deflate, after 4 messages of 512 B each: memory",
        kind="idle",
        connections=5000,
        size=512,
        form="json",
        deflate=DEFLATED,
        touch=4,
    ),
    Scenario(
        "h", "broadcast: one of 1,000 connections publishes, depth 64, 32 B", kind="publish", connections=1000, depth=64
    ),
    Scenario("i", "connect, handshake, close: 50 at a time", kind="handshake", connections=50),
    *(as_client(scenario) for scenario in (A, C, D, E)),
    *(over_tls(scenario) for scenario in (B, D, E)),
)


@dataclass(frozen=True)
class Sweep:
    """Scenarios that differ in one number: what a plot shows.

    Attributes:
        name: Also the name of the plot's file.
        title: Above the plot.
        axis: What the number is.
        points: The number and the scenario that has it.
    """

    name: str
    title: str
    axis: str
    points: tuple[tuple[int, Scenario], ...]


def sweep(
    name: str, title: str, axis: str, numbers: Iterable[int], like: Scenario, vary: Callable[[Scenario, int], Scenario]
) -> Sweep:
    """A sweep over what `vary` changes in a scenario."""
    named = [
        (number, replace(like, name=f"{name}-{number}", title=f"{like.title}; {axis}: {number}")) for number in numbers
    ]
    return Sweep(name, title, axis, tuple((number, vary(scenario, number)) for number, scenario in named))


SWEEPS: tuple[Sweep, ...] = (
    sweep(
        "connections",
        "Cost against the number of connections (depth 1, 128 B text)",
        "connections",
        (1, 10, 100, 1000, 5000, 10000, 19000),
        B,
        lambda scenario, number: replace(scenario, connections=number),
    ),
    sweep(
        "idle",
        "Cost of 100 busy connections against the number of idle ones beside them",
        "idle connections",
        (0, 100, 1000, 5000, 10000, 19000),
        B,
        lambda scenario, number: replace(scenario, idle=number),
    ),
    sweep(
        "size",
        "Cost against the size of messages (8 connections, depth 1, binary)",
        "bytes",
        (32, 128, 512, 2048, 8192, 32768, 131072, 524288, 1048576),
        Scenario("size", "8 connections, depth 1, binary", connections=8, check="sample"),
        lambda scenario, number: replace(scenario, size=number),
    ),
    sweep(
        "depth",
        "Cost against depth (10 connections, 32 B binary)",
        "messages under way on a connection",
        (1, 2, 4, 8, 16, 32, 64, 128, 256),
        Scenario("depth", "10 connections, 32 B binary", connections=10),
        lambda scenario, number: replace(scenario, depth=number),
    ),
)


def chosen(only: Iterable[str]) -> tuple[list[Scenario], list[Sweep]]:
    """The scenarios and sweeps that a command line names, by letter or by name; all of them without any.

    Raises:
        ValueError: There is none of that name.
    """
    names = list(only)
    known = {scenario.name for scenario in SCENARIOS} | {s.letter for s in SCENARIOS} | {s.name for s in SWEEPS}
    for name in names:
        if name not in known:
            raise ValueError(f"no scenario {name!r}: there are {', '.join(sorted(known))}")
    scenarios = [s for s in SCENARIOS if not names or s.name in names or s.letter in names]
    return scenarios, [s for s in SWEEPS if not names or s.name in names]
