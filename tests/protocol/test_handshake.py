"""What both sides share: keys, the field of the origin, fields that users add."""

import base64
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinax.protocol.handshake import accept_key, build_extra, generate_key, is_key, origin_field, show_value


def test_example_of_the_rfc() -> None:
    # RFC 6455 1.3
    assert accept_key("dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
    assert is_key("dGhlIHNhbXBsZSBub25jZQ==")


def test_key_is_sixteen_random_bytes() -> None:
    assert generate_key(lambda size: bytes(range(size))) == "AAECAwQFBgcICQoLDA0ODw=="
    assert generate_key(os.urandom) != generate_key(os.urandom)


@given(st.binary(max_size=40))
def test_only_sixteen_bytes_are_a_key(nonce: bytes) -> None:
    assert is_key(base64.b64encode(nonce).decode()) == (len(nonce) == 16)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "AAECAwQFBgcICQoLDA0ODw",
        "AAECAwQFBgcICQoLDA0ODw=",
        "AAECAwQFBgcICQoLDA0ODx==",  # bits that no byte holds
        "AAECAwQFBgcICQoLDA0ODw==\n",
        " AAECAwQFBgcICQoLDA0ODw==",
        "AAECAwQFBgcICQoLDA0O-w==",
        "AAECAwQFBgcICQoLDA0ODw== ,",
        "é" * 24,
    ],
)
def test_no_key(text: str) -> None:
    assert not is_key(text)


def test_field_of_the_origin() -> None:
    assert origin_field(13) == "Origin"
    assert origin_field(8) == "Sec-WebSocket-Origin"


@pytest.mark.parametrize(
    "name",
    [
        "Upgrade",
        "connection",
        "Content-Length",
        "Transfer-Encoding",
        "Sec-WebSocket-Accept",
        "sec-websocket-key",
        "SEC-WEBSOCKET-ANYTHING",
    ],
)
def test_fields_of_the_handshake_cannot_be_added(name: str) -> None:
    with pytest.raises(ValueError, match=f"'{name}' belongs to the handshake"):
        build_extra([("X-Fine", "1"), (name, "x")])


def test_other_fields_can_be_added() -> None:
    assert build_extra({"X-Fine": "1", "Server": "x"}).items() == [("X-Fine", "1"), ("Server", "x")]


def test_values_as_messages_name_them() -> None:
    assert show_value(None) == "is missing"
    assert show_value("a\r\n") == "'a\\r\\n'"
