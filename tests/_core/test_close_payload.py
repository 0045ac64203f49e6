"""Payloads of close frames, both ways."""

import pytest

from cores import Core
from twinax.close import Close
from twinax.errors import LocalProtocolError, RemoteProtocolError
from twinax.rules import Rule


def test_builds(core: Core) -> None:
    assert core.build_close_payload(None, "") == b""
    assert core.build_close_payload(1000, "") == b"\x03\xe8"
    assert core.build_close_payload(4999, "naïve") == b"\x13\x87na\xc3\xafve"
    assert core.build_close_payload(1000, "é" * 61 + "!") == b"\x03\xe8" + ("é" * 61 + "!").encode()


@pytest.mark.parametrize("code", [-1, 0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65536])
def test_refuses_codes_that_may_not_be_sent(core: Core, code: int) -> None:
    with pytest.raises(LocalProtocolError, match=f"close code {code} may not be sent"):
        core.build_close_payload(code, "")


def test_refuses_reasons(core: Core) -> None:
    with pytest.raises(LocalProtocolError, match="124 bytes of UTF-8, at most 123"):
        core.build_close_payload(1000, "é" * 62)
    with pytest.raises(LocalProtocolError, match="no room for a reason"):
        core.build_close_payload(None, "why")
    with pytest.raises(UnicodeEncodeError):
        core.build_close_payload(1000, "\ud800")


def test_parses(core: Core) -> None:
    assert core.parse_close_payload(b"") == Close(1005)
    assert core.parse_close_payload(b"\x03\xe8") == Close(1000)
    assert core.parse_close_payload(b"\x0b\xb8bye \xe2\x82\xac") == Close(3000, "bye €")


@pytest.mark.parametrize(
    ("payload", "rule"),
    [
        (b"\x03", Rule.CLOSE_PAYLOAD_OF_ONE_BYTE),
        (b"\x03\xed", Rule.CLOSE_CODE_INVALID),
        (b"\x03\xe8\xe2\x82", Rule.CLOSE_REASON_NOT_UTF8),
    ],
)
def test_refuses_payloads(core: Core, payload: bytes, rule: Rule) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        core.parse_close_payload(payload)
    assert caught.value.rule is rule


@pytest.mark.parametrize("character", ["a", "é", "€", "😀", "\ud800"])
@pytest.mark.parametrize("count", [1, 30, 31, 40, 41, 61, 62, 123, 124, 1000])
def test_shortens_between_characters(core: Core, character: str, count: int) -> None:
    for shift in range(4):
        reason = "x" * shift + character * count
        short = core.shorten_reason(reason)
        size = len(short.encode())
        assert size <= 123
        expected = reason.replace("\ud800", "?")
        assert short == expected or (short.endswith("...") and expected.startswith(short[:-3]) and size >= 120)
        core.build_close_payload(1011, short)
