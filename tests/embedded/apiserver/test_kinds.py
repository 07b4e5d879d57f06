"""Kinds with several versions: one object, readable and writable in each of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.embedded.apiserver.served import CUSTOM

if TYPE_CHECKING:
    from pyload.embedded.apiserver.kinds import Kind
    from tests.embedded.apiserver.conftest import Api

pytestmark = [pytest.mark.anyio, pytest.mark.virtual]

LEASES = "/apis/coordination.k8s.io/v1/namespaces/default/leases"
NETWORKING = "/apis/networking.istio.io"

# What a control plane of Istio 1.24 and later reads, each with every version that it may ask for.
ISTIO: dict[str, dict[str, tuple[str, ...]]] = {
    "networking.istio.io": {
        "destinationrules": ("v1", "v1beta1", "v1alpha3"),
        "envoyfilters": ("v1alpha3",),
        "gateways": ("v1", "v1beta1", "v1alpha3"),
        "proxyconfigs": ("v1beta1",),
        "serviceentries": ("v1", "v1beta1", "v1alpha3"),
        "sidecars": ("v1", "v1beta1", "v1alpha3"),
        "virtualservices": ("v1", "v1beta1", "v1alpha3"),
        "workloadentries": ("v1", "v1beta1", "v1alpha3"),
        "workloadgroups": ("v1", "v1beta1", "v1alpha3"),
    },
    "security.istio.io": {
        "authorizationpolicies": ("v1", "v1beta1"),
        "peerauthentications": ("v1", "v1beta1"),
        "requestauthentications": ("v1", "v1beta1"),
    },
    "telemetry.istio.io": {"telemetries": ("v1", "v1alpha1")},
    "extensions.istio.io": {"wasmplugins": ("v1alpha1",)},
    "gateway.networking.k8s.io": {
        "gatewayclasses": ("v1", "v1beta1"),
        "gateways": ("v1", "v1beta1"),
        "grpcroutes": ("v1",),
        "httproutes": ("v1", "v1beta1"),
        "referencegrants": ("v1beta1",),
    },
}


def _collection(kind: Kind, version: str) -> str:
    scope = "namespaces/default/" if kind.namespaced else ""
    return f"/apis/{kind.group}/{version}/{scope}{kind.plural}"


@pytest.mark.parametrize("group", ISTIO)
async def test_istios_kinds_are_served_in_their_versions(api: Api, group: str) -> None:
    """A run on a kind or version that is missing here would fail where a cluster takes it."""
    for plural, versions in ISTIO[group].items():
        for version in versions:
            code, resources = await api("GET", f"/apis/{group}/{version}")
            assert code == 200
            assert plural in {resource["name"] for resource in resources["resources"]}
            code, _ = await api("GET", f"/apis/{group}/{version}/{plural}")
            assert code == 200


@pytest.mark.parametrize("kind", CUSTOM, ids=lambda kind: kind.qualified)
async def test_an_object_is_the_same_in_every_version(api: Api, kind: Kind) -> None:
    """Old scripts write v1alpha3, istiod reads v1: both must see one object."""
    written, *_ = reversed(kind.versions)
    code, created = await api(
        "POST",
        _collection(kind, written),
        {"metadata": {"name": "one"}, "spec": {"hosts": ["a.example.com"]}},
    )
    assert code == 201

    for version in kind.versions:
        code, found = await api("GET", f"{_collection(kind, version)}/one")
        _, listed = await api("GET", _collection(kind, version))
        assert code == 200
        assert found == {**created, "apiVersion": kind.api_version_of(version)}
        assert listed["apiVersion"] == kind.api_version_of(version)
        assert [item["metadata"]["uid"] for item in listed["items"]] == [created["metadata"]["uid"]]
        # A PUT through this version changes the one object.
        found["spec"] = {"hosts": [version]}
        code, created = await api("PUT", f"{_collection(kind, version)}/one", found)
        assert (code, created["spec"]) == (200, {"hosts": [version]})


async def test_a_watch_shows_objects_in_the_version_asked_for(api: Api) -> None:
    """A control plane that watches v1 must not be handed what was written as v1alpha3."""
    path = "/apis/networking.istio.io/{}/namespaces/default/sidecars"
    await api("POST", path.format("v1alpha3"), {"metadata": {"name": "one"}, "spec": {}})

    ((kind, obj),) = await api.watch(path.format("v1"))

    assert (kind, obj["apiVersion"]) == ("ADDED", "networking.istio.io/v1")


async def test_an_object_in_another_version_than_its_path_is_refused(api: Api) -> None:
    """A real server refuses it, so a script that does this must fail here too."""
    code, _ = await api(
        "POST",
        "/apis/networking.istio.io/v1/namespaces/default/sidecars",
        {
            "apiVersion": "networking.istio.io/v1alpha3",
            "kind": "Sidecar",
            "metadata": {"name": "a"},
        },
    )

    assert code == 400


async def test_versions_of_a_kind_share_their_objects(api: Api) -> None:
    """pilot-load writes v1alpha3, istiod reads v1."""
    spec = {"hosts": ["a"]}
    old = f"{NETWORKING}/v1alpha3/namespaces/default/virtualservices"
    body = {
        "apiVersion": "networking.istio.io/v1alpha3",
        "kind": "VirtualService",
        "metadata": {"name": "v"},
        "spec": spec,
        "status": {},
    }

    created, written = await api("POST", old, body)
    _, new = await api("GET", f"{NETWORKING}/v1/namespaces/default/virtualservices/v")
    _, listed = await api("GET", f"{NETWORKING}/v1beta1/virtualservices")
    twice, _ = await api(
        "POST", f"{NETWORKING}/v1/namespaces/default/virtualservices", {"metadata": {"name": "v"}}
    )

    assert (created, twice) == (201, 409)
    assert written["apiVersion"] == "networking.istio.io/v1alpha3"
    assert "status" not in written
    assert {**new, "apiVersion": written["apiVersion"]} == written
    assert new["apiVersion"] == "networking.istio.io/v1"
    assert listed["items"][0]["apiVersion"] == "networking.istio.io/v1beta1"
    other, _ = await api("GET", "/apis/gateway.networking.k8s.io/v1/namespaces/default/gateways/v")
    assert other == 404


async def test_some_kinds_are_created_by_put(api: Api) -> None:
    """Leases and endpoints may be written without asking whether they exist."""
    lease = {"metadata": {"name": "l"}, "spec": {"holderIdentity": "me"}}

    code, _ = await api("PUT", f"{LEASES}/l", lease)

    assert code == 201
