"""One application of a running mesh: its objects, its pods and their proxies.

An application keeps what churn has made of its plan: the pods that it has now, its Istio objects
and the objects of its templates. That is what its end deletes.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from pyload.concurrency import gather_errors
from pyload.errors import ApiError, PyloadError
from pyload.kube.resources import DEPLOYMENTS, PODS
from pyload.mesh.istio_objects import changed
from pyload.mesh.ledger import Entry
from pyload.mesh.planner import replace_pod
from pyload.mesh.proxy_specs import key_of_pod, proxy_of_pod
from pyload.mesh.steps import ObjectStep, PodStep, TemplateStep, endpoint_resources

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterable, Sequence
    from random import Random

    from pyload.kube.resources import Resource
    from pyload.mesh.context import MeshContext
    from pyload.mesh.istio_objects import IstioObjectPlan
    from pyload.mesh.plan import AppPlan, PodPlan
    from pyload.mesh.steps import Step

POD_ATTEMPTS: Final = 10
POD_RETRY_SECONDS: Final = 0.5
"""How often, and how far apart, a pod is applied: a controller may be slow to make its account."""

log = logging.getLogger("pyload")


class App:
    """An application while it runs.

    Attributes:
        plan: The application as it is planned for now.
        pods: The pods that it has now.
        istio_objects: Its Istio objects as they are now.
        template_objects: The objects of its templates.
    """

    __slots__ = ("_context", "istio_objects", "plan", "pods", "template_objects")

    def __init__(self, plan: AppPlan, context: MeshContext) -> None:
        self.plan = plan
        self.pods: list[PodPlan] = []
        self.istio_objects = list(plan.istio_objects)
        self.template_objects = context.template_objects(plan.templates)
        self._context = context
        self._expect(plan.pods)

    def _expect(self, pods: Iterable[PodPlan]) -> None:
        for pod in pods:
            self._context.pod_ips[self.plan.namespace, pod.name] = pod.ip

    async def start(self, steps: Iterable[Step]) -> None:
        """Carry out the application's steps, all at the same time.

        Raises:
            PyloadError: Something could not be created.
        """
        errors = await gather_errors(
            [self._carry_out(step) for step in steps], name=f"start-{self.plan.name}"
        )
        if errors:
            raise errors[0]

    async def _carry_out(self, step: Step) -> None:
        match step:
            case ObjectStep():
                await self._context.carry_out(step)
            case TemplateStep():
                await self.template_objects.write(step.index)
            case PodStep():
                await self._start_pod(step.pod)

    async def grow(self, plan: AppPlan) -> None:
        """Start the pods that a larger plan of the application has beyond the one so far.

        Raises:
            PyloadError: Something could not be created.
        """
        more = plan.pods[len(self.plan.pods) :]
        self.plan = plan
        if not more:
            return
        self._expect(more)
        traits = self._context.traits
        if traits.pods == "deployment":
            await self._write(DEPLOYMENTS, plan.pods)
            return
        errors = await gather_errors(
            [self._start_pod(pod) for pod in more], name=f"grow-{plan.name}"
        )
        if errors:
            raise errors[0]
        await self._write_endpoints(self.pods)

    async def stop(self, steps: Iterable[Step]) -> list[PyloadError]:
        """Delete everything that its steps created, and what churn has made of it since.

        Returns:
            The errors; none of them keeps the other objects.
        """
        context, delete = self._context, self._context.writer.delete
        entries = [context.as_served(step.entry) for step in steps if isinstance(step, ObjectStep)]
        jobs: list[Coroutine[Any, Any, None]] = [
            delete(entry) for entry in (*entries, *self.template_objects.entries)
        ]
        jobs += [self._stop_pod(pod) for pod in list(self.pods)]
        return await gather_errors(jobs, name="cleanup")

    async def refresh_pod(self, rng: Random) -> str:
        """Replace one random pod: the new one first, then the old one goes.

        A deployment's pod is deleted, and the deployment replaces it. A pod that an earlier
        refresh could not delete goes instead, so that the application keeps its size.

        Returns:
            The new pod's name, or the deleted one's; empty if the application has no pods.

        Raises:
            PyloadError: The API server refused; the application has as many pods as before, or
                one more until the next refresh.
        """
        if self._context.traits.pods == "deployment":
            return await self._delete_one(rng)
        if not self.pods:
            return ""
        if len(self.pods) > len(self.plan.pods):
            left = self.pods[0]
            await self._stop_pod(left)
            return left.name
        old = rng.choice(self.pods)
        new = await self._start_another(old)
        await self._write_endpoints([pod for pod in self.pods if pod is not old])
        # Should this fail, the next refresh takes the first pod.
        self.pods.remove(old)
        self.pods.insert(0, old)
        await self._stop_pod(old)
        return new.name

    async def refresh_istio_object(
        self, istio_object: IstioObjectPlan, rng: Random
    ) -> IstioObjectPlan:
        """Change one of its Istio objects, and return the object's new plan."""
        ips = self._context.ips
        new = changed(istio_object, rng=rng, next_ip=ips.allocate)
        try:
            await self._context.write_istio_object(new)
        except PyloadError:
            if new.address:
                ips.release(new.address)
            raise
        if istio_object.address:
            ips.release(istio_object.address)
        self.istio_objects[self.istio_objects.index(istio_object)] = new
        return new

    async def _write_endpoints(self, pods: Sequence[PodPlan]) -> None:
        """List other pods as its endpoints, where no controller does."""
        for resource in endpoint_resources(self.plan, self._context.traits):
            await self._write(resource, pods)

    async def _write(self, resource: Resource, pods: Sequence[PodPlan]) -> None:
        obj = self._context.builder.app_object(resource, self.plan, pods)
        await self._context.write(resource, obj)

    async def _start_pod(self, pod: PodPlan) -> None:
        context, plan = self._context, self.plan
        if context.traits.pods:
            await self._apply_pod(pod)
        self.pods.append(pod)
        spec = proxy_of_pod(plan, pod, context.traits)
        if spec is None:
            log.info("Starting pod %s", pod.name)
        else:
            context.fleet.start(spec)

    async def _apply_pod(self, pod: PodPlan) -> None:
        context, namespace = self._context, self.plan.namespace
        obj = context.builder.pod(self.plan, pod, datetime.now(UTC))
        bare = context.traits.pods == "bare"
        for attempt in range(1, POD_ATTEMPTS + 1):
            try:
                await context.writer.apply(PODS, obj, status=bare)
            except ApiError as error:
                if attempt == POD_ATTEMPTS:
                    step = f"failed to apply pod: failed to ssa *v1.Pod/{pod.name}/{namespace}"
                    raise error.during(step) from None
                await asyncio.sleep(POD_RETRY_SECONDS)
            else:
                return

    async def _start_another(self, old: PodPlan) -> PodPlan:
        """Start a pod in another's place; if that fails, remove it again."""
        context, namespace = self._context, self.plan.namespace
        new = replace_pod(self.plan, old, names=context.names, ip=context.ips.allocate())
        context.pod_ips[namespace, new.name] = new.ip
        try:
            await self._start_pod(new)
        except PyloadError:
            entry = Entry(PODS, namespace, new.name)
            for error in await gather_errors([context.writer.delete(entry)], name="refresh"):
                log.debug("%s", error)
            if entry not in context.writer.ledger:
                context.pod_ips.pop((namespace, new.name), None)
                context.ips.release(new.ip)
            raise
        return new

    async def _stop_pod(self, pod: PodPlan) -> None:
        """Delete a pod, then close its proxy's stream."""
        context, namespace = self._context, self.plan.namespace
        await context.writer.delete(Entry(PODS, namespace, pod.name))
        self.pods.remove(pod)
        await context.fleet.stop(key_of_pod(self.plan, pod))
        context.pod_ips.pop((namespace, pod.name), None)
        context.ips.release(pod.ip)

    async def _delete_one(self, rng: Random) -> str:
        plan, client = self.plan, self._context.writer.client
        path = PODS.path(plan.namespace)
        pods, _ = await client.list(path, label_selector=f"app={plan.name}")
        alive = [pod for pod in pods if not pod["metadata"].get("deletionTimestamp")]
        if not alive:
            return ""
        metadata = rng.choice(alive)["metadata"]
        name = str(metadata["name"])
        await client.delete(
            PODS.path(plan.namespace, name), grace_period_seconds=None, uid=metadata["uid"]
        )
        return name
