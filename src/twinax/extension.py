"""What an extension is (RFC 6455 9): the interface between whoever writes one and the rest.

It stands in the foundation because options and handshakes name it; users import it, and everything that
implements it, from `twinax.extensions`.
"""

from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterable, Sequence
from typing import ClassVar, Final, Literal

__all__ = ["RSV1", "RSV2", "RSV3", "Codec", "Extension", "FrameCodec", "MessageCodec", "Parameters"]

RSV1: Final = 0x40
"""The first reserved bit of a frame, where it stands in its first byte."""
RSV2: Final = 0x20
"""The second reserved bit."""
RSV3: Final = 0x10
"""The third reserved bit."""

Parameters = Sequence[tuple[str, str | None]]
"""Parameters of an extension, in order: lower-cased names, values without quotes; None: it has no value."""


class Codec:
    """The state of one extension on one connection; write a `MessageCodec` or a `FrameCodec`.

    A codec serves one connection in one event loop: its methods are never called at the same time. What
    they raise closes the connection with 1011 and nothing else, except `RemoteProtocolError`, which says
    that the peer is to blame and closes with the code of its rule.
    """

    def release(self) -> None:
        """The connection is idle: give back memory until the next message."""

    def close(self) -> None:
        """The connection is over. Called once, whatever ended it."""


class MessageCodec(Codec):
    """Transforms whole messages, which may come in parts.

    Attributes:
        threshold: Messages below so many bytes are sent as they are, without asking, unless they were
            sent with ``compress=True``.
        all_messages: Whether `begin_decode` is asked also about messages without an RSV bit of this
            extension. One that owns no bit is always asked.
        offload_size: Messages of at least so many bytes may be encoded in another thread: `begin_encode` and
            `encode` run there, one message at a time, while the loop goes on and may call the other methods
            but ``release`` and ``close``. None: never.
    """

    threshold: int = 0
    all_messages: bool = False
    offload_size: int | None = None

    def begin_encode(self, opcode: int, size: int | None, compress: bool | None) -> int | None:
        """A message is about to be sent.

        Args:
            opcode: 1 for text, 2 for binary.
            size: Its size in bytes, before this extension; None when it is sent in parts.
            compress: What ``send(compress=...)`` says; None when it says nothing.

        Returns:
            The RSV bits of its first frame, from those of the extension; None to leave the message alone.
        """
        return None

    def encode(self, part: bytes, final: bool) -> bytes:
        """Return what a part of the message becomes.

        Args:
            part: The next bytes of the payload, possibly none. A message that is sent as a whole is one part.
            final: Whether it is the last part; there is exactly one.
        """
        return part

    def share_key(self) -> Hashable | None:
        """Return what decides how `encode_shared` encodes: codecs of one extension with equal keys do it alike.

        None, the default: a message for many is encoded for each connection by itself.
        """
        return None

    def encode_shared(self, opcode: int, payload: bytes) -> tuple[int, bytes]:
        """Return RSV bits and payload of a whole message for many, which any peer with this `share_key` can decode.

        It must depend on nothing that was sent before, and change nothing in this codec: the result is sent on
        other connections, and here perhaps never.

        Args:
            opcode: 1 for text, 2 for binary.
            payload: The message.
        """
        raise NotImplementedError

    def shared_sent(self) -> None:
        """What `encode_shared` gave, here or elsewhere, was sent on this connection: the peer's codec knows it."""

    def begin_decode(self, opcode: int, rsv: int) -> bool:
        """A message begins to arrive.

        Args:
            opcode: 1 for text, 2 for binary.
            rsv: Which RSV bits of this extension its first frame carries.

        Returns:
            Whether to `decode` it.
        """
        return bool(rsv)

    def decode(self, part: bytes, final: bool) -> bytes | Iterable[bytes]:
        """Return what a part of the message becomes.

        Where the result may be much larger than the part, return an iterable (a generator) of pieces of at
        most 64 KiB: the next one is asked for when the one before was charged to the limits of the
        connection, and none after a limit is reached.

        Args:
            part: The next bytes of the payload, possibly none.
            final: Whether it is the last part; there is exactly one.
        """
        return part


class FrameCodec(Codec):
    """Transforms the payloads of data frames, one whole frame at a time; control frames stay as they are."""

    def encode_frame(self, fin: bool, opcode: int, payload: bytes) -> tuple[int, bytes]:
        """Return RSV bits of the extension, and what the payload becomes.

        Args:
            fin: Whether the frame ends its message.
            opcode: 1 for text, 2 for binary, 0 for a continuation.
            payload: The payload.
        """
        return 0, payload

    def decode_frame(self, fin: bool, rsv: int, opcode: int, payload: bytes) -> bytes:
        """Return what the payload of a received frame becomes.

        Args:
            fin: Whether the frame ends its message.
            rsv: Which RSV bits of this extension it carries.
            opcode: 1 for text, 2 for binary, 0 for a continuation.
            payload: The payload.
        """
        return payload


class Extension(ABC):
    """An extension as a user configures it: one object serves any number of connections.

    A class of this kind says what is negotiated; the `Codec` that it makes for each connection does the work.

    Attributes:
        name: Its name in Sec-WebSocket-Extensions: a token, lower-case.
        rsv_bits: The RSV bits that it owns, from `RSV1`, `RSV2` and `RSV3`. Two extensions that own the
            same bit cannot be in use together.
        works_on: ``"messages"`` when it makes a `MessageCodec`, ``"frames"`` when it makes a `FrameCodec`. On a
            connection with ``assemble_fragments=False`` there are no messages, and the former are not used.
    """

    name: ClassVar[str]
    rsv_bits: ClassVar[int] = 0
    works_on: ClassVar[Literal["messages", "frames"]] = "messages"

    def offers(self) -> Sequence[Parameters]:
        """Return what a client offers: one list of parameters or several, the preferred one first."""
        return ((),)

    @abstractmethod
    def agree(self, answer: Parameters) -> Codec:
        """Return the client's codec for what the server answered.

        Args:
            answer: The parameters of the answer. Whether they fit one of the `offers` is to be checked here.

        Raises:
            NegotiationError: They do not; there will be no connection.
        """

    @abstractmethod
    def accept(self, offer: Parameters) -> tuple[Parameters, Codec] | None:
        """Accept or decline one offer of a client.

        Args:
            offer: The parameters of the offer. A client may make several; each is asked for until one is accepted.

        Returns:
            The parameters of the answer and the server's codec; None to decline.

        Raises:
            NegotiationError: Declines as well; its text is logged.
        """
