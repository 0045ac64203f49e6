"""Frames as bytes, by the letter of RFC 6455 5.2 and also against it: written apart from the core that it tests."""

from dataclasses import dataclass

__all__ = ["BINARY", "CLOSE", "CONT", "PING", "PONG", "TEXT", "Frame", "close", "frame", "parse_frames"]

CONT, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
KEY = b"\x9a\x01\xfe\x40"


@dataclass(frozen=True)
class Frame:
    """A frame that was parsed."""

    opcode: int
    payload: bytes
    fin: bool = True
    rsv: int = 0
    key: bytes | None = None


def frame(
    opcode: int,
    payload: bytes = b"",
    *,
    masked: bool = True,
    fin: bool = True,
    rsv: int = 0,
    length: int | None = None,
    length_bytes: int | None = None,
    key: bytes = KEY,
) -> bytes:
    """Return a frame; `length` and `length_bytes` (0, 2 or 8) lie about the payload or how its length is encoded."""
    size = len(payload) if length is None else length
    if length_bytes is None:
        length_bytes = 0 if size < 126 else 2 if size < 65536 else 8
    short = size if length_bytes == 0 else 126 if length_bytes == 2 else 127
    header = bytes([fin << 7 | rsv << 4 | opcode, masked << 7 | short])
    header += size.to_bytes(length_bytes, "big") if length_bytes else b""
    if not masked:
        return header + payload
    return header + key + bytes(byte ^ key[i % 4] for i, byte in enumerate(payload))


def close(code: int | None = None, reason: bytes = b"", *, masked: bool = True) -> bytes:
    """Return a close frame."""
    payload = b"" if code is None else code.to_bytes(2, "big") + reason
    return frame(CLOSE, payload, masked=masked)


def parse_frames(data: bytes) -> list[Frame]:
    """Return the frames in `data`; ValueError where they are not whole, or their lengths not minimal."""
    frames = []
    while data:
        fin, rsv, opcode = data[0] >> 7 == 1, data[0] >> 4 & 7, data[0] & 15
        masked, size, at = data[1] >> 7 == 1, data[1] & 127, 2
        if size > 125:
            width = 2 if size == 126 else 8
            size, at = int.from_bytes(data[2 : 2 + width], "big"), 2 + width
            if size < (126 if width == 2 else 65536):
                raise ValueError(f"length {size} in {width} bytes")
        key = data[at : at + 4] if masked else None
        at += 4 if masked else 0
        payload = data[at : at + size]
        if len(payload) < size:
            raise ValueError(f"{len(payload)} of {size} bytes")
        if key:
            repeated = (key * (size // 4 + 1))[:size]
            payload = (int.from_bytes(payload, "big") ^ int.from_bytes(repeated, "big")).to_bytes(size, "big")
        frames.append(Frame(opcode, payload, fin, rsv, key))
        data = data[at + size :]
    return frames
