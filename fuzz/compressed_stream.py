"""One run of messages that are said to be compressed; raises where something but the peer could be at fault.

The first bytes of the input choose the library, the window, whether context is kept, whether there is memory for it
and how messages are cut into fragments. What follows are payloads, each behind two bytes of length. Shared by the fuzz
target and by the test that replays its seeds.
"""

import zlib
from typing import Any

import frame_bytes
from cores import Core, load_core
from twinax import RemoteProtocolError, Rule
from twinax.extensions import Extension, MemoryBudget, PerMessageDeflate, PerMessageZstd
from twinax.extensions.zlibs import find_library
from twinax.extensions.zstd import find_zstd

__all__ = ["LIBRARIES", "check"]

CORES = [core for core in (load_core("python"), load_core("compiled")) if core is not None]
LIMIT = 300_000
TAIL = b"\x00\x00\xff\xff"
PEERS_FAULT = {Rule.COMPRESSED_DATA_INVALID, Rule.EXTENSION_DATA_INVALID, Rule.DECODED_MESSAGE_TOO_BIG}
Outcome = tuple[list[bytes], str | None]


def _find_libraries() -> list[str]:
    found = ["zlib"]
    for name in ("zlib-ng", "isal"):
        try:
            find_library(name)
        except ImportError:
            continue
        found.append(name)
    return [*found, "zstd"] if find_zstd() is not None else found


LIBRARIES = _find_libraries()


def check(data: bytes) -> None:
    """Decompress the messages in `data`.

    Raises:
        AssertionError: The cores differ; something else than the peer is blamed; a limit does not hold; memory is
            not given back; or a stream that zlib reads without complaint gave something else.
    """
    if len(data) < 4:
        return
    library = LIBRARIES[data[0] % len(LIBRARIES)]
    bits, flags, size = 9 + data[1] % 7, data[2], data[3] + 1
    payloads = _split(data[4:])
    outcomes: list[Outcome] = []
    for chunk in (size, 1 << 20):
        for pause in (False, True):
            runs = [_run(core, library, bits, flags, payloads, chunk, pause) for core in CORES]
            assert all(run == runs[0] for run in runs), runs
            outcomes.append(runs[0])
    plain = None if library == "zstd" else _read_plainly(payloads, bits, flags, whole=library != "zlib")
    for taken, failure in outcomes:
        assert all(len(message) <= LIMIT for message in taken)
        # One that ends inside a block is noticed when the inflater is given up, and only then.
        if plain is not None and "ended inside a block" not in (failure or ""):
            assert (taken, failure) == (plain, None), (library, taken, plain, failure)


def _split(data: bytes) -> list[bytes]:
    payloads = []
    while len(data) > 2 and len(payloads) < 20:
        end = 2 + int.from_bytes(data[:2], "big")
        payloads.append(data[2:end])
        data = data[end:]
    return payloads


def _extension(library: str, bits: int, flags: int, memory: MemoryBudget) -> Extension:
    options: dict[str, Any] = {"client_no_context_takeover": bool(flags & 1), "memory": memory}
    if library == "zstd":
        return PerMessageZstd(client_max_window_bits=bits + 1, **options)
    return PerMessageDeflate(client_max_window_bits=bits, library=library, **options)


def _run(core: Core, library: str, bits: int, flags: int, payloads: list[bytes], size: int, pause: bool) -> Outcome:
    """Return the messages that were delivered, and how it failed; with `pause` the connection is idle after each."""
    memory = MemoryBudget(0 if flags & 2 else None)
    extension = _extension(library, bits, flags, memory)
    offer: list[tuple[str, str | None]] = [("client_max_window_bits", str(bits + (library == "zstd")))]
    accepted = extension.accept(offer)
    assert accepted is not None
    codec = accepted[1]
    connection = core.server(max_received_message_size=LIMIT, max_received_frame_size=None, max_empty_frames=None)
    connection.extend(core.Pipeline([(extension.name, extension.rsv_bits, codec)], []))
    connection.listening()
    for payload in payloads:
        pieces = [payload[at : at + size] for at in range(0, len(payload) or 1, size)]
        for i, piece in enumerate(pieces):
            first, last = i == 0, i == len(pieces) - 1
            connection.feed(frame_bytes.frame(2 if first else 0, piece, fin=last, rsv=4 if first else 0))
        if pause and connection.failure is None:
            codec.release()
    failure = connection.failure
    assert connection.extension_error is None
    if failure is not None:
        assert isinstance(failure, RemoteProtocolError)
        assert failure.rule in PEERS_FAULT, failure
    codec.close()
    assert (memory.used, memory.contexts) == (0, 0)
    return connection.messages, None if failure is None else str(failure)


def _read_plainly(payloads: list[bytes], bits: int, flags: int, *, whole: bool) -> list[bytes] | None:
    """Return what zlib alone makes of the messages; None where it complains or there is more to it.

    With `whole` also where a message ends inside a block: libraries notice at different bytes that it is not valid.
    """
    messages = []
    inflater = zlib.decompressobj(-bits)
    for payload in payloads:
        if flags & 1:
            inflater = zlib.decompressobj(-bits)
        try:
            message = inflater.decompress(payload + TAIL, LIMIT + 1)
        except zlib.error:
            return None
        # A stream that ends within a message, and messages that are too long, have rules of their own.
        if inflater.eof or inflater.unconsumed_tail or len(message) > LIMIT:
            return None
        if whole and _probe(inflater) != b"?":
            return None
        messages.append(message)
    return messages


def _probe(inflater: Any) -> bytes | None:
    """Return what a stored block that holds "?" would become."""
    try:
        found: bytes = inflater.copy().decompress(b"\x00\x01\x00\xfe\xff?")
    except zlib.error:
        return None
    return found
