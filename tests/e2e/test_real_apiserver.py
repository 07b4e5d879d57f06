"""Random calls, answered by the embedded API server and by a real one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from hypothesis.stateful import initialize, run_state_machine_as_test

from tests.e2e.real_apiserver import RealServer, serving
from tests.embedded.apiserver.scenarios import calls
from tests.embedded.apiserver.scenarios.call_rules import CallRules
from tests.embedded.apiserver.scenarios.peers import (
    DEFINITION,
    DEFINITIONS,
    JSON,
    MERGE,
    SPACES,
    Answer,
    Call,
    Embedded,
)
from tests.examples import examples

if TYPE_CHECKING:
    from collections.abc import Iterator


pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

_OWN = frozenset({"uid", "resourceVersion", "creationTimestamp", "time", "selfLink"})
_UID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def normal(value: Any) -> Any:
    """Return an answer without what differs from server to server: versions, UIDs and times."""
    if isinstance(value, dict):
        shown = {name: normal(one) for name, one in value.items() if name not in _OWN}
        if value.get("reason") == "Invalid" and "request" in value.get("message", ""):
            # The embedded server says which operation of a JSON patch failed.
            shown["details"] = {}
        if "deletionTimestamp" in shown:
            shown["deletionTimestamp"] = "some"
        return shown
    if isinstance(value, list):
        items = [normal(one) for one in value]
        is_owners = bool(items) and all(isinstance(one, dict) and "manager" in one for one in items)
        return sorted(items, key=_sorted) if is_owners else items
    if isinstance(value, str):
        # What etcd calls the object is another with each release.
        value = re.sub(r"StorageError: .*AdditionalErrorMsg: ", "", value)
        return re.sub(r"(?<=ResourceVersion in )(\w+ \()\d+", r"\1N", _UID.sub("UID", value))
    return value


def _sorted(value: Any) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


class Comparison(CallRules):
    """The embedded server and a real one, which get the same calls."""

    real: RealServer
    samples = calls.SAMPLES

    def __init__(self) -> None:
        super().__init__()
        self.embedded = Embedded()

    @initialize()
    def prepare(self) -> None:
        """Empty the real server, and begin on both with what the calls need."""
        self.real.clear()
        raw = orjson.dumps(DEFINITION)
        self.embedded.raw("POST", DEFINITIONS, {}, raw)
        for name in calls.SPACES:
            body = orjson.dumps({"metadata": {"name": name}})
            self.embedded.raw("POST", SPACES.path(), {}, body)
        for sample in self.samples:
            for space in calls.SPACES:
                self._empty(Call("GET", sample, space))
            for peer in (self.embedded, self.real):
                listed = peer.exchange(Call("GET", sample)).body
                peer.mark = listed["metadata"]["resourceVersion"]

    def _empty(self, collection: Call) -> None:
        listed = self.real.exchange(collection)
        assert listed.code == 200, listed
        for one in listed.body["items"]:
            name = one["metadata"]["name"]
            about = (collection.sample, collection.namespace, name)
            body = {"metadata": {"finalizers": None}}
            self.real.exchange(Call("DELETE", *about))
            self.real.exchange(Call("PATCH", *about, body=body, media=MERGE))

    def both(self, call: Call) -> None:
        """Send a call to both, and compare the answers whole."""
        if call.sample not in self.samples:
            return
        found, expected = self.embedded.send(call), self.real.send(call)
        assert_same(call, found, expected)

    def teardown(self) -> None:
        """Compare what watchers of all this see."""
        for sample in self.samples:
            query = {"watch": "true", "resourceVersion": "@mark"}
            self.both(Call("GET", sample, "x", query=query))


def assert_same(call: Call, found: Answer, expected: Answer) -> None:
    """Compare two answers."""
    shown = [(one.code, normal(one.body)) for one in (found, expected)]
    assert shown[0] == shown[1], f"{call}: {shown[0]} is not {shown[1]}"


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealServer]:
    """Serve, and define widgets."""
    with serving(tmp_path_factory.mktemp("apiserver")) as server:
        for path, body in (
            (DEFINITIONS, DEFINITION),
            *((SPACES.path(), {"metadata": {"name": name}}) for name in calls.SPACES),
        ):
            code, answer = server.raw("POST", path, orjson.dumps(body), JSON)
            assert code == 201, answer
        yield server


def test_answers_are_those_of_a_real_server(real: RealServer) -> None:
    """What works on a laptop must work in a cluster, and fail as it would there."""
    machine: type[Comparison] = type("Machine", (Comparison,), {"real": real})
    run_state_machine_as_test(machine, settings=examples(20, stateful_step_count=20, deadline=None))
