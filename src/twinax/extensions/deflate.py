"""permessage-deflate (RFC 7692): how it is configured and negotiated, and its codec.

Memory decides about the defaults. A compressor of zlib's usual settings (window 15, memory level 8) keeps 97 KiB
for each connection, one of window 12 and level 5 keeps 33 KiB, and its messages are 8 to 12 % longer
(`zlibs`). An inflater keeps 11 KiB instead of 40. So a server uses window 12, and asks clients for it.
"""

import zlib
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar, Final, get_args

from ..checks import check_number
from ..errors import NegotiationError
from ..extension import RSV1, Extension, MessageCodec, Parameters
from .deflating import Deflating
from .inflating import Inflating
from .memory import MEMORY_BUDGET, MemoryBudget
from .parameters import check_flag, check_known, read_number
from .zlibs import LibraryName, compressing_library, inflating_library

__all__ = ["DeflateCodec", "PerMessageDeflate", "default_extensions"]

NAME: Final = "permessage-deflate"
DEFAULT_WINDOW_BITS: Final = 12
PARAMETERS: Final = (
    "server_no_context_takeover",
    "client_no_context_takeover",
    "server_max_window_bits",
    "client_max_window_bits",
)


@dataclass(frozen=True, slots=True)
class _Terms:
    """What both sides have agreed on (RFC 7692 7.1); 15 is what holds without a word."""

    server_takeover: bool = True
    client_takeover: bool = True
    server_bits: int = 15
    client_bits: int = 15


@dataclass(frozen=True, kw_only=True)
class PerMessageDeflate(Extension):
    """Compress messages with deflate (RFC 7692). On by default; this object tunes it.

    Attributes:
        server_no_context_takeover: The server is to compress every message by itself: it needs no memory
            between messages, and small messages compress about half as well.
        client_no_context_takeover: The same for the client.
        server_max_window_bits: How far back, as a power of 2, the server's messages may refer: 8 to 15. None:
            on a server 12; a client does not ask for less than 15.
        client_max_window_bits: The same for the client's messages, where the client allows it. None: a server asks
            for 12; a client allows the server anything, and uses 12 itself.
        level: 1 (fast) to 9 (small); None: what balances both best in the library that is used.
        memory_level: How much memory a compressor uses for its tables, 1 to 9: 1 << (this + 9) bytes with zlib.
        strategy: One of zlib's strategies, such as ``zlib.Z_HUFFMAN_ONLY``.
        threshold: Messages below so many bytes are not compressed: they fit into one packet as they are,
            and cost the peer nothing to inflate.
        library: ``"zlib"``, ``"zlib-ng"``, ``"isal"``, or ``"auto"`` for the best one that is installed
            (``pip install twinax[speed]``).
        memory: The budget that contexts are charged to: the one of the process, by default.
    """

    name: ClassVar[str] = NAME
    rsv_bits: ClassVar[int] = RSV1

    server_no_context_takeover: bool = False
    client_no_context_takeover: bool = False
    server_max_window_bits: int | None = None
    client_max_window_bits: int | None = None
    level: int | None = None
    memory_level: int = 5
    strategy: int = zlib.Z_DEFAULT_STRATEGY
    threshold: int = 1024
    library: LibraryName = "auto"
    memory: MemoryBudget = MEMORY_BUDGET

    def __post_init__(self) -> None:
        for name in ("server_no_context_takeover", "client_no_context_takeover"):
            if not isinstance(getattr(self, name), bool):
                raise TypeError(f"{name}={getattr(self, name)!r}: True or False")
        for name, (low, high, optional) in RANGES.items():
            check_number(name, getattr(self, name), int, low, high, optional=optional)
        if not isinstance(self.memory, MemoryBudget):
            raise TypeError(f"memory={self.memory!r}: a MemoryBudget")
        if self.library not in get_args(LibraryName):
            raise ValueError(f"library={self.library!r}: one of {', '.join(get_args(LibraryName))}")
        if self.library != "auto":
            compressing_library(self.library)  # said now that it is missing, not when a client connects

    # --- client -------------------------------------------------------------------------------

    def offers(self) -> list[Parameters]:
        """Return one offer that says all that is asked for (RFC 7692 7.1)."""
        offer: list[tuple[str, str | None]] = []
        if self.server_no_context_takeover:
            offer.append(("server_no_context_takeover", None))
        if self.client_no_context_takeover:
            offer.append(("client_no_context_takeover", None))
        if self.server_max_window_bits not in (None, 15):
            offer.append(("server_max_window_bits", str(self.server_max_window_bits)))
        limit = self.client_max_window_bits
        offer.append(("client_max_window_bits", None if limit in (None, 15) else str(limit)))
        return [offer]

    def agree(self, answer: Parameters) -> "DeflateCodec":
        """Check the server's answer against the offer (RFC 7692 7.1.1, 7.1.2)."""
        found = check_known(NAME, answer, PARAMETERS)
        server_takeover = not check_flag(NAME, found, "server_no_context_takeover")
        if self.server_no_context_takeover and server_takeover:
            raise NegotiationError(
                NAME, "it was asked for, and is not in the answer", parameter="server_no_context_takeover"
            )
        client_takeover = not check_flag(NAME, found, "client_no_context_takeover")
        asked = self.server_max_window_bits or 15
        server_bits = read_number(NAME, found, "server_max_window_bits", 8, asked)
        if server_bits is None and asked < 15:
            raise NegotiationError(
                NAME, f"at most {asked} was asked for, and is not in the answer", parameter="server_max_window_bits"
            )
        client_bits = read_number(NAME, found, "client_max_window_bits", 8, self.client_max_window_bits or 15)
        terms = _Terms(
            server_takeover,
            client_takeover and not self.client_no_context_takeover,
            server_bits or 15,
            min(client_bits or 15, self.client_max_window_bits or DEFAULT_WINDOW_BITS),
        )
        return DeflateCodec(self, terms, is_client=True)

    # --- server -------------------------------------------------------------------------------

    def accept(self, offer: Parameters) -> tuple[Parameters, "DeflateCodec"]:
        """Accept an offer, on terms that need as little memory as it allows (RFC 7692 7.1.1, 7.1.2)."""
        found = check_known(NAME, offer, PARAMETERS)
        server_takeover = not check_flag(NAME, found, "server_no_context_takeover")
        client_takeover = not check_flag(NAME, found, "client_no_context_takeover")
        server_bits = read_number(NAME, found, "server_max_window_bits", 8, 15)
        client_bits: int | None = 15
        if found.get("client_max_window_bits", "") is not None:
            client_bits = read_number(NAME, found, "client_max_window_bits", 8, 15)
        if client_bits is not None:  # the client can be told; otherwise it uses 15
            client_bits = min(client_bits, self.client_max_window_bits or DEFAULT_WINDOW_BITS)
        terms = _Terms(
            server_takeover and not self.server_no_context_takeover,
            client_takeover and not self.client_no_context_takeover,
            min(server_bits or 15, self.server_max_window_bits or DEFAULT_WINDOW_BITS),
            client_bits or 15,
        )
        answer: list[tuple[str, str | None]] = []
        if not terms.server_takeover:
            answer.append(("server_no_context_takeover", None))
        if not terms.client_takeover:
            answer.append(("client_no_context_takeover", None))
        if terms.server_bits < 15 or server_bits is not None:
            answer.append(("server_max_window_bits", str(terms.server_bits)))
        if client_bits is not None and client_bits < 15:
            answer.append(("client_max_window_bits", str(client_bits)))
        return answer, DeflateCodec(self, terms, is_client=False)


class DeflateCodec(MessageCodec):
    """permessage-deflate on one connection: a compressor and an inflater, each made when it is needed."""

    __slots__ = ("_deflating", "_inflating", "offload_size", "threshold")

    def __init__(self, config: PerMessageDeflate, terms: _Terms, *, is_client: bool) -> None:
        own_bits, own_takeover = terms.server_bits, terms.server_takeover
        peer_bits, peer_takeover = terms.client_bits, terms.client_takeover
        if is_client:
            own_bits, own_takeover, peer_bits, peer_takeover = peer_bits, peer_takeover, own_bits, own_takeover
        self.threshold = config.threshold
        self._deflating = Deflating(
            compressing_library(config.library, config.level),
            level=config.level,
            window_bits=own_bits,
            memory_level=config.memory_level,
            strategy=config.strategy,
            takeover=own_takeover,
            memory=config.memory,
        )
        self.offload_size = self._deflating.library.offload_size
        self._inflating = Inflating(inflating_library(config.library), peer_bits, peer_takeover, config.memory)

    def begin_encode(self, opcode: int, size: int | None, compress: bool | None) -> int | None:
        """Compress unless it is asked not to."""
        return None if compress is False else RSV1

    def encode(self, part: bytes, final: bool) -> bytes:
        """Compress (RFC 7692 7.2.1)."""
        return self._deflating.encode(part, final)

    def share_key(self) -> Hashable:
        """Return how messages for many are compressed here."""
        return self._deflating.share_key

    def encode_shared(self, opcode: int, payload: bytes) -> tuple[int, bytes]:
        """Compress without context."""
        return RSV1, self._deflating.encode_once(payload)

    def shared_sent(self) -> None:
        """Begin anew: the compressor does not know what the peer's inflater has now."""
        self._deflating.restart()

    @property
    def libraries(self) -> tuple[str, str]:
        """What compresses and what inflates, each with its version."""
        deflating, inflating = self._deflating.library, self._inflating.library
        return f"{deflating.name} {deflating.version}", f"{inflating.name} {inflating.version}"

    @property
    def memory_used(self) -> int:
        """Bytes that are kept between messages, as far as the libraries tell."""
        return self._deflating.memory_used + self._inflating.memory_used

    def begin_decode(self, opcode: int, rsv: int) -> bool:
        """Inflate what is marked."""
        self._inflating.begin()
        return True

    def decode(self, part: bytes, final: bool) -> bytes | Iterable[bytes]:
        """Inflate (RFC 7692 7.2.2)."""
        return self._inflating.decode(part, final)

    def release(self) -> None:
        """Keep the window of the peer's messages, and nothing else."""
        self._deflating.restart()
        self._inflating.release()

    def close(self) -> None:
        """Keep nothing."""
        self._deflating.restart()
        self._inflating.close()

    def __del__(self) -> None:
        # A protocol without I/O may simply be let go; what it had is not to count for ever.
        if hasattr(self, "_inflating"):
            self.close()


# Option -> (lowest, highest, whether it may be None).
RANGES: Final[dict[str, tuple[int, int, bool]]] = {
    "server_max_window_bits": (8, 15, True),
    "client_max_window_bits": (8, 15, True),
    "level": (1, 9, True),
    "memory_level": (1, 9, False),
    "strategy": (0, 4, False),
    "threshold": (0, 2**62, False),
}


@lru_cache(1)
def default_extensions() -> tuple[Extension, ...]:
    """Return what ``extensions=None`` stands for."""
    return (PerMessageDeflate(),)
