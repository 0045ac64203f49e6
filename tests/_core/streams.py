"""Streams of frames for hypothesis: good, bad, cut and mutated."""

from hypothesis import strategies as st

from frame_bytes import BINARY, CLOSE, CONT, PING, PONG, TEXT, frame

__all__ = ["chunks", "cut", "masking", "small_limits", "streams"]

masking = st.booleans()

small_limits = st.fixed_dictionaries(
    {},
    optional={
        "max_received_frame_size": st.sampled_from([None, 0, 10, 300]),
        "max_received_message_size": st.sampled_from([None, 0, 64, 500]),
        "max_empty_frames": st.sampled_from([None, 0, 2]),
        "max_control_frames_per_second": st.sampled_from([None, 2, 0.5]),
        "control_frame_burst": st.integers(1, 5),
        "assemble_fragments": st.booleans(),
        "receive_queue_messages": st.integers(1, 4),
        "receive_queue_size": st.integers(1, 100),
        "fragmentation_threshold": st.sampled_from([None, 1, 7, 100]),
        "max_unsent_size": st.sampled_from([None, 1, 400]),
    },
)

_payloads = st.binary(max_size=20) | st.sampled_from([b"x" * size for size in (125, 126, 127, 600)])
_texts = st.text(max_size=20).map(str.encode)


@st.composite
def _message(draw: st.DrawFn, masked: bool) -> bytes:
    """A message in one or several fragments, control frames between them."""
    text = draw(st.booleans())
    payload = draw(_texts if text else _payloads)
    cuts = sorted(draw(st.lists(st.integers(0, len(payload)), max_size=4)))
    pieces = [payload[a:b] for a, b in zip([0, *cuts], [*cuts, len(payload)], strict=True)]
    out = b""
    for index, piece in enumerate(pieces):
        opcode = CONT if index else TEXT if text else BINARY
        out += frame(opcode, piece, fin=index == len(pieces) - 1, masked=masked)
        if draw(st.integers(0, 3)) == 0:
            out += frame(draw(st.sampled_from([PING, PONG])), draw(st.binary(max_size=5)), masked=masked)
    return out


def _any_frame(masked: bool) -> st.SearchStrategy[bytes]:
    """A frame with anything in its header."""
    return st.builds(
        frame,
        st.integers(0, 15),
        st.binary(max_size=8) | _texts,
        masked=st.sampled_from([masked] * 7 + [not masked]),
        fin=st.booleans(),
        rsv=st.sampled_from([0] * 7 + [1, 4]),
        length=st.none() | st.sampled_from([0, 1, 125, 126, 300, 65536, (1 << 31), (1 << 63) - 1, 1 << 63]),
        key=st.sampled_from([b"\x00\x00\x00\x00", b"\x01\x02\x03\x04"]),
    )


def _close(masked: bool) -> st.SearchStrategy[bytes]:
    payloads = st.builds(
        lambda code, reason: code.to_bytes(2, "big") + reason,
        st.sampled_from([1000, 1001, 3000, 4999, 1005, 1006, 999, 5000]),
        _texts | st.binary(max_size=3),
    )
    return (payloads | st.just(b"") | st.binary(max_size=1)).map(lambda payload: frame(CLOSE, payload, masked=masked))


@st.composite
def streams(draw: st.DrawFn, masked: bool) -> bytes:
    """Bytes as a peer might send them: mostly messages, then perhaps something that is wrong."""
    pieces = draw(st.lists(_message(masked), max_size=6))
    pieces += draw(
        st.lists(_close(masked) | _any_frame(masked) | st.binary(max_size=12) | _message(masked), max_size=3)
    )
    data = b"".join(pieces)
    for _ in range(draw(st.sampled_from([0, 0, 0, 1, 2]))):
        if data:
            at = draw(st.integers(0, len(data) - 1))
            data = data[:at] + bytes([draw(st.integers(0, 255))]) + data[at + draw(st.integers(0, 1)) :]
    return data


chunks = st.lists(st.integers(0, 40), max_size=12)


def cut(data: bytes, sizes: list[int]) -> list[bytes]:
    """Return `data` in pieces of these sizes, the last one with the rest."""
    pieces = []
    for size in sizes:
        pieces.append(data[:size])
        data = data[size:]
    return [*pieces, data]
