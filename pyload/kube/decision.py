"""How an object is written: a decision made from the object that is there, without a server.

`pyload.kube.upsert` carries decisions out; `pyload.mesh.ownership` makes them for a run.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyload.kube.resources import Obj


@dataclass(frozen=True, slots=True)
class Create:
    """Post an object, as there is none of its name."""

    obj: Obj


@dataclass(frozen=True, slots=True)
class Replace:
    """Put an object in the place of the one that is there.

    Attributes:
        obj: The new object; its resourceVersion is filled in.
        before: The object that is there.
        ours: Whether it belongs to the caller.
    """

    obj: Obj
    before: Obj
    ours: bool = True


@dataclass(frozen=True, slots=True)
class Leave:
    """Leave the object that is there as it is."""

    before: Obj


Decision = Create | Replace | Leave


def write_always(obj: Obj, before: Obj | None) -> Decision:
    """Decide to create an object or to replace the one that is there."""
    return Create(obj) if before is None else Replace(obj, before)
