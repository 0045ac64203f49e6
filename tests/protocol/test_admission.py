"""Who may connect: Origin and Host."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from twinax.protocol.admission import LOOPBACK_HOSTS, check_host, check_origin


@dataclass(frozen=True)
class Asked:
    """What the checks look at."""

    origin: str | None
    host: str = "example.com"


@pytest.mark.parametrize(
    ("origin", "host", "expected"),
    [
        (None, "example.com", True),
        ("http://example.com", "example.com", True),
        ("https://example.com", "example.com", True),
        ("HTTPS://EXAMPLE.com", "Example.COM", True),
        ("http://example.com:80", "example.com", True),
        ("https://example.com", "example.com:443", True),
        ("https://example.com:8443", "example.com:8443", True),
        ("http://[::1]:80", "[0::1]", True),
        ("https://example.com:8443", "example.com", False),
        ("https://example.com", "example.com:8443", False),
        ("http://example.com:443", "example.com", False),
        ("http://example.com", "example.com:443", False),
        ("https://evil.example", "example.com", False),
        ("https://example.com.evil.example", "example.com", False),
        ("https://sub.example.com", "example.com", False),
        ("null", "example.com", False),
        ("", "example.com", False),
        ("example.com", "example.com", False),
        ("://example.com", "example.com", False),
        ("https://", "example.com", False),
        ("https://example.com/", "example.com", False),
        ("https://user@example.com", "example.com", False),
        ("https://example.com https://evil.example", "example.com", False),
        ("https://example.com", "", False),
        ("app://localhost", "localhost", False),
        ("chrome-extension://abc", "abc", False),
        ("ws://example.com", "example.com", False),
    ],
)
def test_default_rule(origin: str | None, host: str, expected: bool) -> None:
    assert check_origin(Asked(origin, host)) is expected


@pytest.mark.parametrize(
    ("origin", "allowed", "expected"),
    [
        ("https://a.example", ["https://a.example"], True),
        ("https://a.example", ["https://b.example", "https://a.example"], True),
        ("https://a.example", "https://a.example", True),
        ("https://a.example", ["https://A.example:443"], True),
        ("https://a.example:443", ["https://a.example"], True),
        ("http://a.example", ["https://a.example"], False),
        ("https://a.example:8443", ["https://a.example"], False),
        ("https://a.example", ["https://b.example"], False),
        ("https://a.example", [], False),
        ("https://a.example", ["a.example"], False),
        ("https://a.example", ["https://a.example/"], False),
        ("https://xn--bcher-kva.example", ["https://bücher.example"], True),
        ("https://a.example", "*", True),
        ("https://a.example", ["*"], True),
        ("null", "*", True),
        ("null", ["null"], True),
        ("null", ["https://a.example"], False),
        ("chrome-extension://abc", ["chrome-extension://abc"], True),
        ("chrome-extension://abc", ["chrome-extension://def"], False),
        ("https://x.a.example", [re.compile(r"https://\w+\.a\.example")], True),
        ("https://x.a.example", re.compile(r"https://\w+\.a\.example"), True),
        ("https://x.a.example.evil", [re.compile(r"https://\w+\.a\.example")], False),
        ("evil https://x.a.example", [re.compile(r"https://\w+\.a\.example")], False),
    ],
)
def test_allowed_origins(origin: str, allowed: Any, expected: bool) -> None:
    assert check_origin(Asked(origin), allowed) is expected


@pytest.mark.parametrize("allowed", [[], ["https://other.example"], lambda origin, request: False])
def test_rules_widen_the_default(allowed: Any) -> None:
    assert check_origin(Asked(None), allowed)
    assert check_origin(Asked("https://example.com"), allowed)
    assert not check_origin(Asked("https://evil.example"), allowed)


@pytest.mark.parametrize("wrap", [lambda rule: rule, lambda rule: ["https://b.example", rule]])
def test_callable(wrap: Callable[[Any], Any]) -> None:
    seen = []

    def rule(origin: str, request: Asked) -> bool:
        seen.append((origin, request))
        return origin == "https://a.example"

    good, bad = Asked("https://a.example"), Asked("https://c.example")
    assert check_origin(good, wrap(rule)) is True
    assert check_origin(bad, wrap(rule)) is False
    assert seen == [("https://a.example", good), ("https://c.example", bad)]


@pytest.mark.parametrize("answer", [None, 1, "yes", object()])
def test_callable_must_answer(answer: object) -> None:
    with pytest.raises(TypeError, match="must return True or False, not"):
        check_origin(Asked("https://a.example"), lambda origin, request: answer)  # type: ignore[arg-type]  # the test


@pytest.mark.parametrize(
    ("host", "allowed", "expected"),
    [
        ("anything", None, True),
        ("anything", "*", True),
        ("anything", ["a", "*"], True),
        ("example.com", ["example.com"], True),
        ("example.com", "example.com", True),
        ("EXAMPLE.com:8080", ["Example.com"], True),
        ("example.com:8080", ["example.com:8080"], True),
        ("example.com", ["example.com:8080"], False),
        ("example.com:81", ["example.com:8080"], False),
        ("evil.example", ["example.com"], False),
        ("example.com", [], False),
        ("a.example.com", ["*.example.com"], True),
        ("a.b.example.com:1", ["*.EXAMPLE.com"], True),
        ("example.com", ["*.example.com"], False),
        ("evilexample.com", ["*.example.com"], False),
        ("", ["example.com"], False),
        ("a b", ["a b"], False),
        ("example.com", ["a b", "example.com"], True),
        ("[::1]:80", ["::1"], True),
        ("[0:0::1]", ["[::1]"], True),
        ("[::1]", ["[::1]:80"], False),
    ],
)
def test_allowed_hosts(host: str, allowed: Any, expected: bool) -> None:
    assert check_host(Asked(None, host), allowed) is expected


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("localhost:8080", True),
        ("app.localhost", True),
        ("127.0.0.1:8080", True),
        ("[::1]", True),
        ("rebound.evil.example:8080", False),
        ("localhost.evil.example", False),
        ("127.0.0.1.evil.example", False),
    ],
)
def test_loopback(host: str, expected: bool) -> None:
    assert check_host(Asked(None, host), LOOPBACK_HOSTS) is expected
