"""Load a WebSocket server that sends every message back, and show how fast it answers.

A number of messages is kept under way on each connection: whenever one comes back, the next is sent. That shows how
much a server can do, and hides how long a message waits while it is busy. --rate sends by the clock instead, whether
or not answers have come, and counts from the moment at which a message was due: that shows what users would see.

    twinax serve echo --port 8080
    twinax bench ws://localhost:8080/ --connections 100
    twinax bench ws://localhost:8080/ --connections 100 --rate 5000 --duration 30
    twinax bench ws://localhost:8080/ --handshakes --connections 50

Progress goes to standard error, the result to standard output. SIGINT (Ctrl-C) and SIGTERM end the run early and
show what was measured so far; a second one ends it at once. Load servers that are yours.

exit status: 0 all went well, 1 something was lost, wrong, refused or closed, 2 wrong command line, 3 it could not
connect or the server does not echo, 130 stopped by SIGINT or SIGTERM.
"""

import argparse
import asyncio
import dataclasses
import os
import sys
from typing import Any

from twinax import ConnectionClosed

from .client_arguments import add_client_arguments, open_client
from .failure import CANNOT_CONNECT, INTERRUPTED, CommandFailed
from .load.crew import Crew
from .load.outcome import Outcome
from .load.picture import style_of
from .load.plan import Plan
from .load.progress import Progress
from .load.summary import as_json, as_text
from .load.tally import READY
from .load.worker import TICK
from .printing import describe_payload, escape_controls
from .quantities import above_zero, at_least_zero, payload_size, positive
from .reports import report_as_text
from .running import run_async, stopping_signals

__all__ = ["add_arguments", "run"]

SHOWN = 80
NEEDS_ECHO = (
    "twinax bench needs a server that sends every message back, such as 'twinax serve echo';"
    " --no-verify takes any message as the answer"
)
MOST_GREETINGS = 16
SPARE_FILES = 32


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("url", metavar="URL", help="ws://... or wss://...")
    load = parser.add_argument_group("the load")
    load.add_argument("--connections", type=positive, default=10, metavar="N", help="open at a time (default: 10)")
    load.add_argument("--depth", type=positive, metavar="N", help="under way on each connection (default: 1)")
    load.add_argument("--size", type=payload_size, default=128, metavar="SIZE", help="of a message (default: 128)")
    kind = load.add_mutually_exclusive_group()
    kind.add_argument("--text", action="store_true", help="send text (default)")
    kind.add_argument("--binary", action="store_true", help="send bytes")
    load.add_argument(
        "--rate",
        type=above_zero,
        metavar="N",
        help="messages (or handshakes) a second over all connections, sent by the clock; without --depth",
    )
    load.add_argument("--handshakes", action="store_true", help="connect and close again, instead of messages")
    load.add_argument("--connect-rate", type=above_zero, metavar="N", help="open at most so many connections a second")
    load.add_argument(
        "--duration", type=above_zero, default=10.0, metavar="SECONDS", help="measured; inf: until Ctrl-C (default: 10)"
    )
    load.add_argument("--warmup", type=at_least_zero, default=1.0, metavar="SECONDS", help="before that (default: 1)")
    load.add_argument(
        "--processes",
        type=positive,
        metavar="N",
        help="that load the server (default: one for every two cores)",
    )
    load.add_argument(
        "--compress", action="store_true", help="offer permessage-deflate, which needs more processor time"
    )
    load.add_argument("--no-verify", action="store_true", help="take any message as the answer, whatever is in it")
    asking = parser.add_argument_group("what to ask the server for")
    add_client_arguments(asking)
    asking.add_argument(
        "--timeout",
        type=above_zero,
        default=10.0,
        metavar="SECONDS",
        help="to connect, and to wait for the last answers (default: 10)",
    )
    showing = parser.add_argument_group("printing")
    showing.add_argument("--json", action="store_true", help="print the result as one line of JSON")
    showing.add_argument("--quiet", action="store_true", help="no progress")


def run(arguments: argparse.Namespace) -> int:
    """Load the server, and print what was measured."""
    if arguments.depth and (arguments.rate or arguments.handshakes):
        other = "--rate sends by the clock" if arguments.rate else "--handshakes sends no messages"
        raise CommandFailed(f"--depth {arguments.depth}: {other}, so there is no depth to keep", 2)
    plan = Plan(
        url=arguments.url,
        connections=arguments.connections,
        depth=arguments.depth or 1,
        size=arguments.size,
        binary=arguments.binary,
        duration=arguments.duration,
        warmup=arguments.warmup,
        rate=arguments.rate,
        connect_rate=arguments.connect_rate,
        handshakes=arguments.handshakes,
        verify=not arguments.no_verify,
        compress=arguments.compress,
        timeout=arguments.timeout,
        headers=tuple(arguments.header),
        subprotocols=tuple(arguments.subprotocol),
        origin=arguments.origin,
        authorities=arguments.ca,
        insecure=arguments.insecure,
        unix=arguments.unix,
    )
    workers = min(plan.connections, arguments.processes or max(1, (os.cpu_count() or 1) // 2))
    _check_files(plan, workers)
    return run_async(_bench(plan, workers, arguments))


def _check_files(plan: Plan, workers: int) -> None:
    try:
        import resource
    except ImportError:
        return  # Windows has no such limit
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = plan.share(0, workers).connections + SPARE_FILES
    if most != resource.RLIM_INFINITY and needed > most:
        raise CommandFailed(
            f"--connections {plan.connections} in {workers} processes: each would open {needed} files, {most} are"
            f" allowed; raise 'ulimit -Hn', or give --processes {plan.connections // (most - SPARE_FILES) + 1}",
            2,
        )


async def _bench(plan: Plan, workers: int, arguments: argparse.Namespace) -> int:
    with stopping_signals() as stop:
        stopping = asyncio.ensure_future(stop.wait())
        probing = asyncio.ensure_future(_probe(plan))
        try:
            await asyncio.wait({stopping, probing}, return_when=asyncio.FIRST_COMPLETED)
            if not probing.done():
                return INTERRUPTED
            plan = probing.result()
            outcome = await _load(plan, workers, arguments, stopping)
        finally:
            for task in (stopping, probing):
                task.cancel()
            await asyncio.gather(stopping, probing, return_exceptions=True)
        if not outcome.seconds:
            print("stopped before anything was measured", file=sys.stderr)
            return INTERRUPTED
        print(as_json(plan, outcome) if arguments.json else as_text(plan, outcome, style_of(sys.stdout)), flush=True)
        return INTERRUPTED if stop.is_set() else 1 if outcome.errors else 0


async def _probe(plan: Plan) -> Plan:
    """Send one message, and wait for it; return the plan with what that shows about the server.

    Raises:
        CommandFailed: It cannot be connected to, or does not echo.
    """
    connection = await open_client(plan.url, plan.client_options())
    plan = dataclasses.replace(plan, agreed=tuple(map(str, connection.extensions)))
    greetings: list[str | bytes] = []
    try:
        if plan.handshakes:
            return plan
        message = plan.payloads()[0]
        connection.send(message)
        async with asyncio.timeout(plan.timeout):
            while (answer := await connection.recv()) != message and plan.verify:
                greetings.append(answer)
                if len(greetings) > MOST_GREETINGS:
                    raise TimeoutError
    except TimeoutError:
        said = f"answered {_show(greetings[0])} instead of" if greetings else "did not answer"
        within = "" if len(greetings) > MOST_GREETINGS else f" within {plan.timeout:g} s"
        raise CommandFailed(
            f"{plan.url} does not echo: it {said} a message of {plan.size} bytes{within}. {NEEDS_ECHO}", CANNOT_CONNECT
        ) from None
    except ConnectionClosed as error:
        report = escape_controls("; ".join(report_as_text(error.report).splitlines()))
        raise CommandFailed(f"{plan.url} does not echo, it closed the connection: {report}", CANNOT_CONNECT) from error
    finally:
        await connection.close(1000, "")
    return dataclasses.replace(plan, greetings=len(greetings))


def _show(message: str | bytes) -> str:
    if isinstance(message, bytes):
        return describe_payload(message)
    text = message if len(message) <= SHOWN else f"{message[:SHOWN]}..."
    return repr(escape_controls(text))


async def _load(plan: Plan, workers: int, arguments: argparse.Namespace, stopping: "asyncio.Future[Any]") -> Outcome:
    outcome = Outcome(workers, TICK)
    progress = Progress(sys.stderr, plan)
    ready: set[int] = set()
    async with Crew(plan, workers) as crew:
        stopping.add_done_callback(lambda _: crew.stop())
        async for number, sample in crew.samples():
            outcome.add(number, sample)
            if sample.phase == READY:
                ready.add(number)
                if len(ready) == workers:
                    _check_open(plan, outcome, stopping)
                    crew.go()
            if not arguments.quiet:
                progress.show(outcome)
    progress.end()
    return outcome


def _check_open(plan: Plan, outcome: Outcome, stopping: "asyncio.Future[Any]") -> None:
    """Make sure that there is something to load.

    Raises:
        CommandFailed: Not a single connection was opened.
    """
    if not plan.handshakes and not outcome.open_now and not stopping.done():
        reasons = outcome.failures.most_common(1) or outcome.closes.most_common(1)
        said = f": {reasons[0][0]}" if reasons else ""
        raise CommandFailed(
            f"none of {plan.connections} connections to {plan.url} was open at the start{said}", CANNOT_CONNECT
        )
