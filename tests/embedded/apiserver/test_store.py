"""The store: versions, history, deletion, and a machine of random operations."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from pyload.embedded.apiserver.deletion import timestamp
from pyload.embedded.apiserver.kinds import CONFIG_MAP, DEPLOYMENT, NAMESPACE, POD
from pyload.embedded.apiserver.refusals import Refused
from pyload.embedded.apiserver.store import Event, Store

if TYPE_CHECKING:
    from pyload.kube.resources import Obj

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
NAMES = st.sampled_from(["a", "b", "c"])
SPACES = st.sampled_from(["n", "m"])


def _map(namespace: str, name: str, **rest: Any) -> Obj:
    metadata = {"namespace": namespace, "name": name}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, **rest}


def _pod(**spec: Any) -> Obj:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"namespace": "n", "name": "p"},
        "spec": spec,
    }


class StoreMachine(RuleBasedStateMachine):
    """Writes like clients, and compares with a dict and with the events of watches."""

    revisions = Bundle("revisions")

    def __init__(self) -> None:
        super().__init__()
        self.store = Store(history=1000)
        self.model: dict[tuple[str, str], tuple[int, bool, bool]] = {}
        self.seen: dict[tuple[str, str], Obj] = {}
        self.past: dict[int, dict[tuple[str, str], Obj]] = {}
        self.last = 0
        self.store.subscribe(CONFIG_MAP, self.observe)

    def observe(self, event: Event) -> None:
        """Follow the store as a watcher does."""
        assert event.entry.revision > self.last
        self.last = event.entry.revision
        key = event.entry.key
        assert (key in self.seen) == (event.type != "ADDED")
        if event.type == "DELETED":
            del self.seen[key]
        else:
            self.seen[key] = event.entry.obj

    @rule(target=revisions)
    def note(self) -> int:
        """Remember the state, as a list does."""
        self.past[self.store.revision] = dict(self.seen)
        return self.store.revision

    @rule(namespace=SPACES, name=NAMES, value=st.integers(0, 3), held=st.booleans())
    def create(self, namespace: str, name: str, value: int, held: bool) -> None:  # noqa: FBT001 - hypothesis
        """Create an object, or be refused if it exists."""
        obj = _map(namespace, name, data={"v": str(value)})
        if held:
            obj["metadata"]["finalizers"] = ["x/y"]
        if (namespace, name) in self.model:
            with pytest.raises(Refused, match="already exists"):
                self.store.create(CONFIG_MAP, obj, now=NOW, uid="other")
            return
        self.store.create(CONFIG_MAP, obj, now=NOW, uid=f"{self.store.revision}")
        self.model[namespace, name] = (value, held, False)

    @rule(namespace=SPACES, name=NAMES, value=st.integers(0, 3), stale=st.booleans())
    def update(self, namespace: str, name: str, value: int, stale: bool) -> None:  # noqa: FBT001 - hypothesis
        """Change a value, with the right version or an old one."""
        entry = self.store.get(CONFIG_MAP, namespace, name)
        known = self.model.get((namespace, name))
        assert (entry is None) == (known is None)
        if entry is None or known is None:
            with pytest.raises(Refused):
                self.store.update(CONFIG_MAP, _map(namespace, name))
            return
        obj = {**entry.obj, "metadata": dict(entry.obj["metadata"]), "data": {"v": str(value)}}
        if stale:
            obj["metadata"]["resourceVersion"] = str(entry.revision - 1)
            with pytest.raises(Refused) as refused:
                self.store.update(CONFIG_MAP, obj)
            assert refused.value.code == 409
            return
        before = self.store.revision
        updated = self.store.update(CONFIG_MAP, obj)
        assert updated.obj["metadata"]["uid"] == entry.obj["metadata"]["uid"]
        assert (self.store.revision == before) == (known[0] == value)
        self.model[namespace, name] = (value, *known[1:])

    @rule(namespace=SPACES, name=NAMES)
    def delete(self, namespace: str, name: str) -> None:
        """Delete at once, or mark what a finalizer holds."""
        known = self.model.get((namespace, name))
        if known is None:
            with pytest.raises(Refused):
                self.store.delete(CONFIG_MAP, namespace, name, now=NOW)
            return
        _, gone = self.store.delete(CONFIG_MAP, namespace, name, now=NOW)
        assert gone == (not known[1])
        if gone:
            del self.model[namespace, name]
        else:
            self.model[namespace, name] = (known[0], True, True)

    @rule(namespace=SPACES, name=NAMES)
    def release(self, namespace: str, name: str) -> None:
        """Remove the finalizer."""
        entry = self.store.get(CONFIG_MAP, namespace, name)
        if entry is None:
            return
        metadata = {k: v for k, v in entry.obj["metadata"].items() if k != "finalizers"}
        self.store.update(CONFIG_MAP, {**entry.obj, "metadata": metadata})
        value, _, dying = self.model[namespace, name]
        if dying:
            del self.model[namespace, name]
        else:
            self.model[namespace, name] = (value, False, False)

    @rule(revision=consumes(revisions))
    def watch(self, revision: int) -> None:
        """A watch from an old list must lead to the present state."""
        state = dict(self.past[revision])
        for event in self.store.since(CONFIG_MAP, revision):
            if event.type == "DELETED":
                del state[event.entry.key]
            else:
                state[event.entry.key] = event.entry.obj
        assert state == self.seen

    @invariant()
    def agrees(self) -> None:
        """Lists, gets and watches show the same objects, in order."""
        entries = self.store.entries(CONFIG_MAP)
        assert [entry.key for entry in entries] == sorted(self.model)
        assert {entry.key: entry.obj for entry in entries} == self.seen
        for entry in entries:
            assert entry.obj["data"] == {"v": str(self.model[entry.key][0])}
            assert orjson.loads(entry.json("v1")) == entry.obj
        assert [entry.key for entry in self.store.entries(CONFIG_MAP, "n")] == [
            key for key in sorted(self.model) if key[0] == "n"
        ]


TestStoreMachine = StoreMachine.TestCase
TestStoreMachine.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)


def test_history_is_bounded() -> None:
    """A watch from before the history must be told to list again, not miss events."""
    store = Store(history=2)
    for name in "abcd":
        store.create(CONFIG_MAP, _map("n", name), now=NOW, uid=name)
    oldest = store.revision - 2

    assert [event.entry.key[1] for event in store.since(CONFIG_MAP, oldest)] == ["c", "d"]
    with pytest.raises(Refused) as refused:
        store.since(CONFIG_MAP, oldest - 1)
    assert (refused.value.code, refused.value.reason) == (410, "Expired")


def test_revisions_of_another_server_are_not_taken_for_its_own() -> None:
    """An istiod that outlives its API server would wait for ever for what it has missed."""
    store = Store(first=1000)
    store.create(CONFIG_MAP, _map("n", "a"), now=NOW, uid="a")

    assert len(store.since(CONFIG_MAP, 1000)) == 1
    assert store.since(CONFIG_MAP, 1001) == []
    for revision in (999, 1002):
        with pytest.raises(Refused, match="too old resource version"):
            store.since(CONFIG_MAP, revision)


def test_generation_counts_what_is_desired() -> None:
    """Controllers compare generations; a status or a label must not count."""
    store = Store()
    metadata = {"namespace": "n", "name": "d"}
    obj = {"apiVersion": "apps/v1", "metadata": metadata, "spec": {"replicas": 1}}
    entry = store.create(DEPLOYMENT, obj, now=NOW, uid="u")

    def change(**rest: Any) -> int:
        current = store.need(DEPLOYMENT, "n", "d").obj
        changed = store.update(
            DEPLOYMENT, {**current, "metadata": dict(current["metadata"]), **rest}
        )
        return int(changed.obj["metadata"]["generation"])

    assert entry.obj["metadata"]["generation"] == 1
    assert change(status={"replicas": 1}) == 1
    assert change(spec={"replicas": 2}) == 2


@pytest.mark.parametrize(
    ("spec", "status", "grace", "seconds", "gone"),
    [
        ({"nodeName": "n"}, {}, None, 30, False),
        ({"nodeName": "n", "terminationGracePeriodSeconds": 5}, {}, None, 5, False),
        ({"nodeName": "n"}, {}, 7, 7, False),
        ({"nodeName": "n"}, {}, -1, 1, False),
        ({"nodeName": "n"}, {}, 0, 0, True),
        ({"nodeName": "n", "terminationGracePeriodSeconds": 0}, {}, None, 0, True),
        ({}, {}, None, 0, True),
        ({"nodeName": "n"}, {"phase": "Succeeded"}, 9, 0, True),
    ],
)
def test_pods_get_their_grace_period(
    spec: Obj,
    status: Obj,
    grace: int | None,
    seconds: int,
    gone: bool,  # noqa: FBT001 - a table column
) -> None:
    """Kubelets depend on when a pod vanishes and when it only gets a deletionTimestamp."""
    store = Store()
    store.create(POD, {**_pod(**spec), "status": status}, now=NOW, uid="u")
    before = store.revision

    entry, vanished = store.delete(POD, "n", "p", now=NOW, grace=grace)

    metadata = entry.obj["metadata"]
    assert vanished is gone
    assert metadata["deletionGracePeriodSeconds"] == seconds
    assert metadata["deletionTimestamp"] == timestamp(NOW + timedelta(seconds=seconds))
    assert metadata["generation"] == 2
    types = [event.type for event in store.since(POD, before)]
    assert types == (["MODIFIED", "DELETED"] if gone else ["MODIFIED"])


def test_a_grace_period_can_only_shrink() -> None:
    """A second DELETE hastens the end, never delays it."""
    store = Store()
    store.create(POD, _pod(nodeName="n"), now=NOW, uid="u")

    store.delete(POD, "n", "p", now=NOW, grace=20)
    longer, _ = store.delete(POD, "n", "p", now=NOW, grace=25)
    shorter, _ = store.delete(POD, "n", "p", now=NOW, grace=10)
    _, gone = store.delete(POD, "n", "p", now=NOW, grace=0)

    assert longer.obj["metadata"]["deletionGracePeriodSeconds"] == 20
    assert shorter.obj["metadata"]["deletionGracePeriodSeconds"] == 10
    assert gone
    assert store.get(POD, "n", "p") is None


def test_a_held_pod_waits_for_its_finalizer() -> None:
    """Finalizers outlast grace periods."""
    store = Store()
    obj = _pod(nodeName="n")
    obj["metadata"]["finalizers"] = ["x/y"]
    store.create(POD, obj, now=NOW, uid="u")

    _, first = store.delete(POD, "n", "p", now=NOW, grace=0)
    _, second = store.delete(POD, "n", "p", now=NOW, grace=0)
    current = store.need(POD, "n", "p").obj
    metadata = {k: v for k, v in current["metadata"].items() if k != "finalizers"}
    store.update(POD, {**current, "metadata": metadata})

    assert (first, second) == (False, False)
    assert store.get(POD, "n", "p") is None


def test_preconditions_are_checked() -> None:
    """A controller must not delete a namesake of what it saw."""
    store = Store()
    entry = store.create(CONFIG_MAP, _map("n", "a"), now=NOW, uid="u")

    for given in ({"uid": "v"}, {"uid": "u", "resourceVersion": "1"}):
        with pytest.raises(Refused) as refused:
            store.delete(CONFIG_MAP, "n", "a", now=NOW, preconditions=given)
        assert refused.value.code == 409
    right = {"uid": "u", "resourceVersion": str(entry.revision)}
    _, gone = store.delete(CONFIG_MAP, "n", "a", now=NOW, preconditions=right)
    assert gone


def test_a_namespace_ends_when_its_finalizers_do() -> None:
    """A namespace goes Terminating, and vanishes with the last of both kinds of finalizers."""
    store = Store()
    obj = {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": "n"},
        "spec": {"finalizers": ["kubernetes"]},
    }
    store.create(NAMESPACE, obj, now=NOW, uid="u")

    entry, gone = store.delete(NAMESPACE, "", "n", now=NOW)
    store.update(NAMESPACE, {**entry.obj, "metadata": dict(entry.obj["metadata"]), "spec": {}})

    assert (entry.obj["status"]["phase"], gone) == ("Terminating", False)
    assert store.get(NAMESPACE, "", "n") is None


def test_an_object_that_json_cannot_hold_is_not_stored() -> None:
    """A refused write must leave neither the object nor a gap that watches wait for."""
    store = Store()
    before = store.revision

    with pytest.raises(TypeError):
        store.create(CONFIG_MAP, _map("n", "a", data={1: "x"}), now=NOW, uid="u")

    assert (store.revision, store.entries(CONFIG_MAP)) == (before, [])


def test_all_objects_are_listed() -> None:
    """Tests and the control plane read the whole store, kind by kind."""
    store = Store()
    entry = store.create(CONFIG_MAP, _map("n", "a"), now=NOW, uid="u")

    assert [(resource.kind, obj) for resource, obj in store.objects()] == [("ConfigMap", entry.obj)]
    assert store.entries(CONFIG_MAP) == [entry]
