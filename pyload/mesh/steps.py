"""The steps in which a plan becomes a mesh: the objects, their order, and which go together.

This is the only place that knows the order. `pyload.mesh.mesh` carries out the steps,
`pyload.mesh.preview` counts them, `pyload render` prints the objects that `ObjectBuilder` makes of
them, and `pyload.mesh.cleanup` deletes in the reverse order.

There are three levels, because there are three orders:

- A *part* is complete before the next one begins: first the ztunnels' account, then each node, the
  Istio objects of the whole mesh, and each namespace. At the end, parts are deleted side by side,
  as nothing in one part waits for another one to be gone.
- A *group* of a part is complete before the next one, too: a namespace comes before what is in
  it, and each application after what the namespace shares. Groups are deleted in reverse.
- The *steps* of a group are carried out one after another or, for an application, at the same
  time. Their objects are always deleted at the same time.

Leases are no steps. They need the UID that the API server gives to their node.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from pyload.kube.resources import (
    DEPLOYMENTS,
    ENDPOINT_SLICES,
    ENDPOINTS,
    NAMESPACES,
    NODES,
    PODS,
    ROLE_BINDINGS,
    ROLES,
    SERVICE_ACCOUNTS,
    SERVICES,
)
from pyload.manifests.rbac import READER
from pyload.mesh.istio_objects import RESOURCES, ROOT_NAMESPACE
from pyload.mesh.ledger import Entry
from pyload.mesh.plan import NodePlan

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyload.kube.resources import Resource
    from pyload.mesh.cluster_types import Traits
    from pyload.mesh.istio_objects import IstioObjectPlan
    from pyload.mesh.plan import AppPlan, NamespacePlan, Plan, PodPlan
    from pyload.mesh.template_instance import TemplateInstance


class Mode(Enum):
    """How an object is written; the value is the number of requests."""

    REPLACE = 2
    """Read it, and create it or replace the one that is there."""

    REPLACE_WITH_STATUS = 3
    """The same, and write its status."""

    KEEP = 1
    """Create it; one that is there is left as it is."""


@dataclass(frozen=True, slots=True)
class ObjectStep:
    """One object.

    Attributes:
        entry: Its kind, namespace and name.
        plan: The plan that it is built from; None for an object that follows from its name.
        mode: How it is written.
    """

    entry: Entry
    plan: NodePlan | NamespacePlan | AppPlan | IstioObjectPlan | None = None
    mode: Mode = Mode.REPLACE


@dataclass(frozen=True, slots=True)
class PodStep:
    """A pod and its proxy, or in a cluster that should get no pods the proxy alone.

    Attributes:
        app: The pod's application.
        pod: The pod.
        entry: The Pod object; None if there is none.
    """

    app: AppPlan
    pod: PodPlan
    entry: Entry | None


@dataclass(frozen=True, slots=True)
class TemplateStep:
    """The objects of a template, which are applied one after another.

    Attributes:
        instance: The template with its values.
        index: Position among the templates of its application or namespace.
    """

    instance: TemplateInstance
    index: int


Step = ObjectStep | PodStep | TemplateStep


@dataclass(frozen=True, slots=True)
class Group:
    """Steps between which there is no other.

    Attributes:
        steps: The steps, in order.
        app: The application to which the steps belong, which are all carried out at the same
            time; None for steps that are carried out one after another.
        optional: Whether the mesh does without the steps if the API server refuses them.
        pause: Seconds to wait after the steps.
    """

    steps: tuple[Step, ...]
    app: AppPlan | None = None
    optional: bool = False
    pause: float = 0.0


@dataclass(frozen=True, slots=True)
class Part:
    """A node, a namespace with its applications, or objects for the whole mesh.

    Attributes:
        title: Name of the part in errors.
        groups: Its groups, in order.
        namespace: The namespace, if the part is one.
        pause: Seconds to wait after the part.
    """

    title: str
    groups: tuple[Group, ...]
    namespace: NamespacePlan | None = None
    pause: float = 0.0


def parts_of(plan: Plan, *, authenticated: bool) -> Iterator[Part]:
    """Yield the parts of a plan, in the order of their creation.

    Args:
        plan: The plan of the mesh.
        authenticated: Whether proxies show tokens or certificates, and so need service accounts
            and rights.
    """
    if authenticated and plan.ztunnels:
        # Istio's own ztunnel may be installed, with an account of this name.
        account = Entry(SERVICE_ACCOUNTS, ROOT_NAMESPACE, plan.ztunnel_account)
        yield Part("ztunnels", (Group((ObjectStep(account, mode=Mode.KEEP),)),))
    if plan.traits.nodes:
        ztunnels = {ztunnel.node: ztunnel for ztunnel in plan.ztunnels}
        mode = Mode.REPLACE if plan.traits.nodes == "bare" else Mode.REPLACE_WITH_STATUS
        for index, name in enumerate(plan.nodes):
            node = NodePlan(index, ztunnels.get(name))
            yield Part("nodes", (Group((ObjectStep(Entry(NODES, "", name), node, mode),)),))
    yield Part("istio resources", (Group(_istio_objects(plan)),))
    for namespace in plan.namespaces:
        groups = tuple(_groups(namespace, plan.traits, authenticated=authenticated))
        yield Part("namespace", groups, namespace, pause=plan.grace)


def entries_of(plan: Plan, *, authenticated: bool) -> Iterator[Entry]:
    """Yield the objects of a plan, which must not be another run's.

    Objects of templates are not among them: their kinds are known to the API server alone.

    Args:
        plan: The plan of the mesh.
        authenticated: Whether proxies show tokens or certificates.
    """
    for part in parts_of(plan, authenticated=authenticated):
        for group in part.groups:
            for step in group.steps:
                match step:
                    case ObjectStep(entry=entry) | PodStep(entry=Entry() as entry):
                        yield entry


def _groups(namespace: NamespacePlan, traits: Traits, *, authenticated: bool) -> Iterator[Group]:
    name = namespace.name
    entry = Entry(NAMESPACES, "", name)
    yield Group((ObjectStep(entry, namespace, Mode.REPLACE_WITH_STATUS),))
    yield Group(_istio_objects(namespace))
    yield Group(_templates(namespace))
    if traits.account:
        yield Group((ObjectStep(Entry(SERVICE_ACCOUNTS, name, "default")),))
    if authenticated and namespace.has_gateways:
        rights = (Entry(kind, name, READER) for kind in (ROLES, ROLE_BINDINGS))
        yield Group(tuple(ObjectStep(one, mode=Mode.KEEP) for one in rights), optional=True)
    for app in namespace.apps:
        yield Group(tuple(_app(app, traits)), app, pause=namespace.grace)


def _app(app: AppPlan, traits: Traits) -> Iterator[Step]:
    for resource in app_resources(app, traits):
        yield ObjectStep(Entry(resource, app.namespace, app.name), app)
    yield from _istio_objects(app)
    yield from _templates(app)
    if traits.pods != "deployment":
        for pod in app.pods:
            entry = Entry(PODS, app.namespace, pod.name) if traits.pods else None
            yield PodStep(app, pod, entry)


def app_resources(app: AppPlan, traits: Traits) -> Iterator[Resource]:
    """Yield the kinds of the objects that an application has one of, by its own name."""
    if app.has_service:
        yield SERVICES
        yield from endpoint_resources(app, traits)
        if traits.pods == "deployment":
            yield DEPLOYMENTS


def endpoint_resources(app: AppPlan, traits: Traits) -> Iterator[Resource]:
    """Yield the kinds of the objects that list an application's pods, if the run writes them."""
    if app.has_service and traits.endpoints:
        yield ENDPOINTS
        if traits.slices:
            yield ENDPOINT_SLICES


def _istio_objects(of: Plan | NamespacePlan | AppPlan) -> tuple[ObjectStep, ...]:
    return tuple(
        ObjectStep(Entry(RESOURCES[one.kind], one.namespace, one.name), one)
        for one in of.istio_objects
    )


def _templates(of: NamespacePlan | AppPlan) -> tuple[TemplateStep, ...]:
    return tuple(TemplateStep(one, index) for index, one in enumerate(of.templates))
