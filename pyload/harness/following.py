"""Follows the pods of a cluster, for `--cluster-type kwok` and for `impersonate`."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from pyload.errors import WaitTimeout
from pyload.pods.desired import Policy
from pyload.pods.follower import Follower
from pyload.pods.identity import Identity
from pyload.pods.nodes import ANNOTATION, NodeRule
from pyload.pods.non_mesh_pods import AllPods
from pyload.pods.reader import MeshPods
from pyload.pods.reasons import Skip, Wait
from pyload.proxies.fleet import FleetEvents
from pyload.report.histogram import Histogram
from pyload.report.latency import Latency

if TYPE_CHECKING:
    from random import Random

    from pyload.harness.follow_options import FollowOptions, WaitCondition
    from pyload.kube.client import Client
    from pyload.pods.desired import Decision
    from pyload.pods.reader import PodRecord
    from pyload.pods.reconciler import FleetLike, Timed
    from pyload.proxies.fleet import Fleet
    from pyload.proxies.spec import ProxySpec
    from pyload.report.followed_pods import FollowedPods

_POLL_SECONDS: Final = 0.05


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
        any_pod: bool = False,
    ) -> None:
        self._options = options
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
            reader=self._reader,
            timed=self._timed,
            rng=self._rng,
        )

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

    async def wait(self, fleet: Fleet, *, at_least: int) -> None:
        """Wait as the user asked.

        Args:
            fleet: The proxies.
            at_least: Proxies that the run's own mesh will have at least.

        Raises:
            WaitTimeout: Too few connected in time.
        """
        wait = self._options.wait
        if wait is None:
            return
        try:
            async with asyncio.timeout(wait.timeout):
                # What it waits for is the sum of many proxies; none of them is the last.
                while not self._enough(wait, fleet, at_least):  # noqa: ASYNC110
                    await asyncio.sleep(_POLL_SECONDS)
        except TimeoutError:
            counts = self.follower.cache.counts()
            missing = "".join(f", {n} waiting: {reason}" for reason, n in counts.waiting.items())
            raise WaitTimeout(
                f"waited {wait.timeout:g}s for {wait}: {fleet.counts.connected_now} of "
                f"{max(counts.running, at_least)} connected{missing}",
                fix="see the summary for pods that are skipped, or raise --timeout",
            ) from None

    def _enough(self, wait: WaitCondition, fleet: Fleet, at_least: int) -> bool:
        connected = fleet.counts.connected_now
        if wait.connected is not None:
            return connected >= wait.connected
        if not self.follower.synced.is_set():
            return False
        counts = self.follower.cache.counts()
        expected = max(at_least, 1)
        return not counts.waiting and counts.running >= expected and connected >= counts.running

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
