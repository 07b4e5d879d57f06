"""What all applications of a mesh share: how their objects are built, written and named."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pyload.mesh.istio_objects import RESOURCES
from pyload.mesh.steps import Mode
from pyload.mesh.template_objects import TemplateObjects

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyload.kube.resources import Obj, Resource
    from pyload.manifests.ips import IpAllocator
    from pyload.mesh.builder import ObjectBuilder
    from pyload.mesh.cluster_types import Traits
    from pyload.mesh.istio_objects import IstioObjectPlan
    from pyload.mesh.ledger import Entry
    from pyload.mesh.names import Names
    from pyload.mesh.steps import ObjectStep
    from pyload.mesh.template_instance import TemplateInstance
    from pyload.mesh.writer import Writer
    from pyload.proxies.fleet import Fleet


@dataclass(slots=True)
class MeshContext:
    """The parts of a mesh that all of its applications use.

    Attributes:
        traits: What a run does in this type of cluster.
        builder: Builds the objects.
        writer: Writes the objects.
        fleet: Runs the proxies.
        names: Draws the names of later pods.
        ips: Allocates and releases IPs.
        served: The kinds as the API server serves them, by the kinds of the plan.
        kinds: The kinds of templates as the API server serves them, by apiVersion and kind.
        pod_ips: IPs of the pods that are there now, by namespace and name.
    """

    traits: Traits
    builder: ObjectBuilder
    writer: Writer
    fleet: Fleet
    names: Names
    ips: IpAllocator
    served: dict[Resource, Resource] = field(default_factory=dict)
    kinds: dict[tuple[str, str], Resource] = field(default_factory=dict)
    pod_ips: dict[tuple[str, str], str] = field(default_factory=dict)

    async def write(self, resource: Resource, obj: Obj, *, status: bool = False) -> Obj:
        """Create or replace an object, in the version that is served."""
        served = self.served.get(resource, resource)
        placed = {**obj, "apiVersion": served.api_version}
        return await self.writer.upsert(served, placed, status=status)

    async def carry_out(self, step: ObjectStep) -> Obj | None:
        """Write the object of a step, and return it as the API server has it.

        Returns:
            The object; None for one that was there before and is left alone.
        """
        obj, resource = self.builder.build(step, datetime.now(UTC)), step.entry.resource
        if step.mode is Mode.KEEP:
            return await self.writer.create(resource, obj)
        return await self.write(resource, obj, status=step.mode is Mode.REPLACE_WITH_STATUS)

    async def write_istio_object(self, istio_object: IstioObjectPlan) -> None:
        """Write an Istio object."""
        await self.write(RESOURCES[istio_object.kind], self.builder.istio_object(istio_object))

    def template_objects(self, templates: Sequence[TemplateInstance]) -> TemplateObjects:
        """Prepare to write the objects of templates."""
        return TemplateObjects(
            templates, writer=self.writer, kinds=self.kinds, run_id=self.builder.run_id
        )

    def as_served(self, entry: Entry) -> Entry:
        """Return the entry of an object as it was written, in the version that is served."""
        return replace(entry, resource=self.served.get(entry.resource, entry.resource))
