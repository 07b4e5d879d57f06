"""What pilot-load's configs may ask for and pyload cannot do yet: refused, never ignored.

Supporting one of these begins with deleting its row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pyload.config.resolve import shown
from pyload.config.yaml import Scalar
from pyload.units import Duration

if TYPE_CHECKING:
    from pyload.config.schema import Place
    from pyload.config.yaml import Node

_KEYS: Final[frozenset[tuple[Place, str]]] = frozenset(
    {
        ("root", "istio"),
        ("root", "templates"),
        ("jitter", "config"),
        ("jitter", "secrets"),
        ("nodes", "ztunnel"),
        ("namespaces", "istio"),
        ("namespaces", "configs"),
        ("namespaces", "waypoint"),
        ("applications", "istio"),
        ("applications", "configs"),
        ("applications", "gateways"),
    }
)
_TYPES: Final = frozenset(
    {"ambient", "router", "gateway", "waypoint", "external", "vm", "ztunnel"}
)  # fmt: skip
_OWNERS: Final = {"nodes": " of a node", "namespaces": " of a namespace"}


def unsupported_key(place: Place, key: str, value: Node) -> str:
    """Say why a key is refused; empty where it is not.

    A key without a value asks for nothing, and so does an interval of zero.
    """
    if (place, key) not in _KEYS or (isinstance(value, Scalar) and value.value is None):
        return ""
    if place == "jitter":
        return f"`jitter.{key}` is not supported yet" if _is_interval(value) else ""
    owner = " of an application" if place == "applications" else _OWNERS.get(place, "")
    return f"`{key}`{owner} is not supported yet"


def unsupported_type(name: str) -> str:
    """Say why a known application type is refused; empty where it is not."""
    return f"application type {shown(name)} is not supported yet" if name in _TYPES else ""


def _is_interval(value: Node) -> bool:
    """Tell whether a value is a duration above zero; what is none is complained of elsewhere."""
    if not isinstance(value, Scalar) or isinstance(value.value, bool):
        return False
    if not isinstance(value.value, str):
        return value.value != 0
    try:
        return Duration.parse(value.value) != 0
    except ValueError:
        return False
