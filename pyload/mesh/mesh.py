"""One mesh: started step by step, and cleaned up again.

Before anything is created, the API server is asked in which versions it serves the kinds of the
plan, so that a kind that is missing costs nothing. Then the plan's steps are carried out in their
order. If one fails, the mesh stays as far as it has come: the ledger of its writer knows what there
is, and `clean_up` removes it.
"""

from __future__ import annotations

import asyncio
import logging
from functools import cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from pyload.errors import ApiError, NotFound, PyloadError
from pyload.kube.resources import LEASES
from pyload.manifests.kwok import Placement
from pyload.mesh.api_versions import find_kinds, find_served
from pyload.mesh.apps import App
from pyload.mesh.builder import ObjectBuilder
from pyload.mesh.cleanup import Cleanup
from pyload.mesh.context import MeshContext
from pyload.mesh.istio_objects import RESOURCES
from pyload.mesh.leases import Leases
from pyload.mesh.plan import NamespacePlan, NodePlan
from pyload.mesh.proxy_specs import proxy_of_node
from pyload.mesh.steps import ObjectStep, PodStep, TemplateStep, parts_of
from pyload.mesh.template_instance import kind_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyload.gotemplate.sprig.certificates import Pair
    from pyload.kube.resources import Obj
    from pyload.manifests.ips import IpAllocator
    from pyload.mesh.names import Names
    from pyload.mesh.plan import Plan, PodPlan
    from pyload.mesh.steps import Group, Part
    from pyload.mesh.writer import Writer
    from pyload.proxies.fleet import Fleet

NAMESPACE_ATTEMPTS: Final = 100
NAMESPACE_RETRY_SECONDS: Final = 0.5
"""How often, and how far apart, a namespace is tried whose predecessor is being deleted."""

log = logging.getLogger("pyload")


class Mesh:
    """The objects and proxies of one plan.

    Args:
        plan: The plan of the mesh.
        writer: Writes the objects.
        fleet: Runs the proxies.
        names: Draws the names of later pods.
        ips: Allocates and releases IPs.
        placement: Where the pods of deployments go.
        authenticated: Whether proxies show tokens or certificates, and so need service accounts.

    Attributes:
        apps: The applications, by namespace and name.
        template_objects: The objects of the templates of namespaces, by namespace.
        leases: Renews the leases of its nodes.
    """

    def __init__(
        self,
        plan: Plan,
        *,
        writer: Writer,
        fleet: Fleet,
        names: Names,
        ips: IpAllocator,
        placement: Placement | None = None,
        authenticated: bool = False,
    ) -> None:
        self.plan = plan
        self.writer = writer
        self.fleet = fleet
        self.context = MeshContext(
            traits=plan.traits,
            builder=ObjectBuilder(
                plan.run_id,
                plan.traits,
                placement=placement or Placement(),
                pairs=cache(_key_pairs),
            ),
            writer=writer,
            fleet=fleet,
            names=names,
            ips=ips,
        )
        self.apps = {(app.namespace, app.name): App(app, self.context) for app in plan.apps}
        self.template_objects = {
            one.name: self.context.template_objects(one.templates) for one in plan.namespaces
        }
        self.leases = Leases(self._write_lease, run_id=plan.run_id)
        self._authenticated = authenticated

    def pod_ip(self, namespace: str, name: str) -> str | None:
        """Return the IP planned for a pod of this run; None for a pod of somebody else."""
        return self.context.pod_ips.get((namespace, name))

    async def start(self) -> None:
        """Carry out the plan's steps.

        Raises:
            PyloadError: Something could not be created; what was created is in the ledger.
        """
        wanted = {RESOURCES[istio_object.kind] for istio_object in self.plan.all_istio_objects}
        self.context.served.update(await find_served(self.writer.client, wanted))
        yielded = {kind_of(obj) for one in self.plan.all_templates for obj in one.objects()}
        self.context.kinds.update(await find_kinds(self.writer.client, yielded))
        started = 0
        for part in self.parts():
            if part.namespace is not None:
                started += 1
                log.info(
                    "starting namespace %s (%d of %d)",
                    part.namespace.name,
                    started,
                    len(self.plan.namespaces),
                )
            try:
                await self._start(part)
            except PyloadError as error:
                raise error.during(f"failed to bootstrap {part.title}") from None
            await asyncio.sleep(part.pause)

    async def grow(self, plan: Plan) -> None:
        """Start the proxies that a larger plan of this mesh has beyond the one so far.

        Args:
            plan: The plan, of which `pyload.mesh.growth` has made the one so far.

        Raises:
            PyloadError: Something could not be created; what was created is in the ledger.
        """
        before, self.plan = self.plan, plan
        for ztunnel in plan.ztunnels[len(before.ztunnels) :]:
            self._start_ztunnel(ztunnel)
        for app in plan.apps:
            try:
                await self.apps[app.namespace, app.name].grow(app)
            except PyloadError as error:
                raise error.during("failed to add pods") from None

    def parts(self) -> Iterator[Part]:
        """Return the parts of the plan, in the order of their creation."""
        return parts_of(self.plan, authenticated=self._authenticated)

    async def _start(self, part: Part) -> None:
        for group in part.groups:
            if group.app is not None:
                await self.apps[group.app.namespace, group.app.name].start(group.steps)
                await asyncio.sleep(group.pause)
            elif group.optional:
                await self._carry_out_optional(part, group)
            else:
                await self._carry_out(part, group)

    async def _carry_out(self, part: Part, group: Group) -> None:
        for step in group.steps:
            match step:
                case ObjectStep(plan=NodePlan() as node):
                    await self._start_node(step, node)
                case ObjectStep(plan=NamespacePlan()):
                    await self._write_namespace(step)
                case ObjectStep():
                    await self.context.carry_out(step)
                case TemplateStep():
                    assert part.namespace is not None, "templates belong to namespaces"
                    await self.template_objects[part.namespace.name].write(step.index)
                case PodStep():
                    raise AssertionError("pods belong to applications")

    async def _carry_out_optional(self, part: Part, group: Group) -> None:
        """Grant the gateways of a namespace its Secrets; if that is refused, they run without."""
        try:
            await self._carry_out(part, group)
        except NotFound:
            log.debug("the API server has no roles, so it needs none")
        except ApiError as error:
            if error.status != HTTPStatus.FORBIDDEN:
                raise
            assert part.namespace is not None, "rights belong to namespaces"
            name = part.namespace.name
            log.warning("gateways in namespace %s will be given no Secrets: %s", name, error)

    async def _start_node(self, step: ObjectStep, node: NodePlan) -> None:
        written = await self.context.carry_out(step)
        assert written is not None, "nodes are replaced"
        if self.plan.traits.leases:
            self.leases.add(step.entry.name, written["metadata"]["uid"])
        if node.ztunnel is not None:
            self._start_ztunnel(node.ztunnel)

    def _start_ztunnel(self, ztunnel: PodPlan) -> None:
        self.fleet.start(proxy_of_node(ztunnel, account=self.plan.ztunnel_account))

    async def _write_lease(self, lease: Obj) -> None:
        await self.writer.upsert(LEASES, lease)

    async def _write_namespace(self, step: ObjectStep) -> None:
        """Create a namespace; wait for one of this name that is being deleted."""
        for _ in range(NAMESPACE_ATTEMPTS):
            try:
                written = await self.context.carry_out(step)
            except NotFound:
                # The namespace that was there went between two of the requests.
                written = None
            if written is not None and not written["metadata"].get("deletionTimestamp"):
                return
            await asyncio.sleep(NAMESPACE_RETRY_SECONDS)
        seconds = NAMESPACE_ATTEMPTS * NAMESPACE_RETRY_SECONDS
        raise PyloadError(
            f"namespace {step.entry.name} is being deleted, and is still there after {seconds:g} s",
            fix="see what keeps it: `kubectl get namespace NAME -o yaml`",
        )

    async def clean_up(self) -> None:
        """Delete the mesh; objects that are still there afterwards are in the writer's ledger."""
        await Cleanup(self).run()


def _key_pairs() -> tuple[Pair, Pair]:
    # Only gateways need key pairs, and the imports take time.
    from pyload.gotemplate.sprig import Surroundings  # noqa: PLC0415
    from pyload.gotemplate.sprig.certificates import serving_pairs  # noqa: PLC0415

    return serving_pairs(Surroundings())
