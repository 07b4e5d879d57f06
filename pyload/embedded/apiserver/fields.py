"""Values deep within an object."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyload.kube.resources import Obj


def value_at(obj: Obj, *path: str) -> Any:
    """Return the value that fields lead to, or None."""
    value: Any = obj
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value
