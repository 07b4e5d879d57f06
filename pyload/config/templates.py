"""Reading the templates of the current dialect, and the `configs` that use them."""

from __future__ import annotations

from difflib import get_close_matches
from functools import cache
from typing import TYPE_CHECKING, Any

from pyload.config.data import as_data
from pyload.config.model import ConfigRef
from pyload.config.names import check_name
from pyload.config.scalar_resolver import quote
from pyload.config.scalars import describe, is_null, read_bool, read_text
from pyload.config.yaml import MappingNode, ScalarNode
from pyload.errors import TemplateError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from pyload.config.mappings import Block
    from pyload.config.scalars import Findings
    from pyload.config.yaml import Node
    from pyload.gotemplate.library import Library


def read_templates(root: Block) -> Mapping[str, str]:
    """Read the texts of templates by name."""
    findings, node = root.findings, root.values.get("templates")
    if node is None or is_null(node):
        return {}
    if not isinstance(node, MappingNode):
        findings.problem(
            node, f"`templates` takes a mapping of names to texts, not {describe(node)}"
        )
        return {}
    if not node.entries:
        return {}
    from pyload.gotemplate.library import BUILTINS  # noqa: PLC0415 - most configs have no template

    texts = {}
    for name, entry in node.entries.items():
        value = entry.value
        text = value.value if isinstance(value, ScalarNode) else None
        if name in BUILTINS:
            findings.warn(entry.key, f'overriding default template "{name}"')
        if isinstance(text, str):
            texts[name] = text
            _check(findings, value, name, text)
        elif is_null(value):
            texts[name] = ""
        else:
            what = f"`templates.{name}` takes text, not {describe(value)}"
            findings.problem(value, what, "put it in a block that begins with `|`")
    return texts


def _check(findings: Findings, node: Node, name: str, text: str) -> None:
    """Note a template that cannot be parsed."""
    from pyload.gotemplate import parse  # noqa: PLC0415 - see above

    try:
        parse(text, name=name, functions=_library().functions)
    except TemplateError as error:
        findings.problem(node, error.what, error.fix)


@cache
def _library() -> Library:
    """Return the functions for templates, made once: that costs more than parsing a template."""
    from pyload.gotemplate.library import Library  # noqa: PLC0415 - see above

    return Library()


def read_configs(block: Block, known: Collection[str]) -> tuple[ConfigRef, ...]:
    """Read the list `configs` of templates: their names alone, or with values.

    Args:
        block: Has the list.
        known: Names of the config's own templates.
    """
    items = block.items("configs")
    if not items:
        return ()
    from pyload.gotemplate.library import BUILTINS  # noqa: PLC0415 - see above

    refs = []
    for item in items:
        ref = _ref(block, item)
        if ref.name and ref.name not in known and ref.name not in BUILTINS:
            names = sorted({*known, *BUILTINS})
            close = get_close_matches(ref.name, names, n=1)
            fix = f"did you mean `{close[0]}`?" if close else f"use one of {', '.join(names)}"
            block.findings.problem(item, f"there is no template {quote(ref.name)}", fix)
        refs.append(ref)
    return tuple(refs)


def _ref(block: Block, node: Node) -> ConfigRef:
    findings = block.findings
    if isinstance(node, ScalarNode):
        return ConfigRef(read_text(findings, node, "configs") or "")
    item = block.inside("configs", node)
    name = item.text("name")
    if isinstance(node, MappingNode) and not name:
        findings.problem(node, "an item of `configs` needs the name of a template", "add `name:`")
    return ConfigRef(name, _values(findings, item.values.get("config")), item.flag("refresh"))


def _values(findings: Findings, node: Node | None) -> Mapping[str, Any]:
    if node is None or is_null(node):
        return {}
    if not isinstance(node, MappingNode):
        findings.problem(node, f"`config` takes a mapping, not {describe(node)}")
        return {}
    values: dict[str, Any] = as_data(node)
    # The run itself reads these two; all other values are for the template only.
    for name, read in (("Rand", read_bool), ("Namespace", _read_namespace)):
        if name in values:
            value = read(findings, node.entries[name].value, f"config.{name}")
            if value is None:
                del values[name]
            else:
                values[name] = value
    return values


def _read_namespace(findings: Findings, node: Node, key: str) -> str | None:
    name = read_text(findings, node, key)
    if name is not None:
        findings.complain(node, check_name(name, suffix=0))
    return name
