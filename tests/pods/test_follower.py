"""A cluster followed through an API server's watches, with all that can go wrong with them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import uuid
from random import Random
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyload.errors import ClusterUnreachable, Forbidden
from pyload.kube.client import Client
from pyload.kube.transport import Response
from pyload.pods.desired import Policy
from pyload.pods.follower import Follower
from pyload.pods.nodes import NodeRule
from pyload.pods.shard import Shard
from tests.kube.peers import Lines, status
from tests.pods.cluster import Cluster, node
from tests.pods.fleets import Recording
from tests.pods.injected import plain_pod, pod, proxy_container
from tests.virtual import VirtualTimeLoop

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping
    from pathlib import Path

    from pyload.embedded.apiserver.requests import Request
    from pyload.kube.resources import Obj
    from pyload.kube.transport import LineStream, Transport


pytestmark = [pytest.mark.anyio, pytest.mark.virtual]


@pytest.fixture
def cluster() -> Cluster:
    """A cluster with a kwok node and a real one."""
    cluster = Cluster()
    cluster.put(node("kwok-0"), node("real-0", fake=False))
    return cluster


@contextlib.asynccontextmanager
async def following(
    cluster: Cluster, *, client: Client | None = None, synced: bool = True, **options: Any
) -> AsyncIterator[tuple[Follower, Recording]]:
    """Follow a cluster while the context is open."""
    fleet = Recording()
    follower = Follower(client or cluster.client, fleet, rng=Random(1), **options)
    task = asyncio.create_task(follower.run(), name="follower")
    try:
        if synced:
            await follower.synced.wait()
        await asyncio.sleep(0.01)
        yield follower, fleet
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def _running(count: int, **changes: Any) -> list[Obj]:
    return [pod(f"p{n}", ip=f"10.0.{n >> 8}.{n & 255}", **changes) for n in range(count)]


async def test_pods_get_their_proxies_and_lose_them(cluster: Cluster) -> None:
    """What was there before the start counts as much as what comes later."""
    cluster.put(pod("old", ip="10.0.0.1"))
    async with following(cluster) as (follower, fleet):
        assert fleet.names() == {"old"}
        cluster.put(pod("new", node=""))
        cluster.put(pod("new"))
        cluster.put(pod("new", ip="10.0.0.2"))
        await asyncio.sleep(0.01)
        assert fleet.names() == {"old", "new"}
        cluster.remove(pod("old"))
        await asyncio.sleep(0.01)
        assert fleet.names() == {"new"}
        snapshot, counts = follower.snapshot(), follower.cache.counts()

    assert (snapshot.running, snapshot.started, snapshot.queued) == (1, 2, 0)
    assert (counts.nodes, counts.pods) == (1, 1)
    assert {each.name for each in follower.cache.nodes.records()} == {"kwok-0", "real-0"}


async def test_a_pods_way_to_its_first_config_is_timed(cluster: Cluster) -> None:
    """What was there before the start has no time; nobody saw when it began."""
    times: list[tuple[str, float]] = []
    cluster.put(pod("old", ip="10.0.0.1"))
    async with following(cluster, timed=lambda what, seconds: times.append((what, seconds))) as (
        follower,
        _,
    ):
        cluster.put(pod("new", ip="10.0.0.2"))
        await asyncio.sleep(2)
        follower.on_configured("uid-old")
        follower.on_configured("uid-new")

    assert [(what, round(seconds, 3)) for what, seconds in times] == [
        ("ip to start", 0),
        ("ip to config", 2),
        ("ready to config", 2),
    ]


async def test_pods_that_the_server_can_leave_out_are_not_sent(cluster: Cluster) -> None:
    """Most pods of a large cluster are of no interest, and each is 14 KB."""
    done = pod("done", ip="10.0.0.3", phase="Succeeded")
    ztunnel = pod("z", ip="10.0.0.4", proxy=proxy_container("ztunnel"), labels={"app": "ztunnel"})
    del ztunnel["metadata"]["labels"]["service.istio.io/canonical-name"]
    plain = plain_pod("plain", ip="10.0.0.2")
    del plain["metadata"]["labels"]["service.istio.io/canonical-name"]
    cluster.put(pod("a", ip="10.0.0.1"), plain, done, ztunnel, pod("unbound", node=""))
    async with following(cluster) as (follower, fleet):
        assert follower.cache.counts().pods == 2
        assert fleet.names() == {"a", "z"}
    async with following(cluster, policy=Policy(ztunnel=False)) as (_, fleet):
        assert fleet.names() == {"a"}
    async with following(cluster, pod_selector="", pod_fields="") as (follower, fleet):
        counts = follower.cache.counts()
        assert counts.skipped == {"not a mesh proxy": 1, "terminal phase": 1}
        assert counts.waiting == {"not scheduled": 1}
        assert fleet.names() == {"a", "z"}
    async with following(cluster, pod_selector="app=ztunnel") as (_, fleet):
        assert fleet.names() == {"z"}


async def test_nodes_are_chosen_as_asked(cluster: Cluster) -> None:
    """Clusters that kwokctl makes have no annotation on their nodes."""
    labelled = node("labelled", fake=False)
    labelled["metadata"]["labels"] = {"type": "kwok"}
    cluster.put(labelled, pod("a", ip="10.0.0.1"), pod("b", ip="10.0.0.2", node="labelled"))
    async with following(cluster, rule=NodeRule("", "type=kwok")) as (_, fleet):
        assert fleet.names() == {"b"}
    async with following(cluster, rule=NodeRule("")) as (_, fleet):
        assert fleet.names() == {"a", "b"}


async def test_shards_share_the_pods(cluster: Cluster) -> None:
    """Each pod needs exactly one of the processes of an Indexed Job."""
    rng = Random(1)
    uids = [str(uuid.UUID(int=rng.getrandbits(128))) for _ in range(200)]
    cluster.put(*(pod(f"p{n}", uid=uid, ip="10.0.0.1") for n, uid in enumerate(uids)))
    async with (
        following(cluster, policy=Policy(shard=Shard(0, 2))) as (one, left),
        following(cluster, policy=Policy(shard=Shard(1, 2))) as (two, right),
    ):
        assert not left.names() & right.names()
        assert len(left.names() | right.names()) == 200
        skipped = [each.cache.counts().skipped["other shard"] for each in (one, two)]
        assert sum(skipped) == 200


async def test_thousands_of_pods_come_and_go_at_once(cluster: Cluster) -> None:
    """A Deployment is scaled up and down by a script that does not wait."""
    async with following(cluster) as (follower, fleet):
        cluster.put(*_running(5000, phase="Pending", ready=False))
        await asyncio.sleep(0.1)
        assert len(fleet.running) == 5000
        cluster.put(*_running(2500, deletion=30))
        cluster.remove(*_running(5000))
        await asyncio.sleep(0.1)
        snapshot, counts = follower.snapshot(), follower.cache.counts()

    assert fleet.running == {}
    assert (snapshot.running, snapshot.stopping, snapshot.queued) == (0, 0, 0)
    assert (counts.pods, counts.running, counts.waiting) == (0, 0, {})


async def test_a_node_takes_its_pods_along(cluster: Cluster) -> None:
    """The garbage collector takes its time; the node's sidecars would be gone."""
    cluster.put(pod("a", ip="10.0.0.1"))
    async with following(cluster) as (_, fleet):
        cluster.remove(node("kwok-0"))
        await asyncio.sleep(4)
        assert fleet.names() == {"a"}
        await asyncio.sleep(2)
        assert fleet.names() == set()


class Gate:
    """Lets requests through, or not; for `ApiServer.intercept`."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.refuse: Callable[[Request], Response | None] = lambda _: None

    def __call__(self, request: Request) -> Response | None:
        """Answer in the server's place, or not."""
        self.requests.append(request)
        return self.refuse(request)


def _away(_: Request) -> Response | None:
    raise ClusterUnreachable("connection refused")


def _answer(code: int, reason: str = "") -> Response:
    return Response(code, orjson.dumps(status(code, reason)))


async def test_a_server_that_is_away_changes_nothing(cluster: Cluster) -> None:
    """An upgrade of the API server would take the whole mesh down and up again."""
    gate = Gate()
    cluster.server.intercept = gate
    cluster.put(*_running(50))
    async with following(cluster) as (follower, fleet):
        assert len(fleet.running) == 50
        gate.refuse = _away
        cluster.server.close_watches()
        await asyncio.sleep(100)
        assert 90 < follower.snapshot().away < 110
        assert len(fleet.running) == 50
        cluster.remove(*_running(20))
        await asyncio.sleep(10)
        assert len(fleet.running) == 50
        gate.refuse = lambda _: None
        await asyncio.sleep(100)
        assert follower.snapshot().away == 0
        assert fleet.names() == {f"p{number}" for number in range(20, 50)}
        assert set(fleet.did("stop")) == {f"p{number}" for number in range(20)}
        assert len(fleet.did("start")) == 50


async def test_a_new_list_leaves_healthy_proxies_alone() -> None:
    """The mesh would connect anew each time that etcd is compacted."""
    cluster = Cluster(history=2)
    cluster.put(node("kwok-0"), *_running(10))
    async with following(cluster) as (_, fleet):
        for turn in range(5):
            cluster.server.close_watches()
            cluster.put(*(pod(f"q{turn}-{number}", ip="10.0.0.1") for number in range(10)))
            cluster.remove(pod(f"p{turn}"))
            await asyncio.sleep(5)

    assert len(fleet.running) == 55
    assert fleet.did("stop") == ["p0", "p1", "p2", "p3", "p4"]
    assert len(fleet.did("start")) == 60


class Muffled:
    """A transport whose watches fall silent, as when a firewall forgets a connection."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self.silent = False
        self.request = transport.request
        self.aclose = transport.aclose
        self.opened = 0

    @contextlib.asynccontextmanager
    async def stream(self, path: str, *, query: Mapping[str, str]) -> AsyncIterator[LineStream]:
        """Open a watch."""
        self.opened += 1
        async with self._transport.stream(path, query=query) as stream:
            yield _Muffled(self, stream)


class _Muffled(Lines):
    def __init__(self, owner: Muffled, stream: LineStream) -> None:
        super().__init__(stream.status, [])
        self._owner = owner
        self._stream = stream

    async def lines(self) -> AsyncIterator[bytes]:
        async for line in self._stream.lines():
            if self._owner.silent:
                await asyncio.Event().wait()
            yield line


async def test_a_watch_that_falls_silent_is_opened_again(cluster: Cluster) -> None:
    """Proxies of pods that are long gone would run on until the watch's time is up."""
    muffled = Muffled(cluster.server.transport())
    cluster.put(pod("a", ip="10.0.0.1"))
    async with following(cluster, client=Client(muffled, rng=Random(1))) as (_, fleet):
        await asyncio.sleep(100)
        opened = muffled.opened
        muffled.silent = True
        cluster.remove(pod("a"))
        cluster.put(pod("b", ip="10.0.0.1"))
        await asyncio.sleep(75)
        assert fleet.names() == {"a"}
        muffled.silent = False
        await asyncio.sleep(30)

    assert fleet.names() == {"b"}
    assert muffled.opened == opened + 3


async def test_a_server_that_cannot_stream_lists_is_listed_in_pages(cluster: Cluster) -> None:
    """Older servers refuse, and kwok mode would not work there at all."""
    gate = Gate()
    gate.refuse = lambda request: (
        _answer(422, "Invalid") if "sendInitialEvents" in request.query else None
    )
    cluster.server.intercept = gate
    cluster.put(*_running(1200))
    async with following(cluster) as (_, fleet):
        assert len(fleet.running) == 1200
        cluster.put(pod("new", ip="10.0.0.1"))
        await asyncio.sleep(0.01)
        assert len(fleet.running) == 1201
    pages = [
        request.query.get("limit")
        for request in gate.requests
        if request.verb == "list" and request.query.get("labelSelector", "").startswith("service")
    ]

    assert pages == ["500", "500", "500"]


async def test_a_streaming_list_that_fails_inside_the_server_is_listed(cluster: Cluster) -> None:
    """An API server over an old etcd answers 500 each time, and no proxy would ever run (R2)."""
    gate = Gate()
    gate.refuse = lambda request: (
        _answer(500, "InternalError") if "sendInitialEvents" in request.query else None
    )
    cluster.server.intercept = gate
    cluster.put(pod("a", ip="10.0.0.1"))
    async with following(cluster) as (follower, fleet):
        assert fleet.names() == {"a"}
        assert follower.counts().list_error == ""


@pytest.mark.parametrize(("plural", "synced"), [("nodes", (False, False)), ("pods", (True, False))])
async def test_lists_that_never_succeed_are_no_empty_cluster(
    cluster: Cluster, plural: str, synced: tuple[bool, bool], caplog: pytest.LogCaptureFixture
) -> None:
    """A run without a single list of nodes ended as if the cluster had none of them (R1)."""
    gate = Gate()
    gate.refuse = lambda request: (
        _answer(500, "InternalError") if request.path.endswith(plural) else None
    )
    cluster.server.intercept = gate
    cluster.put(pod("a", ip="10.0.0.1"))
    async with following(cluster, synced=False) as (follower, _):
        await asyncio.sleep(15)
        counts = follower.counts()
        assert (counts.nodes_synced, counts.pods_synced) == synced
        assert "HTTP 500" in counts.list_error
        assert counts.rows() == [
            ("pods", f"not known, as {plural} were never listed: {counts.list_error}")
        ]
        assert f"cannot list /api/v1/{plural}: {counts.list_error}" in caplog.messages
        gate.refuse = lambda _: None
        await asyncio.sleep(30)
        counts = follower.counts()

    assert (counts.nodes_synced, counts.pods_synced, counts.list_error) == (True, True, "")
    assert counts.running == 1


@pytest.mark.parametrize("verb", ["list", "watch"])
@pytest.mark.parametrize("plural", ["nodes", "pods"])
async def test_missing_permissions_end_the_run(cluster: Cluster, verb: str, plural: str) -> None:
    """A run without permission would show no pods and no reason."""
    gate = Gate()
    gate.refuse = lambda request: (
        _answer(403, "Forbidden")
        if request.verb == verb and request.path.endswith(plural)
        else _answer(422)
        if "sendInitialEvents" in request.query
        else None
    )
    cluster.server.intercept = gate
    follower = Follower(cluster.client, Recording(), rng=Random(1))

    with pytest.raises(Forbidden, match=f'"{verb}" on "{plural}"'):
        async with asyncio.timeout(60):
            await follower.run()


def _lease(name: str, holder: str) -> Obj:
    return {
        "kind": "Lease",
        "apiVersion": "coordination.k8s.io/v1",
        "metadata": {"name": name, "namespace": "kube-node-lease", "uid": name},
        "spec": {"holderIdentity": holder},
    }


async def test_a_node_with_a_real_kubelet_is_refused(
    cluster: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    """A pod with a real Envoy would get a second proxy of the same identity."""
    cluster.put(_lease("kwok-0", "kwok-0"), node("kwok-1"), _lease("kwok-1", "host_1234"))
    cluster.put(pod("a", ip="10.0.0.1"), pod("b", ip="10.0.0.2", node="kwok-1"))
    async with following(cluster) as (_, fleet):
        assert fleet.did("start") == ["b"]
        cluster.put(node("late"), pod("c", ip="10.0.0.3", node="late"))
        await asyncio.sleep(1)
        assert fleet.names() == {"b", "c"}
        cluster.put(_lease("late", "late"))
        await asyncio.sleep(300)
        assert fleet.names() == {"b"}
    texts = [record.getMessage() for record in caplog.records]

    expected = (
        "node kwok-0 is marked as kwok's, but a real kubelet holds the lease: "
        "pods there have real proxies, and get none from here"
    )
    assert [text for text in texts if "kubelet" in text] == [expected]


async def test_safety_nets_that_an_account_may_not_use_are_no_obstacle(
    cluster: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    """Leases and istiod's pods are read to warn, not to run."""
    gate = Gate()
    gate.refuse = lambda request: (
        _answer(403)
        if "leases" in request.path or request.query.get("labelSelector") == "app=istiod"
        else None
    )
    cluster.server.intercept = gate
    cluster.put(pod("a", ip="10.0.0.1"))
    async with following(cluster) as (_, fleet):
        await asyncio.sleep(100)
        assert fleet.names() == {"a"}

    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "real kubelet" in caplog.text


async def test_istiod_on_a_kwok_node_is_noticed(
    cluster: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    """The scheduler likes empty fake nodes; every proxy would time out."""
    istiod = plain_pod("istiod-1", namespace="istio-system", labels={"app": "istiod"})
    real = plain_pod("istiod-2", node="real-0", labels={"app": "istiod"})
    cluster.put(istiod, real)
    async with following(cluster):
        pass

    assert "istio-system/istiod-1 is on kwok node kwok-0" in caplog.text
    assert "istiod-2" not in caplog.text


async def test_no_kwok_node_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    """Nothing runs, and nothing says why."""
    cluster = Cluster()
    async with following(cluster):
        await asyncio.sleep(100)
    texts = [record.getMessage() for record in caplog.records]

    assert len([text for text in texts if "none of 0 nodes is kwok's" in text]) == 1


names = st.sampled_from([f"p{number}" for number in range(6)])
steps = st.one_of(
    st.tuples(st.sampled_from(["bind", "ip", "delete", "remove"]), names),
    st.tuples(st.sampled_from(["node", "no node"]), st.sampled_from(["kwok-0", "kwok-1"])),
    st.tuples(st.just("wait"), st.sampled_from(["0", "0.2", "3", "130"])),
    st.tuples(st.sampled_from(["cut", "away", "back", "refuse to stream"]), st.just("")),
)


class Trouble:
    """A cluster that changes while its API server comes and goes."""

    def __init__(self) -> None:
        self.cluster = Cluster(history=3)
        self.gate = Gate()
        self.cluster.server.intercept = self.gate
        self.pods: dict[str, Obj] = {}
        self.nodes: set[str] = set()
        self.serial = 0

    async def step(self, what: str, name: str) -> None:
        """Change something, or let time pass."""
        if what in ("bind", "ip", "delete", "remove"):
            self._change(what, name)
        elif what == "node" and name not in self.nodes:
            self.nodes.add(name)
            self.cluster.put(node(name))
        elif what == "no node" and name in self.nodes:
            self.nodes.discard(name)
            self.cluster.remove(node(name))
        elif what == "wait":
            await asyncio.sleep(float(name))
        elif what == "cut":
            self.cluster.server.close_watches()
        elif what == "away":
            self.gate.refuse = _away
            self.cluster.server.close_watches()
        elif what == "back":
            self.gate.refuse = lambda _: None
        elif what == "refuse to stream":
            self.gate.refuse = lambda request: (
                _answer(422) if "sendInitialEvents" in request.query else None
            )

    def _change(self, what: str, name: str) -> None:
        there = self.pods.get(name)
        if what == "remove":
            if there is not None:
                self.cluster.remove(self.pods.pop(name))
            return
        self.serial += 1
        metadata: Obj = {"uid": f"u{self.serial}"} if there is None else there["metadata"]
        self.pods[name] = pod(
            name,
            uid=metadata["uid"],
            node=f"kwok-{int(name[1:]) % 2}",
            ip=f"10.0.0.{self.serial}" if what == "ip" else "",
            deletion=30 if what == "delete" else metadata.get("deletionGracePeriodSeconds"),
        )
        self.cluster.put(self.pods[name])

    def expected(self) -> dict[str, str]:
        """Return the pods that should have a proxy, with its IP."""
        return {
            obj["metadata"]["uid"]: obj["status"]["podIP"]
            for obj in self.pods.values()
            if obj["status"].get("podIP")
            and obj["spec"]["nodeName"] in self.nodes
            and "deletionTimestamp" not in obj["metadata"]
        }


@given(st.lists(steps, max_size=30), st.sampled_from([0.0, 0.3, 7.0]))
@settings(max_examples=100)
def test_the_fleet_ends_up_equal_to_the_cluster(
    changes: list[tuple[str, str]], seconds: float
) -> None:
    """A proxy would be leaked or missing after some turn of events that nobody thought of."""

    async def scenario() -> None:
        trouble = Trouble()
        async with following(trouble.cluster, synced=False) as (follower, fleet):
            fleet.seconds = seconds
            for what, name in changes:
                await trouble.step(what, name)
            trouble.gate.refuse = lambda _: None
            await asyncio.sleep(300)
            running = {uid: spec.ip for uid, spec in fleet.running.items()}
            # A pod without its IP for a moment keeps its proxy.
            kept = {uid for uid in running if follower.cache.pods.spec(uid).ip == ""}
            assert {uid: ip for uid, ip in running.items() if uid not in kept} == (
                trouble.expected()
            )
            assert follower.cache.pods.wanted() == set(running)
            trouble.cluster.remove(*trouble.pods.values())
            await asyncio.sleep(60)
            snapshot = follower.snapshot()
            assert fleet.running == {}
            assert (snapshot.running, snapshot.stopping, snapshot.queued) == (0, 0, 0)
            assert (snapshot.away, follower.cache.counts().pods) == (0, 0)

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(scenario())


def _recorded(golden: Path, name: str) -> list[tuple[str, Obj]]:
    lines = (golden / "kwok" / name).read_text().splitlines()
    events = [json.loads(line) for line in lines]
    return [(each["type"], each["object"]) for each in events if each["type"] != "BOOKMARK"]


IMPLIED = {
    "details-v1-65bd58d55f-97kqk": ("sidecar", "10.244.0.1", "bookinfo-details"),
    "ratings-v1-9bff6cb79-j5vc4": ("sidecar", "10.244.0.7", "bookinfo-ratings"),
    "reviews-v1-54465994f9-z547w": ("sidecar", "10.244.0.2", "bookinfo-reviews"),
    "reviews-v2-577579b4c5-t65z2": ("sidecar", "10.244.0.9", "bookinfo-reviews"),
    "reviews-v3-6d7944df59-9gjc4": ("sidecar", "10.244.0.4", "bookinfo-reviews"),
    "productpage-v1-7498b5bd44-wkv8t": ("sidecar", "10.244.0.6", "bookinfo-productpage"),
    "once-9jcbr": ("sidecar", "10.244.0.8", "default"),
    "gw-1": ("router", "10.244.0.10", "default"),
    "reviews-v1-54465994f9-sdg96": ("sidecar", "10.244.0.11", "bookinfo-reviews"),
    "ratings-v1-9bff6cb79-zcpx7": ("sidecar", "10.244.0.11", "bookinfo-ratings"),
}
STOPPED = ["once-9jcbr", "reviews-v1-54465994f9-sdg96", "ratings-v1-9bff6cb79-j5vc4"]


@pytest.mark.golden
@pytest.mark.parametrize("everything", [False, True])
async def test_the_recorded_cluster_gets_the_proxies_that_it_implies(
    golden: Path, *, everything: bool
) -> None:
    """Bookinfo, a gateway and what replaces them run; all the other pods have their reasons."""
    cluster = Cluster()
    for _, obj in _recorded(golden, "nodes-watch.jsonl"):
        cluster.put(obj)
    options: Obj = {"pod_selector": "", "pod_fields": ""} if everything else {}
    async with following(cluster, **options) as (follower, fleet):
        for type_, obj in _recorded(golden, "pods-watch.jsonl"):
            before = list(fleet.log)
            if type_ == "DELETED":
                cluster.remove(obj)
            else:
                cluster.put(obj)
            await asyncio.sleep(0.5)
            for _, what, name in fleet.log[len(before) :]:
                assert name == obj["metadata"]["name"]
                assert (
                    what == "start"
                    or obj["metadata"].get("deletionTimestamp")
                    or (obj["status"]["phase"] == "Succeeded")
                )
        counts = follower.cache.counts()

    assert fleet.did("start") == sorted(IMPLIED, key=fleet.did("start").index)
    assert {
        name: (spec.type, spec.ip, spec.service_account) for name, spec in fleet.ever.items()
    } == IMPLIED
    assert {spec.namespace for spec in fleet.ever.values()} == {"x-book"}
    assert {spec.domain for spec in fleet.ever.values()} == {"x-book.svc.cluster.local"}
    assert {spec.address for spec in fleet.ever.values()} == {"istiod.istio-system.svc:15012"}
    assert {dict(spec.own)["NODE_NAME"] for spec in fleet.ever.values()} == {"kwok-node-0"}
    assert fleet.did("stop") == STOPPED
    assert fleet.names() == set(IMPLIED) - set(STOPPED)
    assert counts.too_short == 1
    assert counts.waiting == {}
    if everything:
        assert counts.skipped == {
            "host network": 1,
            "not a kwok node": 2,
            "not a mesh proxy": 1,
            "opted out of injection": 1,
            "terminal phase": 1,
        }
    else:
        assert counts.skipped == {"not a kwok node": 2}
