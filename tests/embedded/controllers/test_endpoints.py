"""The slices and Endpoints that a service gets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyload.embedded.controllers.endpoints import (
    MOST,
    ServingPod,
    SliceChanges,
    by_ports,
    change_slices,
    endpoints_of,
)

if TYPE_CHECKING:
    from pyload.kube.resources import Obj


_NONE = SliceChanges([], [], [])


def _service(**spec: Any) -> Obj:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web", "namespace": "mesh", "uid": "s", "labels": {"app": "web"}},
        "spec": {"clusterIP": "10.0.0.1", "ports": [{"name": "http", "port": 80}], **spec},
    }


def _pod(number: int, **fields: Any) -> ServingPod:
    known = {
        "name": f"p{number}",
        "uid": f"u{number}",
        "ip": f"10.0.{number // 250}.{number % 250}",
        "node": "n",
        "hostname": "",
        "subdomain": "",
        "ready": True,
        "terminating": False,
        "ports": (),
    }
    return ServingPod(**{**known, **fields})


def _conditions(service: Obj, pod: ServingPod) -> Obj:
    ((endpoint,),) = (list(one.values()) for one in by_ports(service, [pod]).values())
    conditions: Obj = endpoint["conditions"]
    return conditions


@pytest.mark.parametrize(
    ("pod", "expected"),
    [
        ({}, (True, True, False)),
        ({"ready": False}, (False, False, False)),
        ({"terminating": True}, (False, True, True)),
    ],
)
def test_readiness_shows(pod: Obj, expected: tuple[bool, bool, bool]) -> None:
    """Proxies would send requests to pods that cannot answer, or drop those that drain."""
    found = _conditions(_service(), _pod(1, **pod))
    published = _conditions(_service(publishNotReadyAddresses=True), _pod(1, **pod))

    assert tuple(found[name] for name in ("ready", "serving", "terminating")) == expected
    assert published == {**found, "ready": True}


def test_named_ports_are_those_of_the_pod() -> None:
    """Pods of two versions may serve one name at different numbers."""
    ports = [{"name": "web", "port": 80, "targetPort": "http"}, {"name": "raw", "port": 9}]
    service = _service(ports=ports)
    old = _pod(1, ports=((("http", "TCP"), 8080),))
    new = _pod(2, ports=((("http", "TCP"), 9090),))
    none = _pod(3)

    found = {
        ports: sorted(members) for ports, members in by_ports(service, [old, new, none]).items()
    }
    raw = ("raw", 9, "TCP", "")
    assert found == {
        (("web", 8080, "TCP", ""), raw): ["u1"],
        (("web", 9090, "TCP", ""), raw): ["u2"],
        (raw,): ["u3"],
    }


def test_a_pod_without_an_address_or_at_its_end_serves_nothing() -> None:
    """An endpoint without an address is refused, and one that ended answers nobody."""
    status = {"podIP": "10.0.0.1", "phase": "Succeeded"}
    ended = {"metadata": {"name": "p", "uid": "u"}, "spec": {}, "status": status}

    assert by_ports(_service(), [_pod(1, ip="")]) == {}
    assert ServingPod.read(ended).ip == ""


def test_a_sidecars_port_counts() -> None:
    """A native sidecar's named port would be missing."""
    beside = {"name": "s", "restartPolicy": "Always", "ports": [{"name": "x", "containerPort": 1}]}
    once = {"name": "i", "ports": [{"name": "y", "containerPort": 2}]}
    obj = {"metadata": {"name": "p", "uid": "u"}, "spec": {"initContainers": [beside, once]}}

    assert ServingPod.read(obj).ports == ((("x", "TCP"), 1),)


def test_a_service_without_pods_has_an_empty_slice() -> None:
    """`kubectl get endpointslices` shows each service; istiod learns that it has no endpoints."""
    changes = change_slices(_service(), {}, [])

    (created,) = changes.create
    assert (created["endpoints"], created["ports"]) == ([], [])
    labels = created["metadata"]["labels"]
    assert labels["kubernetes.io/service-name"] == "web"
    assert labels["app"] == "web"
    (owner,) = created["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["uid"], owner["controller"]) == ("Service", "s", True)


def test_a_headless_service_lists_pods_without_ports() -> None:
    """Names of StatefulSets' pods would not resolve."""
    service = _service(clusterIP="None", ports=[])
    pod = _pod(1, hostname="p1", subdomain="web")
    (created,) = change_slices(service, by_ports(service, [pod]), []).create

    assert created["endpoints"][0]["hostname"] == "p1"
    assert created["metadata"]["labels"]["service.kubernetes.io/headless"] == ""
    assert "ports" not in endpoints_of(service, [pod])["subsets"][0]


def test_families_have_slices_of_their_own() -> None:
    """A slice with addresses of both families is refused."""
    service = _service()
    pods = [_pod(1), _pod(2, ip="fd00::2")]
    created = change_slices(service, by_ports(service, pods), []).create

    assert sorted(one["addressType"] for one in created) == ["IPv4", "IPv6"]


def _applied(slices: list[Obj], changes: Any) -> list[Obj]:
    updated = {one["metadata"]["name"]: one for one in changes.update}
    kept = [
        updated.get(one["metadata"]["name"], one)
        for one in slices
        if one["metadata"]["name"] not in changes.delete
    ]
    taken = {one["metadata"]["name"] for one in kept}
    free = (f"web-{number}" for number in range(99) if f"web-{number}" not in taken)
    created = [
        {**one, "metadata": {**one["metadata"], "name": name}}
        for one, name in zip(changes.create, free, strict=False)
    ]
    return kept + created


@settings(max_examples=15)
@given(st.lists(st.sets(st.integers(0, 450), max_size=320), min_size=1, max_size=4))
def test_slices_list_exactly_the_pods_and_change_little(steps: list[set[int]]) -> None:
    """Each slice that changes is sent to every watcher, and pushed to every proxy."""
    service = _service()
    slices: list[Obj] = []
    before: set[int] = set()
    for numbers in steps:
        wanted = by_ports(service, [_pod(number) for number in sorted(numbers)])
        changes = change_slices(service, wanted, slices)
        if numbers == before and slices:
            assert changes == _NONE
        slices = _applied(slices, changes)
        uids = [one["targetRef"]["uid"] for each in slices for one in each["endpoints"]]
        assert sorted(uids) == sorted(f"u{number}" for number in numbers)
        assert all(len(each["endpoints"]) <= MOST for each in slices)
        assert len(slices) >= 1
        before = numbers
        again = change_slices(service, wanted, slices)
        assert again == _NONE


def test_endpoints_list_ready_pods_apart() -> None:
    """Older clients read Endpoints, and would send requests to pods that are not ready."""
    pods = [_pod(1), _pod(2, ready=False), _pod(3, terminating=True)]
    obj = endpoints_of(_service(), pods)
    (subset,) = obj["subsets"]

    assert [one["ip"] for one in subset["addresses"]] == ["10.0.0.1"]
    assert [one["ip"] for one in subset["notReadyAddresses"]] == ["10.0.0.2"]
    assert subset["ports"] == [{"name": "http", "port": 80, "protocol": "TCP"}]
    assert "subsets" not in endpoints_of(_service(), [])
    every = endpoints_of(_service(publishNotReadyAddresses=True), pods)["subsets"][0]
    assert len(every["addresses"]) == 3
