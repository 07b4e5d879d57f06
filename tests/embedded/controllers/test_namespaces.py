"""The life of namespaces."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.embedded.apiserver.conftest import Api

pytestmark = [pytest.mark.anyio, pytest.mark.virtual]

SPACES = "/api/v1/namespaces"


async def test_every_cluster_starts_with_the_same_namespaces(api: Api) -> None:
    """Istiod needs istio-system, node leases theirs, and clients the kubernetes service."""
    _, listed = await api("GET", SPACES)
    service, found = await api("GET", f"{SPACES}/default/services/kubernetes")

    assert [item["metadata"]["name"] for item in listed["items"]] == [
        "default",
        "istio-system",
        "kube-node-lease",
        "kube-public",
        "kube-system",
    ]
    assert (service, found["spec"]["clusterIP"]) == (200, "10.96.0.1")


async def test_a_namespace_is_furnished(api: Api) -> None:
    """Pods need the default account as soon as the namespace is there."""
    created, space = await api("POST", SPACES, {"metadata": {"name": "n", "labels": {"a": "b"}}})
    account, _ = await api("GET", f"{SPACES}/n/serviceaccounts/default")
    root, _ = await api("GET", f"{SPACES}/n/configmaps/kube-root-ca.crt")

    assert (created, account, root) == (201, 200, 200)
    assert space["metadata"]["labels"] == {"a": "b", "kubernetes.io/metadata.name": "n"}
    assert space["spec"] == {"finalizers": ["kubernetes"]}
    assert space["status"] == {"phase": "Active"}


async def test_what_controllers_made_comes_back(api: Api) -> None:
    """A deleted default account is made again, as controllers do."""
    await api("DELETE", f"{SPACES}/default/serviceaccounts/default")
    at_once, _ = await api("GET", f"{SPACES}/default/serviceaccounts/default")

    await asyncio.sleep(1)
    later, _ = await api("GET", f"{SPACES}/default/serviceaccounts/default")

    assert (at_once, later) == (404, 200)


async def test_a_deleted_namespace_empties_and_vanishes(api: Api, pod: Any) -> None:
    """Cleanup waits for it, and nothing may be created in it meanwhile."""
    await api("POST", SPACES, {"metadata": {"name": "n"}})
    await api("POST", f"{SPACES}/n/pods", pod("p"))

    code, dying = await api("DELETE", f"{SPACES}/n")
    again, _ = await api("DELETE", f"{SPACES}/n")
    refused, status = await api("POST", f"{SPACES}/n/configmaps", {"metadata": {"name": "c"}})
    other, _ = await api("GET", f"{SPACES}/n/pods/p")
    await asyncio.sleep(1)
    gone, _ = await api("GET", f"{SPACES}/n")
    left = [obj for _, obj in api.server.objects() if obj["metadata"].get("namespace") == "n"]

    assert (code, again, refused, other, gone) == (200, 200, 403, 200, 404)
    assert dying["status"]["phase"] == "Terminating"
    assert "deletionTimestamp" in dying["metadata"]
    assert status["details"]["causes"][0]["reason"] == "NamespaceTerminating"
    assert left == []


async def test_a_namespace_waits_for_finalizers_and_kubelets(api: Api, pod: Any) -> None:
    """What is held keeps the namespace Terminating, and its end lets it go."""
    await api("POST", SPACES, {"metadata": {"name": "n"}})
    held = {"metadata": {"name": "c", "finalizers": ["x/y"]}}
    await api("POST", f"{SPACES}/n/configmaps", held)
    await api("POST", f"{SPACES}/n/pods", pod("p", nodeName="n"))
    await api("DELETE", f"{SPACES}/n")

    await asyncio.sleep(60)
    waiting, _ = await api("GET", f"{SPACES}/n")
    await api("DELETE", f"{SPACES}/n/pods/p", {"gracePeriodSeconds": 0})
    await asyncio.sleep(60)
    still, _ = await api("GET", f"{SPACES}/n")
    merge = "application/merge-patch+json"
    released, _ = await api(
        "PATCH", f"{SPACES}/n/configmaps/c", {"metadata": {"finalizers": None}}, merge
    )
    await asyncio.sleep(60)
    gone, _ = await api("GET", f"{SPACES}/n")

    assert (waiting, still, released, gone) == (200, 200, 200, 404)


async def test_a_namespace_can_be_made_again(api: Api) -> None:
    """Runs reuse names."""
    await api("POST", SPACES, {"metadata": {"name": "n"}})
    await api("DELETE", f"{SPACES}/n")
    early, _ = await api("POST", SPACES, {"metadata": {"name": "n"}})
    await asyncio.sleep(1)

    late, _ = await api("POST", SPACES, {"metadata": {"name": "n"}})
    account, _ = await api("GET", f"{SPACES}/n/serviceaccounts/default")

    assert (early, late, account) == (409, 201, 200)
