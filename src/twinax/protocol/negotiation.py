"""Which extensions a connection gets (RFC 6455 9.1): offers, answers, and whether what was chosen fits together.

Both sides end with the same list in the same order. Extensions encode in this order and decode in the
reverse one. RSV bits have one owner at most, and what works on messages comes before what works on frames.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from .._core import Pipeline, build_close_payload, shorten_reason
from ..close import CloseCode
from ..errors import ExtensionError, NegotiationError
from ..extension import Codec, Extension, Parameters
from ..logs import EXTENSION_LOGGER
from .frame import Opcode, WebSocketFrame
from .grammar import Extension as ExtensionField
from .grammar import build_extensions

__all__ = [
    "AgreedExtension",
    "accept_offers",
    "build_offer",
    "build_pipeline",
    "build_refusal",
    "check_answer",
    "close_codecs",
    "usable_extensions",
]


@dataclass(frozen=True, slots=True)
class AgreedExtension:
    """An extension in use on a connection; `str` gives it as Sec-WebSocket-Extensions has it.

    Attributes:
        name: The name.
        parameters: The parameters of the server's answer.
        extension: The extension as it was configured.
        codec: Its state on this connection.
    """

    name: str
    parameters: tuple[tuple[str, str | None], ...]
    extension: Extension = field(repr=False, compare=False)
    codec: Codec = field(repr=False, compare=False)

    def __str__(self) -> str:
        return build_extensions([(self.name, list(self.parameters))])


def usable_extensions(extensions: Iterable[Extension], *, assemble: bool) -> tuple[Extension, ...]:
    """Return those of the extensions that a connection can have.

    Args:
        extensions: The extensions.
        assemble: Whether messages are assembled; without, there is nothing for those on messages to do.
    """
    return tuple(item for item in extensions if assemble or item.works_on == "frames")


def build_offer(extensions: Sequence[Extension]) -> str:
    """Build the client's Sec-WebSocket-Extensions.

    Args:
        extensions: The extensions, the preferred ones first.

    Returns:
        The value of the field; ``""`` for none.

    Raises:
        ExtensionError: An extension raised, or offers what is no parameter.
    """
    elements: list[ExtensionField] = []
    for extension in extensions:
        try:
            offers = [(extension.name, list(parameters)) for parameters in extension.offers()]
            build_extensions(offers)
        except Exception as error:
            raise ExtensionError(extension.name, "offers", error) from error
        elements += offers
    return build_extensions(elements)


def accept_offers(extensions: Sequence[Extension], offered: Iterable[ExtensionField]) -> list[AgreedExtension]:
    """Choose, on a server, from what a client offers.

    The client's order says what it prefers: of two extensions that own the same RSV bit the first is taken,
    and of several offers of one extension the first that is accepted.

    Args:
        extensions: The server's extensions.
        offered: The client's offers.

    Returns:
        What was chosen, in the order of encoding. An extension that raises, or answers what is no parameter,
        is declined, and that is logged: the client need not suffer for it.
    """
    known = {extension.name: extension for extension in extensions}
    agreed: list[AgreedExtension] = []
    owned = 0
    for name, parameters in offered:
        extension = known.get(name)
        if extension is None or owned & extension.rsv_bits:
            continue
        accepted = _accept(extension, parameters)
        if accepted is not None:
            agreed.append(accepted)
            owned |= extension.rsv_bits
            del known[name]
    return sorted(agreed, key=lambda item: item.extension.works_on == "frames")


def _accept(extension: Extension, offer: Parameters) -> AgreedExtension | None:
    agreed: AgreedExtension | None = None
    try:
        accepted = extension.accept(offer)
        if accepted is not None:
            agreed = AgreedExtension(extension.name, tuple(accepted[0]), extension, accepted[1])
            str(agreed)  # what cannot be sent is found here, where its owner can be named
    except NegotiationError as error:
        EXTENSION_LOGGER.debug("declined: %s", error)
    except Exception:
        EXTENSION_LOGGER.exception("extension %r failed in accept", extension.name)
        if agreed is not None:
            close_codecs([agreed])
        return None
    return agreed


def check_answer(extensions: Sequence[Extension], answered: Iterable[ExtensionField]) -> list[AgreedExtension]:
    """Check, on a client, what the server has chosen.

    Args:
        extensions: The extensions that were offered.
        answered: The server's answer.

    Returns:
        What was chosen, in the order of encoding.

    Raises:
        NegotiationError: The answer does not do.
    """
    known = {extension.name: extension for extension in extensions}
    agreed: list[AgreedExtension] = []
    try:
        for name, parameters in answered:
            if name not in known:
                again = any(item.name == name for item in agreed)
                raise NegotiationError(name, "the server answered it twice" if again else "it was not offered")
            extension = known.pop(name)
            _check_fit(extension, agreed)
            agreed.append(AgreedExtension(name, tuple(parameters), extension, _agree(extension, parameters)))
    except NegotiationError:
        close_codecs(agreed)
        raise
    return agreed


def _agree(extension: Extension, answer: Parameters) -> Codec:
    try:
        return extension.agree(answer)
    except NegotiationError:
        raise
    except Exception as error:
        raise NegotiationError(extension.name, f"agree() raised {type(error).__name__}: {error}") from error


def _check_fit(extension: Extension, before: Iterable[AgreedExtension]) -> None:
    for other in before:
        if extension.rsv_bits & other.extension.rsv_bits:
            raise NegotiationError(extension.name, f"it uses the same RSV bit as {other.name!r}")
        if extension.works_on == "messages" and other.extension.works_on == "frames":
            raise NegotiationError(extension.name, f"it works on messages and comes after {other.name!r}, on frames")


def build_pipeline(agreed: Sequence[AgreedExtension]) -> Pipeline:
    """Return what puts the messages of a connection through its extensions."""
    stages = [(item.name, item.extension.rsv_bits, item.codec, item.extension.works_on) for item in agreed]
    return Pipeline(
        [stage[:3] for stage in stages if stage[3] == "messages"],
        [stage[:3] for stage in stages if stage[3] == "frames"],
    )


def build_refusal(error: NegotiationError) -> bytes:
    """Return a client's close frame for an answer that does not do: the server takes the connection for open."""
    payload = build_close_payload(CloseCode.MANDATORY_EXTENSION, shorten_reason(str(error)))
    return WebSocketFrame(Opcode.CLOSE, payload, mask=True).to_bytes()


def close_codecs(agreed: Iterable[AgreedExtension]) -> None:
    """Let go of codecs that no connection will use."""
    for item in agreed:
        try:
            item.codec.close()
        except Exception:
            EXTENSION_LOGGER.exception("extension %r failed in close", item.name)
