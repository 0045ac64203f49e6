"""The fields of an HTTP head: in order, looked up without regard to case, each name as often as it comes.

A connection keeps the head of its request for as long as it lives, so a `Headers` is one list of
pairs and no index: a head holds at most 100 fields, and a handshake asks for about a dozen of them.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, cast

__all__ = ["Headers", "HeadersLike", "is_token"]

HeadersLike = Mapping[str, str] | Iterable[tuple[str, str]]
"""What is taken where header fields are asked for: a mapping, pairs, or a `Headers`."""

# One character class, one quantifier: these cannot backtrack.
_TOKEN: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_VALUE: Final = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
_NOT_IN_VALUE: Final = re.compile(r"[^\t\x20-\x7e\x80-\xff]")


def is_token(text: str) -> bool:
    """Tell whether `text` is a token (RFC 9110 5.6.2): one or more of the letters that names are made of."""
    return _TOKEN.fullmatch(text) is not None


class Headers:
    """Header fields: an ordered multi-dict whose names are compared without regard to case.

    Iteration gives ``(name, value)`` pairs in the order in which they were added, with the case in
    which they were written, so ``dict(headers)`` and ``Headers(headers)`` do what one expects.

    Args:
        fields: What to start with; each field is checked as by `add`.

    Raises:
        ValueError: A name or a value is not allowed.
        TypeError: A name or a value is no string.
    """

    __slots__ = ("_fields",)

    def __init__(self, fields: HeadersLike = ()) -> None:
        self._fields: list[tuple[str, str]] = []
        self.extend(fields)

    def add(self, name: str, value: str) -> None:
        """Append one field.

        Spaces and tabs around the value are dropped: they are no part of it (RFC 9110 5.5).

        Args:
            name: A token (RFC 9110 5.6.2).
            value: Characters of ISO 8859-1, without control characters other than the tab.

        Raises:
            ValueError: The name is no token, or the value holds what a field must not hold.
            TypeError: One of them is no string.
        """
        if not isinstance(name, str) or not isinstance(value, str):
            raise TypeError(f"header field {name!r}: name and value must be str, not {_types(name, value)}")
        if _TOKEN.fullmatch(name) is None:
            raise ValueError(f"header field {name!r}: the name is not a token (RFC 9110 5.6.2)")
        if _VALUE.fullmatch(value) is None:
            raise ValueError(f"header field {name!r}: {_problem_of_value(value)}")
        self._fields.append((name, value.strip(" \t")))

    def extend(self, fields: HeadersLike) -> None:
        """Append several fields, each as by `add`; the name may be there already.

        Args:
            fields: A mapping, or pairs.

        Raises:
            ValueError: A name or a value is not allowed; the fields before it were added.
            TypeError: `fields` is neither, or a name or a value is no string.
        """
        if isinstance(fields, Headers):
            self._fields += fields._fields
            return
        if isinstance(fields, str | bytes):
            raise TypeError(f"header fields must be a mapping or pairs, not {type(fields).__name__}")
        pairs = fields.items() if isinstance(fields, Mapping) else fields
        for name, value in cast("Iterable[tuple[str, str]]", pairs):  # a mapping whose keys are pairs is no use
            self.add(name, value)

    def remove(self, name: str) -> None:
        """Drop all fields of that name; it is no error when there are none."""
        key = name.lower()
        self._fields = [field for field in self._fields if field[0].lower() != key]

    def get(self, name: str, default: str | None = None) -> str | None:
        """Return the value of the first field of that name, or `default`."""
        key, size = name.lower(), len(name)
        for field, value in self._fields:
            if len(field) == size and field.lower() == key:
                return value
        return default

    def get_all(self, name: str) -> list[str]:
        """Return the values of all fields of that name, in order."""
        key, size = name.lower(), len(name)
        return [value for field, value in self._fields if len(field) == size and field.lower() == key]

    def combined(self, name: str) -> str | None:
        """Return all values of that name joined with ``", "`` (RFC 9110 5.3), or None when there are none."""
        values = self.get_all(name)
        return ", ".join(values) if values else None

    def items(self) -> list[tuple[str, str]]:
        """Return all fields, in order, as a list of one's own."""
        return self._fields.copy()

    def copy(self) -> "Headers":
        """Return a `Headers` with the same fields, independent of this one."""
        return Headers(self)

    def __getitem__(self, name: str) -> str:
        value = self.get(name)
        if value is None:
            raise KeyError(name)
        return value

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self.get(name) is not None

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Headers):
            return NotImplemented
        return [(name.lower(), value) for name, value in self] == [(name.lower(), value) for name, value in other]

    # What can be changed has no hash.
    __hash__ = None  # type: ignore[assignment]  # the documented way to say so; typeshed types it as a method

    def __repr__(self) -> str:
        return f"Headers({self._fields!r})"


def _types(name: object, value: object) -> str:
    return f"{type(name).__name__} and {type(value).__name__}"


def _problem_of_value(value: str) -> str:
    match = _NOT_IN_VALUE.search(value)
    assert match is not None
    if match[0] > "\xff":
        return f"the value holds {match[0]!r} at {match.start()}, which ISO 8859-1 lacks"
    return f"the value holds the control character {match[0]!r} at {match.start()}"
