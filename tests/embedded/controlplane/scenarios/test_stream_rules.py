"""Any sequence of requests, checked against a client that keeps its own state."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from pyload.embedded.controlplane.push_scope import NOTHING, PushRequest
from pyload.embedded.controlplane.stream import RequestOutcome
from pyload.errors import StreamError
from pyload.xds.types import CDS, EDS, LDS, RDS, SDS, TypeUrl
from tests.embedded.controlplane.moving import MovingMesh, ask, delta_answer, sotw_answer
from tests.embedded.controlplane.support import (
    HTTP,
    delta,
    new_stream,
    pod,
    proxy_node,
    service,
    sotw,
)

_A, _B = (f"outbound|80||{name}.mesh.svc.cluster.local" for name in ("a", "b"))
_TYPES = st.sampled_from([CDS, EDS, LDS, RDS, SDS])
_NAMES = st.lists(st.sampled_from([_A, _B, "80", "nothing"]), max_size=3)
_NONCES = st.sampled_from(["", "current", "wrong"])


class _Machine(RuleBasedStateMachine):
    """Any sequence of requests, changes and pushes, checked against a client."""

    is_delta = False

    def __init__(self) -> None:
        super().__init__()
        self.mesh = MovingMesh()
        self.stream = new_stream(delta=self.is_delta)
        self.current: dict[TypeUrl, str] = {}
        self.seen: set[str] = set()
        self.pending: PushRequest = NOTHING

    def receive(self, outcome: RequestOutcome) -> None:
        """Read responses as a client does."""
        for reply in outcome.replies:
            response: Any = (
                delta_answer(RequestOutcome((reply,)))
                if self.is_delta
                else sotw_answer(RequestOutcome((reply,)))
            )
            assert response.type_url == reply.type_url
            assert response.nonce not in self.seen
            self.seen.add(response.nonce)
            self.current[reply.type_url] = response.nonce

    @rule(present=st.booleans())
    def change_pod(self, present: bool) -> None:  # noqa: FBT001 - a rule's parameter
        event = "ADDED" if present else "DELETED"
        if not present and not self.mesh.registry._pods:
            return
        self.pending = self.pending.merge(self.mesh.move(event, pod("a-1", app="a")))

    @rule(ip=st.sampled_from(["10.0.0.8", "10.0.0.9"]))
    def change_service(self, ip: str) -> None:
        changed = service("b", ip=ip, ports=[HTTP])
        self.pending = self.pending.merge(self.mesh.move("MODIFIED", changed))

    @precondition(lambda self: self.stream.proxy is not None)
    @rule()
    def push(self) -> None:
        asked = set(self.stream.subscriptions)
        replies = tuple(self.stream.push(self.pending, self.mesh.view))
        assert {reply.type_url for reply in replies} <= asked
        assert {reply.type_url for reply in replies} <= set(self.pending.wanted)
        self.receive(RequestOutcome(replies))
        self.pending = NOTHING

    @invariant()
    def nonces_agree(self) -> None:
        for type_url, known in self.stream.subscriptions.items():
            assert known.nonce == self.current.get(type_url, "")


class SotwMachine(_Machine):
    """SotW's rules."""

    @rule(type_url=_TYPES, names=_NAMES, nonce=_NONCES)
    def request(self, type_url: TypeUrl, names: list[str], nonce: str) -> None:
        """Send any request."""
        known = self.stream.subscriptions.get(type_url)
        before = known.names if known is not None else frozenset()
        sent = {"": "", "current": self.current.get(type_url, ""), "wrong": "wrong"}[nonce]
        outcome = ask(self.stream, sotw(type_url, names, nonce=sent, node=proxy_node()), self.mesh)
        by_name = type_url not in (CDS, LDS)
        if type_url == SDS:
            expected = 0
        elif by_name and not names:
            expected = 0
            assert type_url not in self.stream.subscriptions
        elif known is None or not sent:
            expected = 1
        elif sent != self.current.get(type_url):
            expected = 0
        else:
            expected = int(by_name and bool(set(names) - before))
        assert len(outcome.replies) == expected
        self.receive(outcome)


class DeltaMachine(_Machine):
    """Delta's rules."""

    is_delta = True

    @rule(type_url=_TYPES, subscribe=_NAMES, unsubscribe=_NAMES, nonce=_NONCES)
    def request(
        self, type_url: TypeUrl, subscribe: list[str], unsubscribe: list[str], nonce: str
    ) -> None:
        """Send any request."""
        known = self.stream.subscriptions.get(type_url)
        before = known.names if known is not None else frozenset()
        sent = {"": "", "current": self.current.get(type_url, ""), "wrong": "wrong"}[nonce]
        request = delta(type_url, subscribe, unsubscribe, nonce=sent, node=proxy_node())
        outcome = ask(self.stream, request, self.mesh)
        wanted = set(subscribe) - set(unsubscribe)
        if type_url == SDS:
            expected = 0
        elif known is None:
            expected = int(bool(subscribe) or not unsubscribe)
        elif sent and sent != self.current.get(type_url):
            expected = 0
        elif sent:
            expected = int(bool(wanted - before))
        else:
            expected = int(bool(wanted))
        if expected and type_url == CDS and not sent:
            # The endpoints of clusters that are sent again are sent again too.
            endpoints = self.stream.subscriptions.get(EDS)
            expected += int(endpoints is not None and bool(endpoints.names & {_A, _B}))
        assert len(outcome.replies) == expected
        self.receive(outcome)


TestSotw = SotwMachine.TestCase
TestSotw.settings = settings(max_examples=50, stateful_step_count=25)
TestDelta = DeltaMachine.TestCase
TestDelta.settings = settings(max_examples=50, stateful_step_count=25)


@given(st.binary(max_size=60), st.booleans())
def test_no_message_crashes_the_stream(message: bytes, is_delta: bool) -> None:  # noqa: FBT001 - drawn by hypothesis
    """Whatever arrives, the stream goes on or ends with a status."""
    stream = new_stream(delta=is_delta)
    ended = ""
    try:
        stream.read(message)
    except StreamError as error:
        ended = error.name

    assert ended in ("", "INVALID_ARGUMENT", "UNAUTHENTICATED")
