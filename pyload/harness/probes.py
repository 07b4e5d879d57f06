"""Writes probes, and follows them on their way to the proxies of a run.

A probe is a marked object in a namespace of the run's own. It is due at a fixed time, and written
then, whatever has become of the ones before: a control plane that is slow is asked no less often
for that. Only writes come one after the other, so that probes arrive in their order. What this
costs is recorded as lateness, and no probe is left out for it.

An object is removed as the next probe is written, unless some proxy is still waited for. Both come
so close together that istiod sends them in one push: were it removed by itself, every probe would
cost the mesh two.

`pyload.report.convergence_tracker` decides everything else.
"""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import TYPE_CHECKING, Final, NoReturn

from pyload.errors import Forbidden, PyloadError
from pyload.kube.resources import NAMESPACES
from pyload.manifests import objects
from pyload.mesh.api_versions import find_served
from pyload.mesh.changes import DOMAIN, ChangeNames, base_object, changed_object, needed
from pyload.mesh.writer import entry_of
from pyload.proxies.fleet import FleetEvents
from pyload.report.convergence_tracker import ConvergenceTracker
from pyload.tasks import Supervisor, clock, first_of
from pyload.xds.marks import RING, address_of, base_of, name_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyload.harness.probe_options import ProbeOptions
    from pyload.harness.recorder import Recorder
    from pyload.kube.resources import Obj, Resource
    from pyload.mesh.ledger import Entry
    from pyload.mesh.writer import Writer
    from pyload.proxies.fleet import Fleet
    from pyload.proxies.spec import ProxySpec
    from pyload.report.convergence import Convergence
    from pyload.units import Duration

MAX_AWAITED: Final = 64
"""Probes that are waited for at a time: one for each second of the timeout, and some."""

SETTLE_SECONDS: Final = 5.0
"""How long the end of a run waits for the last probes."""

_POLL_SECONDS: Final = 0.02

log = logging.getLogger("pyload")


class Probes(FleetEvents):
    """The probes of one run; hears of the proxies of its fleet.

    Args:
        options: What to write.
        interval: Seconds from one probe to the next.
        recorder: Records the run, which the marks name.
        writer: Writes the objects.

    Attributes:
        tracker: Knows which proxies have which probes.
    """

    def __init__(
        self, options: ProbeOptions, interval: float, *, recorder: Recorder, writer: Writer
    ) -> None:
        self._kind = options.kind
        self._interval = interval
        self._writer = writer
        self._run_id = run_id = recorder.run_id
        recorder.convergence = self.figures
        self._now = clock()
        self._fleet: Fleet | None = None
        self.tracker = ConvergenceTracker(self._worker_of, timeout=options.timeout, ring=RING)
        base = base_of(run_id)
        self._names = ChangeNames(
            namespace=base,
            base=base,
            name=partial(name_of, run_id),
            host=lambda number: f"{name_of(run_id, number)}.{DOMAIN}",
            address=partial(address_of, run_id),
            exported=True,
        )
        self._served: Mapping[Resource, Resource] = {}
        # The objects that are there, by the numbers of their probes.
        self._objects: dict[int, Entry] = {}
        # Set while probes are due; in a pause, when that began.
        self._running = asyncio.Event()
        self._asked = asyncio.Event()
        self._paused_at = 0.0
        # When the first probe was due less one interval, and when probing ended.
        self._began: float | None = None
        self._ended: float | None = None
        # Probes that were due and have begun.
        self._begun = 0

    @classmethod
    def of(
        cls,
        options: ProbeOptions,
        configured: Duration | None = None,
        *,
        recorder: Recorder,
        writer: Writer,
    ) -> Probes | None:
        """Return the probes of a run; None if it has none.

        Args:
            options: The flags.
            configured: How often the config says, where there is one.
            recorder: Records the run.
            writer: Writes the objects.
        """
        interval = options.seconds(configured)
        return cls(options, interval, recorder=recorder, writer=writer) if interval else None

    def attach(self, fleet: Fleet) -> None:
        """Set the fleet, whose workers the slowest proxies are named with."""
        self._fleet = fleet

    async def prepare(self) -> None:
        """Create what has to be there before the first probe.

        Raises:
            PyloadError: The account may not write it, or the API server has no such kind.
        """
        self._served = await find_served(self._writer.client, needed(self._kind))
        namespace = objects.namespace(self._names.namespace, run_id=self._run_id)
        try:
            await self._writer.create(NAMESPACES, namespace)
            base = base_object(self._kind, self._names, run_id=self._run_id)
            if base is not None:
                await self._write(*base)
            # That the account may do both should show before anything has been measured.
            await self._writer.delete(await self._write(*self._change(0)))
        except Forbidden as error:
            raise self._not_allowed(error) from None

    def begin(self) -> None:
        """Begin to probe, or go on after a pause as if there had been none."""
        if self._began is not None and not self._running.is_set():
            self._began += self._now() - self._paused_at
        self._running.set()

    async def pause(self) -> None:
        """Write no probe for now, and wait a moment for those that are on their way."""
        self._running.clear()
        self._paused_at = self._now()
        await self._wait()

    def probe_now(self) -> None:
        """Write one probe more, at once, besides those that are due; nothing in a pause."""
        if self._running.is_set():
            self._asked.set()

    async def run(self) -> NoReturn:
        """Write each probe when it is due, until cancelled."""
        await self._running.wait()
        self._began = self._now()
        async with Supervisor() as removals:
            while True:
                due = self._began + self._interval * (self._begun + 1)
                sleep = asyncio.sleep(max(0.0, due - self._now()))
                is_asked = await first_of(sleep, self._asked.wait(), name="next-probe") == 1
                self._asked.clear()
                if not self._running.is_set():
                    # Afterwards it is due later.
                    await self._running.wait()
                    continue
                self._warn_of(self.tracker.expire(self._now()))
                # Many proxies end a probe; none of them is the last.
                while len(self.tracker.awaited) >= MAX_AWAITED:
                    await asyncio.sleep(_POLL_SECONDS)
                    self._warn_of(self.tracker.expire(self._now()))
                if self._ended is not None:
                    await asyncio.get_running_loop().create_future()
                if is_asked:
                    due = self._now()
                else:
                    self._begun += 1
                await self._probe(due, removals)

    async def settle(self) -> None:
        """Write no further probe, and wait a moment for those that are on their way."""
        self._end()
        await self._wait()

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(SETTLE_SECONDS):
                while self.tracker.awaited:  # noqa: ASYNC110 - see `run`
                    await asyncio.sleep(_POLL_SECONDS)
        except TimeoutError:
            log.info("%d probes have not reached all proxies yet", len(self.tracker.awaited))

    async def finish(self) -> None:
        """End the probing: what is removed and stopped from now on is no figure of it."""
        self._end()
        self.tracker.expire(self._now())
        self.tracker.finish()

    def figures(self) -> Convergence:
        """Return the figures as of now."""
        overdue = 0
        if self._began is not None:
            now = self._now() if self._running.is_set() else self._paused_at
            until = now if self._ended is None else min(now, self._ended)
            overdue = max(0, int((until - self._began) / self._interval) - self._begun)
        return self.tracker.figures(self._now(), overdue=overdue)

    def on_configured(self, spec: ProxySpec) -> None:
        """Expect a proxy to get the probes from now on."""
        self.tracker.on_configured(spec)

    def on_stopped(self, spec: ProxySpec) -> None:
        """Expect nothing more of a proxy."""
        self.tracker.on_stopped(spec.key)

    def on_died(self, spec: ProxySpec) -> None:
        """Expect nothing more of a proxy."""
        self.tracker.on_stopped(spec.key)

    def on_marks(self, spec: ProxySpec, numbers: tuple[int, ...], at: float) -> None:
        """Record that a proxy has received probes."""
        self.tracker.on_marks(spec.key, numbers, at)

    def _end(self) -> None:
        if self._ended is None:
            self._ended = self._now()

    async def _probe(self, due: float, removals: Supervisor) -> None:
        awaited = {*self.tracker.awaited}
        over = [number for number in self._objects if number not in awaited]
        number = self.tracker.begin(due=due, now=self._now())
        for one in over:
            self.tracker.remove(one)
            removals.spawn(self._remove(self._objects.pop(one)), name="remove-probe")
        try:
            self._objects[number] = await self._write(*self._change(number))
        except PyloadError as error:
            log.warning("probe %d was not written: %s", number, error)
            self.tracker.failed(number)
        else:
            self.tracker.written(number, self._now())

    def _change(self, number: int) -> tuple[Resource, Obj]:
        return changed_object(self._kind, number, self._names, run_id=self._run_id)

    async def _write(self, wanted: Resource, obj: Obj) -> Entry:
        resource = self._served.get(wanted, wanted)
        obj = {**obj, "apiVersion": resource.api_version}
        await self._writer.create(resource, obj)
        return entry_of(resource, obj)

    async def _remove(self, entry: Entry) -> None:
        try:
            await self._writer.delete(entry)
        except PyloadError as error:
            # It stays in the ledger, so the clean-up tries again.
            log.warning("%s of a probe stays until the end of the run: %s", entry, error)

    def _warn_of(self, unseen: list[int]) -> None:
        for number in unseen:
            log.warning(
                "no proxy has got probe %d: see whether a Sidecar or discoverySelectors hide "
                "namespace %s from the proxies",
                number,
                self._names.namespace,
            )

    def _worker_of(self, key: str) -> int | None:
        return None if self._fleet is None else self._fleet.worker_of(key)

    def _not_allowed(self, error: Forbidden) -> PyloadError:
        kinds = ", ".join(one.plural for one in needed(self._kind))
        return PyloadError(
            f"--probe may not write its objects: {error.what}",
            fix=f"grant the account create and delete on namespaces and {kinds}, or --probe none",
        )
