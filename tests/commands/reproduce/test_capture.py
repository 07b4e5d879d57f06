"""Which objects of a capture are replayed, and changed how."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pyload.commands.reproduce.capture import Ignored, decide_object, prepared
from pyload.kube import resources
from tests.commands.reproduce.captured import SERVICE, obj

if TYPE_CHECKING:
    from pyload.kube.resources import Obj


@pytest.mark.parametrize(
    ("one", "reason"),
    [
        (obj("v1", "Service", "x", "kube-system"), "in kube-system"),
        (obj("v1", "Namespace", "istio-system", ""), "in istio-system"),
        (obj("v1", "Service", "kubernetes", "default"), "the API server's own"),
        (obj("apps/v1", "Deployment", "d"), ""),
        (obj("v1", "Gateway", "d"), ""),
        (obj("networking.istio.io/v1", "Gateway", "d", "istio-system"), None),
        (obj("v1", "Service", "kubernetes"), None),
    ],
)
def test_what_is_not_replayed(one: Obj, reason: str | None) -> None:
    """pilot-load's rules; Istio's own namespace holds config of the mesh."""
    decided = decide_object(one, config_only=False)

    assert (decided.reason if isinstance(decided, Ignored) else None) == reason


def test_what_belongs_to_the_other_cluster_is_left_out() -> None:
    """Node ports collide, UIDs and owners point at nothing, and finalizers keep things forever."""
    metadata = {
        "name": "web",
        "namespace": "mesh",
        "annotations": {"a": "b"},
        "labels": {"c": "d"},
        "ownerReferences": [{}],
        "finalizers": ["x"],
        "managedFields": [{}],
    }
    headless = {"clusterIP": "None", "clusterIPs": ["None"], "ports": [{"port": 1}]}
    service = {"metadata": metadata, "spec": headless, "status": {}}
    account = {"metadata": metadata}

    assert prepared(resources.SERVICES.group_kind, service) == {
        "metadata": {
            "name": "web",
            "namespace": "mesh",
            "annotations": {"a": "b"},
            "labels": {"c": "d"},
        },
        "spec": headless,
    }
    assert prepared(resources.SERVICE_ACCOUNTS.group_kind, account)["metadata"] == {
        "name": "web",
        "namespace": "mesh",
    }
    assert prepared(resources.SERVICES.group_kind, SERVICE)["spec"] == {
        "type": "NodePort",
        "ports": [{"name": "http", "port": 80}],
    }
