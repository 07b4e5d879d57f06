"""Changes a running mesh, as the life of a cluster would: one random object at a time.

Three kinds of change have a schedule each, if the config's `jitter` asks for them: a pod is
replaced (workloads), an Istio object or the objects of a template get other content (configs), a
gateway's Secret gets another certificate (secrets). One loop waits for whichever is due first and
makes the change. Changes never overlap, so that two of them cannot meet in one application; a
moment that passes while another change is under way is dropped and counted, so that a slow API
server shows in the result and not as a burst later.
"""

from __future__ import annotations

import asyncio
import logging
import math
from typing import TYPE_CHECKING, Literal

from pyload.errors import PyloadError
from pyload.mesh.istio_objects import CHANGING, RESOURCES
from pyload.mesh.pause import Pause
from pyload.mesh.schedule import Schedule

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from random import Random

    from pyload.mesh.apps import App
    from pyload.mesh.mesh import Mesh
    from pyload.mesh.template_objects import TemplateObjects
    from pyload.report.metrics import Metrics

What = Literal["workloads", "configs", "secrets"]

log = logging.getLogger("pyload")


class Churn:
    """Makes random changes at random moments.

    Args:
        mesh: The mesh.
        intervals: Mean seconds between two changes, of the kinds that are wanted.
        rng: Draws moments and objects.
        metrics: Counts the changes.
        current: Whether to log as pilot-load's current dialect does.
        grows: Whether applications without pods may get some later: until then no change is
            spent on them, so that there are as many changes in a small mesh as in a large one.
        pause: Holds up the changes.
    """

    def __init__(
        self,
        mesh: Mesh,
        intervals: Mapping[What, float],
        *,
        rng: Random,
        metrics: Metrics,
        current: bool,
        grows: bool = False,
        pause: Pause | None = None,
    ) -> None:
        self._intervals = intervals
        self._grows = grows
        self._rng = rng
        self._metrics = metrics
        self._current = current
        self._apps = list(mesh.apps.values())
        places = [
            (app, index, one.kind)
            for app in self._apps
            for index, one in enumerate(app.istio_objects)
        ]
        self._configs = [(app, index) for app, index, kind in places if kind in CHANGING]
        self._templates = [
            (template_objects, index)
            for template_objects in (
                *mesh.template_objects.values(),
                *(app.template_objects for app in self._apps),
            )
            for index, instance in enumerate(template_objects.templates)
            if instance.refreshes
        ]
        self._secrets = [(app, index) for app, index, kind in places if kind == "secret"]
        self._schedules: dict[What, Schedule] = {}
        self._stopped_at = 0.0
        self._pause = pause or Pause()
        # How much of the pauses the schedules have been put off by.
        self._put_off = 0.0

    async def run(self, seconds: float = math.inf) -> None:
        """Make changes until cancelled, or for a time.

        A change that is under way at the end of the time is finished. In a further call the
        changes go on as if there had been no time in between.
        """
        now = asyncio.get_running_loop().time
        actions: dict[What, Callable[[], Awaitable[bool]]] = {
            "workloads": self._change_workload,
            "configs": self._change_config,
            "secrets": self._change_secret,
        }
        if not self._schedules:
            self._schedules = {
                what: Schedule.starting(interval, now=now(), rng=self._rng)
                for what, interval in self._intervals.items()
            }
        else:
            for schedule in self._schedules.values():
                schedule.due += now() - self._stopped_at
        self._put_off = self._pause.seconds
        schedules = self._schedules
        end = now() + seconds
        while schedules:
            await self._pause.wait(end - now())
            self._put_off_by_pauses()
            what = min(schedules, key=lambda one: schedules[one].due)
            if schedules[what].due > end:
                await asyncio.sleep(max(0.0, end - now()))
                break
            await asyncio.sleep(max(0.0, schedules[what].due - now()))
            if self._pause.seconds > self._put_off:
                continue
            await self._try(what, actions[what])
            self._put_off_by_pauses()
            done = now()
            schedules[what].advance(self._rng)
            for each, schedule in schedules.items():
                self._metrics.churn(each, "dropped", schedule.drop(done))
        self._stopped_at = now()

    def _put_off_by_pauses(self) -> None:
        """Put the schedules off by as much as changes were held up since the last time."""
        held_up = self._pause.seconds
        for schedule in self._schedules.values():
            schedule.due += held_up - self._put_off
        self._put_off = held_up

    async def _try(self, what: What, action: Callable[[], Awaitable[bool]]) -> None:
        try:
            done = await action()
        except PyloadError as error:
            # pilot-load's classic dialect has one plural among them.
            plural = self._current or what == "configs"
            log.error("failed to jitter %s: %s", what if plural else what[:-1], error)
            self._metrics.churn(what, "failed")
        else:
            self._metrics.churn(what, "done" if done else "idle")

    def _with_pods(self) -> list[App]:
        if not self._grows:
            return self._apps
        return [app for app in self._apps if app.plan.pods]

    async def _change_workload(self) -> bool:
        if not self._apps:
            log.warning("no instances to scale")
            return False
        app = self._rng.choice(self._with_pods() or self._apps)
        if not self._current:
            log.info("refresh workload %s", app.plan.name)
        name = await app.refresh_pod(self._rng)
        if self._current and name:
            log.info("refreshed workload %s/%s (*app.Application)", app.plan.namespace, name)
        elif self._current:
            log.info("refreshed workload skipped, no pods (*app.Application)")
        return bool(name)

    async def _change_config(self) -> bool:
        count = len(self._configs)
        if not count + len(self._templates):
            log.warning("no configs to scale")
            return False
        chosen = self._rng.randrange(count + len(self._templates))
        if chosen < count:
            await self._change_one(*self._configs[chosen])
        else:
            await self._change_templated(*self._templates[chosen - count])
        return True

    async def _change_secret(self) -> bool:
        if not self._secrets:
            log.warning("no secrets to scale")
            return False
        await self._change_one(*self._rng.choice(self._secrets))
        return True

    async def _change_templated(self, template_objects: TemplateObjects, index: int) -> None:
        entries = await template_objects.refresh(index, self._rng)
        named = ",".join(f"{one.resource.kind}/{one.namespace}/{one.name}" for one in entries)
        log.info("refreshed config %s (*config.Templated)", named)

    async def _change_one(self, app: App, index: int) -> None:
        istio_object = app.istio_objects[index]
        kind = RESOURCES[istio_object.kind].kind
        if not self._current:
            what = "secret" if istio_object.kind == "secret" else "config"
            log.info("refresh %s *config.%s", what, kind)
        await app.refresh_istio_object(istio_object, self._rng)
        if self._current:
            log.info(
                "refreshed config %s/%s (*config.%s)",
                istio_object.namespace,
                istio_object.name,
                kind,
            )
