"""Any sequence of calls, answered by the server and by a small model of what is documented."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
from hypothesis.stateful import initialize, invariant, rule

from tests.embedded.apiserver.scenarios import calls
from tests.embedded.apiserver.scenarios.call_rules import CallRules
from tests.embedded.apiserver.scenarios.model import Model
from tests.embedded.apiserver.scenarios.peers import DEFINITION, DEFINITIONS, SPACES, Call, Embedded
from tests.embedded.apiserver.scenarios.views import check_form, owners, view, views
from tests.examples import examples

if TYPE_CHECKING:
    from pyload.kube.resources import Obj
    from tests.embedded.apiserver.scenarios.peers import Answer, Sample


class RulesMachine(CallRules):
    """Two servers that get the same calls."""

    def __init__(self) -> None:
        super().__init__()
        self.server, self.model = Embedded(), Model()
        self.marked: dict[str, dict[Any, Obj]] = {}
        self.mark = "0"

    @initialize()
    def prepare(self) -> None:
        """Define widgets, and make two namespaces."""
        code, _ = self.server.raw("POST", DEFINITIONS, {}, orjson.dumps(DEFINITION))
        assert code == 201
        for name in calls.SPACES:
            self.both(Call("POST", SPACES, body={"metadata": {"name": name}}))
        self.server.settle()
        self.note()
        for sample in calls.SAMPLES:
            self.both(Call("POST", sample, "x", body={"metadata": {"name": "a"}}))

    def both(self, call: Call) -> Answer:
        """Send a call to both, and compare the answers."""
        call = Call(
            call.method,
            call.sample,
            call.namespace,
            call.name,
            call.subresource,
            call.body,
            call.media,
            {"fieldManager": "tests", **call.query},
        )
        found, expected = self.server.send(call), self.model.send(call)
        check_form(call, found)
        assert found.code == expected.code, (call, found, expected)
        if found.code >= 400:
            assert found.body.get("reason", "") == expected.body["reason"], (call, found)
        elif "items" in (expected.body or ()):
            shown, wanted = (views(call.sample, one.body["items"]) for one in (found, expected))
            assert shown == wanted, (call, shown, wanted)
        elif expected.body and expected.body["kind"] != "Status":
            ours, theirs = (view(call.sample, one.body) for one in (found, expected))
            assert ours == theirs, (call, ours, theirs)
        return found

    @rule(step=calls.seldom("delete", "create", usual="settle"), name=calls.ANY_SPACE)
    def change_namespace(self, step: str, name: str) -> None:
        """Delete a namespace with all in it that no finalizer holds, or create it again."""
        if step == "delete":
            self.both(Call("DELETE", SPACES, name=name))
        elif step == "create":
            self.both(Call("POST", SPACES, body={"metadata": {"name": name}}))
        self.server.settle()
        self.model.settle()
        self.both(Call("GET", SPACES, name=name))

    @rule()
    def note(self) -> None:
        """Remember all objects, as clients do that list before they watch."""
        for sample in calls.SAMPLES:
            listed = self.server.exchange(Call("GET", sample)).body
            self.marked[sample.plural] = {_key(obj): obj for obj in listed["items"]}
            self.mark = listed["metadata"]["resourceVersion"]

    @invariant()
    def agrees(self) -> None:
        """No object is lost, and none is another than in the model."""
        for sample in calls.SAMPLES:
            found = self.both(Call("GET", sample)).body["items"]
            for obj in found:
                key = (sample.plural, obj["metadata"]["namespace"], obj["metadata"]["name"])
                assert key not in self.model.owners or owners(obj) == self.model.owners[key]

    @invariant()
    def pages_are_the_list(self) -> None:
        """A client that lists in pages must see what one sees that lists at once."""
        for sample in calls.SAMPLES:
            whole = self.server.exchange(Call("GET", sample)).body
            for limit in ("1", "3"):
                paged, token = [], ""
                while True:
                    query = {"limit": limit, **({"continue": token} if token else {})}
                    page = self.server.exchange(Call("GET", sample, query=query)).body
                    assert len(page["items"]) <= int(limit)
                    paged += page["items"]
                    token = page["metadata"].get("continue", "")
                    if not token:
                        break
                    left = len(whole["items"]) - len(paged)
                    assert page["metadata"]["remainingItemCount"] == left
                assert paged == whole["items"]

    @invariant()
    def events_lead_from_list_to_list(self) -> None:
        """A client that watches from any list on must end up with what a new list shows."""
        for sample in calls.SAMPLES:
            query = {"watch": "true", "resourceVersion": self.mark}
            events = self.server.exchange(Call("GET", sample, query=query)).body
            listed = self.server.exchange(Call("GET", sample)).body
            state = self._replayed(sample, events)
            assert list(state.values()) == sorted(listed["items"], key=_key)
            versions = [int(one["object"]["metadata"]["resourceVersion"]) for one in events]
            assert versions == sorted(set(versions)), "versions grow with each event"
            assert int(listed["metadata"]["resourceVersion"]) >= max(versions, default=0)

    def _replayed(self, sample: Sample, events: list[Obj]) -> dict[Any, Obj]:
        """Return the objects that events make of those that were noted."""
        state = dict(self.marked.get(sample.plural, {}))
        for event in events:
            obj = event["object"]
            old = state.get(_key(obj))
            assert (old is None) == (event["type"] == "ADDED"), event
            if event["type"] == "DELETED":
                del state[_key(obj)]
                continue
            if old is not None:
                _check_generation(sample, old, obj)
            state[_key(obj)] = obj
        return dict(sorted(state.items()))


def _check_generation(sample: Sample, old: Obj, new: Obj) -> None:
    """Check that a generation grows with what is desired, and with nothing else."""
    before, after = old["metadata"], new["metadata"]
    assert before["uid"] == after["uid"]
    if sample.custom:
        is_marked = "deletionTimestamp" in after and "deletionTimestamp" not in before
        is_changed = old.get("spec") != new.get("spec")
        assert after["generation"] - before["generation"] == is_marked + is_changed


def _key(obj: Obj) -> tuple[str, str]:
    return obj["metadata"]["namespace"], obj["metadata"]["name"]


TestRules = RulesMachine.TestCase
TestRules.settings = examples(10, stateful_step_count=20)
