"""Everything that a plan creates, as objects in the order of their creation."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pyload.manifests import objects
from pyload.manifests.kwok import kwok_node

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from pyload.kube.resources import Obj
    from pyload.mesh.builder import ObjectBuilder
    from pyload.mesh.plan import AppPlan, NamespacePlan, Plan


class Placed(NamedTuple):
    """An object, and what it is part of.

    Attributes:
        namespace: Name of the planned namespace; empty for what belongs to the whole mesh.
        app: Name of the application; empty for what belongs to its namespace or the mesh.
        obj: The object.
    """

    namespace: str
    app: str
    obj: Obj


def manifest(plan: Plan, builder: ObjectBuilder, *, now: datetime) -> Iterator[Placed]:
    """Give all objects of a plan, in the versions that its builders and templates name.

    Not among them are leases, which need the UID that the API server gives to their node.

    Args:
        plan: What to create.
        builder: Builds the objects.
        now: Since when nodes are ready and pods run, in UTC.

    Raises:
        TemplateError: A template cannot be rendered.
        ConfigError: A template yields what is no Kubernetes object.
    """
    for index, name in enumerate(plan.nodes if plan.traits.nodes else ()):
        if plan.traits.nodes == "kwok":
            node = kwok_node(name, index=index, run_id=plan.run_id)
        else:
            full = plan.traits.nodes == "full"
            node = objects.node(name, now=now, run_id=plan.run_id, full=full)
        yield Placed("", "", node)
    for one in plan.istio_objects:
        yield Placed("", "", builder.istio_object(one)[1])
    for namespace in plan.namespaces:
        for obj in _namespace(namespace, plan, builder):
            yield Placed(namespace.name, "", obj)
        for app in namespace.apps:
            for obj in _app(app, plan, builder, now):
                yield Placed(namespace.name, app.name, obj)


def _namespace(namespace: NamespacePlan, plan: Plan, builder: ObjectBuilder) -> Iterator[Obj]:
    run_id = plan.run_id
    yield objects.namespace(namespace.name, waypoint=namespace.waypoint, run_id=run_id)
    for one in namespace.istio_objects:
        yield builder.istio_object(one)[1]
    for instance in namespace.templates:
        yield from instance.objects(run_id)
    if plan.traits.account:
        yield objects.service_account("default", namespace.name, run_id=run_id)


def _app(app: AppPlan, plan: Plan, builder: ObjectBuilder, now: datetime) -> Iterator[Obj]:
    for _, obj in builder.app(app):
        yield obj
    for one in app.istio_objects:
        yield builder.istio_object(one)[1]
    for instance in app.templates:
        yield from instance.objects(plan.run_id)
    if plan.traits.pods in ("bare", "kubelet"):
        for pod in app.pods:
            yield builder.pod(app, pod, now)[1]
