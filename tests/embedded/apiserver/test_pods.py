"""What the server does with pods in particular."""

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


async def test_a_pod_needs_its_service_account(api: Api, pod: Any) -> None:
    """pilot-load retries pods that come before their account; the refusal must be the real one."""
    code, status = await api("POST", PODS, pod("p", serviceAccountName="x"))

    assert (code, status["reason"]) == (403, "Forbidden")
    assert status["message"] == (
        'pods "p" is forbidden: error looking up service account default/x: '
        'serviceaccount "x" not found'
    )


async def test_most_of_a_spec_is_fixed(api: Api, pod: Any) -> None:
    """A PUT may change images; anything else of the spec is refused."""
    _, created = await api("POST", PODS, pod("p", nodeName="n"))
    image = {
        **created,
        "spec": {**created["spec"], "containers": [{"name": "app", "image": "new"}]},
    }
    node = {**created, "spec": {**created["spec"], "nodeName": "m"}}
    node["metadata"] = {"name": "p"}

    changed, updated = await api("PUT", f"{PODS}/p", image)
    refused, _ = await api("PUT", f"{PODS}/p", node)

    assert (changed, refused) == (200, 422)
    assert updated["spec"]["containers"][0]["image"] == "new"
    assert updated["metadata"]["generation"] == 2


async def test_pods_are_bound_once(api: Api, pod: Any) -> None:
    """A scheduler binds through the binding subresource."""
    await api("POST", PODS, pod("p"))
    body = {"target": {"kind": "Node", "name": "n"}}

    nowhere, _ = await api("POST", f"{PODS}/p/binding", {})
    bound, _ = await api("POST", f"{PODS}/p/binding", body)
    again, _ = await api("POST", f"{PODS}/p/binding", body)
    _, read = await api("GET", f"{PODS}/p")

    assert (nowhere, bound, again) == (400, 201, 409)
    assert read["spec"]["nodeName"] == "n"
    assert read["status"]["conditions"][0]["type"] == "PodScheduled"


async def test_a_bound_pod_waits_for_its_kubelet(api: Api, pod: Any) -> None:
    """With a grace period the kubelet deletes the pod; without one it vanishes at once."""
    await api("POST", PODS, pod("slow", nodeName="n"))
    await api("POST", PODS, pod("fast", nodeName="n", terminationGracePeriodSeconds=0))
    _, before = await api("GET", PODS)

    _, slow = await api("DELETE", f"{PODS}/slow")
    _, fast = await api("DELETE", f"{PODS}/fast")
    waiting, _ = await api("GET", f"{PODS}/slow")
    second, _ = await api("DELETE", f"{PODS}/slow", {"gracePeriodSeconds": 0})
    third, _ = await api("DELETE", f"{PODS}/slow", {"gracePeriodSeconds": 0})
    events = await api.watch(PODS, resourceVersion=before["metadata"]["resourceVersion"])

    assert slow["metadata"]["deletionGracePeriodSeconds"] == 30
    assert fast["metadata"]["deletionGracePeriodSeconds"] == 0
    assert (waiting, second, third) == (200, 200, 404)
    assert [(type_, obj["metadata"]["name"]) for type_, obj in events] == [
        ("MODIFIED", "slow"),
        ("MODIFIED", "fast"),
        ("DELETED", "fast"),
        ("MODIFIED", "slow"),
        ("DELETED", "slow"),
    ]


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
