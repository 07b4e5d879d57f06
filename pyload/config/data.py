"""YAML as plain data without positions, for Kubernetes objects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pyload.config.yaml import ScalarNode, SequenceNode, compose
from pyload.errors import ConfigError

if TYPE_CHECKING:
    from pyload.config.yaml import Node


def read_data(data: bytes, *, source: str) -> Any:
    """Return the value of a YAML document: None, a scalar, a list or a mapping with text as keys.

    Raises:
        ConfigError: The bytes are not YAML, or a key is given twice.
    """
    document = compose(data, source=source)
    if document.problems:
        raise ConfigError(document.problems)
    return None if document.root is None else as_data(document.root)


def as_data(node: Node) -> Any:
    """Return the value of a node. Aliases are copied, so that no two values share a part."""
    # The parser bounds how deep values nest.
    if isinstance(node, ScalarNode):
        return node.value
    if isinstance(node, SequenceNode):
        return [as_data(item) for item in node.items]
    return {name: as_data(entry.value) for name, entry in node.entries.items()}
