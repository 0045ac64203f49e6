"""Checks of option values: each refuses with a message that names the option and what is allowed."""

from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any

from .extension import Extension
from .headers import is_token

__all__ = [
    "as_extensions",
    "as_network",
    "as_pairs",
    "as_rules",
    "as_sequence",
    "check_callable",
    "check_names",
    "check_number",
    "freeze",
]


def check_number(name: str, value: object, kind: type, low: float, high: float, *, optional: bool) -> None:
    """Refuse a value that is no number of this kind or outside low..high, and say what is allowed."""
    if value is None and optional:
        return
    allowed = f"{_show(low)} to {_show(high)}" + (", or None" if optional else "")
    if isinstance(value, bool) or not isinstance(value, (int, float) if kind is float else int):
        raise TypeError(f"{name}={value!r}: {'a number' if kind is float else 'an integer'}, {allowed}")
    if not low <= value <= high:
        raise ValueError(f"{name}={value!r} is out of range: {allowed}")


def _show(bound: float) -> str:
    """Return a bound as people write it: powers of two, which count bytes, as such."""
    if bound == int(bound) and bound > 2**16 and int(bound).bit_count() == 1:
        return f"2**{int(bound).bit_length() - 1}"
    return f"{bound:g}" if bound < 1 else f"{bound:.12g}"


def freeze(config: object, name: str, value: object) -> None:
    """Set a field of a frozen dataclass while it is being made."""
    object.__setattr__(config, name, value)


def as_sequence(name: str, value: Any) -> tuple[Any, ...]:
    """Refuse a lone string where several values are meant: iterating it would give its characters."""
    if isinstance(value, str | bytes):
        raise TypeError(f"{name}={value!r}: a list is meant, such as [{value!r}]")
    return tuple(value)


def as_rules(name: str, value: Any) -> Any:
    """Return None, ``"*"``, or a tuple of rules."""
    if value is None or value == "*":
        return value
    return as_sequence(name, value)


def as_network(value: str | IPv4Network | IPv6Network) -> IPv4Network | IPv6Network:
    """Return an address or network as a network."""
    try:
        return ip_network(value)
    except ValueError as error:
        raise ValueError(f"trusted_proxies: {error}") from error


def as_pairs(headers: Any) -> tuple[tuple[str, str], ...]:
    """Return header fields as pairs; `Headers` checks them when they are sent."""
    pairs = headers.items() if hasattr(headers, "items") else headers
    return tuple((str(name), str(value)) for name, value in pairs)


def check_names(names: Any) -> tuple[str, ...]:
    """Return subprotocols as a tuple, without repetition."""
    result = as_sequence("subprotocols", names)
    for name in result:
        if not isinstance(name, str) or not name:
            raise TypeError(f"subprotocols: {name!r} is not a name")
    if len({name.lower() for name in result}) != len(result):
        raise ValueError(f"subprotocols={list(result)!r}: a name stands twice")
    return result


def as_extensions(value: Any) -> tuple[Extension, ...] | None:
    """Return None, or extensions as a tuple: each name once, for it says which of them an answer means."""
    if value is None:
        return None
    if isinstance(value, str):
        raise TypeError(f"extensions={value!r}: extensions are meant, such as [PerMessageDeflate()], or () for none")
    result = tuple(value) if not isinstance(value, Extension) else (value,)
    for item in result:
        if not isinstance(item, Extension):
            raise TypeError(f"extensions: {item!r} is no twinax.extensions.Extension")
        if not isinstance(item.name, str) or not is_token(item.name) or item.name != item.name.lower():
            raise ValueError(f"extensions: {item.name!r} is no name of an extension: a token in lower case")
        if item.rsv_bits & ~0x70 or item.works_on not in ("messages", "frames"):
            raise ValueError(f"extensions: {item.name!r} has rsv_bits={item.rsv_bits:#x}, works_on={item.works_on!r}")
    if len({item.name for item in result}) != len(result):
        raise ValueError(f"extensions: a name stands twice in {[item.name for item in result]!r}")
    return result


def check_callable(name: str, value: object) -> None:
    """Refuse what cannot be called."""
    if value is not None and not callable(value):
        raise TypeError(f"{name}={value!r}: a function or coroutine function")
