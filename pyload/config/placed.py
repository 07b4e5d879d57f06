"""Parts of the model beside the places of the file that they were read from, for later checks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyload.config.mappings import Block
    from pyload.config.model import Application, Namespace


@dataclass(frozen=True, slots=True)
class PlacedApplication:
    """An entry of `applications`."""

    application: Application
    block: Block


@dataclass(frozen=True, slots=True)
class PlacedNamespace:
    """An entry of `namespaces`."""

    namespace: Namespace
    block: Block
    applications: tuple[PlacedApplication, ...]
