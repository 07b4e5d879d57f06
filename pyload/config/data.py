"""A YAML value as plain data, for those who need no positions: Kubernetes objects, not configs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pyload.config.yaml import ScalarNode, SequenceNode, compose
from pyload.errors import ConfigError

if TYPE_CHECKING:
    from pyload.config.yaml import Node


def read_data(data: bytes, *, source: str) -> Any:
    """Read a YAML document: None, a scalar, a list or a mapping of text to such.

    Raises:
        ConfigError: The bytes are not YAML, or a key is given twice.
    """
    document = compose(data, source=source)
    if document.problems:
        raise ConfigError(document.problems)
    return None if document.root is None else as_data(document.root)


def as_data(node: Node) -> Any:
    """Give a value without its positions; no part of it is shared with another."""
    # The parser bounds how deep values nest.
    if isinstance(node, ScalarNode):
        return node.value
    if isinstance(node, SequenceNode):
        return [as_data(item) for item in node.items]
    return {name: as_data(entry.value) for name, entry in node.entries.items()}
