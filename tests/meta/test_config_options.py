"""The options stand in several places: dataclass fields, types, docstrings, and the core. They agree."""

import inspect
import re
import types
import typing
from dataclasses import fields
from typing import get_type_hints

import pytest

from twinax import config
from twinax._core.settings import CoreSettings

PAIRS = [
    (config.ConnectionConfig, config.ConnectionOptions),
    (config.ServerConfig, config.ServerOptions),
    (config.ClientConfig, config.ClientOptions),
]
KINDS = [kind for kind, _ in PAIRS]


def attributes(kind: type) -> set[str]:
    """Return the names in the section Attributes of a docstring."""
    section = inspect.cleandoc(kind.__doc__ or "").partition("Attributes:\n")[2]
    return set(re.findall(r"^    (\w+): ", section, re.MULTILINE))


def own_fields(kind: type) -> set[str]:
    """Return the fields that the class itself adds."""
    inherited = {item.name for base in kind.__bases__ if base is not object for item in fields(base)}
    return {item.name for item in fields(kind)} - inherited


@pytest.mark.parametrize(("kind", "options"), PAIRS)
def test_keyword_options_are_the_fields(kind: type, options: type) -> None:
    hints = get_type_hints(options)
    assert set(hints) == {item.name for item in fields(kind)}
    assert {name: hint for name, hint in get_type_hints(kind).items() if name in hints} == hints


@pytest.mark.parametrize("kind", KINDS)
def test_every_option_is_explained_once(kind: type) -> None:
    assert attributes(kind) == own_fields(kind)


@pytest.mark.parametrize("kind", KINDS)
def test_defaults_pass_their_own_checks(kind: type) -> None:
    kind()


@pytest.mark.parametrize("kind", KINDS)
def test_numbers_have_a_range_and_flags_are_checked(kind: type) -> None:
    hints = get_type_hints(kind)
    for item in fields(kind):
        plain = set(typing.get_args(hints[item.name])) or {hints[item.name]}
        if isinstance(hints[item.name], types.UnionType):
            assert (type(None) in plain) == (item.name in config.OPTIONAL) or not plain & {int, float}, item.name
        if plain & {int, float} and item.name != "websocket_version":
            assert item.name in config.RANGES, item.name
        if bool in plain:
            assert item.name in config.FLAGS, item.name


def test_the_core_has_the_same_defaults() -> None:
    """Protocols without I/O have theirs from the core: `ClientProtocol` has no config."""
    defaults = {item.name: item.default for item in fields(config.ConnectionConfig)}
    parameters = inspect.signature(CoreSettings.__init__).parameters.values()
    in_core = {item.name: item.default for item in parameters if item.name != "self"}
    assert in_core == {name: defaults[name] for name in in_core}


def test_no_check_is_about_an_option_that_is_gone() -> None:
    known = {item.name for kind in KINDS for item in fields(kind)}
    assert set(config.RANGES) | config.OPTIONAL | set(config.FLAGS) <= known
