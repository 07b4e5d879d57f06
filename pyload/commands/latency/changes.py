"""The changes that ``latency`` times, under pilot-load's names, and how a config shows each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pyload.mesh.changes import DOMAIN, ChangeNames, base_object, changed_object
from pyload.xds.types import CDS, EDS, RDS

if TYPE_CHECKING:
    from pyload.kube.resources import Obj, Resource
    from pyload.mesh.changes import Kind
    from pyload.xds.types import Push, TypeUrl

NAMESPACE: Final = "default"
BASE: Final = "pyload-latency"
"""Name of the object that has to be there before a change."""

_ADDRESSES: Final = 1 << 17


@dataclass(frozen=True, slots=True)
class Expectation:
    """How a proxy's config shows whether an object is there.

    Attributes:
        type_url: Type of the resource that shows it.
        resource: Name of that resource; one that ends with a dot stands for all that begin so, as
            not every cluster's DNS domain is ``cluster.local``.
        text: A string that the resource then holds; empty if its presence is enough.
    """

    type_url: TypeUrl
    resource: str
    text: str = ""

    def read(self, push: Push, *, delta: bool) -> bool | None:
        """Return whether the object is there, by a response; None if that says nothing about it.

        Args:
            push: The response, with its resources.
            delta: Whether the response is one of delta xDS.
        """
        if push.type_url != self.type_url or push.error:
            return None
        found = [
            body for name, body in zip(push.names, push.bodies, strict=True) if self._is_named(name)
        ]
        if found:
            return not self.text or any(self._encoded() in body for body in found)
        if any(map(self._is_named, push.removed_names)):
            return False
        # In state of the world a response has all clusters, but not always all of other types.
        return False if not delta and self.type_url == CDS else None

    def _is_named(self, name: str) -> bool:
        wanted = self.resource
        return name.startswith(wanted) if wanted.endswith(".") else name == wanted

    def _encoded(self) -> bytes:
        # A string in a protobuf message stands behind its length, so that ``10.0.0.1`` is not
        # taken for the beginning of ``10.0.0.12``.
        text = self.text.encode()
        return bytes([len(text)]) + text


@dataclass(frozen=True, slots=True)
class Change:
    """An object to create and to delete, and how its arrival shows."""

    resource: Resource
    obj: Obj
    expectation: Expectation


def name_of(index: int) -> str:
    """Return the name of the object of a round, which is pilot-load's."""
    return f"cfg-{index}"


def base_of(kind: Kind, *, run_id: str) -> tuple[Resource, Obj] | None:
    """Return the object that has to be there before the first change; None if there is none.

    Args:
        kind: Kind of the object that changes.
        run_id: Value of the run label.
    """
    return base_object(kind, _NAMES, run_id=run_id)


def change_of(kind: Kind, index: int, *, run_id: str) -> Change:
    """Return the change of one round.

    Args:
        kind: Kind of the object that changes.
        index: Number of the round, from 0 on; no two may have the same.
        run_id: Value of the run label.
    """
    resource, obj = changed_object(kind, index, _NAMES, run_id=run_id)
    return Change(resource, obj, _expectation(kind, index))


def _expectation(kind: Kind, index: int) -> Expectation:
    if kind == "ServiceEntry":
        return Expectation(CDS, f"outbound|80||{_host(index)}")
    if kind == "VirtualService":
        return Expectation(RDS, "80", f"{name_of(index)}.{DOMAIN}")
    if kind == "Service":
        return Expectation(CDS, f"outbound|80||{name_of(index)}.{NAMESPACE}.svc.")
    return Expectation(EDS, f"outbound|80||{BASE}.{NAMESPACE}.svc.", _address(index))


def _host(index: int) -> str:
    """Return the host of the ServiceEntry of a round, which is pilot-load's."""
    return f"{index}.{DOMAIN}"


def _address(index: int) -> str:
    """Return one of the addresses that RFC 2544 keeps for measurements."""
    number = index % _ADDRESSES
    return f"198.{18 + (number >> 16)}.{number >> 8 & 255}.{number & 255}"


_NAMES: Final = ChangeNames(
    namespace=NAMESPACE, base=BASE, name=name_of, host=_host, address=_address
)
