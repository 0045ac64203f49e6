"""permessage-zstd under a private name: Zstandard (RFC 8878) for those who run both ends.

No RFC describes it, so the name begins with ``x-``. What is sent of a message:

- Its bytes are zstd frames, of which the last may stay open: the next message then goes on in it, and refers to what
  was before (context takeover).
- A message that begins with the magic number of a frame begins anew: whatever was open is given up. It cannot be
  the continuation of a frame, because read as the header of a block it announces 390,821 bytes, and a block has at most
  131,072 (RFC 8878 3.1.1.2.4). So a sender may give up its context at any time, and a message for many is a frame.
- A side without context takeover ends its frame with the message.

It has no door that extensions of users do not have.
"""

import importlib
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar, Final

from ..checks import check_number
from ..errors import NegotiationError, RemoteProtocolError
from ..extension import RSV1, Extension, MessageCodec, Parameters
from ..logs import EXTENSION_LOGGER
from ..rules import Rule
from .memory import MEMORY_BUDGET, MemoryBudget
from .parameters import check_flag, check_known, read_number

__all__ = ["PerMessageZstd", "ZstdCodec", "find_zstd"]

NAME: Final = "x-permessage-zstd"
PARAMETERS: Final = (
    "server_no_context_takeover",
    "client_no_context_takeover",
    "server_max_window_bits",
    "client_max_window_bits",
)
LOWEST_BITS: Final = 10  # the smallest window that zstd has
HIGHEST_BITS: Final = 23  # what RFC 8878 3.1.1.1.2 recommends that every decoder supports: 8 MiB
MAGIC: Final = b"\x28\xb5\x2f\xfd"
STEP: Final = 65536  # bytes that are decoded at a time, so that the budget of the message stops a bomb
MAX_FRAMES: Final = 64  # zstd frames in one message; each costs a decoder
INSTALL: Final = "no library for zstd is installed: pip install 'twinax[zstd]'"


@lru_cache(1)
def find_zstd() -> Any:
    """Return the module of zstd: the standard library's from Python 3.14 on, else ``backports.zstd``; None without."""
    for name in ("compression.zstd", "backports.zstd"):
        try:
            return importlib.import_module(name)
        except ImportError:
            continue
    return None


@dataclass(frozen=True, kw_only=True)
class PerMessageZstd(Extension):
    """Compress messages with Zstandard (RFC 8878). No browser knows it; it is for both ends with twinax.

    Name it before `PerMessageDeflate`: both use RSV1, and who does not know it gets deflate. Where no library
    is installed (``pip install twinax[zstd]``) it is neither offered nor accepted, and a warning says so.

    Attributes:
        server_no_context_takeover: The server is to compress every message by itself.
        client_no_context_takeover: The client is to compress every message by itself.
        server_max_window_bits: How far back, as a power of 2, the server's messages may refer: 10 to 23. The lower
            of both sides' values holds. 12, as with deflate: a compressor then keeps 50 KiB for a
            connection, a decoder 44 KiB; with 17 it is 452 KiB and 306 KiB.
        client_max_window_bits: The same for the client's messages.
        level: 1 (fast) to 22 (small); 3 is the balance that zstd itself takes.
        threshold: Messages below so many bytes are not compressed.
        memory: The budget that contexts are charged to: the one of the process, by default. A compressor for which
            there is no room is not kept. The decoder of a side with context takeover is kept in any case.
    """

    name: ClassVar[str] = NAME
    rsv_bits: ClassVar[int] = RSV1

    server_no_context_takeover: bool = False
    client_no_context_takeover: bool = False
    server_max_window_bits: int = 12
    client_max_window_bits: int = 12
    level: int = 3
    threshold: int = 1024
    memory: MemoryBudget = MEMORY_BUDGET

    def __post_init__(self) -> None:
        for name in ("server_no_context_takeover", "client_no_context_takeover"):
            if not isinstance(getattr(self, name), bool):
                raise TypeError(f"{name}={getattr(self, name)!r}: True or False")
        for name, (low, high) in RANGES.items():
            check_number(name, getattr(self, name), int, low, high, optional=False)
        if not isinstance(self.memory, MemoryBudget):
            raise TypeError(f"memory={self.memory!r}: a MemoryBudget")
        if find_zstd() is None:
            EXTENSION_LOGGER.warning("%s is not in use: %s", NAME, INSTALL)

    def offers(self) -> list[Parameters]:
        """Return one offer that says how large the windows may be; none without a library."""
        return [] if find_zstd() is None else [self._build(self)]

    def agree(self, answer: Parameters) -> "ZstdCodec":
        """Check that the answer says both windows, and asks for no more than was offered."""
        found = check_known(NAME, answer, PARAMETERS)
        terms = self._terms(found)
        for name in PARAMETERS[2:]:
            if name not in found:
                raise NegotiationError(NAME, "it is not in the answer", parameter=name)
        if self.server_no_context_takeover and "server_no_context_takeover" not in found:
            raise NegotiationError(
                NAME, "it was asked for, and is not in the answer", parameter="server_no_context_takeover"
            )
        return ZstdCodec(terms, is_client=True)

    def accept(self, offer: Parameters) -> tuple[Parameters, "ZstdCodec"]:
        """Accept an offer with the smaller windows of both; decline without a library."""
        if find_zstd() is None:
            raise NegotiationError(NAME, INSTALL)
        found = check_known(NAME, offer, PARAMETERS)
        bits = [read_number(NAME, found, name, LOWEST_BITS, HIGHEST_BITS) or HIGHEST_BITS for name in PARAMETERS[2:]]
        found["server_max_window_bits"] = str(min(bits[0], self.server_max_window_bits))
        found["client_max_window_bits"] = str(min(bits[1], self.client_max_window_bits))
        terms = self._terms(found)
        return self._build(terms), ZstdCodec(terms, is_client=False)

    def _terms(self, found: dict[str, str | None]) -> "PerMessageZstd":
        """Return what holds on a connection: what was said, and what is wanted here besides."""
        terms: dict[str, Any] = {name: check_flag(NAME, found, name) or getattr(self, name) for name in PARAMETERS[:2]}
        for name in PARAMETERS[2:]:
            bits = read_number(NAME, found, name, LOWEST_BITS, getattr(self, name))
            terms[name] = bits or getattr(self, name)
        return PerMessageZstd(**terms, level=self.level, threshold=self.threshold, memory=self.memory)

    @staticmethod
    def _build(terms: "PerMessageZstd") -> Parameters:
        flags = [(name, None) for name in PARAMETERS[:2] if getattr(terms, name)]
        return [*flags, *((name, str(getattr(terms, name))) for name in PARAMETERS[2:])]


RANGES: Final[dict[str, tuple[int, int]]] = {
    "server_max_window_bits": (LOWEST_BITS, HIGHEST_BITS),
    "client_max_window_bits": (LOWEST_BITS, HIGHEST_BITS),
    "level": (1, 22),
    "threshold": (0, 2**62),
}


# Resident memory in use, measured with zstd 1.5.7 on 2026-11-25, windows of 10 to 20 bits, levels 1 to 9.
def compressor_size(bits: int) -> int:
    """Return how many bytes a compressor needs, about."""
    return (3 << bits) + min(5 << (bits - 1), 40_960) + 28_672


def decoder_size(bits: int) -> int:
    """Return how many bytes a decoder needs, about."""
    return (1 << bits) + min(3 << bits, 153_600) + 28_672


class ZstdCodec(MessageCodec):
    """x-permessage-zstd on one connection: a compressor and a decoder, each made when it is needed."""

    offload_size = 262144  # a millisecond at level 3

    def __init__(self, terms: PerMessageZstd, *, is_client: bool) -> None:
        self._zstd = find_zstd()
        self.threshold = terms.threshold
        self._memory = terms.memory
        self._level = terms.level
        own = (not terms.server_no_context_takeover, terms.server_max_window_bits)
        peer = (not terms.client_no_context_takeover, terms.client_max_window_bits)
        if is_client:
            own, peer = peer, own
        self._takeover, self._bits = own
        self._peer_takeover, self._peer_bits = peer
        self._compressor: Any = None
        self._compressor_is_kept = False
        self._decoder: Any = None
        self._decoder_is_charged = False
        self._begun = False  # whether it is known how the message that arrives begins
        self._beginning = b""
        self._frames = 0

    # --- out ----------------------------------------------------------------------------------

    def begin_encode(self, opcode: int, size: int | None, compress: bool | None) -> int | None:
        """Compress unless it is asked not to."""
        return None if compress is False else RSV1

    def encode(self, part: bytes, final: bool) -> bytes:
        """Compress; each part leaves whole, so that the peer need not wait for the next one."""
        compressor = self._compressor
        if compressor is None:
            compressor = self._compressor = self._make_compressor()
            # Without room it lives as long as this message.
            self._compressor_is_kept = self._takeover and self._memory.reserve(compressor_size(self._bits))
        ends = final and not self._compressor_is_kept
        data: bytes = compressor.compress(part, compressor.FLUSH_FRAME if ends else compressor.FLUSH_BLOCK)
        if ends:
            self._compressor = None
        return data

    def share_key(self) -> Hashable:
        """Return how messages for many are compressed here."""
        return (self._level, self._bits)

    def encode_shared(self, opcode: int, payload: bytes) -> tuple[int, bytes]:
        """Compress into a frame of its own."""
        compressor = self._make_compressor()
        return RSV1, compressor.compress(payload, compressor.FLUSH_FRAME)

    def shared_sent(self) -> None:
        """Begin anew: the frame of the shared message has replaced the one that was open."""
        self._drop_compressor()

    def _make_compressor(self) -> Any:
        parameter = self._zstd.CompressionParameter
        # The tables are as large as the window has use for: those of a level are for large files, and would cost
        # every connection 0.7 MiB at level 3, 3 MiB at level 6.
        tables = max(6, self._bits - 2)
        return self._zstd.ZstdCompressor(
            options={
                parameter.compression_level: self._level,
                parameter.window_log: self._bits,
                parameter.hash_log: tables,
                parameter.chain_log: tables,
            }
        )

    # --- in -----------------------------------------------------------------------------------

    def begin_decode(self, opcode: int, rsv: int) -> bool:
        """Decode what is marked."""
        self._begun = False
        self._beginning = b""
        self._frames = 0
        return True

    def decode(self, part: bytes, final: bool) -> bytes | Iterable[bytes]:
        """Decode, in steps of at most 64 KiB."""
        if not self._begun:
            part = self._beginning = self._beginning + part
            if len(part) < len(MAGIC) and not final:
                return b""
            self._begun = True
            if part.startswith(MAGIC):
                self._drop_decoder()
                self._make_decoder()
            elif part and self._decoder is None:
                raise _invalid("it begins within a zstd frame, and none is open")
        return self._decode_steps(part, final)

    def _decode_steps(self, data: bytes, final: bool) -> Iterator[bytes]:
        try:
            while data:
                if self._decoder.eof:
                    self._drop_decoder()
                    self._make_decoder()
                yield self._decoder.decompress(data, STEP)
                while not self._decoder.eof and not self._decoder.needs_input:
                    yield self._decoder.decompress(b"", STEP)
                data = self._decoder.unused_data if self._decoder.eof else b""
        except self._zstd.ZstdError as error:
            raise _invalid(str(error).rpartition(": ")[2]) from None
        if final:
            self._end_message()

    def _end_message(self) -> None:
        if self._decoder is None:
            return
        if not self._peer_takeover and not self._decoder.eof:
            self._drop_decoder()
            raise _invalid("it ends within a zstd frame, without context takeover")
        if self._decoder.eof:
            self._drop_decoder()

    def _make_decoder(self) -> None:
        self._frames += 1
        if self._frames > MAX_FRAMES:
            raise _invalid(f"more than {MAX_FRAMES} zstd frames in a message")
        options = {self._zstd.DecompressionParameter.window_log_max: self._peer_bits}
        self._decoder = self._zstd.ZstdDecompressor(options=options)
        self._decoder_is_charged = self._peer_takeover and self._memory.reserve(decoder_size(self._peer_bits))

    # --- memory -------------------------------------------------------------------------------

    @property
    def memory_used(self) -> int:
        """Bytes that are kept between messages, about."""
        kept = compressor_size(self._bits) if self._compressor_is_kept else 0
        return kept + (decoder_size(self._peer_bits) if self._decoder is not None else 0)

    def release(self) -> None:
        """Give up the compressor; the decoder stays where the peer may refer to what it has."""
        self._drop_compressor()

    def close(self) -> None:
        """Keep nothing."""
        self._drop_compressor()
        self._drop_decoder()

    def __del__(self) -> None:
        # A protocol without I/O may simply be let go; what it had is not to count for ever.
        if hasattr(self, "_frames"):
            self.close()

    def _drop_compressor(self) -> None:
        self._compressor = None
        if self._compressor_is_kept:
            self._compressor_is_kept = False
            self._memory.give_back(compressor_size(self._bits))

    def _drop_decoder(self) -> None:
        self._decoder = None
        if self._decoder_is_charged:
            self._decoder_is_charged = False
            self._memory.give_back(decoder_size(self._peer_bits))


def _invalid(problem: str) -> RemoteProtocolError:
    return RemoteProtocolError(Rule.EXTENSION_DATA_INVALID, extension=NAME, problem=problem[:48])
