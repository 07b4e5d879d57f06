"""What a dialect is: the keys of each part of a file, and the defaults that differ."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyload.config.app_types import AppType
    from pyload.config.model import Dialect

Place = Literal[
    "root",
    "jitter",
    "nodes",
    "ztunnel",
    "namespaces",
    "istio",
    "applications",
    "applicationIstio",
    "istioObject",
    "virtualService",
    "gateways",
    "configs",
]

PLACES: Final[Mapping[Place, str]] = {
    "root": "at the top level",
    "jitter": "in `jitter`",
    "nodes": "in a node",
    "ztunnel": "in `ztunnel`",
    "namespaces": "in a namespace",
    "istio": "in `istio`",
    "applications": "in an application",
    "applicationIstio": "in an application's `istio`",
    "istioObject": "in an object of `istio`",
    "virtualService": "in `virtualService`",
    "gateways": "in `gateways`",
    "configs": "in an item of `configs`",
}
"""Where a key stands, as part of a sentence."""

STALE_KEYS: Final = frozenset({"enabled", "httproutes", "kubernetes"})
"""Keys, in lower case, of configs that pilot-load ships and that none of its versions reads."""


@dataclass(frozen=True, slots=True)
class Schema:
    """One dialect.

    Attributes:
        dialect: Its name.
        keys: The keys that it knows; none for places that it does not have.
        types: The application types that it knows; the first is that of an application that names
            none.
        pods_key: The key of an application that counts its pods.
        renamed: Keys of the other dialect, and their names in this one.
    """

    dialect: Dialect
    keys: Mapping[Place, tuple[str, ...]]
    types: tuple[AppType, ...]
    pods_key: str
    renamed: Mapping[str, str]

    @property
    def type_names(self) -> tuple[str, ...]:
        """Names of the application types."""
        return tuple(one.name for one in self.types)
