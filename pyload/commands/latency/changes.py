"""The changes whose way to the proxies is measured, and how a proxy's config shows each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from pyload.kube.resources import ENDPOINT_SLICES, SERVICE_ENTRIES, SERVICES, VIRTUAL_SERVICES
from pyload.manifests.objects import bare_object
from pyload.xds.types import CDS, EDS, RDS

if TYPE_CHECKING:
    from pyload.kube.resources import Obj, Resource
    from pyload.xds.types import Push, TypeUrl

Kind = Literal["ServiceEntry", "VirtualService", "Service", "EndpointSlice"]

NAMESPACE: Final = "default"
BASE: Final = "pyload-latency"
"""Name of the object that has to be there before a change."""

_KINDS: Final[dict[Kind, tuple[Resource, Resource | None]]] = {
    "ServiceEntry": (SERVICE_ENTRIES, None),
    "VirtualService": (VIRTUAL_SERVICES, SERVICE_ENTRIES),
    "Service": (SERVICES, None),
    "EndpointSlice": (ENDPOINT_SLICES, SERVICES),
}
"""By kind, the object that changes and the one that has to be there before."""

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


def needed(kind: Kind) -> list[Resource]:
    """Return the kinds of objects that a measurement writes."""
    return [one for one in _KINDS[kind] if one is not None]


def base_of(kind: Kind, *, run_id: str) -> tuple[Resource, Obj] | None:
    """Return the object that has to be there before the first change; None if there is none.

    A VirtualService shows only in the routes of a port that some service has, and an
    EndpointSlice only if there is a service for it.

    Args:
        kind: Kind of the object that changes.
        run_id: Value of the run label.
    """
    resource = _KINDS[kind][1]
    if resource is None:
        return None
    spec = _entry_spec(f"{BASE}.example.com") if resource == SERVICE_ENTRIES else _service_spec()
    return resource, _object(resource, BASE, spec, run_id=run_id)


def name_of(index: int) -> str:
    """Return the name of the object of a round, which is pilot-load's."""
    return f"cfg-{index}"


def change_of(kind: Kind, index: int, *, run_id: str) -> Change:
    """Return the change of one round.

    Names and hosts are those of pilot-load. Its ServiceEntry has no ports; without any, proxies
    would be sent nothing that shows it.

    Args:
        kind: Kind of the object that changes.
        index: Number of the round, from 0 on; no two may have the same.
        run_id: Value of the run label.
    """
    resource = _KINDS[kind][0]
    name = name_of(index)
    if kind == "ServiceEntry":
        host = f"{index}.example.com"
        spec, expectation = _entry_spec(host), Expectation(CDS, f"outbound|80||{host}")
    elif kind == "VirtualService":
        host = f"{name}.example.com"
        destination = {"host": f"{BASE}.example.com", "port": {"number": 80}}
        spec = {"hosts": [host], "http": [{"route": [{"destination": destination}]}]}
        expectation = Expectation(RDS, "80", host)
    elif kind == "Service":
        spec, expectation = (
            _service_spec(),
            Expectation(CDS, f"outbound|80||{name}.{NAMESPACE}.svc."),
        )
    else:
        address = _address(index)
        expectation = Expectation(EDS, f"outbound|80||{BASE}.{NAMESPACE}.svc.", address)
        return Change(resource, _slice(name, address, run_id=run_id), expectation)
    return Change(resource, _object(resource, name, spec, run_id=run_id), expectation)


def _object(resource: Resource, name: str, spec: Obj, *, run_id: str) -> Obj:
    obj = bare_object(resource.api_version, resource.kind, name, namespace=NAMESPACE, run_id=run_id)
    obj["spec"] = spec
    return obj


def _entry_spec(host: str) -> Obj:
    return {"hosts": [host], "ports": [{"number": 80, "name": "http", "protocol": "HTTP"}]}


def _service_spec() -> Obj:
    # Without a selector, nothing but what is created here gives it endpoints.
    return {"ports": [{"name": "http", "port": 80, "protocol": "TCP"}]}


def _slice(name: str, address: str, *, run_id: str) -> Obj:
    obj = bare_object(
        ENDPOINT_SLICES.api_version,
        ENDPOINT_SLICES.kind,
        name,
        namespace=NAMESPACE,
        labels={"kubernetes.io/service-name": BASE},
        run_id=run_id,
    )
    return obj | {
        "addressType": "IPv4",
        "endpoints": [{"addresses": [address], "conditions": {"ready": True}}],
        "ports": [{"name": "http", "port": 80, "protocol": "TCP"}],
    }


def _address(index: int) -> str:
    """Return one of the addresses that RFC 2544 keeps for measurements."""
    number = index % _ADDRESSES
    return f"198.{18 + (number >> 16)}.{number >> 8 & 255}.{number & 255}"
