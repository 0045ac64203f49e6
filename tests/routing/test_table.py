"""Which route fits: paths, templates, patterns, subprotocols, and in which order."""

import re
from typing import Any

import pytest

from twinax.routing.table import RouteTable


def table(*routes: tuple[Any, str | None, str]) -> RouteTable:
    made = RouteTable()
    for path, protocol, target in routes:
        made.add(path, protocol, target)
    return made


def find(made: RouteTable, path: str, *protocols: str) -> tuple[str, str | None] | None:
    match = made.find(path, protocols)
    return None if match is None else (match.target, match.protocol)


def test_paths_are_compared_as_a_whole_and_escaped() -> None:
    made = table(("/a.b", None, "exact"), ("/(x)", None, "brackets"))
    assert find(made, "/a.b") == ("exact", None)
    assert find(made, "/(x)") == ("brackets", None)
    for path in ("/aXb", "/a.b/", "/a.bc", "a.b", "/A.b", ""):
        assert find(made, path) is None


def test_any_path() -> None:
    made = table(("*", None, "any"))
    for path in ("/", "/a/b", "", "/a\nb"):
        assert find(made, path) == ("any", None)


def test_patterns_are_searched_in_the_path() -> None:
    made = table((re.compile(r"^/v(?P<version>\d+)/"), None, "versioned"), (re.compile("cat"), None, "cat"))
    match = made.find("/v2/x", [])
    assert match is not None
    assert (match.target, match.path_params) == ("versioned", {"version": "2"})
    assert find(made, "/con/cat/enate") == ("cat", None)
    assert find(made, "/dog") is None


def test_groups_that_did_not_match_are_no_parameters() -> None:
    match = table((re.compile("^/a(?P<b>b)?"), None, "x")).find("/a", [])
    assert match is not None
    assert match.path_params == {}


def test_templates() -> None:
    made = table(("/chat/{room}", None, "room"), ("/{a}/{b}-{c}.txt", None, "many"), ("/{only}", None, "only"))
    for path, target, params in (
        ("/chat/lobby", "room", {"room": "lobby"}),
        ("/chat/a%20b%2Fc", "room", {"room": "a b/c"}),
        ("/x/y-z.txt", "many", {"a": "x", "b": "y", "c": "z"}),
        ("/chat", "only", {"only": "chat"}),
    ):
        match = made.find(path, [])
        assert match is not None
        assert (match.target, match.path_params) == (target, params)
    for path in ("/chat/", "/chat/a/b", "/x/yz.txt", "/", "//"):
        assert find(made, path) is None


@pytest.mark.parametrize("path", ["/{", "/}", "/{}", "/{a b}", "/{1}", "/{a}{", "/{a}/{a}"])
def test_templates_that_are_malformed(path: str) -> None:
    with pytest.raises(ValueError, match=r"braces hold a name|a name stands twice"):
        RouteTable().add(path, None, "x")


@pytest.mark.parametrize("path", ["", "chat", "**"])
def test_paths_begin_with_a_slash(path: str) -> None:
    with pytest.raises(ValueError, match="does not begin with a slash"):
        RouteTable().add(path, None, "x")


def test_subprotocols() -> None:
    made = table(("/", "Chat", "chat"), ("/", None, "none"))
    assert find(made, "/", "chat") == ("chat", "chat")
    assert find(made, "/") == ("none", None)
    assert find(made, "/", "other") is None


def test_any_subprotocol_or_none() -> None:
    made = table(("/", "*", "any"))
    assert find(made, "/", "x", "y") == ("any", "x")
    assert find(made, "/") == ("any", None)


def test_the_clients_order_of_subprotocols_comes_first_then_that_of_mounting() -> None:
    made = table(("/", "b", "first"), ("/", "a", "second"), ("*", "a", "third"))
    assert find(made, "/", "a", "b") == ("second", "a")
    assert find(made, "/", "b", "a") == ("first", "b")
    assert find(made, "/other", "b", "a") == ("third", "a")


def test_routes_of_all_kinds_in_the_order_of_mounting() -> None:
    kinds: list[Any] = ["/a/b", "/a/{x}", "/{x}/b", re.compile("^/a/b$"), "*"]
    for shift in range(len(kinds)):
        order = kinds[shift:] + kinds[:shift]
        made = table(*((path, None, str(index)) for index, path in enumerate(order)))
        for index, path in enumerate(order):
            assert find(made, "/a/b") == (str(index), None)
            made.remove(path, None)
        assert find(made, "/a/b") is None


def test_the_same_route_twice() -> None:
    made = table(("/a", "X", "1"), (re.compile("a"), None, "2"))
    for path, protocol in (("/a", "x"), (re.compile("a"), None)):
        with pytest.raises(ValueError, match="is mounted for subprotocol"):
            made.add(path, protocol, "again")
    made.add("/a", "y", "another subprotocol")


def test_removing() -> None:
    made = table(("/a", "X", "1"))
    for path, protocol in (("/a", None), ("/b", "x"), (re.compile("/a"), "x")):
        with pytest.raises(ValueError, match="is not mounted"):
            made.remove(path, protocol)
    made.remove("/a", "x")
    assert find(made, "/a", "x") is None
    made.add("/a", "x", "2")
    assert find(made, "/a", "x") == ("2", "x")
