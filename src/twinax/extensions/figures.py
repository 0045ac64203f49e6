"""What extensions have made of the messages of one connection."""

from dataclasses import dataclass

__all__ = ["ExtensionFigures"]


@dataclass(frozen=True, slots=True)
class ExtensionFigures:
    """What went through the extensions of a connection so far, and what they keep for it.

    Messages that an extension left alone, for being short or because they were not marked, are not counted.

    Attributes:
        messages_sent: Messages that were sent through an extension.
        bytes_sent: Their size, in bytes, as the application gave them.
        encoded_bytes_sent: Their size as they were sent.
        messages_rcvd: Messages that were received through an extension.
        bytes_rcvd: Their size as the application got them.
        encoded_bytes_rcvd: Their size as they came.
        memory_used: Bytes that extensions keep for this connection now, as far as they tell.
    """

    messages_sent: int
    bytes_sent: int
    encoded_bytes_sent: int
    messages_rcvd: int
    bytes_rcvd: int
    encoded_bytes_rcvd: int
    memory_used: int
