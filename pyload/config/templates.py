"""Reading the current dialect's templates, and where they are used."""

from __future__ import annotations

from difflib import get_close_matches
from functools import cache
from typing import TYPE_CHECKING, Any

from pyload.config.data import as_data
from pyload.config.mappings import read_keys, read_list
from pyload.config.model import ConfigRef
from pyload.config.names import check_name
from pyload.config.scalar_resolver import shown
from pyload.config.scalars import is_null, kind, read_bool, read_text
from pyload.config.yaml import Block, Scalar
from pyload.errors import TemplateError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from pyload.config.dialect import Choice
    from pyload.config.scalars import Reading
    from pyload.config.yaml import Node
    from pyload.gotemplate.library import Library


def read_templates(reading: Reading, node: Node | None) -> Mapping[str, str]:
    """Read texts of templates by name; nothing but text is one."""
    if node is None or is_null(node):
        return {}
    if not isinstance(node, Block):
        reading.problem(node, f"`templates` takes a mapping of names to texts, not {kind(node)}")
        return {}
    if not node.entries:
        return {}
    from pyload.gotemplate.library import BUILTINS  # noqa: PLC0415 - most configs have no template

    texts = {}
    for name, entry in node.entries.items():
        value = entry.value
        text = value.value if isinstance(value, Scalar) else None
        if name in BUILTINS:
            reading.warn(entry.key, f'overriding default template "{name}"')
        if isinstance(text, str):
            texts[name] = text
            _check(reading, value, name, text)
        elif is_null(value):
            texts[name] = ""
        else:
            what = f"`templates.{name}` takes text, not {kind(value)}"
            reading.problem(value, what, "put it in a block that begins with `|`")
    return texts


def _check(reading: Reading, node: Node, name: str, text: str) -> None:
    """Note what makes a template unreadable."""
    from pyload.gotemplate import parse  # noqa: PLC0415 - see above

    try:
        parse(text, name=name, functions=_library().functions)
    except TemplateError as error:
        reading.problem(node, error.what, error.fix)


@cache
def _library() -> Library:
    """Give what templates may call; making it costs more than reading one."""
    from pyload.gotemplate.library import Library  # noqa: PLC0415 - see above

    return Library()


def read_configs(
    reading: Reading, choice: Choice, node: Node | None, known: Collection[str]
) -> tuple[ConfigRef, ...]:
    """Read a list of templates: their names alone, or with values.

    Args:
        reading: Takes what is wrong.
        choice: The dialect.
        node: The list.
        known: Names of the config's own templates.
    """
    items = read_list(reading, node, "configs")
    if not items:
        return ()
    from pyload.gotemplate.library import BUILTINS  # noqa: PLC0415 - see above

    refs = []
    for item in items:
        ref = _ref(reading, choice, item)
        if ref.name and ref.name not in known and ref.name not in BUILTINS:
            names = sorted({*known, *BUILTINS})
            close = get_close_matches(ref.name, names, n=1)
            fix = f"did you mean `{close[0]}`?" if close else f"use one of {', '.join(names)}"
            reading.problem(item, f"there is no template {shown(ref.name)}", fix)
        refs.append(ref)
    return tuple(refs)


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
    # What the run itself looks at; all other values are between the user and the template.
    for name, read in (("Rand", read_bool), ("Namespace", _read_namespace)):
        if name in values:
            value = read(reading, node.entries[name].value, f"config.{name}")
            if value is None:
                del values[name]
            else:
                values[name] = value
    return values


def _read_namespace(reading: Reading, node: Node, key: str) -> str | None:
    name = read_text(reading, node, key)
    if name is not None:
        reading.complain(node, check_name(name, suffix=0))
    return name
