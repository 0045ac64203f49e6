"""Which route fits a path and the subprotocols of a request: a pure data structure.

Routes without a pattern are found by the path itself, templates by their number of segments and their
first segment, so that routes that do not fit cost nothing; only compiled patterns and ``*`` are tried
one by one. Whatever fits is considered in the order in which it was added.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import unquote

__all__ = ["ANY", "Match", "RouteTable"]

ANY: Final = "*"

_PARAMETER: Final = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")


@dataclass(frozen=True, slots=True)
class Match:
    """What was found.

    Attributes:
        target: What the route was added with.
        protocol: The subprotocol that fits, as it was asked for; None when none was asked for.
        path_params: What stands in the braces of a template, or in the named groups of a pattern.
    """

    target: Any
    protocol: str | None
    path_params: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Route:
    order: int
    path: "str | re.Pattern[str]"
    protocol: str | None
    target: Any
    pattern: "re.Pattern[str] | None"

    def match(self, path: str) -> dict[str, str] | None:
        """Return the parameters when the path fits, else None."""
        if self.pattern is None:
            return {}
        found = self.pattern.fullmatch(path) if isinstance(self.path, str) else self.pattern.search(path)
        return {name: unquote(text) for name, text in found.groupdict().items() if text is not None} if found else None

    def takes(self, protocol: str | None) -> bool:
        return self.protocol in (ANY, protocol)


class RouteTable:
    """Routes by path and subprotocol."""

    def __init__(self) -> None:
        self._routes: dict[tuple[Any, str | None], _Route] = {}
        self._exact: dict[str, list[_Route]] = {}
        self._templates: dict[tuple[int, str | None], list[_Route]] = {}
        self._others: list[_Route] = []
        self._order = 0

    def add(self, path: "str | re.Pattern[str]", protocol: str | None, target: Any) -> None:
        """Add a route.

        Args:
            path: A path; one with ``{name}`` in place of segments; ``"*"`` for any; or a compiled
                pattern, which is searched in the path.
            protocol: A subprotocol, in any case; ``"*"`` for any or none; None for requests that ask for none.
            target: What `find` is to return.

        Raises:
            ValueError: There is a route of this path and subprotocol, or the path is malformed.
        """
        if isinstance(protocol, str):
            protocol = protocol.lower()
        if (path, protocol) in self._routes:
            raise ValueError(f"path {_show(path)} is mounted for subprotocol {protocol!r} already")
        route = _Route(self._order, path, protocol, target, _compile(path))
        self._order += 1
        self._routes[path, protocol] = route
        self._group(route).append(route)

    def remove(self, path: "str | re.Pattern[str]", protocol: str | None) -> None:
        """Take a route away.

        Raises:
            ValueError: There is none.
        """
        if isinstance(protocol, str):
            protocol = protocol.lower()
        route = self._routes.pop((path, protocol), None)
        if route is None:
            raise ValueError(f"path {_show(path)} is not mounted for subprotocol {protocol!r}")
        self._group(route).remove(route)

    def find(self, path: str, protocols: Sequence[str]) -> Match | None:
        """Return the first route that fits: the client's subprotocols in its order, then routes in theirs.

        Args:
            path: The path of the request, without the query, as it was sent.
            protocols: The subprotocols that the client asks for, in lower case.
        """
        fitting = [(route, params) for route in self._candidates(path) if (params := route.match(path)) is not None]
        for protocol in protocols or (None,):
            for route, params in fitting:
                if route.takes(protocol):
                    return Match(route.target, protocol, params)
        return None

    def _candidates(self, path: str) -> Iterable[_Route]:
        segments = path.split("/")
        found = [
            *self._exact.get(path, ()),
            *self._templates.get((len(segments), segments[1] if len(segments) > 1 else ""), ()),
            *self._templates.get((len(segments), None), ()),
            *self._others,
        ]
        return sorted(found, key=lambda route: route.order)

    def _group(self, route: _Route) -> list[_Route]:
        """The list in which a route is looked for."""
        if not isinstance(route.path, str) or route.path == ANY:
            return self._others
        if route.pattern is None:
            return self._exact.setdefault(route.path, [])
        segments = route.path.split("/")
        first = segments[1] if "{" not in segments[1] else None
        return self._templates.setdefault((len(segments), first), [])


def _compile(path: "str | re.Pattern[str]") -> "re.Pattern[str] | None":
    """Return the pattern of a template or of ``*``, None for a plain path."""
    if not isinstance(path, str):
        return path
    if path == ANY:
        return re.compile(".*", re.DOTALL)
    if not path.startswith("/"):
        raise ValueError(f"path {path!r} does not begin with a slash; '*' is any path")
    if "{" not in path and "}" not in path:
        return None
    # Split by its parameters, a template is text, name, text, name, ..., text.
    parts = _PARAMETER.split(path)
    texts, names = parts[::2], parts[1::2]
    if any("{" in text or "}" in text for text in texts):
        raise ValueError(f"path {path!r}: braces hold a name, as in '/chat/{{room}}'")
    if len(set(names)) != len(names):
        raise ValueError(f"path {path!r}: a name stands twice")
    groups = [f"(?P<{name}>[^/]+)" for name in names] + [""]
    return re.compile("".join(re.escape(text) + group for text, group in zip(texts, groups, strict=True)))


def _show(path: "str | re.Pattern[str]") -> str:
    return repr(path) if isinstance(path, str) else repr(path.pattern)
