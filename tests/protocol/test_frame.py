"""`WebSocketFrame`: to bytes, from bytes, and what is wrong with those."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

import frame_bytes
from frame_bytes import frame
from twinax import Opcode, WebSocketFrame


def test_vectors_of_the_original() -> None:
    assert WebSocketFrame(Opcode.PING, mask=True).to_bytes(null_mask=True) == b"\x89\x80\x00\x00\x00\x00"


@pytest.mark.parametrize(
    ("length", "header"),
    [
        (0, b"\x82\x00"),
        (125, b"\x82\x7d"),
        (126, b"\x82\x7e\x00\x7e"),
        (65535, b"\x82\x7e\xff\xff"),
        (65536, b"\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00"),
    ],
)
def test_lengths(length: int, header: bytes) -> None:
    made = WebSocketFrame(Opcode.BINARY, bytes(length))
    assert made.to_bytes() == header + bytes(length)
    masked = WebSocketFrame(Opcode.BINARY, bytes(length), mask=True).to_bytes(null_mask=True)
    assert masked == header[:1] + bytes([header[1] | 0x80]) + header[2:] + bytes(4) + bytes(length)


def test_masking_keys_are_drawn() -> None:
    made = WebSocketFrame(Opcode.TEXT, b"hello", mask=True)
    frames = [frame_bytes.parse_frames(made.to_bytes())[0] for _ in range(10)]
    assert {f.payload for f in frames} == {b"hello"}
    assert len({f.key for f in frames}) == 10


def test_flags() -> None:
    for name, byte in (("fin", 0x81), ("rsv1", 0x41), ("rsv2", 0x21), ("rsv3", 0x11)):
        flags = {"fin": False, name: True}
        made = WebSocketFrame(Opcode.TEXT, **flags)  # type: ignore[arg-type]
        assert made.first_byte == byte
        assert made.to_bytes() == bytes([byte, 0])


@pytest.mark.parametrize("opcode", [-1, 16])
def test_opcodes_have_four_bits(opcode: int) -> None:
    with pytest.raises(ValueError, match="0 to 15"):
        WebSocketFrame(opcode)


@given(
    opcode=st.integers(0, 15),
    payload=st.binary(max_size=300),
    fin=st.booleans(),
    rsv=st.integers(0, 7),
    masked=st.booleans(),
    cut=st.integers(0, 310),
    tail=st.binary(max_size=5),
)
def test_serialise_then_parse_is_identity(
    opcode: int, payload: bytes, fin: bool, rsv: int, masked: bool, cut: int, tail: bytes
) -> None:
    made = WebSocketFrame(
        opcode, payload, fin=fin, rsv1=bool(rsv & 4), rsv2=bool(rsv & 2), rsv3=bool(rsv & 1), mask=masked
    )
    data = made.to_bytes()
    read = WebSocketFrame()
    received = bytearray(data[:cut])
    whole = read.add_data(received)
    if not whole:
        received += data[cut:] + tail
        whole = read.add_data(received)
    else:
        received += data[cut:] + tail
    if read.protocol_error or read.invalid_close_frame_length:
        assert read.drop_reason
        return
    assert whole
    assert received == tail
    assert (read.opcode, read.binary_payload, read.fin, read.mask) == (opcode, payload, fin, masked)
    assert (read.rsv1, read.rsv2, read.rsv3) == (made.rsv1, made.rsv2, made.rsv3)
    assert read.length == len(payload)
    assert read.frame_header == data[: len(data) - len(payload)]
    assert read.mask_bytes == (read.frame_header[-4:] if masked else b"")


def test_byte_by_byte() -> None:
    read, received = WebSocketFrame(), bytearray()
    data = frame(2, bytes(range(200)))
    for byte in data[:-1]:
        received.append(byte)
        assert not read.add_data(received)
    assert read.length == 200
    received += data[-1:] + b"tail"
    assert read.add_data(received)
    assert read.binary_payload == bytes(range(200))
    assert received == b"tail"


def test_frames_that_are_too_large_are_known_by_their_header() -> None:
    read = WebSocketFrame(max_received_frame_size=100)
    received = bytearray(frame(2, bytes(101))[:10])
    assert read.add_data(received)
    assert read.frame_too_large
    assert not read.protocol_error
    assert read.drop_reason == "frame of 101 bytes exceeds max_received_frame_size=100"
    assert read.length == 101
    read = WebSocketFrame(max_received_frame_size=100)
    assert read.add_data(bytearray(frame(2, bytes(100))))
    assert not read.frame_too_large


def test_a_payload_can_be_thrown_away() -> None:
    read = WebSocketFrame()
    data = frame(2, bytes(1000))
    received = bytearray(data[:3])
    assert not read.throw_away_payload(received)
    received = bytearray(data[:500])
    assert not read.throw_away_payload(received)
    assert received == b""
    received = bytearray(data[500:] + b"tail")
    assert read.throw_away_payload(received)
    assert received == b"tail"
    assert read.length == 1000
    assert read.binary_payload == b""


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (frame(2, b"x" * 125, length_bytes=2), "fewest bytes"),
        (frame(2, length=1 << 63, length_bytes=8), "most significant bit"),
        (frame(8, b"\x03\xed"), "code 1005"),
    ],
)
def test_protocol_errors(data: bytes, text: str) -> None:
    read = WebSocketFrame()
    assert read.add_data(bytearray(data))
    assert read.protocol_error
    assert read.drop_reason is not None
    assert text in read.drop_reason
    read = WebSocketFrame()
    assert read.throw_away_payload(bytearray(data)) or not read.protocol_error


def test_close_frames() -> None:
    read = WebSocketFrame()
    assert read.add_data(bytearray(frame_bytes.close(1000, b"bye")))
    assert read.close_status == 1000
    read = WebSocketFrame()
    assert read.add_data(bytearray(frame_bytes.close()))
    assert read.close_status is None
    read = WebSocketFrame()
    assert read.add_data(bytearray(frame(8, b"\x03")))
    assert read.invalid_close_frame_length
    assert read.drop_reason == "close frame with a payload of one byte"
    assert WebSocketFrame(1, b"\x03\xe8").close_status is None


def test_in_words() -> None:
    made = WebSocketFrame(Opcode.BINARY, b"abc", rsv1=True, mask=True)
    assert repr(made) == "<WebSocketFrame BINARY fin rsv1 mask 3 bytes>"
    assert repr(WebSocketFrame(11, fin=False)) == "<WebSocketFrame 0xb 0 bytes>"


def test_the_payload_is_a_copy() -> None:
    data = bytearray(b"before")
    made = WebSocketFrame(2, data)
    data[:] = b"after!"
    assert made.binary_payload == b"before"
    assert WebSocketFrame(2, memoryview(b"abcd")[::2]).binary_payload == b"ac"
