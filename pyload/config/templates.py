"""Reading the current dialect's templates, and where they are used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pyload.config.blocks import read_keys, read_list
from pyload.config.data import as_data
from pyload.config.model import ConfigRef
from pyload.config.scalars import is_null, kind, read_bool, read_text
from pyload.config.yaml import Block, Scalar

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyload.config.dialect import Choice
    from pyload.config.scalars import Reading
    from pyload.config.yaml import Node


def read_templates(reading: Reading, node: Node | None) -> Mapping[str, str]:
    """Read texts of templates by name; nothing but text is one."""
    if node is None or is_null(node):
        return {}
    if not isinstance(node, Block):
        reading.problem(node, f"`templates` takes a mapping of names to texts, not {kind(node)}")
        return {}
    texts = {}
    for name, entry in node.entries.items():
        value = entry.value
        text = value.value if isinstance(value, Scalar) else None
        if isinstance(text, str):
            texts[name] = text
        elif is_null(value):
            texts[name] = ""
        else:
            what = f"`templates.{name}` takes text, not {kind(value)}"
            reading.problem(value, what, "put it in a block that begins with `|`")
    return texts


def read_configs(reading: Reading, choice: Choice, node: Node | None) -> tuple[ConfigRef, ...]:
    """Read a list of templates: their names alone, or with values."""
    return tuple(_ref(reading, choice, item) for item in read_list(reading, node, "configs"))


def _ref(reading: Reading, choice: Choice, node: Node) -> ConfigRef:
    if isinstance(node, Scalar):
        return ConfigRef(read_text(reading, node, "configs") or "")
    keys = read_keys(reading, choice, "configs", node)
    name = read_text(reading, keys.get("name"), "name") or ""
    if isinstance(node, Block) and not name:
        reading.problem(node, "an item of `configs` needs the name of a template", "add `name:`")
    return ConfigRef(
        name,
        _values(reading, keys.get("config")),
        read_bool(reading, keys.get("refresh"), "refresh"),
    )


def _values(reading: Reading, node: Node | None) -> Mapping[str, Any]:
    if node is None or is_null(node):
        return {}
    if not isinstance(node, Block):
        reading.problem(node, f"`config` takes a mapping, not {kind(node)}")
        return {}
    values: dict[str, Any] = as_data(node)
    return values
