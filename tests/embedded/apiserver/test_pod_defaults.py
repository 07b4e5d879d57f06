"""What the server fills in where a pod, or a template of pods, leaves it out."""

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


async def test_a_job_selects_its_own_pods(api: Api) -> None:
    """`kubectl describe job`, and whoever looks for a Job's pods, go by the selector."""
    template = {"spec": {"containers": [{"name": "c", "image": "i"}]}}
    path = "/apis/batch/v1/namespaces/default/jobs"

    _, job = await api("POST", path, {"metadata": {"name": "j"}, "spec": {"template": template}})
    own = {"manualSelector": True, "selector": {"matchLabels": {"a": "b"}}, "template": template}
    _, manual = await api("POST", path, {"metadata": {"name": "m"}, "spec": own})

    uid = job["metadata"]["uid"]
    assert job["spec"]["selector"] == {"matchLabels": {"batch.kubernetes.io/controller-uid": uid}}
    labels = job["spec"]["template"]["metadata"]["labels"]
    assert (labels["job-name"], labels["controller-uid"]) == ("j", uid)
    assert manual["spec"]["selector"] == {"matchLabels": {"a": "b"}}


@pytest.mark.parametrize(
    ("given", "completions"), [({}, 1), ({"parallelism": 2}, None), ({"completions": 3}, 3)]
)
async def test_a_job_that_works_off_a_queue_has_no_completions(
    api: Api, given: Any, completions: int | None
) -> None:
    """It ends with its first success, and must not end before."""
    template = {"spec": {"containers": [{"name": "c", "image": "i"}]}}
    body = {"metadata": {"name": "j"}, "spec": {"template": template, **given}}

    _, job = await api("POST", "/apis/batch/v1/namespaces/default/jobs", body)

    assert job["spec"].get("completions") == completions
