"""What the server fills in where an object leaves it out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.embedded.apiserver.conftest import Api

pytestmark = [pytest.mark.anyio, pytest.mark.virtual]

PODS = "/api/v1/namespaces/default/pods"


async def test_pods_get_their_defaults(api: Api, pod: Any) -> None:
    """Istiod and kwok read fields that clients leave out."""
    body = pod("p")
    body["spec"]["containers"] = [
        {"name": "a", "image": "x:1", "ports": [{"containerPort": 1}]},
        {"name": "b", "image": "host:5000/x"},
        {"name": "c", "image": "x@sha256:0", "imagePullPolicy": "Never"},
    ]
    body["spec"]["tolerations"] = [{"key": "node.kubernetes.io/not-ready", "operator": "Exists"}]

    _, created = await api("POST", PODS, body)

    spec = created["spec"]
    assert spec["restartPolicy"] == "Always"
    assert spec["terminationGracePeriodSeconds"] == 30
    assert (spec["serviceAccountName"], spec["serviceAccount"]) == ("default", "default")
    policies = [container["imagePullPolicy"] for container in spec["containers"]]
    assert policies == ["IfNotPresent", "Always", "Never"]
    assert spec["containers"][0]["ports"] == [{"containerPort": 1, "protocol": "TCP"}]
    assert [item["key"] for item in spec["tolerations"]] == [
        "node.kubernetes.io/not-ready",
        "node.kubernetes.io/unreachable",
    ]
    assert created["metadata"]["generation"] == 1


@pytest.mark.parametrize(
    ("resources", "qos"),
    [
        ({}, "BestEffort"),
        ({"requests": {"cpu": "1"}}, "Burstable"),
        ({"limits": {"cpu": "1", "memory": "1Gi"}}, "Guaranteed"),
        ({"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "1"}}, "Burstable"),
    ],
)
async def test_pods_get_a_quality_of_service(api: Api, pod: Any, resources: Any, qos: str) -> None:
    """Kwok and dashboards show the class."""
    body = pod("p")
    body["spec"]["containers"][0]["resources"] = resources

    _, created = await api("POST", PODS, body)

    assert created["status"]["qosClass"] == qos


async def test_both_forms_of_the_pod_ip_agree(api: Api, pod: Any) -> None:
    """Istiod reads podIPs, kubelets may write only podIP, kwok patches it later."""
    await api("POST", PODS, pod("p", nodeName="n"))
    merge = "application/merge-patch+json"

    _, first = await api("PATCH", f"{PODS}/p/status", {"status": {"podIP": "1.1.1.1"}}, merge)
    _, second = await api("PATCH", f"{PODS}/p/status", {"status": {"podIP": "2.2.2.2"}}, merge)
    ips = [{"ip": "3.3.3.3"}, {"ip": "::1"}]
    _, third = await api(
        "PATCH", f"{PODS}/p/status", {"status": {"podIP": None, "podIPs": ips}}, merge
    )

    assert first["status"]["podIPs"] == [{"ip": "1.1.1.1"}]
    assert second["status"]["podIPs"] == [{"ip": "2.2.2.2"}]
    assert (third["status"]["podIP"], third["status"]["podIPs"]) == ("3.3.3.3", ips)


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


async def test_an_empty_strategy_is_as_good_as_none(api: Api) -> None:
    """`kubectl create deployment --dry-run=client -o yaml` writes one, for `kubectl apply`."""
    template = {
        "metadata": {"labels": {"a": "b"}},
        "spec": {"containers": [{"name": "c", "image": "i"}]},
    }
    spec = {"selector": {"matchLabels": {"a": "b"}}, "template": template}
    path = "/apis/apps/v1/namespaces/default"

    _, rolling = await api(
        "POST", f"{path}/deployments", {"metadata": {"name": "d"}, "spec": {**spec, "strategy": {}}}
    )
    recreate = {"metadata": {"name": "e"}, "spec": {**spec, "strategy": {"type": "Recreate"}}}
    _, recreated = await api("POST", f"{path}/deployments", recreate)
    some = {"rollingUpdate": {"maxSurge": 1}}
    _, daemons = await api(
        "POST",
        f"{path}/daemonsets",
        {"metadata": {"name": "d"}, "spec": {**spec, "updateStrategy": some}},
    )

    assert rolling["spec"]["strategy"] == {
        "type": "RollingUpdate",
        "rollingUpdate": {"maxUnavailable": "25%", "maxSurge": "25%"},
    }
    assert recreated["spec"]["strategy"] == {"type": "Recreate"}
    assert daemons["spec"]["updateStrategy"] == {
        "type": "RollingUpdate",
        "rollingUpdate": {"maxUnavailable": 1, "maxSurge": 1},
    }


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
