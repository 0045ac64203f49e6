"""Offers, choices and answers: what is in use afterwards, in which order, and who is told what does not fit."""

from typing import Any, ClassVar

import pytest

from twinax import ExtensionError, NegotiationError
from twinax.extension import RSV1, RSV2, Codec, Extension, FrameCodec, MessageCodec, Parameters
from twinax.protocol import (
    ClientProtocol,
    MessageReceived,
    ServerProtocol,
    accept_offers,
    build_offer,
    check_answer,
    parse_extensions,
    usable_extensions,
)


class Plain(Extension):
    """An extension without parameters."""

    name: ClassVar[str] = "x-plain"
    codec: ClassVar[type[Codec]] = MessageCodec

    def __init__(self) -> None:
        self.made: list[Any] = []

    def make(self) -> Codec:
        codec = self.codec()
        closed: list[None] = []
        codec.close = lambda: closed.append(None)  # type: ignore[method-assign]
        self.made.append(closed)
        return codec

    def agree(self, answer: Parameters) -> Codec:
        if answer:
            raise NegotiationError(self.name, "no parameters", parameter=answer[0][0], value=answer[0][1])
        return self.make()

    def accept(self, offer: Parameters) -> tuple[Parameters, Codec] | None:
        if ("decline", None) in offer:
            return None
        if offer:
            raise NegotiationError(self.name, "no parameters", parameter=offer[0][0], value=offer[0][1])
        return (), self.make()


class First(Plain):
    name = "x-first"
    rsv_bits = RSV1


class AlsoFirst(Plain):
    name = "x-also-first"
    rsv_bits = RSV1


class Frames(Plain):
    name = "x-frames"
    rsv_bits = RSV2
    works_on = "frames"
    codec = FrameCodec


def raising(hook: str, error: Exception) -> Plain:
    extension = Plain()

    def fail(*_: object) -> Any:
        raise error

    setattr(extension, hook, fail)
    return extension


# --- offers ---------------------------------------------------------------------------------------


def test_a_client_offers_in_order_of_preference() -> None:
    class Choosy(Plain):
        def offers(self) -> list[Parameters]:
            return [[("bits", "9"), ("fast", None)], [("bits", "8")], []]

    assert build_offer([Choosy(), First()]) == "x-plain; bits=9; fast, x-plain; bits=8, x-plain, x-first"
    assert build_offer([]) == ""


@pytest.mark.parametrize("offers", [[[("a b", None)]], [[("a", "b c")]], [[("a",)]], [5], None])
def test_offers_that_cannot_be_sent_name_their_extension(offers: Any) -> None:
    extension = Plain()
    extension.offers = lambda: offers  # type: ignore[method-assign]
    with pytest.raises(ExtensionError, match="x-plain") as caught:
        build_offer([extension])
    assert caught.value.hook == "offers"


def test_extensions_on_messages_need_messages() -> None:
    both = (First(), Frames())
    assert usable_extensions(both, assemble=True) == both
    assert usable_extensions(both, assemble=False) == both[1:]


# --- the server's choice --------------------------------------------------------------------------


def choose(offered: str, *extensions: Extension) -> list[str]:
    return [str(item) for item in accept_offers(extensions, parse_extensions(offered))]


def test_what_is_offered_and_known_is_chosen() -> None:
    assert choose("x-other; a=1, x-first, x-plain", Plain(), First()) == ["x-first", "x-plain"]
    assert choose("", Plain()) == []
    assert choose("x-plain") == []


def test_the_first_offer_that_is_accepted_counts() -> None:
    extension = Plain()
    assert choose("x-plain; decline, x-plain; bad=1, x-plain, x-plain", extension) == ["x-plain"]
    assert len(extension.made) == 1


def test_of_two_that_own_the_same_bit_the_client_prefers_the_first() -> None:
    assert choose("x-also-first, x-first", First(), AlsoFirst()) == ["x-also-first"]
    assert choose("x-first, x-also-first", First(), AlsoFirst()) == ["x-first"]
    assert choose("x-first; decline, x-also-first", First(), AlsoFirst()) == ["x-also-first"]


def test_messages_come_before_frames() -> None:
    assert choose("x-frames, x-first, x-plain", Frames(), First(), Plain()) == ["x-first", "x-plain", "x-frames"]


def test_an_extension_that_raises_is_declined_and_named(caplog: pytest.LogCaptureFixture) -> None:
    first = First()
    assert choose("x-plain, x-first", first, raising("accept", ZeroDivisionError())) == ["x-first"]
    assert first.made == [[]]
    assert "extension 'x-plain' failed in accept" in caplog.text


def test_an_answer_that_cannot_be_sent_is_found_on_the_server(caplog: pytest.LogCaptureFixture) -> None:
    extension = Plain()
    extension.accept = lambda offer: ([("a b", None)], extension.make())  # type: ignore[method-assign]
    assert choose("x-plain", extension) == []
    assert extension.made == [[None]]
    assert "extension 'x-plain' failed in accept" in caplog.text


# --- the client's check ---------------------------------------------------------------------------


def check(answered: str, *extensions: Extension) -> list[str]:
    return [str(item) for item in check_answer(extensions, parse_extensions(answered))]


def test_the_answer_says_the_order() -> None:
    assert check("x-first, x-plain, x-frames", Plain(), Frames(), First()) == ["x-first", "x-plain", "x-frames"]
    assert check("", Plain()) == []


@pytest.mark.parametrize(
    ("answered", "text"),
    [
        ("x-first, x-other", "'x-other': it was not offered"),
        ("x-first, x-first", "'x-first': the server answered it twice"),
        ("x-first, x-also-first", "'x-also-first': it uses the same RSV bit as 'x-first'"),
        ("x-first, x-frames, x-plain", "'x-plain': it works on messages and comes after 'x-frames'"),
        ("x-first, x-plain; bits=9", "'x-plain', parameter 'bits=9': no parameters"),
    ],
)
def test_answers_that_do_not_do(answered: str, text: str) -> None:
    first = First()
    with pytest.raises(NegotiationError, match=text) as caught:
        check(answered, first, AlsoFirst(), Plain(), Frames())
    assert caught.value.extension == text.split("'")[1]
    assert first.made == [[None]]


def test_an_extension_that_raises_is_named_on_the_client_too() -> None:
    with pytest.raises(NegotiationError, match=r"'x-plain': agree\(\) raised ZeroDivisionError: mine"):
        check("x-plain", raising("agree", ZeroDivisionError("mine")))


def test_a_codec_that_fails_to_close_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    first = First()
    first.make = lambda: raising("close", ZeroDivisionError())  # type: ignore[method-assign,assignment,return-value]
    with pytest.raises(NegotiationError):
        check("x-first, x-first", first)
    assert "extension 'x-first' failed in close" in caplog.text


# --- both sides -----------------------------------------------------------------------------------


class Shift(MessageCodec):
    """Adds a number to every byte."""

    def __init__(self, by: int) -> None:
        self.by = by

    def begin_encode(self, opcode: int, size: int | None, compress: bool | None) -> int:
        return 0

    def encode(self, part: bytes, final: bool) -> bytes:
        return bytes((byte + self.by) % 256 for byte in part)

    def begin_decode(self, opcode: int, rsv: int) -> bool:
        return True

    def decode(self, part: bytes, final: bool) -> bytes:
        return bytes((byte - self.by) % 256 for byte in part)


class Shifting(Extension):
    """Owns no RSV bit: it sees every message. The server decides on the number."""

    name = "x-shift"

    def offers(self) -> list[Parameters]:
        return [[("by", "300")], [("by", "3")]]

    def agree(self, answer: Parameters) -> Codec:
        return Shift(int(dict(answer)["by"] or 0))

    def accept(self, offer: Parameters) -> tuple[Parameters, Codec] | None:
        by = int(dict(offer)["by"] or 0)
        return ([("by", str(by))], Shift(by)) if by < 256 else None


def talk(client: ClientProtocol, server: ServerProtocol) -> None:
    client.connect()
    server.receive_data(client.data_to_send())
    server.accept()
    client.receive_data(server.data_to_send())
    server.receive_data(b"")


def test_an_extension_between_two_protocols() -> None:
    client = ClientProtocol("ws://example.com/", extensions=[Shifting()])
    server = ServerProtocol(extensions=[Shifting()])
    talk(client, server)
    assert [str(item) for item in client.extensions] == [str(item) for item in server.extensions] == ["x-shift; by=3"]
    client.send("abc")
    data = client.data_to_send()
    assert server.receive_data(data) == [MessageReceived("abc")]
    server.send(b"\xff\x00")
    assert server.data_to_send() == b"\x82\x02\x02\x03"
    assert client.receive_data(b"\x82\x02\x02\x03") == [MessageReceived(b"\xff\x00")]


def test_several_extensions_between_two_protocols() -> None:
    from twinax.extensions import PerMessageDeflate

    client = ClientProtocol("ws://example.com/", extensions=[Shifting(), PerMessageDeflate(threshold=0), Frames()])
    server = ServerProtocol(extensions=[Frames(), PerMessageDeflate(threshold=0), Shifting()])
    talk(client, server)
    assert [item.name for item in client.extensions] == ["x-shift", "permessage-deflate", "x-frames"]
    for message in ("abc" * 100, b"", "", b"\xff" * 1000):
        client.send(message)
        assert server.receive_data(client.data_to_send()) == [MessageReceived(message)]
        server.send(message)
        assert client.receive_data(server.data_to_send()) == [MessageReceived(message)]


def test_without_assembled_messages_none_on_messages_is_negotiated() -> None:
    client = ClientProtocol("ws://example.com/", limits={"assemble_fragments": False})
    server = ServerProtocol()
    talk(client, server)
    assert client.extensions == server.extensions == ()
    client = ClientProtocol("ws://example.com/")
    server = ServerProtocol(limits={"assemble_fragments": False}, extensions=[Frames()])
    talk(client, server)
    assert client.extensions == server.extensions == ()


def test_none_are_negotiated_when_none_are_wanted() -> None:
    client = ClientProtocol("ws://example.com/", extensions=())
    server = ServerProtocol()
    talk(client, server)
    assert client.extensions == server.extensions == ()
    client = ClientProtocol("ws://example.com/")
    server = ServerProtocol(parse_extensions=False)
    talk(client, server)
    assert client.extensions == ()


def test_a_server_protocol_closes_codecs_when_it_cannot_accept() -> None:
    extension = First()
    client = ClientProtocol("ws://example.com/", extensions=[First()])
    server = ServerProtocol(extensions=[extension])
    client.connect()
    server.receive_data(client.data_to_send())
    with pytest.raises(ValueError):
        server.accept(headers={"a\n": "b"})
    assert extension.made == [[None]]
    server.accept()
    client.receive_data(server.data_to_send())
    server.receive_eof()
    client.receive_eof()
    assert extension.made == [[None], [None]]


@pytest.mark.parametrize(
    ("extensions", "error"),
    [
        ([5], TypeError),
        (["permessage-deflate"], TypeError),
        ([First(), First()], ValueError),
        ([type("Upper", (Plain,), {"name": "X-Upper"})()], ValueError),
        ([type("Spaced", (Plain,), {"name": "a b"})()], ValueError),
        ([type("Bits", (Plain,), {"rsv_bits": 0x80})()], ValueError),
        ([type("Works", (Plain,), {"works_on": "bytes"})()], ValueError),
    ],
)
def test_what_is_no_extension_is_refused(extensions: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="extensions"):
        ClientProtocol("ws://example.com/", extensions=extensions)
