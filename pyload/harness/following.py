"""Follows the pods of a cluster, for `--cluster-type kwok` and for `impersonate`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pyload.pods.desired import Policy
from pyload.pods.follower import Follower
from pyload.pods.identity import Identity
from pyload.pods.nodes import ANNOTATION, NodeRule
from pyload.pods.non_mesh_pods import AllPods
from pyload.pods.reader import MeshPods
from pyload.pods.reasons import Skip, Wait
from pyload.proxies.fleet import FleetEvents
from pyload.proxies.late import Late
from pyload.report.histogram import Histogram
from pyload.report.latency import Latency

if TYPE_CHECKING:
    from collections.abc import Iterator
    from random import Random

    from pyload.harness.follow_options import FollowOptions
    from pyload.kube.client import Client
    from pyload.pods.desired import Decision
    from pyload.pods.reader import PodRecord
    from pyload.pods.reconciler import FleetLike, Timed
    from pyload.proxies.spec import ProxySpec
    from pyload.report.followed_pods import FollowedPods


class _NoFleet:
    """Runs nothing, for a dry run."""

    def start(self, spec: ProxySpec) -> None:
        """Start nothing."""

    async def stop(self, key: str) -> bool:
        """Stop nothing."""
        del key
        return False


class Following(FleetEvents):
    """Follows the pods of a cluster, and measures how long they wait for their config.

    Args:
        client: The API server.
        options: The pods to follow, and when their proxies start.
        address: One control plane for all; empty for the one that each pod names.
        rng: Spreads retries.
        expected: Proxies that the run's own mesh will have at least.
        any_pod: Follow pods on any node, in its network or in their own, with a proxy or without;
            pods without one are taken for sidecars.

    Attributes:
        listing: Text for the terminal after a dry run; empty until `list_pods` has run.
    """

    def __init__(
        self,
        client: Client,
        options: FollowOptions,
        *,
        address: str,
        rng: Random,
        expected: int = 0,
        any_pod: bool = False,
    ) -> None:
        self._options = options
        self._expected = expected
        self._any_pod = any_pod
        self._reader = (AllPods if any_pod else MeshPods)(
            address=address, address_map=options.addresses
        )
        self._from_ip = Histogram()
        self._from_ready = Histogram()
        self._client = client
        self._rng = rng
        self._follower: Follower | None = None
        self.listing = ""

    def attach(self, fleet: FleetLike) -> None:
        """Set the fleet that is to be kept equal to the pods; a dry run leaves it alone."""
        options = self._options
        annotation = "" if options.all_nodes or options.node_selector else ANNOTATION
        self._follower = Follower(
            self._client,
            _NoFleet() if options.dry_run else fleet,
            rule=NodeRule(annotation=annotation, label_selector=options.node_selector),
            policy=Policy(
                start_on=options.start_on,
                shard=options.shard,
                host_network=self._any_pod,
                any_node=self._any_pod,
            ),
            pod_selector=""
            if options.dry_run and not options.pod_selector
            else options.pod_selector,
            pod_namespace=options.namespace,
            reader=self._reader,
            timed=self._timed,
            rng=self._rng,
        )

    def expect_more(self, proxies: int) -> None:
        """Wait for more proxies than there are now: the run's own mesh has just grown."""
        running = self.follower.cache.counts().running
        self._expected = max(self._expected, running) + proxies

    async def run(self) -> None:
        """Follow until cancelled.

        Raises:
            ApiError: The account may not watch nodes or pods.
        """
        await self.follower.run()

    @property
    def follower(self) -> Follower:
        """The follower."""
        assert self._follower is not None, "nothing is followed yet"
        return self._follower

    def on_configured(self, spec: ProxySpec) -> None:
        """Time a pod whose proxy has its first full config."""
        self.follower.on_configured(spec.key)

    def _timed(self, what: Timed, seconds: float) -> None:
        if what == "ip to config":
            self._from_ip.record(seconds)
        elif what == "ready to config":
            self._from_ready.record(seconds)

    def counts(self) -> FollowedPods:
        """Count the pods as they are now, with their times so far."""
        return replace(
            self.follower.counts(),
            queued=self.follower.snapshot().queued,
            from_ip=Latency.of(self._from_ip),
            from_ready=Latency.of(self._from_ready),
        )

    def missing(self, *, with_pods: bool) -> str:
        """Return what has to come before all proxies are started; see `Source`."""
        follower = self.follower
        if not follower.synced.is_set():
            error = follower.counts().list_error
            return f"pods have not been listed{f': {error}' if error else ''}"
        counts, queued = follower.cache.counts(), follower.snapshot().queued
        waiting = counts.waiting if with_pods else {}
        texts = [f"{count:,} pods wait: {reason}" for reason, count in waiting.items()]
        if queued:
            texts.append(f"{queued:,} proxies wait for their turn to start")
        if counts.running < self._expected:
            texts.append(f"{counts.running:,} of {self._expected:,} pods have come")
        return ", ".join(texts)

    def late(self) -> Iterator[Late]:
        """Yield the pods that wait for something before they get a proxy; see `Source`."""
        for record, decision in self.follower.cache.pods.decisions():
            if isinstance(decision, Wait):
                yield Late(f"{record.namespace}/{record.name}", decision.value)

    async def list_pods(self) -> None:
        """Set `listing` to what would run and why the rest would not, as text for a terminal."""
        await self.follower.synced.wait()
        rows = sorted(
            (record.namespace, record.name, *_described(record, decision))
            for record, decision in self.follower.cache.pods.decisions()
        )
        self.listing = (
            "no mesh pods"
            if not rows
            else "\n".join(
                f"{state:<6}{f'{namespace}/{name}':<50} {text}"
                for namespace, name, state, text in rows
            )
        )


def _described(record: PodRecord, decision: Decision) -> tuple[str, str]:
    if isinstance(decision, Skip):
        return "skip", decision.value
    if isinstance(decision, Wait):
        return "wait", decision.value
    identity = record.identity
    assert isinstance(identity, Identity)
    return "run", f"{identity.type} {record.ip} {identity.address}"
