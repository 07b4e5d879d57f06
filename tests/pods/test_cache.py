"""Nodes and pods, joined, and the proxies that follow from them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyload.pods.cache import PodCache
from pyload.pods.cluster_warnings import cluster_warnings
from pyload.pods.desired import Policy, Run, decide
from pyload.pods.nodes import NodeClass, NodeRule
from pyload.pods.pod_table import Changes
from pyload.pods.reader import read_pod
from pyload.pods.shard import Shard
from tests.pods.cluster import node
from tests.pods.injected import plain_pod, pod, proxy_container

if TYPE_CHECKING:
    from pathlib import Path

    from pyload.kube.resources import Obj
    from pyload.proxies.spec import ProxySpec


NONE = Changes([], [])


class Fake:
    """A cache whose changes are applied as a fleet would apply them."""

    def __init__(self, **policy: Any) -> None:
        self.cache = PodCache(policy=Policy(**policy))
        self.running: dict[str, str] = {}
        self.now = 0.0
        self.log: list[tuple[str, str]] = []

    def apply(self, changes: Changes) -> Changes:
        """Start and stop, and insist that neither is done twice."""
        for uid in changes.stop:
            del self.running[uid]
            self.log.append(("stop", uid))
        for uid in changes.start:
            assert uid not in self.running
            self.running[uid] = self.cache.pods.spec(uid).ip
            self.log.append(("start", uid))
        assert self.cache.pods.wanted() == set(self.running)
        assert self.cache.counts().running == len(self.running)
        return changes

    def node(self, type_: str, obj: Obj) -> Changes:
        """Handle a node's event."""
        return self.apply(self.cache.node_event(type_, self.cache.read_node(obj), self.now))

    def nodes(self, *objs: Obj) -> Changes:
        """Handle a list of nodes."""
        return self.apply(self.cache.replace_nodes(map(self.cache.read_node, objs), self.now))

    def pod(self, type_: str, obj: Obj, source: str = "") -> Changes:
        """Handle a pod's event."""
        record = self.cache.read_pod(obj)
        return self.apply(self.cache.pod_event(type_, record, self.now, source=source))

    def pods(self, *objs: Obj, source: str = "") -> Changes:
        """Handle a list of pods."""
        records = map(self.cache.read_pod, objs)
        return self.apply(self.cache.replace_pods(records, self.now, source=source))

    def wait(self, seconds: float) -> Changes:
        """Let time pass."""
        self.now += seconds
        return self.apply(self.cache.tick(self.now))


def _with_node(**policy: Any) -> Fake:
    fake = Fake(**policy)
    fake.nodes(node("kwok-0"), node("real-0", fake=False))
    return fake


def test_a_proxy_is_where_its_node_is() -> None:
    """All proxies would be in one place, and what depends on the place never be computed."""
    fake = Fake()
    place = node("kwok-0")
    place["metadata"]["labels"] = {
        "topology.kubernetes.io/region": "eu",
        "topology.kubernetes.io/zone": "eu-1",
    }
    fake.node("ADDED", place)
    fake.pod("ADDED", pod("a", ip="10.0.0.1"))
    fake.pod("ADDED", pod("b", ip="10.0.0.2", labels={"istio-locality": "us.us-1"}))

    assert fake.cache.spec("uid-a").locality == "eu/eu-1"
    assert fake.cache.spec("uid-b").locality == "us/us-1"


def test_a_proxy_lives_from_its_pods_ip_to_its_deletion() -> None:
    """The whole point; the events are those that kwok makes."""
    fake = _with_node()

    assert fake.pod("ADDED", pod("a", node="")) == NONE
    assert fake.cache.counts().waiting == {"not scheduled": 1}
    assert fake.pod("MODIFIED", pod("a")) == NONE
    assert fake.cache.counts().waiting == {"no pod IP": 1}
    assert fake.pod("MODIFIED", pod("a", ip="10.0.0.1")) == Changes([], ["uid-a"])
    assert fake.pod("MODIFIED", pod("a", ip="10.0.0.1", labels={"x": "y"})) == NONE
    fake.wait(2)
    assert fake.pod("MODIFIED", pod("a", ip="10.0.0.1", deletion=30)) == NONE
    assert fake.pod("MODIFIED", pod("a", ip="10.0.0.1", deletion=0)) == Changes(["uid-a"], [])
    assert fake.pod("DELETED", pod("a", ip="10.0.0.1", deletion=0)) == NONE
    assert fake.cache.counts().pods == 0
    assert fake.cache.counts().too_short == 0


def test_a_proxy_drains_no_longer_than_a_sidecar() -> None:
    """A finalizer can hold a pod for ever; its sidecar is gone after seconds all the same."""
    fake = _with_node()
    fake.pod("ADDED", pod("a", ip="10.0.0.1"))
    fake.pod("MODIFIED", pod("a", ip="10.0.0.1", deletion=30))

    due = fake.cache.due
    assert due == 5
    assert fake.wait(4.9) == NONE
    assert fake.pod("MODIFIED", pod("a", ip="10.0.0.1", deletion=30)) == NONE
    assert fake.wait(0.1) == Changes(["uid-a"], [])
    assert fake.cache.due is None
    assert fake.pod("MODIFIED", pod("a", ip="10.0.0.1", deletion=30)) == NONE
    assert fake.cache.counts().skipped == {"terminating": 1}


def test_a_pod_that_is_deleted_before_its_ip_never_has_a_proxy() -> None:
    """It would connect on behalf of a pod that has left."""
    fake = _with_node()
    fake.pod("ADDED", pod("a"))
    fake.pod("MODIFIED", pod("a", deletion=30))
    fake.pod("MODIFIED", pod("a", ip="10.0.0.1", deletion=30))

    assert fake.log == []


def test_draining_can_be_switched_off() -> None:
    """Then the first sign of a deletion stops the proxy."""
    fake = _with_node(drain=0.0)
    fake.pod("ADDED", pod("a", ip="10.0.0.1"))

    assert fake.pod("MODIFIED", pod("a", ip="10.0.0.1", deletion=30)) == Changes(["uid-a"], [])


def test_a_pod_that_loses_its_ip_or_readiness_keeps_its_proxy() -> None:
    """Real sidecars stay connected when their pod is not ready."""
    fake = _with_node(start_on="ready")

    assert fake.pod("ADDED", pod("a", ip="10.0.0.1", ready=False)) == NONE
    assert fake.pod("MODIFIED", pod("a", ip="10.0.0.1")) == Changes([], ["uid-a"])
    assert fake.pod("MODIFIED", pod("a", ip="10.0.0.1", ready=False)) == NONE
    assert fake.pod("MODIFIED", pod("a", ip="", ready=False)) == NONE
    assert fake.running == {"uid-a": "10.0.0.1"}


def test_a_new_ip_is_a_new_proxy() -> None:
    """The node's id, which istiod knows the proxy by, has the IP in it."""
    fake = _with_node()
    fake.pod("ADDED", pod("a", ip="10.0.0.1"))
    changes = fake.pod("MODIFIED", pod("a", ip="10.0.0.2"))

    assert changes == Changes(["uid-a"], ["uid-a"])
    assert fake.running == {"uid-a": "10.0.0.2"}
    assert fake.cache.counts().too_short == 0


def test_a_pod_of_the_same_name_is_another_pod() -> None:
    """A StatefulSet gives its pods the names of those that were deleted."""
    fake = _with_node()
    fake.pod("ADDED", pod("a-0", uid="1", ip="10.0.0.1"))
    fake.pod("MODIFIED", pod("a-0", uid="1", ip="10.0.0.1", deletion=0))
    fake.pod("DELETED", pod("a-0", uid="1", ip="10.0.0.1", deletion=0))
    fake.pod("ADDED", pod("a-0", uid="2", ip="10.0.0.1"))

    assert fake.running == {"2": "10.0.0.1"}


def test_pods_wait_for_their_node() -> None:
    """A pod's event can come before its node's."""
    fake = Fake()
    fake.pod("ADDED", pod("a", ip="10.0.0.1"))
    fake.pod("ADDED", pod("b", ip="10.0.0.2", node="real-0"))

    assert fake.cache.counts().waiting == {"unknown node": 2}
    assert fake.node("ADDED", node("kwok-0")) == Changes([], ["uid-a"])
    assert fake.node("ADDED", node("real-0", fake=False)) == NONE
    assert fake.cache.counts().skipped == {"not a kwok node": 1}


def test_a_deleted_node_takes_its_proxies_along_after_a_while() -> None:
    """Its pods stay Running until the garbage collector comes; real sidecars would be gone."""
    fake = _with_node()
    fake.pod("ADDED", pod("a", ip="10.0.0.1"))
    fake.node("DELETED", node("kwok-0"))

    assert fake.wait(4) == NONE
    assert fake.node("DELETED", node("kwok-0")) == NONE
    assert fake.wait(1) == Changes(["uid-a"], [])
    assert fake.cache.counts().skipped == {"node gone": 1}
    assert len(list(fake.cache.nodes.records())) == 1
    assert fake.node("ADDED", node("kwok-0", uid="new")) == Changes([], ["uid-a"])


@pytest.mark.parametrize("uid", ["", "new"])
def test_a_node_that_comes_back_at_once_was_never_away(uid: str) -> None:
    """A node that is made anew would make all its proxies connect again."""
    fake = _with_node()
    fake.pod("ADDED", pod("a", ip="10.0.0.1"))
    fake.nodes()
    fake.wait(4)
    fake.nodes(node("kwok-0", uid=uid))

    assert fake.wait(10) == NONE
    assert fake.running == {"uid-a": "10.0.0.1"}


def test_waits_for_nodes_begin_anew_after_blindness() -> None:
    """The API server was away: the node may be back already, and its event is still to come."""
    fake = _with_node()
    fake.pod("ADDED", pod("a", ip="10.0.0.1"))
    fake.node("DELETED", node("kwok-0"))
    fake.now += 60
    fake.cache.resume(fake.now)

    assert fake.wait(4) == NONE
    assert fake.wait(1) == Changes(["uid-a"], [])


def test_a_node_without_grace_is_gone_at_once() -> None:
    """The grace is the user's choice."""
    fake = _with_node(node_grace=0.0)
    fake.pod("ADDED", pod("a", ip="10.0.0.1"))

    assert fake.node("DELETED", node("kwok-0")) == Changes(["uid-a"], [])


def test_a_node_stays_kwoks_until_it_is_deleted() -> None:
    """kwok goes on with a node that has lost its annotation."""  # noqa: D403 - a name
    fake = _with_node()
    fake.pod("ADDED", pod("a", ip="10.0.0.1"))

    assert fake.node("MODIFIED", node("kwok-0", fake=False)) == NONE
    assert fake.nodes(node("kwok-0", fake=False)) == NONE
    assert fake.node("ADDED", node("kwok-0", fake=False, uid="new")) == Changes(["uid-a"], [])


def test_a_real_kubelet_keeps_its_pods() -> None:
    """Two proxies of one identity would spoil the figures unnoticed."""
    fake = _with_node()
    fake.pod("ADDED", pod("a", ip="10.0.0.1"))

    assert fake.apply(fake.cache.set_kubelets({"kwok-0"}, 0)) == Changes(["uid-a"], [])
    assert fake.cache.counts().skipped == {"real kubelet on the node": 1}
    assert fake.cache.counts().nodes == 0
    assert fake.cache.nodes.marked() == {"kwok-0"}
    assert list(cluster_warnings(fake.cache)) == ["kubelet"]
    assert fake.apply(fake.cache.set_kubelets((), 0)) == Changes([], ["uid-a"])


def test_a_new_list_leaves_healthy_proxies_alone() -> None:
    """After every lost watch, all proxies would connect again."""
    fake = _with_node()
    fake.pods(pod("a", ip="10.0.0.1"), pod("b", ip="10.0.0.2"))
    changes = fake.pods(pod("b", ip="10.0.0.2"), pod("c", ip="10.0.0.3"))

    assert changes == Changes(["uid-a"], ["uid-c"])


def test_each_watch_has_its_own_pods() -> None:
    """The list of ztunnels would drop all other pods."""
    fake = _with_node()
    fake.pods(pod("a", ip="10.0.0.1"), source="mesh")
    fake.pods(pod("z", ip="10.0.0.2"), source="ztunnel")

    assert fake.pod("DELETED", pod("a", ip="10.0.0.1"), source="ztunnel") == NONE
    assert set(fake.running) == {"uid-a", "uid-z"}
    assert fake.pods(source="ztunnel") == Changes(["uid-z"], [])


def test_ips_in_several_pods_are_counted_while_they_are() -> None:
    """kwok gives an IP twice after a restart; the user should know, and both proxies run."""  # noqa: D403 - a name
    fake = _with_node()
    for name in "abc":
        fake.pod("ADDED", pod(name, ip="10.0.0.1"))

    assert len(fake.running) == 3
    assert fake.cache.counts().duplicate_ips == 1
    assert list(cluster_warnings(fake.cache)) == ["ips"]
    fake.pod("DELETED", pod("a", ip="10.0.0.1"))
    assert fake.cache.counts().duplicate_ips == 1
    fake.pod("DELETED", pod("b", ip="10.0.0.1"))
    assert fake.cache.counts().duplicate_ips == 0


def test_pods_that_hardly_lived_are_counted() -> None:
    """A Job's pods complete within milliseconds on kwok, and nobody would know where they are."""
    fake = _with_node()
    fake.pod("ADDED", pod("a", ip="10.0.0.1", owner="Job"))
    fake.wait(0.1)
    fake.pod("MODIFIED", pod("a", ip="10.0.0.1", owner="Job", phase="Succeeded"))

    assert fake.cache.counts().too_short == 1
    assert fake.cache.counts().skipped == {"terminal phase": 1}


def test_counts_are_by_type_revision_and_namespace() -> None:
    """A canary's proxies would be lost among the others."""
    fake = _with_node()
    fake.pod("ADDED", pod("a", ip="10.0.0.1"))
    fake.pod("ADDED", pod("b", ip="10.0.0.2", annotations={"istio.io/rev": "canary"}))
    gateway = pod("g", ip="10.0.0.3", proxy=proxy_container("router"), namespace="edge")
    fake.pod("ADDED", gateway)
    fake.pod("ADDED", plain_pod("p", ip="10.0.0.4"))
    counts = fake.cache.counts()

    assert (counts.nodes, counts.pods, counts.running) == (1, 4, 3)
    assert len(list(fake.cache.nodes.records())) == 2
    assert counts.types == {"sidecar": 2, "router": 1}
    assert counts.revisions == {"default": 2, "canary": 1}
    assert counts.namespaces == {"mesh": 2, "edge": 1}
    assert counts.skipped == {"not a mesh proxy": 1}
    # Its labels change while it runs: it is counted out as what it was counted in.
    fake.pod("MODIFIED", pod("b", ip="10.0.0.2", annotations={"istio.io/rev": "next"}))
    fake.pod("DELETED", pod("b", ip="10.0.0.2", annotations={"istio.io/rev": "next"}))
    assert fake.cache.counts().revisions == {"default": 2}


def test_times_are_those_that_were_seen() -> None:
    """A pod that was there before would seem to have waited for its proxy for days."""
    fake = _with_node()
    fake.pods(pod("old", ip="10.0.0.1"), pod("new"))
    fake.now = 1.0
    fake.pod("MODIFIED", pod("new", ip="10.0.0.2", ready=False))
    fake.now = 3.0
    fake.pod("MODIFIED", pod("new", ip="10.0.0.2"))

    assert fake.cache.pods.times("uid-old") == (None, None)
    assert fake.cache.pods.times("uid-new") == (1.0, 3.0)
    assert fake.cache.pods.times("uid-none") == (None, None)


def test_trouble_is_said() -> None:
    """Nothing runs, and nothing says why."""
    fake = Fake()
    fake.nodes(node("real-0", fake=False))

    assert cluster_warnings(fake.cache) == {
        "nodes": "none of 1 nodes is kwok's (annotation kwok.x-k8s.io/node=fake): "
        "no proxy runs until one is"
    }
    fake.node("ADDED", node("kwok-0"))
    assert cluster_warnings(fake.cache) == {}
    secret = {**proxy_container(), "envFrom": [{"secretRef": {"name": "s"}}]}
    fake.pod("ADDED", pod("a", ip="10.0.0.1", proxy=secret))
    assert "envFrom" in cluster_warnings(fake.cache)["environment"]


def test_every_decision_can_be_listed() -> None:
    """A dry run shows what would run and why the rest would not."""
    fake = _with_node()
    fake.pods(pod("a", ip="10.0.0.1"), pod("b"), plain_pod("c"))
    listed = {
        record.name: "run" if isinstance(decision, Run) else decision.value
        for record, decision in fake.cache.pods.decisions()
    }

    assert listed == {"a": "run", "b": "no pod IP", "c": "not a mesh proxy"}


names = st.sampled_from("abcd")
node_names = st.sampled_from(["kwok-0", "kwok-1", "real-0"])
steps = st.one_of(
    st.tuples(
        st.sampled_from(["bind", "ip", "delete", "kill", "remove", "finish", "plain"]), names
    ),
    st.tuples(st.sampled_from(["add node", "remove node", "unmark"]), node_names),
    st.tuples(st.just("wait"), st.sampled_from(["0.5", "3", "6"])),
    st.tuples(st.sampled_from(["list pods", "list nodes"]), st.just("")),
)


class Server:
    """What there is in truth, and what a watch would say of each change."""

    def __init__(self, shards: int) -> None:
        self.fakes = [Fake(shard=Shard(index, shards)) for index in range(shards)]
        self.pods: dict[str, Obj] = {}
        self.nodes: dict[str, Obj] = {}
        self.kwok: set[str] = set()
        self.serial = 0

    def step(self, what: str, name: str) -> None:
        """Change something."""
        if what in ("add node", "remove node", "unmark"):
            self._change_node(what, name)
        elif what == "wait":
            for fake in self.fakes:
                fake.wait(float(name))
        elif what == "list pods":
            for fake in self.fakes:
                fake.pods(*self.pods.values())
        elif what == "list nodes":
            for fake in self.fakes:
                fake.nodes(*self.nodes.values())
        else:
            self._change_pod(what, name)

    def _change_node(self, what: str, name: str) -> None:
        there = self.nodes.get(name)
        if what == "remove node":
            if there is not None:
                del self.nodes[name]
                self.kwok.discard(name)
                self._tell_node("DELETED", there)
            return
        self.serial += there is None
        uid = f"n{self.serial}" if there is None else there["metadata"]["uid"]
        fake = name.startswith("kwok") and what == "add node"
        self.nodes[name] = node(name, fake=fake, uid=uid)
        if fake:
            self.kwok.add(name)
        self._tell_node("MODIFIED" if there else "ADDED", self.nodes[name])

    def _change_pod(self, what: str, name: str) -> None:
        there = self.pods.get(name)
        if what == "remove":
            if there is not None:
                self._tell_pod("DELETED", self.pods.pop(name))
            return
        self.serial += there is None
        changes: dict[str, Any] = {}
        if there is not None:
            metadata, status = there["metadata"], there["status"]
            changes = {"uid": metadata["uid"], "node": there["spec"].get("nodeName", "")}
            changes["ip"] = status.get("podIP", "")
            changes["deletion"] = metadata.get("deletionGracePeriodSeconds")
            if status["phase"] == "Succeeded":
                changes["phase"] = "Succeeded"
        else:
            changes = {"uid": f"p{self.serial}", "node": ""}
        if what in ("bind", "ip"):
            changes["node"] = changes["node"] or f"kwok-{ord(name) % 2}"
        if what == "ip":
            changes["ip"] = f"10.0.0.{self.serial}"
        changes |= {"delete": {"deletion": 30}, "kill": {"deletion": 0}}.get(what, {})
        if what == "finish":
            changes["phase"] = "Succeeded"
        plain = there is not None and len(there["spec"]["containers"]) == 1
        make = plain_pod if plain or (there is None and what == "plain") else pod
        self.pods[name] = make(name, **changes)
        self._tell_pod("MODIFIED" if there else "ADDED", self.pods[name])

    def _tell_node(self, type_: str, obj: Obj) -> None:
        for fake in self.fakes:
            fake.node(type_, obj)

    def _tell_pod(self, type_: str, obj: Obj) -> None:
        for fake in self.fakes:
            fake.pod(type_, obj)

    def expected(self) -> dict[str, str]:
        """Return what should run in the end, from the objects alone."""
        running = {}
        for obj in self.pods.values():
            record = read_pod(obj)
            name = record.node
            node_class = NodeClass.UNKNOWN if name not in self.nodes else NodeClass.OTHER
            node_class = NodeClass.KWOK if name in self.kwok else node_class
            if isinstance(decide(record, node_class, Policy()), Run):
                running[record.uid] = record.ip
        return running


@given(st.lists(steps, max_size=60), st.integers(1, 3))
@settings(max_examples=300)
def test_what_runs_follows_from_what_there_is(changes: list[tuple[str, str]], shards: int) -> None:
    """A proxy would be leaked or missing, depending on the way that led there."""
    server = Server(shards)
    for what, name in changes:
        server.step(what, name)
    for fake in server.fakes:
        fake.wait(10)
    running = [one for fake in server.fakes for one in fake.running.items()]

    assert sorted(running) == sorted(server.expected().items())
    for fake in server.fakes:
        assert fake.cache.due is None
        counts = fake.cache.counts()
        decided = sum(counts.skipped.values()) + sum(counts.waiting.values()) + counts.running
        assert counts.pods == decided == len(server.pods)
        fake.pods()
        fake.nodes()
        fake.wait(10)
        assert fake.running == {}
        assert fake.cache.counts().running == fake.cache.counts().pods == 0
        assert fake.cache.counts().duplicate_ips == fake.cache.counts().nodes == 0
        assert not list(fake.cache.nodes.records())


def test_thousands_of_pods_come_and_go() -> None:
    """A Deployment is scaled from 1 to 5,000 and back to 0."""
    fake = _with_node()
    for number in range(5000):
        fake.cache.pod_event(
            "ADDED",
            fake.cache.read_pod(pod(f"p{number}", ip=f"10.1.{number >> 8}.{number & 255}")),
            0,
        )
    assert fake.cache.counts().running == 5000
    for number in range(5000):
        changed = pod(f"p{number}", ip=f"10.1.{number >> 8}.{number & 255}", deletion=30)
        fake.cache.pod_event("MODIFIED", fake.cache.read_pod(changed), 1)
    assert len(fake.cache.tick(6).stop) == 5000
    assert fake.cache.counts().running == 0
    assert fake.cache.counts().duplicate_ips == 0


def _replay(golden: Path, name: str) -> list[tuple[str, Obj]]:
    lines = (golden / "kwok" / name).read_text().splitlines()
    events = [json.loads(line) for line in lines]
    return [(event["type"], event["object"]) for event in events]


@pytest.mark.golden
def test_the_recording_gives_the_proxies_that_it_implies(golden: Path) -> None:
    """What kwok, the injector and the scheduler really did decides whether all this is right."""
    fake = Fake()
    for type_, obj in _replay(golden, "nodes-watch.jsonl"):
        fake.node(type_, obj)
    started: dict[str, tuple[int, ProxySpec]] = {}
    stopped: dict[str, int] = {}
    for line, (type_, obj) in enumerate(_replay(golden, "pods-watch.jsonl")):
        fake.wait(0.6)
        if type_ == "BOOKMARK":
            continue
        changes = fake.pod(type_, obj)
        for uid in changes.stop:
            assert uid == obj["metadata"]["uid"]
            stopped[obj["metadata"]["name"]] = line
        for uid in changes.start:
            spec = fake.cache.pods.spec(uid)
            started[spec.name] = line, spec

    assert {name: line for name, (line, _) in started.items()} == {
        "details-v1-65bd58d55f-97kqk": 3,
        "ratings-v1-9bff6cb79-j5vc4": 6,
        "reviews-v1-54465994f9-z547w": 9,
        "reviews-v2-577579b4c5-t65z2": 13,
        "reviews-v3-6d7944df59-9gjc4": 15,
        "productpage-v1-7498b5bd44-wkv8t": 18,
        "once-9jcbr": 25,
        "gw-1": 35,
        "reviews-v1-54465994f9-sdg96": 41,
        "ratings-v1-9bff6cb79-zcpx7": 51,
    }
    assert stopped == {
        "once-9jcbr": 26,
        "reviews-v1-54465994f9-sdg96": 44,
        "ratings-v1-9bff6cb79-j5vc4": 47,
    }
    counts = fake.cache.counts()
    assert counts.skipped == {
        "host network": 1,
        "not a kwok node": 2,
        "not a mesh proxy": 1,
        "opted out of injection": 1,
        "terminal phase": 1,
    }
    assert counts.waiting == {}
    assert counts.types == {"sidecar": 6, "router": 1}
    assert counts.namespaces == {"x-book": 7}
    assert counts.too_short == 1
    assert counts.duplicate_ips == 0
    assert cluster_warnings(fake.cache) == {}
    _, gateway = started["gw-1"]
    assert (gateway.type, gateway.ip, gateway.service_account) == (
        "router",
        "10.244.0.10",
        "default",
    )
    _, details = started["details-v1-65bd58d55f-97kqk"]
    assert (details.ip, details.service_account) == ("10.244.0.1", "bookinfo-details")
    assert details.metadata["OWNER"] == (
        "kubernetes://apis/apps/v1/namespaces/x-book/deployments/details-v1"
    )
    _, replaced = started["ratings-v1-9bff6cb79-zcpx7"]
    assert (replaced.ip, replaced.service_account) == ("10.244.0.11", "bookinfo-ratings")


def test_a_rule_for_all_nodes_takes_all() -> None:
    """kwokctl's own clusters have no annotation on their nodes."""  # noqa: D403 - a name
    cache = PodCache(NodeRule(""))
    cache.node_event("ADDED", cache.read_node(node("n", fake=False)), 0)

    assert cache.nodes.class_of("n") is NodeClass.KWOK
