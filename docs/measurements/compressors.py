"""What compresses a message, at which price: the libraries for deflate, and zstd, as the extensions use them.

python docs/measurements/compressors.py

JSON messages that differ, with context takeover, window 12; microseconds and bytes a message, out and in.
"""

import json
import random
import time
from collections.abc import Iterable

from twinax.extensions import Extension, MessageCodec, PerMessageDeflate, PerMessageZstd

# Records in a message, messages in a round.
SIZES = [(4, 1000), (12, 1000), (48, 400), (750, 40)]
CANDIDATES: dict[str, Extension] = {
    "zlib 6": PerMessageDeflate(library="zlib", level=6),
    "zlib 1": PerMessageDeflate(library="zlib", level=1),
    "zlib-ng 6": PerMessageDeflate(library="zlib-ng", level=6),
    "zlib-ng 2": PerMessageDeflate(library="zlib-ng", level=2),
    "isal 1": PerMessageDeflate(library="isal", level=1),
    "zstd 1": PerMessageZstd(level=1),
    "zstd 3": PerMessageZstd(level=3),
    "zstd 9": PerMessageZstd(level=9),
}
ROUNDS = 7


def make_messages(records: int, count: int) -> list[bytes]:
    """Return messages like those of an application: the same names, other values."""
    chance = random.Random(records)
    return [
        json.dumps(
            [
                {"id": chance.randrange(10**6), "name": f"user {chance.randrange(5000)}", "score": chance.random()}
                for _ in range(records)
            ]
        ).encode()
        for _ in range(count)
    ]


def pair(extension: Extension) -> tuple[MessageCodec, MessageCodec]:
    """Return the codecs of a client and a server."""
    accepted = extension.accept(extension.offers()[0])
    assert accepted is not None
    client = extension.agree(accepted[0])
    assert isinstance(client, MessageCodec)
    assert isinstance(accepted[1], MessageCodec)
    return client, accepted[1]


def take(decoded: bytes | Iterable[bytes]) -> bytes:
    """Return a message that was decoded."""
    return decoded if isinstance(decoded, bytes) else b"".join(decoded)


def measure(extension: Extension, messages: list[bytes]) -> tuple[float, float, float]:
    """Return microseconds to encode and to decode a message, and its size."""
    best_out = best_in = float("inf")
    size = 0
    for _ in range(ROUNDS):
        client, server = pair(extension)
        start = time.perf_counter()
        encoded = [client.encode(message, True) for message in messages if client.begin_encode(1, None, None)]
        best_out = min(best_out, time.perf_counter() - start)
        start = time.perf_counter()
        decoded = [take(server.decode(data, True)) for data in encoded if server.begin_decode(1, 0x40)]
        best_in = min(best_in, time.perf_counter() - start)
        assert decoded == messages
        size = sum(map(len, encoded))
    count = len(messages)
    return best_out / count * 1e6, best_in / count * 1e6, size / count


def main() -> None:
    """Print a table."""
    for records, count in SIZES:
        messages = make_messages(records, count)
        print(f"{sum(map(len, messages)) // count} bytes: out, in (microseconds), size (bytes)")
        for name, extension in CANDIDATES.items():
            out, back, size = measure(extension, messages)
            print(f"  {name:10}{out:9.1f}{back:9.1f}{size:9.0f}")


if __name__ == "__main__":
    main()
