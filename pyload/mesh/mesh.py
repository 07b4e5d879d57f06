"""One run of a mesh: start it, keep it moving, take it down."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime
from functools import cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from pyload.errors import ApiError, NotFound, PyloadError
from pyload.kube.resources import LEASES, NAMESPACES, NODES, SERVICE_ACCOUNTS
from pyload.manifests import objects
from pyload.manifests.kwok import Placement, kwok_node
from pyload.manifests.rbac import secret_reader
from pyload.mesh.api_versions import find_kinds, find_served
from pyload.mesh.apps import App, MeshContext
from pyload.mesh.builder import ObjectBuilder
from pyload.mesh.cleanup import Cleanup
from pyload.mesh.istio_objects import RESOURCES, ROOT_NAMESPACE
from pyload.mesh.leases import Leases
from pyload.mesh.proxy_specs import ZTUNNEL, proxy_of_node
from pyload.mesh.template_instance import kind_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping

    from pyload.gotemplate.sprig.certificates import Pair
    from pyload.kube.resources import Obj
    from pyload.manifests.ips import IpAllocator
    from pyload.mesh.names import Names
    from pyload.mesh.plan import NamespacePlan, Plan
    from pyload.mesh.writer import Writer
    from pyload.proxies.fleet import Fleet

NAMESPACE_ATTEMPTS: Final = 100
NAMESPACE_RETRY_SECONDS: Final = 0.5
"""How often, and how far apart, a namespace is tried (contract §3.8)."""

log = logging.getLogger("pyload")


class Mesh:
    """The objects and proxies of one plan.

    Args:
        plan: What to create.
        writer: Writes the objects.
        fleet: Runs the proxies.
        names: Draws the names of later pods.
        ips: Gives and takes back IPs.
        node_metadata: Node metadata of every proxy.
        grace: Seconds to wait after each namespace.
        placement: Where the pods of deployments go.
        authenticated: Whether proxies prove who they are, and so need service accounts.

    Attributes:
        apps: The applications, by namespace and name.
        template_objects: What comes of the templates of namespaces, by namespace.
    """

    def __init__(
        self,
        plan: Plan,
        *,
        writer: Writer,
        fleet: Fleet,
        names: Names,
        ips: IpAllocator,
        node_metadata: Mapping[str, str],
        grace: float = 0.0,
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
            node_metadata=node_metadata,
        )
        self.apps = {(app.namespace, app.name): App(app, self.context) for app in plan.apps}
        self.template_objects = {
            one.name: self.context.template_objects(one.templates) for one in plan.namespaces
        }
        self.leases = Leases(self._write_lease, run_id=plan.run_id)
        self._ztunnels = {ztunnel.node: ztunnel for ztunnel in plan.ztunnels}
        self._grace = grace
        self._authenticated = authenticated

    def pod_ip(self, namespace: str, name: str) -> str | None:
        """Give the IP planned for a pod of this run; None for a pod of somebody else's."""
        return self.context.pod_ips.get((namespace, name))

    async def start(self) -> None:
        """Create nodes, then the namespaces one after another (contract §3.8).

        Raises:
            PyloadError: Something could not be created; what was created is in the ledger.
        """
        wanted = {RESOURCES[istio_object.kind] for istio_object in self.plan.all_istio_objects}
        self.context.served.update(await find_served(self.writer.client, wanted))
        yielded = {kind_of(obj) for one in self.plan.all_templates for obj in one.objects()}
        self.context.kinds.update(await find_kinds(self.writer.client, yielded))
        if self._authenticated and self.plan.ztunnels:
            await _explained("failed to bootstrap ztunnels", self._give_account())
        if self.plan.traits.nodes:
            for index, node in enumerate(self.plan.nodes):
                await _explained("failed to bootstrap nodes", self._start_node(node, index))
        for istio_object in self.plan.istio_objects:
            written = self.context.write_istio_object(istio_object)
            await _explained("failed to bootstrap istio resources", written)
        for index, namespace in enumerate(self.plan.namespaces):
            log.info(
                "starting namespace %s (%d of %d)",
                namespace.name,
                index + 1,
                len(self.plan.namespaces),
            )
            await _explained("failed to bootstrap namespace", self._start_namespace(namespace))
            await asyncio.sleep(self._grace)

    async def _give_account(self) -> None:
        """Make the ztunnels' service account, unless Istio's ztunnel is installed."""
        account = objects.service_account(ZTUNNEL, ROOT_NAMESPACE, run_id=self.plan.run_id)
        await self.writer.create(SERVICE_ACCOUNTS, account)

    async def _start_node(self, name: str, index: int) -> None:
        run_id = self.plan.run_id
        if self.plan.traits.nodes == "kwok":
            await self.writer.upsert(
                NODES, kwok_node(name, index=index, run_id=run_id), status=True
            )
            return
        full = self.plan.traits.nodes == "full"
        node = objects.node(name, now=datetime.now(UTC), run_id=run_id, full=full)
        written = await self.writer.upsert(NODES, node, status=full)
        self.leases.add(name, written["metadata"]["uid"])
        ztunnel = self._ztunnels.get(name)
        if ztunnel is not None:
            metadata = self.context.node_metadata
            self.fleet.start(proxy_of_node(ztunnel, metadata=metadata))

    async def _write_lease(self, lease: Obj) -> None:
        await self.writer.upsert(LEASES, lease)

    async def _start_namespace(self, namespace: NamespacePlan) -> None:
        run_id = self.plan.run_id
        obj = objects.namespace(namespace.name, waypoint=namespace.waypoint, run_id=run_id)
        await self._write_namespace(obj)
        for istio_object in namespace.istio_objects:
            await self.context.write_istio_object(istio_object)
        for index in range(len(namespace.templates)):
            await self.template_objects[namespace.name].write(index)
        if self.plan.traits.account:
            account = objects.service_account("default", namespace.name, run_id=run_id)
            await self.writer.upsert(SERVICE_ACCOUNTS, account)
        if self._authenticated and namespace.has_gateways:
            await self._let_read_secrets(namespace.name)
        for app in namespace.apps:
            await self.apps[app.namespace, app.name].start()
            await asyncio.sleep(namespace.grace)

    async def _let_read_secrets(self, namespace: str) -> None:
        """Let the gateways of a namespace have its Secrets; without that right, they have none."""
        try:
            for resource, obj in secret_reader(namespace, "default", run_id=self.plan.run_id):
                await self.writer.create(resource, obj)
        except NotFound:
            log.debug("the API server has no roles, so it needs none")
        except ApiError as error:
            if error.status != HTTPStatus.FORBIDDEN:
                raise
            log.warning("gateways in namespace %s will be given no Secrets: %s", namespace, error)

    async def _write_namespace(self, obj: Obj) -> None:
        """Create a namespace; one of this name that is on its way out is waited for."""
        for _ in range(NAMESPACE_ATTEMPTS):
            try:
                written = await self.writer.upsert(NAMESPACES, obj, status=True)
            except NotFound:
                # It went between two of the requests.
                written = None
            if written is not None and not written["metadata"].get("deletionTimestamp"):
                return
            await asyncio.sleep(NAMESPACE_RETRY_SECONDS)
        seconds = NAMESPACE_ATTEMPTS * NAMESPACE_RETRY_SECONDS
        raise PyloadError(
            f"namespace {obj['metadata']['name']} is being deleted, and is still there after "
            f"{seconds:g} s",
            fix="see what keeps it: `kubectl get namespace NAME -o yaml`",
        )

    async def clean_up(self) -> None:
        """Delete what was written; what is still there afterwards is in the writer's ledger."""
        await Cleanup(self).run()


def _key_pairs() -> tuple[Pair, Pair]:
    # Only gateways need them.
    from pyload.gotemplate.sprig import Surroundings  # noqa: PLC0415
    from pyload.gotemplate.sprig.certificates import serving_pairs  # noqa: PLC0415

    return serving_pairs(Surroundings())


async def _explained(step: str, job: Awaitable[None]) -> None:
    try:
        await job
    except PyloadError as error:
        raise error.during(step) from None
