"""What Sphinx does not know by itself: options from config classes, rules from `Rule`, events, commands.

Everything is read from the package when the documentation is built, so none of it can go out of date.
"""

import argparse
import builtins
import dataclasses
import importlib
import inspect
import re
from collections.abc import Iterator
from typing import Any

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.domains.python import PyXRefRole
from sphinx.environment import BuildEnvironment
from sphinx.ext.napoleon import Config, GoogleDocstring
from sphinx.util.docutils import SphinxDirective

import twinax
from twinax import Rule, config
from twinax.aio.events import Emitter
from twinax.cli.main import COMMANDS

PUBLIC_MODULES = (
    "twinax",
    "twinax.config",
    "twinax.extensions",
    "twinax.protocol",
    "twinax.uri",
    "twinax.aio.client",
    "twinax.aio.streams",
    "twinax.aio.w3c_events",
)

# What annotations name and no page explains: number types of the core, type variables, aliases of callables.
WITHOUT_PAGE = re.compile(r"bint|double|Py_ssize_t|.*\.(Callback|Config|Event|Handler|Listener|_Request)|.*\[.*")
ALIASES = {"ConnectionOptions": "ConnectionConfig", "ServerOptions": "ServerConfig", "ClientOptions": "ClientConfig"}


def setup(app: Sphinx) -> dict[str, Any]:
    """Called by Sphinx."""
    app.add_directive("twinax-options", Options)
    app.add_directive("twinax-limits", Limits)
    app.add_directive("twinax-rules", Rules)
    app.add_directive("twinax-events", Events)
    app.add_directive("twinax-command", Command)
    app.add_role("api", PublicName())
    app.connect("autodoc-process-docstring", mend_docstring)
    app.connect("missing-reference", find_public_name)
    return {"parallel_read_safe": True}


# --- names ------------------------------------------------------------------------------------


class PublicName(PyXRefRole):
    """``{api}`WebSocketServer.close``` in a page: a reference to something in `twinax`."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """Called by docutils."""
        self.name = "py:obj"
        return super().run()

    def process_link(
        self, env: BuildEnvironment, refnode: nodes.Element, has_explicit_title: bool, title: str, target: str
    ) -> tuple[str, str]:
        """Called by Sphinx: the text and the target."""
        title, target = super().process_link(env, refnode, has_explicit_title, title, target)
        return title, f"twinax.{target}"


def find_public_name(app: Sphinx, env: BuildEnvironment, node: pending_xref, content: nodes.Element) -> Any:
    """Resolve what docstrings and annotations call by the name of the module that defines it."""
    if node.get("refdomain") != "py":
        return None
    target = node["reftarget"]
    if hasattr(builtins, target) or WITHOUT_PAGE.fullmatch(target):
        return content
    domain = env.get_domain("py")
    parts = [ALIASES.get(part, part) for part in target.split(".")]
    for length in (1, 2):
        name = ".".join(parts[-length:])
        for module in PUBLIC_MODULES:
            if f"{module}.{name}" in domain.objects:
                found = domain.objects[f"{module}.{name}"]
                return make_reference(app, node, found, content)
    return None


def make_reference(app: Sphinx, node: pending_xref, found: Any, content: nodes.Element) -> nodes.reference:
    """Return a link to a documented object."""
    uri = app.builder.get_relative_uri(node["refdoc"], found.docname)
    return nodes.reference("", "", content, internal=True, refuri=f"{uri}#{found.node_id}")


# --- docstrings -------------------------------------------------------------------------------

ONE_LINERS = re.compile(r"^(Cancellation|Concurrency|Backpressure): (.*)")


NAPOLEON = Config(napoleon_use_ivar=False, napoleon_use_rtype=False)


def mend_docstring(app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Turn a docstring in Google style, with sections of our own, into reStructuredText."""
    parameters = parameter_names(obj)
    google = [mark_parameters(line, parameters) for line in mended(lines)]
    # The extension napoleon would read "Whether it is open: ..." of a property as a type and a description.
    kind = "method" if what in ("property", "attribute", "data") else what
    lines[:] = GoogleDocstring(google, NAPOLEON, app, kind, name, obj, options).lines()


def parameter_names(obj: Any) -> set[str]:
    """Return what a docstring may call by its bare name."""
    try:
        return set(inspect.signature(obj).parameters)
    except (TypeError, ValueError):
        return set()


def mark_parameters(line: str, parameters: set[str]) -> str:
    """Make code of the names of parameters: they are no objects that could be linked to."""
    return re.sub(r"(?<!`)`(\w+)`(?!`)", lambda match: f"``{match[1]}``" if match[1] in parameters else match[0], line)


def mended(lines: list[str]) -> Iterator[str]:
    """Make fields of the lines about waiting; leave the events to `Events`."""
    in_events = False
    for index, line in enumerate(lines):
        if line.strip() == "Events:":
            in_events = True
        elif in_events and line and not line.startswith(" "):
            in_events = False
        if in_events:
            continue
        match = ONE_LINERS.match(line)
        if match is None:
            yield line
            continue
        if index and not ONE_LINERS.match(lines[index - 1]):
            yield ""
        yield f":{match[1]}: {match[2]}"


# --- directives -------------------------------------------------------------------------------


class Generated(SphinxDirective):
    """A directive that writes reStructuredText and has it parsed in its place."""

    required_arguments = 1
    has_content = False

    def lines(self) -> Iterator[str]:
        """Give the lines."""
        raise NotImplementedError

    def run(self) -> list[nodes.Node]:
        """Called by docutils."""
        node = nodes.container()
        node.document = self.state.document
        self.state.nested_parse(StringList(list(self.lines()), source=f"<{self.name}>"), self.content_offset, node)
        return node.children


def explanations(kind: type) -> dict[str, str]:
    """Return the section Attributes of a docstring, by name."""
    section = inspect.cleandoc(kind.__doc__ or "").partition("Attributes:\n")[2]
    found = re.findall(r"^    (\w+): (.*(?:\n        .*)*)", section, re.MULTILINE)
    return {name: " ".join(text.split()) for name, text in found}


def show_default(item: "dataclasses.Field[Any]") -> str:
    """Return a default as people write it."""
    if item.default is dataclasses.MISSING:
        return repr(item.default_factory()) if item.default_factory is not dataclasses.MISSING else "required"
    value = item.default
    if isinstance(value, int) and not isinstance(value, bool) and value >= 1024 and value % 1024 == 0:
        return f"{value} ({value // 2**20} MiB)" if value % 2**20 == 0 else f"{value} ({value // 1024} KiB)"
    return repr(value)


class Options(Generated):
    """Every option that a config class adds to its base."""

    def lines(self) -> Iterator[str]:
        """Give an attribute each."""
        kind = getattr(config, self.arguments[0])
        texts = explanations(kind)
        yield from (
            ".. py:currentmodule:: twinax.config",
            "",
            f".. py:class:: {kind.__name__}",
            "   :no-typesetting:",
            "",
        )
        for item in dataclasses.fields(kind):
            if item.name not in texts:
                continue
            kind_name = item.type if isinstance(item.type, str) else inspect.formatannotation(item.type)
            yield f".. py:attribute:: {kind.__name__}.{item.name}"
            yield f"   :value: {show_default(item)}"
            yield ""
            yield f"   {texts[item.name]}"
            yield ""
            if "None" in kind_name and item.name in config.RANGES:
                yield "   None: no limit."
                yield ""


LONE_NAME = re.compile(r"(?<!`)`([a-z_]+)`(?!`)")


def link_option(match: re.Match[str]) -> str:
    """Return a reference to the option that a docstring calls by its name."""
    for kind in (config.ConnectionConfig, config.ServerConfig, config.ClientConfig):
        if match[1] in explanations(kind):
            return f":py:obj:`~twinax.config.{kind.__name__}.{match[1]}`"
    return match[0]


class Limits(Generated):
    """A table of options: what, how much, why."""

    final_argument_whitespace = True

    def lines(self) -> Iterator[str]:
        """Give the table."""
        yield from (".. list-table::", "   :header-rows: 1", "", "   * - option", "     - default", "     - why")
        kinds = {
            item.name: kind for kind in (config.ServerConfig, config.ClientConfig) for item in dataclasses.fields(kind)
        }
        for name in self.arguments[0].split():
            owner = next(kind for kind in reversed(kinds[name].__mro__) if name in explanations(kind))
            item = next(item for item in dataclasses.fields(owner) if item.name == name)
            yield f"   * - :py:obj:`~twinax.config.{owner.__name__}.{name}`"
            yield f"     - ``{show_default(item)}``"
            yield f"     - {re.sub(LONE_NAME, link_option, explanations(owner)[name])}"
        yield ""


class Rules(Generated):
    """The table of `Rule`."""

    required_arguments = 0

    def lines(self) -> Iterator[str]:
        """Give the table."""
        yield from (".. list-table::", "   :header-rows: 1", "   :widths: 30 15 10 45", "")
        yield from ("   * - rule", "     - where it stands", "     - close code", "     - what the peer is told")
        for rule in Rule:
            # A format is for machines: people see the name of what is filled in.
            text = re.sub(r"\{(\w+)[^}]*\}", r"*\1*", rule.text.replace("*", r"\*"))
            text = re.sub(r"(?<=[^\s(])(\*\w+\*)", r"\\ \1", text)
            where = "a limit of ours" if rule.section == "limit" else rule.section
            yield f"   * - ``{rule.name}``"
            yield from (f"     - {where}", f"     - {rule.close_code}", f"     - {text}")
        yield ""


class Events(Generated):
    """The events of a class, from its docstring."""

    def lines(self) -> Iterator[str]:
        """Give a definition each."""
        kind: type[Emitter] = getattr(twinax, self.arguments[0])
        section = inspect.cleandoc(kind.__doc__ or "").partition("Events:\n")[2].split("\n\n")[0]
        found = re.findall(r"^    (``.*?``): (.*(?:\n        .*)*)", section, re.MULTILINE)
        assert found, f"{kind.__name__} has no events"
        for names, text in found:
            yield names
            yield f"   {mark_parameters(' '.join(text.split()), set(re.findall(r'[a-z_]+', names)))}"
            yield ""


class Command(Generated):
    """The help text of a command."""

    def lines(self) -> Iterator[str]:
        """Give it as it is printed."""
        name = self.arguments[0]
        assert name in COMMANDS, name
        command = importlib.import_module(f"twinax.cli.{name}")
        parser = argparse.ArgumentParser(
            prog=f"twinax {name}", description=command.__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        command.add_arguments(parser)
        yield from (".. code-block:: text", "")
        yield from (f"   {line}" for line in parser.format_help().splitlines())
        yield ""
