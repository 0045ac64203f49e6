"""The client's address behind proxies, and nobody else's word for it."""

from ipaddress import ip_network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinax.errors import HandshakeError
from twinax.headers import Headers
from twinax.protocol.forwarded import remote_addresses

TRUSTED = ["10.0.0.0/8", "2001:db8::/32"]


def xff(*values: str) -> Headers:
    return Headers([("X-Forwarded-For", value) for value in values])


def forwarded(*values: str) -> Headers:
    return Headers([("Forwarded", value) for value in values])


@pytest.mark.parametrize("headers", [Headers(), xff("1.1.1.1"), forwarded("for=1.1.1.1")])
def test_without_trusted_proxies_only_the_peer_counts(headers: Headers) -> None:
    assert remote_addresses("9.9.9.9", headers) == ["9.9.9.9"]
    assert remote_addresses("9.9.9.9", headers, TRUSTED) == ["9.9.9.9"]


@pytest.mark.parametrize(
    ("peer", "values", "expected"),
    [
        ("10.0.0.1", [], ["10.0.0.1"]),
        ("10.0.0.1", [""], ["10.0.0.1"]),
        ("10.0.0.1", ["1.1.1.1"], ["1.1.1.1", "10.0.0.1"]),
        ("10.0.0.1", ["6.6.6.6, 1.1.1.1"], ["1.1.1.1", "10.0.0.1"]),
        ("10.0.0.1", ["6.6.6.6", "1.1.1.1"], ["1.1.1.1", "10.0.0.1"]),
        ("10.0.0.1", ["1.1.1.1,10.0.0.2 , 10.0.0.3"], ["1.1.1.1", "10.0.0.2", "10.0.0.3", "10.0.0.1"]),
        ("10.0.0.1", ["10.0.0.2, 10.0.0.3"], ["10.0.0.2", "10.0.0.3", "10.0.0.1"]),
        ("10.0.0.1", ["6.6.6.6, unknown, 10.0.0.3"], ["10.0.0.3", "10.0.0.1"]),
        ("10.0.0.1", ["6.6.6.6, <script>"], ["10.0.0.1"]),
        ("10.0.0.1", ["1.1.1.1:4711"], ["1.1.1.1", "10.0.0.1"]),
        ("10.0.0.1", ["[2001:DB9::1]:4711"], ["2001:db9::1", "10.0.0.1"]),
        ("10.0.0.1", ["2001:db9::1"], ["2001:db9::1", "10.0.0.1"]),
        ("2001:db8::1", ["1.1.1.1"], ["1.1.1.1", "2001:db8::1"]),
        ("::ffff:10.0.0.1", ["::ffff:1.1.1.1"], ["1.1.1.1", "::ffff:10.0.0.1"]),
        ("", ["1.1.1.1"], ["1.1.1.1", ""]),
    ],
)
def test_x_forwarded_for(peer: str, values: list[str], expected: list[str]) -> None:
    assert remote_addresses(peer, xff(*values), TRUSTED) == expected


def test_networks_may_be_objects() -> None:
    assert remote_addresses("10.0.0.1", xff("1.1.1.1"), [ip_network("10.0.0.1")]) == ["1.1.1.1", "10.0.0.1"]


def test_bad_network() -> None:
    with pytest.raises(ValueError, match="proxy"):
        remote_addresses("10.0.0.1", Headers(), ["proxy"])


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["for=1.1.1.1"], ["1.1.1.1"]),
        (["For=1.1.1.1;proto=https;by=10.0.0.1"], ["1.1.1.1"]),
        (["proto=https; host=a ;for=1.1.1.1 "], ["1.1.1.1"]),
        (['for="1.1.1.1:80"'], ["1.1.1.1"]),
        (["for=1.1.1.1:80"], ["1.1.1.1"]),
        (['for="[2001:db9::1]:80"'], ["2001:db9::1"]),
        (['for="[2001:db9::1]"'], ["2001:db9::1"]),
        (["for=6.6.6.6, for=1.1.1.1, for=10.0.0.2"], ["1.1.1.1", "10.0.0.2"]),
        (["for=6.6.6.6", "for=1.1.1.1"], ["1.1.1.1"]),
        (["for=6.6.6.6, for=unknown"], []),
        (["for=6.6.6.6, for=_hidden"], []),
        (["for=6.6.6.6, proto=https"], []),
        (["for=6.6.6.6,"], []),
        (['for=1.1.1.1;host="evil,for=6.6.6.6"'], ["1.1.1.1"]),
        (['for=1.1.1.1;host="evil;for=6.6.6.6"'], ["1.1.1.1"]),
        (['for=1.1.1.1;host="evil\\";for=6.6.6.6"'], ["1.1.1.1"]),
        (["for=;proto=http"], []),
        ([""], []),
    ],
)
def test_forwarded(values: list[str], expected: list[str]) -> None:
    assert remote_addresses("10.0.0.1", forwarded(*values), TRUSTED) == [*expected, "10.0.0.1"]


@pytest.mark.parametrize(
    "value",
    [
        'for="6.6.6.6',
        'for="6.6.6.6, for=1.1.1.1',
        'for="6.6.6.6, for="[2001:db9::1]";host="x"',
        "for=6.6.6.6;for=7.7.7.7",
        "for",
        "for=1.1.1.1 x",
        "=1.1.1.1",
        'for="1.1.1.1"x',
        'for="1.1.1.1\\',
        "," * 101,
        "for=1.1.1.1" + ";a=b" * 101,
    ],
)
def test_malformed_forwarded_is_refused(value: str) -> None:
    with pytest.raises(HandshakeError, match="Forwarded") as caught:
        remote_addresses("10.0.0.1", forwarded(value), TRUSTED)
    assert caught.value.status == 400


def test_malformed_forwarded_of_a_stranger_does_not_matter() -> None:
    assert remote_addresses("9.9.9.9", Headers({"X-Forwarded-For": "<>"}), TRUSTED) == ["9.9.9.9"]
    assert remote_addresses("9.9.9.9", forwarded('for="'), TRUSTED) == ["9.9.9.9"]


def test_fields_that_agree() -> None:
    headers = Headers([("X-Forwarded-For", "1.1.1.1"), ("Forwarded", "for=1.1.1.1")])
    assert remote_addresses("10.0.0.1", headers, TRUSTED) == ["1.1.1.1", "10.0.0.1"]


def test_fields_that_disagree_are_refused() -> None:
    headers = Headers([("X-Forwarded-For", "1.1.1.1"), ("Forwarded", "for=6.6.6.6")])
    with pytest.raises(HandshakeError, match="disagree") as caught:
        remote_addresses("10.0.0.1", headers, TRUSTED)
    assert caught.value.status == 400
    assert remote_addresses("9.9.9.9", headers, TRUSTED) == ["9.9.9.9"]


addresses = st.ip_addresses().map(str)


@given(st.lists(addresses, max_size=5), addresses)
def test_what_a_stranger_sends_never_comes_first(spoofed: list[str], client: str) -> None:
    trusted = ["255.255.255.255"]
    chain = remote_addresses("255.255.255.255", xff(*spoofed, client), trusted)
    assert len(chain) >= 2
    assert chain[-1] == "255.255.255.255"
    if client != "255.255.255.255":
        assert len(chain) == 2


@given(st.text('for="[]:;, \\.1', max_size=40))
def test_any_text_is_read_or_refused(value: str) -> None:
    try:
        chain: Any = remote_addresses("10.0.0.1", forwarded(value), TRUSTED)
    except HandshakeError:
        return
    assert chain[-1] == "10.0.0.1"
