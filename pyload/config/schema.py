"""The description of a dialect: the keys of each part of a file, and its application types."""

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
    "thresholds",
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
    "thresholds": "in an item of `thresholds`",
}
"""Places as parts of a sentence."""

STALE_KEYS: Final = frozenset({"enabled", "httproutes", "kubernetes"})
"""Keys, in lower case, that occur in pilot-load's own examples, though no version reads them."""


@dataclass(frozen=True, slots=True)
class Schema:
    """One dialect.

    Attributes:
        dialect: Its name.
        keys: Known keys by place; empty for places that the dialect does not have.
        types: Known application types; the first is the default.
        pods_key: The key for the number of an application's pods.
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
