"""What pilot-load's configs may ask for and pyload cannot do yet: refused, never ignored.

Supporting one of these begins with deleting its row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pyload.config.yaml import Scalar

if TYPE_CHECKING:
    from pyload.config.schema import Place
    from pyload.config.yaml import Node

_KEYS: Final[frozenset[tuple[Place, str]]] = frozenset(
    {("root", "templates"), ("namespaces", "configs"), ("applications", "configs")}
)
_OWNERS: Final = {"namespaces": " of a namespace", "applications": " of an application"}


def unsupported_key(place: Place, key: str, value: Node) -> str:
    """Say why a key is refused; empty where it is not.

    A key without a value asks for nothing.
    """
    if (place, key) not in _KEYS or (isinstance(value, Scalar) and value.value is None):
        return ""
    return f"`{key}`{_OWNERS.get(place, '')} is not supported yet"
