"""What the server fills in where an object leaves it out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.embedded.apiserver.conftest import Api

pytestmark = [pytest.mark.anyio, pytest.mark.virtual]


async def test_endpoints_get_their_protocols(api: Api) -> None:
    """Istiod compares ports with their protocols."""
    path = "/api/v1/namespaces/default/endpoints"
    subsets = [{"addresses": [{"ip": "1.1.1.1"}], "ports": [{"port": 80}]}, {}]

    _, endpoints = await api("POST", path, {"metadata": {"name": "e"}, "subsets": subsets})
    slices = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices"
    body = {"metadata": {"name": "s"}, "addressType": "IPv4", "ports": [{"port": 80}]}
    _, slice_ = await api("POST", slices, body)
    typeless, _ = await api("POST", slices, {"metadata": {"name": "t"}})

    assert endpoints["subsets"][0]["ports"] == [{"protocol": "TCP", "port": 80}]
    assert slice_["ports"] == [{"name": "", "protocol": "TCP", "port": 80}]
    assert typeless == 422


async def test_secrets_take_plain_text(api: Api) -> None:
    """`stringData` ends up encoded in `data`."""
    path = "/api/v1/namespaces/default/secrets"

    _, secret = await api("POST", path, {"metadata": {"name": "s"}, "stringData": {"a": "b"}})

    assert (secret["type"], secret["data"]) == ("Opaque", {"a": "Yg=="})
    assert "stringData" not in secret


async def test_kinds_that_are_only_kept_get_their_defaults(api: Api) -> None:
    """`kubectl describe` reads them without asking whether they are there."""
    pods = {"spec": {"containers": [{"name": "c", "image": "i"}]}}
    job = {"metadata": {"name": "c"}, "spec": {"jobTemplate": {"spec": {"template": pods}}}}
    binding = {
        "metadata": {"name": "system:b"},
        "roleRef": {"kind": "ClusterRole", "name": "r"},
        "subjects": [{"kind": "User", "name": "u"}, {"kind": "ServiceAccount", "name": "a"}],
    }
    scaler = {"metadata": {"name": "h"}, "spec": {"maxReplicas": 2}}
    spaced = "namespaces/default"

    _, job = await api("POST", f"/apis/batch/v1/{spaced}/cronjobs", job)
    _, binding = await api(
        "POST", "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", binding
    )
    _, scaler = await api("POST", f"/apis/autoscaling/v2/{spaced}/horizontalpodautoscalers", scaler)
    _, class_ = await api(
        "POST",
        "/apis/scheduling.k8s.io/v1/priorityclasses",
        {"metadata": {"name": "p"}, "value": 1},
    )

    assert job["spec"]["concurrencyPolicy"] == "Allow"
    made = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    assert made["containers"][0]["imagePullPolicy"] == "Always"
    group = "rbac.authorization.k8s.io"
    assert binding["roleRef"]["apiGroup"] == group
    assert [one.get("apiGroup") for one in binding["subjects"]] == [group, None]
    assert scaler["spec"]["metrics"][0]["resource"]["target"]["averageUtilization"] == 80
    assert class_["preemptionPolicy"] == "PreemptLowerPriority"


async def test_volumes_wait_to_be_bound(api: Api) -> None:
    """No controller binds them, and their phase says so."""
    claims = "/api/v1/namespaces/default/persistentvolumeclaims"

    _, claim = await api("POST", claims, {"metadata": {"name": "c"}, "spec": {}})
    _, volume = await api("POST", "/api/v1/persistentvolumes", {"metadata": {"name": "v"}})

    assert (claim["status"], volume["status"]) == ({"phase": "Pending"}, {"phase": "Pending"})
    assert volume["spec"]["persistentVolumeReclaimPolicy"] == "Retain"
