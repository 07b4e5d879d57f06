"""How a proxy's config shows that an object is there."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyload.commands.latency.changes import NAMESPACE, Expectation, base_of, change_of
from pyload.mesh.changes import Kind, needed
from pyload.xds.types import CDS, LDS, RDS, Push
from tests.commands.latency.pushes import ENTRY, push

KINDS = get_args(Kind)

SERVICE = Expectation(CDS, "outbound|80||cfg-1.default.svc.")

ROUTE = Expectation(RDS, "80", "cfg-1.example.com")


@pytest.mark.parametrize(
    ("expectation", "given_push", "in_sotw", "in_delta"),
    [
        (ENTRY, push(CDS, "a", "outbound|80||1.example.com"), True, True),
        (ENTRY, push(CDS, "outbound|80||11.example.com"), False, None),
        (ENTRY, push(CDS), False, None),
        (ENTRY, push(CDS, removed=("outbound|80||1.example.com",)), False, False),
        (ENTRY, push(LDS, "outbound|80||1.example.com"), None, None),
        (ENTRY, push(CDS, "outbound|80||1.example.com", error="refused"), None, None),
        (SERVICE, push(CDS, "outbound|80||cfg-1.default.svc.my.domain"), True, True),
        (SERVICE, push(CDS, removed=("outbound|80||cfg-1.default.svc.my.domain",)), False, False),
        (ROUTE, push(RDS, "80", bodies=(b"..\x12\x11cfg-1.example.com..",)), True, True),
        (ROUTE, push(RDS, "80", bodies=(b"..\x12\x12xcfg-1.example.com..",)), False, False),
        (ROUTE, push(RDS, "8080", bodies=(b"..\x12\x11cfg-1.example.com..",)), None, None),
        (ROUTE, push(RDS, removed=("80",)), False, False),
    ],
)
def test_what_a_push_says_of_an_object(
    expectation: Expectation,
    given_push: Push,
    in_sotw: bool | None,  # noqa: FBT001 - a parameter
    in_delta: bool | None,  # noqa: FBT001 - a parameter
) -> None:
    """A wrong yes makes istiod look fast, a wrong no makes it look dead."""
    assert expectation.read(given_push, delta=False) is in_sotw
    assert expectation.read(given_push, delta=True) is in_delta


@given(st.integers(0, 1 << 17), st.integers(0, 1 << 17), st.sampled_from(KINDS))
def test_no_change_is_taken_for_another(one: int, other: int, kind: Kind) -> None:
    """Round 1 must not end because round 11's object, or one left by it, is there."""
    expectation = change_of(kind, one, run_id="r").expectation
    shown = change_of(kind, other, run_id="r").expectation
    text = shown.text.encode()
    body = b"\x12" + bytes([len(text)]) + text
    name = f"{shown.resource}x" if shown.resource.endswith(".") else shown.resource
    found = expectation.read(push(shown.type_url, name, bodies=(body,)), delta=True)

    same = one == other or (kind == "EndpointSlice" and (one - other) % (1 << 17) == 0)
    assert (found is True) == same


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_written_is_of_the_kinds_that_are_looked_for(kind: Kind) -> None:
    """A kind that the API server does not serve is to be found before anything is created."""
    change, base = change_of(kind, 1, run_id="r"), base_of(kind, run_id="r")
    resources = [change.resource] if base is None else [change.resource, base[0]]

    assert needed(kind) == resources
    for obj in (change.obj, base[1] if base is not None else change.obj):
        assert obj["metadata"]["namespace"] == NAMESPACE
        assert obj["metadata"]["labels"]["pyload.dev/run"] == "r"


def test_a_change_refers_to_what_is_there_before_it() -> None:
    """Istiod would send nothing for a slice without its service, and the run wait for ever."""
    base = base_of("EndpointSlice", run_id="r")
    assert base is not None
    change = change_of("EndpointSlice", 1, run_id="r")
    name = base[1]["metadata"]["name"]

    assert change.obj["metadata"]["labels"]["kubernetes.io/service-name"] == name
    assert change.expectation.resource == f"outbound|80||{name}.{NAMESPACE}.svc."
    [endpoint] = change.obj["endpoints"]
    assert endpoint["addresses"] == [change.expectation.text]
