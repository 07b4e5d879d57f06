"""The changes whose way to proxies is measured: one object at a time, of one of four kinds.

`latency` and probes write the same objects under different names, which `ChangeNames` has. Some
kinds show in no proxy's configuration unless another object is there: their *base*.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from pyload.kube.resources import ENDPOINT_SLICES, SERVICE_ENTRIES, SERVICES, VIRTUAL_SERVICES
from pyload.manifests.objects import bare_object

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyload.kube.resources import Obj, Resource

Kind = Literal["ServiceEntry", "VirtualService", "Service", "EndpointSlice"]

DOMAIN: Final = "example.com"
"""The domain of all hosts that changes have."""

_KINDS: Final[dict[Kind, tuple[Resource, Resource | None]]] = {
    "ServiceEntry": (SERVICE_ENTRIES, None),
    "VirtualService": (VIRTUAL_SERVICES, SERVICE_ENTRIES),
    "Service": (SERVICES, None),
    "EndpointSlice": (ENDPOINT_SLICES, SERVICES),
}
"""By kind, the object that changes and the one that has to be there before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeNames:
    """How the objects of one run are called.

    Attributes:
        namespace: Namespace of all of them.
        base: Name of the base, and the first label of its host.
        name: Returns the name of an object by its number.
        host: Returns the host of a ServiceEntry by its number.
        address: Returns the address in an EndpointSlice by its number.
        exported: Whether objects say that they are for all namespaces; else the mesh's defaults
            decide that.
    """

    namespace: str
    base: str
    name: Callable[[int], str]
    host: Callable[[int], str]
    address: Callable[[int], str]
    exported: bool = False


def needed(kind: Kind) -> list[Resource]:
    """Return the kinds of objects that a measurement writes."""
    return [one for one in _KINDS[kind] if one is not None]


def base_object(kind: Kind, names: ChangeNames, *, run_id: str) -> tuple[Resource, Obj] | None:
    """Return the object that has to be there before the first change; None if there is none.

    A VirtualService shows only in the routes of a port that some service has, and an EndpointSlice
    only if there is a service for it.

    Args:
        kind: Kind of the object that changes.
        names: The names.
        run_id: Value of the run label.
    """
    resource = _KINDS[kind][1]
    if resource is None:
        return None
    if resource == SERVICE_ENTRIES:
        return resource, _service_entry(names.base, f"{names.base}.{DOMAIN}", names, run_id)
    return resource, _service(names.base, names, run_id)


def changed_object(
    kind: Kind, number: int, names: ChangeNames, *, run_id: str
) -> tuple[Resource, Obj]:
    """Return the object of one change.

    Args:
        kind: Kind of the object that changes.
        number: Number of the change; no two may have the same.
        names: The names.
        run_id: Value of the run label.
    """
    resource, name = _KINDS[kind][0], names.name(number)
    if kind == "ServiceEntry":
        return resource, _service_entry(name, names.host(number), names, run_id)
    if kind == "VirtualService":
        return resource, _virtual_service(name, names, run_id)
    if kind == "Service":
        return resource, _service(name, names, run_id)
    return resource, _slice(name, names.address(number), names, run_id)


def _service_entry(name: str, host: str, names: ChangeNames, run_id: str) -> Obj:
    # pilot-load's has no ports; without any, proxies would be sent nothing that shows it.
    spec = {"hosts": [host], "ports": [{"number": 80, "name": "http", "protocol": "HTTP"}]}
    return _istio_object(SERVICE_ENTRIES, name, spec, names, run_id)


def _virtual_service(name: str, names: ChangeNames, run_id: str) -> Obj:
    destination = {"host": f"{names.base}.{DOMAIN}", "port": {"number": 80}}
    spec = {"hosts": [f"{name}.{DOMAIN}"], "http": [{"route": [{"destination": destination}]}]}
    return _istio_object(VIRTUAL_SERVICES, name, spec, names, run_id)


def _istio_object(resource: Resource, name: str, spec: Obj, names: ChangeNames, run_id: str) -> Obj:
    obj = bare_object(
        resource.api_version, resource.kind, name, namespace=names.namespace, run_id=run_id
    )
    obj["spec"] = {**spec, "exportTo": ["*"]} if names.exported else spec
    return obj


def _service(name: str, names: ChangeNames, run_id: str) -> Obj:
    obj = bare_object(
        SERVICES.api_version, SERVICES.kind, name, namespace=names.namespace, run_id=run_id
    )
    if names.exported:
        obj["metadata"]["annotations"] = {"networking.istio.io/exportTo": "*"}
    # Without a selector, nothing but what is created here gives it endpoints.
    obj["spec"] = {"ports": [{"name": "http", "port": 80, "protocol": "TCP"}]}
    return obj


def _slice(name: str, address: str, names: ChangeNames, run_id: str) -> Obj:
    obj = bare_object(
        ENDPOINT_SLICES.api_version,
        ENDPOINT_SLICES.kind,
        name,
        namespace=names.namespace,
        labels={"kubernetes.io/service-name": names.base},
        run_id=run_id,
    )
    return obj | {
        "addressType": "IPv4",
        "endpoints": [{"addresses": [address], "conditions": {"ready": True}}],
        "ports": [{"name": "http", "port": 80, "protocol": "TCP"}],
    }
