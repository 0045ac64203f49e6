"""Options: defaults, ranges, and messages that name the option."""

import dataclasses
import ipaddress
import logging
from typing import Any, get_type_hints

import pytest

from twinax import config
from twinax.config import ClientConfig, ClientOptions, ConnectionConfig, ServerConfig, ServerOptions, build_config

KINDS = [(ServerConfig, ServerOptions), (ClientConfig, ClientOptions)]


@pytest.mark.parametrize(("kind", "options"), KINDS)
def test_every_option_can_be_given_by_keyword(kind: Any, options: Any) -> None:
    assert {field.name for field in dataclasses.fields(kind)} == set(get_type_hints(options))


@pytest.mark.parametrize(("kind", "options"), KINDS)
def test_every_number_has_a_range_and_its_default_is_within(kind: Any, options: Any) -> None:
    defaults = kind()
    for field in dataclasses.fields(kind):
        value = getattr(defaults, field.name)
        if isinstance(value, bool):
            assert field.name in config.FLAGS
        elif isinstance(value, int | float) and field.name != "websocket_version":
            assert field.name in config.RANGES


def test_options_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        ConnectionConfig().close_timeout = 1  # type: ignore[misc]


@pytest.mark.parametrize("name", sorted(config.RANGES))
def test_ranges(name: str) -> None:
    kind, low, high = config.RANGES[name]
    owner: Any = ServerConfig if name in {f.name for f in dataclasses.fields(ServerConfig)} else ClientConfig
    more = {"low_water_mark": {"high_water_mark": 2**31}, "high_water_mark": {"low_water_mark": 0}}.get(name, {})
    for value in (kind(low), kind(high)):
        assert getattr(owner(**{**more, name: value}), name) == value
    for value in (low - 1, high * 2):
        with pytest.raises(ValueError, match=f"{name}=.* is out of range: "):
            owner(**{name: kind(value)})
    for value in ("7", True, b"", [1]):
        with pytest.raises(TypeError, match=f"{name}="):
            owner(**{name: value})
    if kind is int:
        with pytest.raises(TypeError, match="an integer"):
            owner(**{name: 1.5})
    else:
        assert getattr(owner(**{name: 1}), name) == 1
    if name in config.OPTIONAL:
        assert getattr(owner(**{name: None}), name) is None
    else:
        with pytest.raises(TypeError):
            owner(**{name: None})


@pytest.mark.parametrize("name", config.FLAGS)
def test_flags(name: str) -> None:
    owner: Any = ServerConfig if name in {f.name for f in dataclasses.fields(ServerConfig)} else ClientConfig
    assert getattr(owner(**{name: False}), name) is False
    with pytest.raises(TypeError, match=f"{name}=1: True or False"):
        owner(**{name: 1})


def test_marks_in_order() -> None:
    with pytest.raises(ValueError, match="low_water_mark=10 is above high_water_mark=9"):
        ConnectionConfig(low_water_mark=10, high_water_mark=9)


def test_unknown_options_and_what_was_meant() -> None:
    with pytest.raises(TypeError, match="unknown option 'maxConnections'; did you mean 'max_connections'"):
        build_config(ServerConfig, {"maxConnections": 1})
    with pytest.raises(TypeError, match=r"unknown option 'zzz'$"):
        build_config(ServerConfig, {"zzz": 1})
    assert build_config(ServerConfig, {"backlog": 7}).backlog == 7


def test_extensions_are_not_names() -> None:
    with pytest.raises(TypeError, match=r"extensions='permessage-deflate': extensions are meant"):
        ConnectionConfig(extensions="permessage-deflate")  # type: ignore[arg-type]


def test_lists_are_not_strings() -> None:
    for option in ("subprotocols", "trusted_proxies"):
        with pytest.raises(TypeError, match=rf"{option}='chat': a list is meant, such as \['chat'\]"):
            ServerConfig(**{option: "chat"})
    for option in ("allowed_origins", "allowed_hosts"):
        assert getattr(ServerConfig(**{option: "*"}), option) == "*"
        with pytest.raises(TypeError, match=option):
            ServerConfig(**{option: "https://example.com"})


def test_subprotocols() -> None:
    assert ServerConfig(subprotocols=["a", "b"]).subprotocols == ("a", "b")
    with pytest.raises(ValueError, match="stands twice"):
        ServerConfig(subprotocols=["a", "A"])
    for wrong in ([""], [7]):
        with pytest.raises(TypeError, match="is not a name"):
            ServerConfig(subprotocols=wrong)  # type: ignore[arg-type]


def test_trusted_proxies() -> None:
    networks = ServerConfig(trusted_proxies=["10.0.0.0/8", "::1", ipaddress.ip_network("192.0.2.0/24")]).trusted_proxies
    assert list(networks) == [ipaddress.ip_network(text) for text in ("10.0.0.0/8", "::1/128", "192.0.2.0/24")]
    with pytest.raises(ValueError, match="trusted_proxies: "):
        ServerConfig(trusted_proxies=["proxy.example"])


def test_headers_as_mapping_or_pairs() -> None:
    assert ServerConfig(headers={"A": "1"}).headers == (("A", "1"),)
    assert ServerConfig(headers=[("A", "1"), ("A", "2")]).headers == (("A", "1"), ("A", "2"))


@pytest.mark.parametrize("name", ["on_request", "http_handler"])
def test_callables(name: str) -> None:
    assert getattr(ServerConfig(**{name: print}), name) is print
    with pytest.raises(TypeError, match=f"{name}=7: a function or coroutine function"):
        ServerConfig(**{name: 7})


def test_origins_by_a_callable() -> None:
    assert ServerConfig(allowed_origins=print).allowed_origins is print
    assert ServerConfig(allowed_origins=["https://a.example"]).allowed_origins == ("https://a.example",)


@pytest.mark.parametrize(
    ("options", "limit"),
    [
        ({}, 1024),
        ({"max_connections": 10}, 64),
        ({"max_connections": 10_000}, 1000),
        ({"max_connections": 10, "max_pending_handshakes": 3}, 3),
    ],
)
def test_pending_limit(options: dict[str, int], limit: int) -> None:
    assert ServerConfig(**options).pending_limit == limit  # type: ignore[arg-type]


def test_logger() -> None:
    logger = logging.getLogger("x")
    assert ConnectionConfig(logger=logger).logger is logger


def test_options_of_clients() -> None:
    with pytest.raises(ValueError, match="websocket_version=7: 8 or 13"):
        ClientConfig(websocket_version=7)
    with pytest.raises(TypeError, match="ssl=True"):
        ClientConfig(ssl=True)  # type: ignore[arg-type]
    assert ClientConfig(cookies={"a": "1"}, headers=[("A", "1")]).headers == (("A", "1"),)
