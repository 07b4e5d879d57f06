"""Paths of the API server."""

from __future__ import annotations

import pytest

from pyload.kube.resources import LEASES, NAMESPACES, NODES, PODS, Location, locate


@pytest.mark.parametrize(
    ("path", "location"),
    [
        (NODES.path(), Location("", "v1", "nodes")),
        (NODES.path(None, "n", "status"), Location("", "v1", "nodes", "", "n", "status")),
        (PODS.path(), Location("", "v1", "pods")),
        (PODS.path("mesh"), Location("", "v1", "pods", "mesh")),
        (PODS.path("mesh", "a"), Location("", "v1", "pods", "mesh", "a")),
        (NAMESPACES.path(), Location("", "v1", "namespaces")),
        (NAMESPACES.path(None, "mesh"), Location("", "v1", "namespaces", "", "mesh")),
        (
            NAMESPACES.path(None, "mesh", "finalize"),
            Location("", "v1", "namespaces", "", "mesh", "finalize"),
        ),
        (
            LEASES.path("kube-node-lease", "n"),
            Location("coordination.k8s.io", "v1", "leases", "kube-node-lease", "n"),
        ),
        ("/version", None),
        ("/api/v1", None),
        ("/apis/apps/v1", None),
        ("/", None),
    ],
)
def test_paths_are_built_and_taken_apart_alike(path: str, location: Location | None) -> None:
    """A message about a refused request would name the wrong thing."""
    assert locate(path) == location


def test_paths_are_the_api_servers() -> None:
    """Every request would miss."""
    assert PODS.path("mesh", "a", "status") == "/api/v1/namespaces/mesh/pods/a/status"
    assert LEASES.path("kube-node-lease") == (
        "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
    )
    assert LEASES.api_version == "coordination.k8s.io/v1"
    assert PODS.api_version == "v1"
