"""Cells of tables: what kubectl shows of objects in odd states."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from pyload.embedded.apiserver.printing import cells

if TYPE_CHECKING:
    from pyload.kube.resources import Obj

NOW = datetime(2026, 11, 28, tzinfo=UTC)


def pod(status: Obj | None = None, **spec: Any) -> Obj:
    """Return a pod with one container."""
    return {
        "metadata": {"name": "p"},
        "spec": {"containers": [{"name": "app"}], **spec},
        "status": status or {},
    }


def test_a_native_sidecar_counts_among_the_containers() -> None:
    """An injected pod would show 1/1 where a cluster shows 2/2."""
    sidecar = {"name": "istio-proxy", "restartPolicy": "Always"}
    other = {"name": "istio-init"}
    status = {
        "containerStatuses": [{"name": "app", "ready": True, "restartCount": 1}],
        "initContainerStatuses": [
            {"name": "istio-init", "ready": True, "restartCount": 5},
            {"name": "istio-proxy", "ready": True, "restartCount": 2},
        ],
    }
    one = pod(status, initContainers=[other, sidecar])

    assert (cells.pod_ready(one), cells.pod_restarts(one)) == ("2/2", "3")


@pytest.mark.parametrize(
    ("status", "text"),
    [
        ({"phase": "Pending"}, "Pending"),
        ({"phase": "Failed", "reason": "Evicted"}, "Evicted"),
        (
            {"phase": "Running", "containerStatuses": [{"state": {"waiting": {"reason": "Err"}}}]},
            "Err",
        ),
        (
            {
                "phase": "Succeeded",
                "containerStatuses": [{"state": {"terminated": {"reason": "Completed"}}}],
            },
            "Completed",
        ),
        ({}, "<unknown>"),
    ],
)
def test_the_status_of_a_pod_is_why_it_does_not_run(status: Obj, text: str) -> None:
    """A pod that cannot start would look as if it ran."""
    assert cells.pod_status(pod(status)) == text


def test_a_pod_that_is_being_deleted_terminates() -> None:
    """People wait for this word to go."""
    going = pod({"phase": "Running"})
    going["metadata"]["deletionTimestamp"] = "2026-11-28T00:00:00Z"
    assert cells.pod_status(going) == "Terminating"


def test_a_service_shows_how_it_is_reached_from_outside() -> None:
    """A balancer without an address would look like a Service without one."""
    balanced: Obj = {"spec": {"type": "LoadBalancer"}}
    assert cells.external_addresses(balanced) == "<pending>"
    balanced["status"] = {"loadBalancer": {"ingress": [{"ip": "1.2.3.4"}, {"hostname": "a"}]}}
    assert cells.external_addresses(balanced) == "1.2.3.4,a"
    assert cells.external_addresses({"spec": {"type": "ClusterIP"}}) == cells.NONE
    named: Obj = {"spec": {"type": "ExternalName", "externalName": "example.com"}}
    assert cells.external_addresses(named) == "example.com"
    ports = {"spec": {"ports": [{"port": 80, "nodePort": 30000}, {"port": 53, "protocol": "UDP"}]}}
    assert cells.service_ports(ports) == "80:30000/TCP,53/UDP"


def test_long_lists_of_addresses_are_cut() -> None:
    """One Service with a thousand pods would fill the screen."""
    many: Obj = {"endpoints": [{"addresses": [f"10.0.0.{number}"]} for number in range(5)]}
    assert cells.slice_endpoints(many) == "10.0.0.0,10.0.0.1,10.0.0.2 + 2 more..."
    assert cells.slice_endpoints({}) == cells.NONE
    assert (cells.slice_ports({"ports": [{"port": 80}]}), cells.slice_ports({})) == (
        "80",
        "<unset>",
    )


def test_a_node_shows_that_it_takes_no_pods() -> None:
    """A cordoned node would look ready for more."""
    ready: Obj = {"status": {"conditions": [{"type": "Ready", "status": "True"}]}}
    assert cells.node_status(ready) == "Ready"
    assert cells.node_status({**ready, "spec": {"unschedulable": True}}) == (
        "Ready,SchedulingDisabled"
    )
    assert cells.node_status({}) == "Unknown"
    labels = {"node-role.kubernetes.io/worker": "", "node-role.kubernetes.io/agent": ""}
    assert cells.node_roles({"metadata": {"labels": labels}}) == "agent,worker"


def test_a_job_shows_how_it_ended_and_how_long_it_took() -> None:
    """A Job that failed would look as if it still ran."""
    status = {"startTime": "2026-11-27T23:00:00Z", "completionTime": "2026-11-27T23:01:00Z"}
    failed = {"status": {**status, "conditions": [{"type": "Failed", "status": "True"}]}}
    assert (cells.job_status(failed), cells.job_duration(failed, NOW)) == ("Failed", "60s")
    running = {"status": {"startTime": status["startTime"]}}
    assert (cells.job_status(running), cells.job_duration(running, NOW)) == ("Running", "60m")
    assert cells.job_duration({}, NOW) == ""
