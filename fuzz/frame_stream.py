"""One run of the frame decoder on arbitrary bytes: both cores, cut in two ways; raises where they differ or get stuck.

The first bytes of the input choose the role, the limits and how the rest is cut. Shared by the fuzz target and by the
test that replays its seeds.
"""

from typing import Any

from cores import Core, load_core

__all__ = ["check"]

LIMITS: list[dict[str, Any]] = [
    {},
    {"max_received_frame_size": 300, "max_received_message_size": 1000, "receive_queue_messages": 2},
    {"assemble_fragments": False, "max_received_frame_size": 300},
    {"max_received_frame_size": None, "max_received_message_size": None, "max_empty_frames": None},
    {"max_control_frames_per_second": 1.0, "control_frame_burst": 3, "fragmentation_threshold": 5},
]
CORES = [core for core in (load_core("python"), load_core("compiled")) if core is not None]
STEPS_PER_PIECE = 3


class Stuck(Exception):
    """The decoder took more steps than it had bytes for."""


def check(data: bytes) -> None:
    """Decode `data` behind its first three bytes.

    Raises:
        AssertionError: The cores, or two ways of cutting the bytes, gave different results.
        Stuck: A step neither consumed bytes, nor asked for more, nor failed.
    """
    if len(data) < 3:
        return
    is_client, limits, size = data[0] & 1, LIMITS[data[1] % len(LIMITS)], data[2] % 32 + 1
    mode = ("listener", "echo", "waiting", "parts")[data[0] >> 1 & 3]
    stream = data[3:]
    role = "client" if is_client else "server"
    steps = (size, len(stream) or 1)
    outcomes = [_run(core, role, limits, mode, stream, step) for core in CORES for step in steps]
    assert all(outcome == outcomes[0] for outcome in outcomes), outcomes


def _run(core: Core, role: str, limits: dict[str, Any], mode: str, stream: bytes, size: int) -> tuple[Any, ...]:
    connection = core.connection(role, **limits)
    taken: list[Any] = []
    parts: list[Any] = []  # of the message in progress
    if mode == "listener":
        connection.listen(taken.append)
    elif mode == "echo":
        connection.listen(connection.send)
    for start in range(0, len(stream), size):
        piece = stream[start : start + size]
        buffer = bytearray(core.HEADROOM) + piece
        connection.receive(buffer, len(buffer), 1.0)
        _take(connection, mode, taken, parts)
        steps = 0
        while connection.has_backlog:
            steps += 1
            if steps > STEPS_PER_PIECE + len(piece):
                raise Stuck(f"{steps} steps for {len(piece)} bytes")
            connection.continue_receive(1.0)
            _take(connection, mode, taken, parts)
    assert connection.held_size == 0
    return (
        connection.events, taken, b"".join(connection.written), connection.state_name, str(connection.failure),
        type(connection.failure), connection.close_sent, connection.close_rcvd,
    )  # fmt: skip


def _take(connection: Any, mode: str, taken: list[Any], parts: list[Any]) -> None:
    if connection.parts_open:
        parts.extend(iter(connection.take_part, None))
        if not connection.parts_ended:
            return
        connection.close_parts()
        taken.append(b"".join(map(_raw, parts)))  # how a message is cut into parts means nothing
        parts.clear()
    while connection.waiting:
        message = connection.take()
        taken.append(_raw(message) if mode == "parts" else message)
    if mode == "parts":
        connection.open_parts()
        parts.extend(iter(connection.take_part, None))


def _raw(part: str | bytes) -> bytes:
    return part.encode() if isinstance(part, str) else part
