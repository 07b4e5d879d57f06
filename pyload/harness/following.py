"""Follows the pods of a cluster, for `--cluster-type kwok` and for `impersonate`."""

from __future__ import annotations

import asyncio
import functools
from typing import TYPE_CHECKING, Final

from pyload.errors import WaitTimeout
from pyload.pods.desired import Policy
from pyload.pods.desired import Wait as Waiting
from pyload.pods.follower import Follower
from pyload.pods.nodes import ANNOTATION, NodeRule
from pyload.pods.non_mesh_pods import read_any_pod
from pyload.pods.reader import Identity, Skip, read_pod, spec_of
from pyload.report.followed_pods import FollowedPods
from pyload.report.histogram import Histogram
from pyload.report.latency import Latency

if TYPE_CHECKING:
    from random import Random

    from pyload.harness.follow_options import FollowOptions, Wait
    from pyload.kube.client import Client
    from pyload.pods.desired import Decision
    from pyload.pods.reader import PodRecord
    from pyload.pods.reconciler import FleetLike, Timed
    from pyload.proxies.fleet import Fleet
    from pyload.proxies.spec import ProxySpec

_POLL_SECONDS: Final = 0.05


class _NoFleet:
    """Runs nothing, for a dry run."""

    def start(self, spec: ProxySpec) -> None:
        """Start nothing."""

    async def stop(self, key: str) -> bool:
        """Stop nothing."""
        del key
        return False


class Following:
    """Follows the pods of a cluster, and measures how long they wait for their config.

    Args:
        client: The API server.
        flags: Which pods, and when.
        address: One control plane for all; empty for the one that each pod names.
        rng: Spreads retries.
        any_pod: Follow pods on any node, in its network or in their own, with a proxy or without;
            the latter are taken for sidecars.
    """

    def __init__(
        self,
        client: Client,
        flags: FollowOptions,
        *,
        address: str,
        rng: Random,
        any_pod: bool = False,
    ) -> None:
        self._flags = flags
        self._any_pod = any_pod
        self._from_ip = Histogram()
        self._from_ready = Histogram()
        self._spec = functools.partial(spec_of, address=address, address_map=flags.addresses)
        self._client = client
        self._rng = rng
        self._follower: Follower | None = None
        self.listing = ""

    def attach(self, fleet: FleetLike) -> None:
        """Take the fleet that is to be kept equal to the pods; a dry run leaves it alone."""
        flags = self._flags
        annotation = "" if flags.all_nodes or flags.node_selector else ANNOTATION
        self._follower = Follower(
            self._client,
            _NoFleet() if flags.dry_run else fleet,
            rule=NodeRule(annotation=annotation, label_selector=flags.node_selector),
            policy=Policy(
                start_on=flags.start_on,
                shard=flags.shard,
                host_network=self._any_pod,
                any_node=self._any_pod,
            ),
            pod_selector="" if flags.dry_run and not flags.pod_selector else flags.pod_selector,
            read=read_any_pod if self._any_pod else read_pod,
            spec=self._spec,
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

    def configured(self, spec: ProxySpec) -> None:
        """Take that a proxy has its first full config."""
        self.follower.configured(spec.key)

    def _timed(self, what: Timed, seconds: float) -> None:
        if what == "ip to config":
            self._from_ip.record(seconds)
        elif what == "ready to config":
            self._from_ready.record(seconds)

    def counts(self) -> FollowedPods:
        """Sum up the pods as they are now."""
        counts = self.follower.cache.counts()
        return FollowedPods(
            nodes=None if self._any_pod else counts.kwok_nodes,
            pods=counts.pods,
            running=counts.wanted,
            queued=self.follower.snapshot().queued,
            waiting=counts.waiting,
            skipped=counts.skipped,
            types=counts.types,
            revisions=counts.revisions,
            namespaces=counts.namespaces,
            duplicate_ips=counts.duplicate_ips,
            too_short=counts.too_short,
            from_ip=Latency.of(self._from_ip),
            from_ready=Latency.of(self._from_ready),
        )

    async def wait(self, fleet: Fleet, *, least: int) -> None:
        """Wait as the user asked.

        Args:
            fleet: The proxies.
            least: Proxies that the run's own mesh will have at least.

        Raises:
            WaitTimeout: Too few connected in time.
        """
        wait = self._flags.wait
        if wait is None:
            return
        try:
            async with asyncio.timeout(wait.timeout):
                # What it waits for is the sum of many proxies; none of them is the last.
                while not self._enough(wait, fleet, least):  # noqa: ASYNC110
                    await asyncio.sleep(_POLL_SECONDS)
        except TimeoutError:
            counts = self.follower.cache.counts()
            missing = "".join(f", {n} waiting: {reason}" for reason, n in counts.waiting.items())
            raise WaitTimeout(
                f"waited {wait.timeout:g}s for {wait}: {fleet.counts.connected_now} of "
                f"{max(counts.wanted, least)} connected{missing}",
                fix="see the summary for pods that are skipped, or raise --timeout",
            ) from None

    def _enough(self, wait: Wait, fleet: Fleet, least: int) -> bool:
        connected = fleet.counts.connected_now
        if wait.connected is not None:
            return connected >= wait.connected
        if not self.follower.synced.is_set():
            return False
        counts = self.follower.cache.counts()
        return not counts.waiting and counts.wanted >= max(least, 1) and connected >= counts.wanted

    async def list_pods(self) -> None:
        """Set `listing` to what would run and why the rest would not, as text for a terminal."""
        await self.follower.synced.wait()
        rows = sorted(
            (record.namespace, record.name, *_described(record, decision))
            for record, decision in self.follower.cache.decisions()
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
        return "skip", decision.reason
    if isinstance(decision, Waiting):
        return "wait", decision.reason
    identity = record.identity
    assert isinstance(identity, Identity)
    return "run", f"{identity.type} {record.ip} {identity.address}"
