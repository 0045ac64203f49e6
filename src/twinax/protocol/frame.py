"""One frame as an object (RFC 6455 5.2), for those who look below the message."""

from enum import IntEnum
from typing import Final

from .._core import build_frame, mask_payload, parse_header
from ..close import is_code_on_wire
from ..errors import RemoteProtocolError
from ..rules import Rule
from .entropy import MASK_KEYS

__all__ = ["Opcode", "WebSocketFrame"]

MAX_HEADER: Final = 14
FIN: Final = 0x80


class Opcode(IntEnum):
    """Frame types (RFC 6455 11.8)."""

    CONTINUATION = 0x0
    TEXT = 0x1
    BINARY = 0x2
    CLOSE = 0x8
    PING = 0x9
    PONG = 0xA


class WebSocketFrame:
    """One frame, made to be sent or filled from bytes with `add_data`.

    Attributes:
        fin: Whether it is the last fragment of its message.
        rsv1: First reserved bit.
        rsv2: Second reserved bit.
        rsv3: Third reserved bit.
        mask: Whether the payload is masked on the wire.
        opcode: An `Opcode`, or another number from 0 to 15.
        binary_payload: The payload, not masked.
        mask_bytes: The masking key of a received frame, ``b""`` when it had none.
        frame_header: The header of a received frame as it came.
        protocol_error: Whether what `add_data` was given breaks a rule.
        frame_too_large: Whether its length is over the limit; the payload is not kept.
        invalid_close_frame_length: Whether it is a close frame with a payload of one byte.
        drop_reason: What was wrong, in a sentence; None when nothing was.
    """

    __slots__ = (
        "_expected",
        "_key",
        "_limit",
        "_received",
        "_thrown_away",
        "binary_payload",
        "drop_reason",
        "fin",
        "frame_header",
        "frame_too_large",
        "invalid_close_frame_length",
        "mask",
        "mask_bytes",
        "opcode",
        "protocol_error",
        "rsv1",
        "rsv2",
        "rsv3",
    )

    def __init__(
        self,
        opcode: int = Opcode.TEXT,
        payload: bytes | bytearray | memoryview = b"",
        *,
        fin: bool = True,
        rsv1: bool = False,
        rsv2: bool = False,
        rsv3: bool = False,
        mask: bool = False,
        max_received_frame_size: int | None = None,
    ) -> None:
        """Make a frame.

        Args:
            opcode: What it is.
            payload: Its payload; copied.
            fin: Whether it ends its message.
            rsv1: First reserved bit.
            rsv2: Second reserved bit.
            rsv3: Third reserved bit.
            mask: Whether to mask it, as clients must.
            max_received_frame_size: Largest payload in bytes that `add_data` takes; None: any.

        Raises:
            ValueError: The opcode is not in 0 to 15.
        """
        if not 0 <= opcode <= 15:
            raise ValueError(f"opcode={opcode!r} is out of range: 0 to 15")
        self.opcode = opcode
        self.binary_payload = memoryview(payload).tobytes()
        self.fin = fin
        self.rsv1 = rsv1
        self.rsv2 = rsv2
        self.rsv3 = rsv3
        self.mask = mask
        self.mask_bytes = b""
        self.frame_header = b""
        self.protocol_error = False
        self.frame_too_large = False
        self.invalid_close_frame_length = False
        self.drop_reason: str | None = None
        self._limit = max_received_frame_size
        self._received = bytearray()
        self._expected = -1
        self._thrown_away = 0
        self._key = 0

    @classmethod
    def received(cls, fin: bool, rsv: int, opcode: int, payload: bytes, *, masked: bool) -> "WebSocketFrame":
        """Return the frame that a connection has just read; `rsv` are the bits 0x70 of its first byte."""
        return cls(
            opcode,
            payload,
            fin=fin,
            rsv1=bool(rsv & 0x40),
            rsv2=bool(rsv & 0x20),
            rsv3=bool(rsv & 0x10),
            mask=masked,
        )

    # --- from bytes ---------------------------------------------------------------------------

    def add_data(self, data: bytearray) -> bool:
        """Take bytes from the front of `data` until the frame is whole.

        Args:
            data: What has been received; what belongs to this frame is removed from it.

        Returns:
            Whether the frame is whole, or wrong: look at `protocol_error` and `frame_too_large`.
        """
        if self._expected < 0 and not self._take_header(data):
            return False
        if self.protocol_error or self.frame_too_large:
            return True
        wanted = self._expected - len(self._received)
        self._received += data[:wanted]
        del data[:wanted]
        if len(self._received) < self._expected:
            return False
        self.binary_payload = mask_payload(bytes(self._received), self._key)
        self._received.clear()
        self._check_close_payload()
        return True

    def _take_header(self, data: bytearray) -> bool:
        """Read the header, if it is all there; note what is wrong with it."""
        try:
            header = parse_header(bytes(data[:MAX_HEADER]))
        except RemoteProtocolError as error:
            self.protocol_error = True
            self.drop_reason = str(error)
            self._expected = 0
            return True
        if header is None:
            return False
        size, self.fin, rsv, self.opcode, self.mask, self._expected, self._key = header
        self.rsv1, self.rsv2, self.rsv3 = bool(rsv & 0x40), bool(rsv & 0x20), bool(rsv & 0x10)
        self.frame_header = bytes(data[:size])
        self.mask_bytes = self.frame_header[-4:] if self.mask else b""
        del data[:size]
        if self._limit is not None and self._expected > self._limit:
            self.frame_too_large = True
            self.drop_reason = Rule.FRAME_TOO_BIG.explain(length=self._expected, limit=self._limit)
        return True

    def _check_close_payload(self) -> None:
        if self.opcode != Opcode.CLOSE or not self.binary_payload:
            return
        if len(self.binary_payload) == 1:
            self.invalid_close_frame_length = True
            self.drop_reason = Rule.CLOSE_PAYLOAD_OF_ONE_BYTE.explain()
        elif not is_code_on_wire(self.close_status or 0):
            self.protocol_error = True
            self.drop_reason = Rule.CLOSE_CODE_INVALID.explain(code=self.close_status)

    def throw_away_payload(self, data: bytearray) -> bool:
        """Take the payload from the front of `data` without keeping it; return whether all of it has come."""
        if self._expected < 0 and not self._take_header(data):
            return False
        taken = min(len(data), self._expected - self._thrown_away)
        del data[:taken]
        self._thrown_away += taken
        return self._thrown_away == self._expected

    # --- to bytes -----------------------------------------------------------------------------

    @property
    def first_byte(self) -> int:
        """FIN, RSV bits and opcode as they stand on the wire."""
        return FIN * self.fin | 0x40 * self.rsv1 | 0x20 * self.rsv2 | 0x10 * self.rsv3 | self.opcode

    def to_bytes(self, null_mask: bool = False) -> bytes:
        """Return the frame as it goes over the wire.

        Args:
            null_mask: Use a masking key of zeros, for tests that need the same bytes every time.
        """
        if not self.mask:
            return build_frame(self.first_byte, self.binary_payload)
        return build_frame(self.first_byte, self.binary_payload, 0 if null_mask else MASK_KEYS.draw())

    # --- questions ----------------------------------------------------------------------------

    @property
    def length(self) -> int:
        """Bytes of payload, as the header says or as they are there."""
        return max(self._expected, len(self.binary_payload))

    @property
    def close_status(self) -> int | None:
        """The code of a close frame, None when it has none."""
        if self.opcode != Opcode.CLOSE or len(self.binary_payload) < 2:
            return None
        return int.from_bytes(self.binary_payload[:2], "big")

    def __repr__(self) -> str:
        flags = "".join(f" {name}" for name in ("fin", "rsv1", "rsv2", "rsv3", "mask") if getattr(self, name))
        name = Opcode(self.opcode).name if self.opcode in Opcode._value2member_map_ else f"{self.opcode:#x}"
        return f"<WebSocketFrame {name}{flags} {self.length} bytes>"
