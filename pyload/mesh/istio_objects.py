"""The Istio objects of a plan: which there are, their names, and how churn changes them.

The plan of an object is small: its kind and name, what it selects, and one number, `value`, which
is all that churn changes. `pyload.mesh.builder` makes the object of it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal

from pyload.kube import resources

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from random import Random

    from pyload.config.app_types import AppType
    from pyload.config.model import IstioKind, IstioObject
    from pyload.kube.resources import Resource

Kind = Literal[
    "virtualService",
    "destinationRule",
    "sidecar",
    "envoyFilter",
    "telemetry",
    "authorizationPolicy",
    "peerAuthentication",
    "requestAuthentication",
    "gateway",
    "secret",
    "serviceEntry",
    "workloadGroup",
    "workloadEntry",
    "waypoint",
]

RESOURCES: Final[Mapping[Kind, Resource]] = {
    "virtualService": resources.VIRTUAL_SERVICES,
    "destinationRule": resources.DESTINATION_RULES,
    "sidecar": resources.SIDECARS,
    "envoyFilter": resources.ENVOY_FILTERS,
    "telemetry": resources.TELEMETRIES,
    "authorizationPolicy": resources.AUTHORIZATION_POLICIES,
    "peerAuthentication": resources.PEER_AUTHENTICATIONS,
    "requestAuthentication": resources.REQUEST_AUTHENTICATIONS,
    "gateway": resources.GATEWAYS,
    "secret": resources.SECRETS,
    "serviceEntry": resources.SERVICE_ENTRIES,
    "workloadGroup": resources.WORKLOAD_GROUPS,
    "workloadEntry": resources.WORKLOAD_ENTRIES,
    "waypoint": resources.KUBE_GATEWAYS,
}

CHANGING: Final[frozenset[Kind]] = frozenset(
    {
        "virtualService",
        "destinationRule",
        "sidecar",
        "envoyFilter",
        "telemetry",
        "authorizationPolicy",
        "peerAuthentication",
        "workloadEntry",
    }
)
"""Kinds of an application's objects that `jitter.config` changes."""

ROOT_NAMESPACE: Final = "istio-system"

_NOT_OUTSIDE: Final[frozenset[IstioKind]] = frozenset({"sidecar", "envoyFilter"})
"""Kinds that select proxies, which an application outside of the cluster does not have."""

_CYCLES: Final[Mapping[Kind, int]] = {
    "destinationRule": 3,
    "sidecar": 2,
    "authorizationPolicy": 4,
    "peerAuthentication": 4,
    "secret": 2,
}
"""The kinds whose `value` goes round, and after how many changes."""


@dataclass(frozen=True, slots=True)
class IstioObjectPlan:
    """One Istio object, or the Secret of a Gateway.

    Attributes:
        kind: Kind of the object.
        name: Name of the object.
        namespace: Namespace of the object.
        scope: The root namespace, namespace or application that it is for; of a Gateway, the name
            by which VirtualServices of the config refer to it.
        app: The application whose pods it selects; empty for all of its namespace.
        gateways: Gateways that a VirtualService binds to.
        subset: Whether a VirtualService can use the subset of a DestinationRule.
        address: Address of a WorkloadEntry.
        value: The number that churn changes: by kind, a position in a cycle, a weight or a
            percentage.
    """

    kind: Kind
    name: str
    namespace: str
    scope: str
    app: str = ""
    gateways: tuple[str, ...] = ()
    subset: bool = False
    address: str = ""
    value: int = 0


def shared_objects(objects: Iterable[IstioObject], namespace: str) -> tuple[IstioObjectPlan, ...]:
    """Plan the objects of an `istio` block that is for a whole namespace, or for the mesh."""
    return tuple(
        IstioObjectPlan(one.kind, one.name or namespace, namespace, namespace) for one in objects
    )


def app_objects(
    objects: Iterable[IstioObject], app: str, namespace: str, *, type_: AppType
) -> Iterator[IstioObjectPlan]:
    """Plan the objects of an application's `istio` block.

    A name that the config gives is followed by the application's, as replicas of the application
    would overwrite each other's objects, and those of the namespace.
    """
    listed = tuple(objects)
    subset = any(one.kind == "destinationRule" for one in listed)
    for one in listed:
        if not type_.in_cluster and one.kind in _NOT_OUTSIDE:
            continue
        yield IstioObjectPlan(
            one.kind,
            f"{one.name}-{app}" if one.name else app,
            namespace,
            app,
            app,
            gateways=one.gateways,
            subset=subset,
            value=100 if one.kind == "virtualService" else 0,
        )


def type_objects(
    app: str, namespace: str, *, type_: AppType, next_ip: Callable[[], str]
) -> Iterator[IstioObjectPlan]:
    """Plan the objects that an application has because of its type."""
    if not type_.in_cluster:
        selected = app if type_.workload else ""
        yield IstioObjectPlan("serviceEntry", app, namespace, app, selected)
    if type_.workload:
        yield IstioObjectPlan("workloadGroup", app, namespace, app, app)
        yield IstioObjectPlan("workloadEntry", app, namespace, app, app, address=next_ip())
    if type_.is_waypoint:
        yield IstioObjectPlan("waypoint", app, namespace, app, app)


def gateway_objects(
    app: str, namespace: str, *, label: str, names: Iterable[str]
) -> Iterator[IstioObjectPlan]:
    """Plan the Gateways of a router, each with its Secret.

    Args:
        app: Name of the router.
        namespace: Namespace of the object.
        label: Name by which the config refers to these Gateways.
        names: Their names.
    """
    for name in names:
        yield IstioObjectPlan("gateway", name, namespace, label, app)
        yield IstioObjectPlan("secret", name, namespace, app, app)


def bind(
    plan: IstioObjectPlan, gateways: Mapping[str, tuple[IstioObjectPlan, ...]]
) -> IstioObjectPlan:
    """Make a VirtualService refer to Gateways by the names that they really have.

    The config calls a Gateway by the name that its own name begins with. One of the same namespace
    is meant first; one that the config does not make is left as it is written.

    Args:
        plan: A VirtualService with gateways.
        gateways: The planned Gateways by what the config calls them.
    """
    bound: list[str] = []
    for text in plan.gateways:
        namespace, slash, name = text.rpartition("/")
        found = gateways.get(name, ())
        near = [one for one in found if one.namespace == (namespace or plan.namespace)]
        chosen = near or ([] if slash else found)
        bound += [f"{one.namespace}/{one.name}" for one in chosen] or [text]
    return replace(plan, gateways=tuple(bound))


def changed(plan: IstioObjectPlan, *, rng: Random, next_ip: Callable[[], str]) -> IstioObjectPlan:
    """Return the plan of an object after its next change; no two in a row are alike.

    Args:
        plan: The object as it is now; of a kind in `CHANGING`, or a Secret.
        rng: Draws weights and percentages.
        next_ip: Allocates an unused IP.
    """
    cycle = _CYCLES.get(plan.kind)
    if cycle is not None:
        return replace(plan, value=(plan.value + 1) % cycle)
    if plan.kind == "workloadEntry":
        return replace(plan, value=rng.randrange(100), address=next_ip())
    if plan.kind == "virtualService":
        # Another weight than before, or istiod would have nothing to do.
        weight = rng.randrange(100)
        return replace(plan, value=weight + (weight >= plan.value))
    percent = rng.randint(1, 99)
    return replace(plan, value=percent + (percent >= plan.value))
