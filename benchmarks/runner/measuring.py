"""Measures one peer in one scenario, once."""

import contextlib
import json
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from . import machine, places
from .peers import Peer, Toolbox
from .processes import Failed, Running, pinned, running, wait_ready
from .scenarios import Scenario

__all__ = ["Measure", "Outcome"]

MEASURED, PARTNER = 0, 1
# Beyond the duration: opening thousands of connections, draining, a slow start.
GRACE = 150.0
# Servers that collect garbage in idle moments get one.
SETTLING = 0.5
LOAD = str(places.PROGRAMS / "load")


@dataclass(frozen=True)
class Outcome:
    """What one measurement gave: either figures or why there are none.

    Attributes:
        value: In the unit of the scenario.
        cpu: Microseconds of processor time a message (a delivery, a handshake) of what is measured; None for memory.
        missing: Why there is no figure; None when there is one.
        failed: Whether that is a failure, and not something that the peer does not have.
        raw: The line that the load generator or the client printed.
    """

    value: float | None = None
    cpu: float | None = None
    missing: str | None = None
    failed: bool = False
    raw: dict[str, Any] | None = None


@dataclass(frozen=True)
class Measure:
    """How long and with what to measure.

    Attributes:
        tools: The programs that peers run in.
        features: What the C programs were built with.
        duration: Seconds that are measured.
        warmup: Seconds before that.
    """

    tools: Toolbox
    features: frozenset[str]
    duration: float
    warmup: float

    def __call__(self, peer: Peer, scenario: Scenario) -> Outcome:
        """Measures; what goes wrong is an outcome too."""
        reason = peer.why_not(scenario, self.tools) or self._cannot(scenario)
        if reason is not None:
            return Outcome(missing=reason)
        try:
            if scenario.kind == "client":
                return self._client(peer, scenario)
            return self._idle(peer, scenario) if scenario.kind == "idle" else self._server(peer, scenario)
        except Failed as error:
            return Outcome(missing=str(error), failed=True)

    def _timing(self, peer: Peer) -> list[str]:
        return ["--duration", str(self.duration), "--warmup", str(self.warmup + peer.warmup)]

    def _cannot(self, scenario: Scenario) -> str | None:
        if scenario.tls and "openssl" not in self.features:
            return "not measured: the load generator was built without OpenSSL"
        if scenario.deflate is not None and "zlib" not in self.features:
            return "not measured: the load generator was built without zlib"
        most = machine.most_connections()
        if scenario.connections + scenario.idle > most:
            return f"not measured: a process may have {most} connections here"
        return None

    def _server(self, peer: Peer, scenario: Scenario) -> Outcome:
        with self._started(peer, scenario) as (server, port), self._idle_beside(scenario, port):
            arguments = [*scenario.load_arguments(), *self._timing(peer)]
            result = self._load(scenario, port, server.family(), arguments)
        if scenario.deflate is not None and not result["extension"]:
            return Outcome(missing="does not agree on permessage-deflate")
        return Outcome(result["rate"], result["server_cpu"]["us_per_message"], raw=result)

    def _idle(self, peer: Peer, scenario: Scenario) -> Outcome:
        with self._started(peer, scenario) as (server, port):
            # What the first connection loads is not what a connection costs.
            self._load(scenario, port, [], ["--size", "32", "--duration", "0.1", "--warmup", "0"], tls=scenario.tls)
            before = server.memory()
            with running(pinned([LOAD, "--port", str(port), *scenario.load_arguments()], PARTNER)) as held:
                opened = parse(held.line(GRACE))
                time.sleep(SETTLING)
                growth = server.memory() - before
        if scenario.deflate is not None and not opened["extension"]:
            return Outcome(missing="does not agree on permessage-deflate")
        return Outcome(growth / 1024 / scenario.connections, raw={**opened, "bytes": growth, "bytes_before": before})

    def _client(self, peer: Peer, scenario: Scenario) -> Outcome:
        with running(pinned([str(places.PROGRAMS / "limit")], PARTNER)) as server:
            port = wait_ready(server)
            timing = self._timing(peer)
            command = peer.client_command(self.tools)
            if peer.kind == "native":
                command += ["--port", str(port), *scenario.load_arguments(), *timing]
            else:
                command += ["--url", f"ws://127.0.0.1:{port}/", "--connections", str(scenario.connections)]
                command += ["--depth", str(scenario.depth), "--size", str(scenario.size), f"--{scenario.form}", *timing]
            with running(pinned(command, MEASURED), peer.variables()) as client:
                result = parse(client.line(self.duration + GRACE))
        if peer.kind == "native":
            result["cpu_seconds"] = result["load_busy"] * result["seconds"]
        return Outcome(result["rate"], result["cpu_seconds"] * 1e6 / max(1, result["messages"]), raw=result)

    @contextlib.contextmanager
    def _started(self, peer: Peer, scenario: Scenario) -> Iterator[tuple[Running, int]]:
        with running(pinned(peer.server_command(scenario, self.tools), MEASURED), peer.variables()) as server:
            yield server, wait_ready(server)

    @contextlib.contextmanager
    def _idle_beside(self, scenario: Scenario, port: int) -> Iterator[None]:
        if not scenario.idle:
            yield
            return
        with running(pinned([LOAD, "--port", str(port), "--idle", str(scenario.idle)], PARTNER)) as held:
            parse(held.line(GRACE))
            yield

    def _load(
        self, scenario: Scenario, port: int, pids: list[int], arguments: list[str], tls: bool = False
    ) -> dict[str, Any]:
        command = [LOAD, "--port", str(port)]
        if pids:
            command += ["--pid", ",".join(map(str, pids))]
        command += arguments + (["--tls"] if tls else [])
        try:
            done = subprocess.run(
                pinned(command, PARTNER), capture_output=True, text=True, timeout=self.duration + GRACE, check=False
            )
        except subprocess.TimeoutExpired:
            raise Failed("the load generator did not end") from None
        return parse(done.stdout.strip() or json.dumps({"error": done.stderr.strip()}))


def parse(line: str) -> dict[str, Any]:
    """Reads the line that a program ends with.

    Raises:
        Failed: It tells of an error, or of messages that never came back.
    """
    result: dict[str, Any] = json.loads(line)
    if "error" in result:
        raise Failed(result["error"])
    if result.get("lost"):
        raise Failed(f"{result['lost']} messages were lost")
    return result
