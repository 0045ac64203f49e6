"""Every way in which a peer can break the protocol, by name.

Exception text, close frame, reference page and hostile tests all come from this one table: a member
says which section is broken, which close code the peer is sent, and the sentence that explains it.
Placeholders in a sentence are filled by `Rule.explain` with the value, the limit and the option.
"""

from enum import Enum

__all__ = ["Rule"]


class Rule(Enum):
    """One rule that the bytes of a peer can break.

    Attributes:
        section: Where the rule stands, such as ``"RFC 6455 5.2"``, or ``"limit"`` for a limit of ours.
        close_code: What the peer is sent in the close frame (RFC 6455 7.4.1).
        text: The sentence for people; `explain` fills its placeholders.
    """

    section: str
    close_code: int
    text: str

    def __init__(self, section: str, close_code: int, text: str) -> None:
        self.section = section
        self.close_code = close_code
        self.text = text

    # --- frame header -------------------------------------------------------------------------
    RESERVED_BITS = (
        "RFC 6455 5.2",
        1002,
        "reserved bits {bits:#05b} set, but no negotiated extension owns them",
    )
    RESERVED_BITS_MISPLACED = (
        "RFC 6455 5.2",
        1002,
        "reserved bits {bits:#05b} set on a {kind} frame, where no extension uses them",
    )
    UNKNOWN_OPCODE = "RFC 6455 5.2", 1002, "unknown opcode {opcode:#x}"
    LENGTH_NOT_MINIMAL = "RFC 6455 5.2", 1002, "payload length {length} is not encoded in the fewest bytes"
    LENGTH_TOP_BIT = "RFC 6455 5.2", 1002, "most significant bit of a 64-bit payload length is set"
    MASK_MISSING = "RFC 6455 5.1", 1002, "frame from a client is not masked"
    MASK_UNEXPECTED = "RFC 6455 5.1", 1002, "frame from a server is masked"
    CONTROL_FRAGMENTED = "RFC 6455 5.5", 1002, "control frame is fragmented"
    CONTROL_TOO_LONG = "RFC 6455 5.5", 1002, "control frame with {length} bytes of payload, at most 125 are allowed"

    # --- fragments ----------------------------------------------------------------------------
    CONTINUATION_WITHOUT_START = "RFC 6455 5.4", 1002, "continuation frame, but no message is in progress"
    START_INSIDE_MESSAGE = "RFC 6455 5.4", 1002, "new message started before the one in progress was finished"

    # --- payload ------------------------------------------------------------------------------
    TEXT_NOT_UTF8 = "RFC 6455 8.1", 1007, "text message is not valid UTF-8"

    # --- extensions ---------------------------------------------------------------------------
    COMPRESSED_DATA_INVALID = "RFC 7692 7.2.2", 1007, "compressed message is not valid: {problem}"
    EXTENSION_DATA_INVALID = "RFC 6455 9.1", 1007, "message is not what {extension} makes: {problem}"

    # --- close frame --------------------------------------------------------------------------
    CLOSE_PAYLOAD_OF_ONE_BYTE = "RFC 6455 5.5.1", 1002, "close frame with a payload of one byte"
    CLOSE_CODE_INVALID = "RFC 6455 7.4", 1002, "close frame with code {code}, which may not be sent"
    CLOSE_REASON_NOT_UTF8 = "RFC 6455 5.5.1", 1007, "reason in a close frame is not valid UTF-8"

    # --- limits of ours -----------------------------------------------------------------------
    FRAME_TOO_BIG = "limit", 1009, "frame of {length} bytes exceeds max_received_frame_size={limit}"
    MESSAGE_TOO_BIG = "limit", 1009, "{length} bytes on top of {received} exceed max_received_message_size={limit}"
    ENCODED_FRAME_TOO_BIG = (
        "limit",
        1009,
        "frame of {length} bytes exceeds {limit}: max_received_frame_size, and an eighth and 64 bytes for an extension",
    )
    ENCODED_MESSAGE_TOO_BIG = (
        "limit",
        1009,
        "{length} encoded bytes on top of {received} exceed max_received_message_size={limit} and an eighth",
    )
    DECODED_MESSAGE_TOO_BIG = (
        "limit",
        1009,
        "{length} bytes or more, decoded by an extension, exceed max_received_message_size={limit}",
    )
    TOO_MANY_FRAGMENTS = (
        "limit",
        1009,
        "{fragments} fragments, of 64 bytes at the least, and {length} bytes on top of {received} exceed "
        "max_received_message_size={limit}",
    )
    TOO_MANY_EMPTY_FRAMES = "limit", 1008, "more than max_empty_frames={limit} empty data frames in a row"
    TOO_MANY_CONTROL_FRAMES = (
        "limit",
        1008,
        "more than max_control_frames_per_second={limit:g} control frames a second",
    )

    def explain(self, **values: object) -> str:
        """Return the sentence with its placeholders filled.

        Args:
            **values: What the sentence names: ``length``, ``limit``, ``code``, ...

        Returns:
            The sentence, without the section.
        """
        return self.text.format(**values)
