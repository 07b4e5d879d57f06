"""The objects that every mesh consists of, against the bodies that pilot-load really sent."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from pyload.config.app_types import SIDECAR
from pyload.manifests import objects, pods
from pyload.manifests.pods import PROXY

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pyload.kube.resources import Obj

RUN = "run"
TYPES = ("fake-node", "fake", "real")

# What the API server adds to a body, or Go to a struct, before the audit log sees it.
NOISE: dict[str, list[tuple[str, Any]]] = {
    "Node": [
        ("spec", {}),
        ("status.daemonEndpoints", {"kubeletEndpoint": {"Port": 0}}),
        *(
            (f"status.nodeInfo.{name}", "")
            for name in (
                "machineID",
                "systemUUID",
                "bootID",
                "kernelVersion",
                "osImage",
                "containerRuntimeVersion",
                "kubeletVersion",
                "kubeProxyVersion",
                "operatingSystem",
                "architecture",
            )
        ),
        ("status.nodeInfo", {}),
        ("status", {}),
    ],
    "Namespace": [("spec", {})],
    "Service": [
        ("spec.ports.*.protocol", "TCP"),
        ("spec.sessionAffinity", "None"),
        ("spec.internalTrafficPolicy", "Cluster"),
        ("status", {"loadBalancer": {}}),
    ],
    "Endpoints": [("subsets.*.ports.*.protocol", "TCP")],
    "Pod": [
        ("metadata.creationTimestamp", None),
        ("spec.initContainers.*.resources", {}),
        ("spec.containers.*.resources", {}),
        ("status.conditions.*.lastProbeTime", None),
        ("status.containerStatuses.*.lastState", {}),
        ("status.qosClass", "BestEffort"),
        ("metadata.generation", 1),
        ("spec", {"containers": None}),
        ("status", {}),
    ],
}


def records(golden: Path, cluster_type: str) -> Iterator[tuple[str, str, Obj]]:
    """Return verb, path and body of each write that was recorded."""
    file = golden / "kube" / f"classic-basic.{cluster_type}.requests.jsonl"
    for line in file.read_text().splitlines():
        record = json.loads(line)
        if record["verb"] in ("create", "update", "patch") and "body" in record:
            yield record["verb"], record["path"], record["body"]


def without_noise(obj: Obj) -> Obj:
    """Return a value without fields that pilot-load did not mean, or that any write changes."""
    for path, value in NOISE.get(obj["kind"], []):
        _drop(obj, path.split("."), value)
    if obj["kind"] == "Namespace":
        obj["metadata"]["labels"].pop("kubernetes.io/metadata.name")
    return obj


def _drop(node: Any, path: list[str], value: Any) -> None:
    head, *rest = path
    if head == "*":
        for one in node or ():
            _drop(one, rest, value)
    elif rest:
        if head in node:
            _drop(node[head], rest, value)
    elif head in node and node[head] == value:
        del node[head]


def _time_of(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _rebuild(path: str, body: Obj) -> Obj:
    """Build the object that a recorded body is, with our builder of its kind."""
    metadata, spec, status = body["metadata"], body.get("spec", {}), body.get("status", {})
    name, namespace = metadata["name"], metadata.get("namespace", "")
    now = datetime(2026, 1, 1, tzinfo=UTC)
    match body["kind"]:
        case "Node":
            full = "taints" in spec
            if full:
                now = _time_of(status["conditions"][0]["lastHeartbeatTime"])
            built = objects.node(name, now=now, run_id=RUN, full=full)
        case "Lease":
            owner = metadata["ownerReferences"][0]
            now = _time_of(spec["renewTime"])
            built = objects.lease(name, node_uid=owner["uid"], now=now, run_id=RUN)
        case "Namespace":
            built = objects.namespace(name, run_id=RUN)
        case "ServiceAccount":
            built = objects.service_account(name, namespace, run_id=RUN)
        case "Service":
            built = objects.service(
                name,
                namespace,
                labels={},
                selector="selector" in spec,
                cluster_ip=spec.get("clusterIP", ""),
                run_id=RUN,
            )
        case "Endpoints":
            addresses = [
                (one["ip"], one["nodeName"], one.get("targetRef", {}).get("name", "?"))
                for one in body["subsets"][0]["addresses"]
            ]
            refs = "targetRef" in body["subsets"][0]["addresses"][0]
            built = objects.endpoints(
                name, namespace, addresses=addresses, target_refs=refs, run_id=RUN
            )
        case _:
            built = _rebuild_pod(path, body)
    return built


def _rebuild_pod(path: str, body: Obj) -> Obj:
    metadata, spec, status = body["metadata"], body.get("spec", {}), body.get("status", {})
    name, namespace = metadata["name"], metadata["namespace"]
    now = datetime(2026, 1, 1, tzinfo=UTC)
    if status:
        now = _time_of(status["conditions"][0]["lastTransitionTime"])
    if path.endswith("/status") and "uid" in metadata:
        return pods.kubelet_status(
            name,
            namespace,
            uid=metadata["uid"],
            resource_version=metadata["resourceVersion"],
            ip=status["podIP"],
            containers=[(one["name"], one["image"]) for one in status["containerStatuses"]],
            now=now,
        )
    app, node = metadata["labels"]["app"], spec["nodeName"]
    if "nodeSelector" in spec:
        return pods.pod(name, namespace, app=app, type_=SIDECAR, node=node, run_id=RUN)
    return pods.bare_pod(
        name,
        namespace,
        app=app,
        type_=SIDECAR,
        node=node,
        ip=status.get("podIP", ""),
        now=now,
        run_id=RUN,
    )


@pytest.mark.golden
@pytest.mark.parametrize("cluster_type", TYPES)
def test_builders_agree_with_the_recording(golden: Path, cluster_type: str) -> None:
    """A mesh that differs from pilot-load's would give other figures for the same config."""
    compared = set()
    for verb, path, recorded in records(golden, cluster_type):
        body = without_noise(recorded)
        if body["kind"] == "Pod":
            # Only the kubelet's status carries these; creationTimestamp is the server's.
            if "uid" in body["metadata"]:
                body["metadata"].pop("creationTimestamp")
        elif verb == "update":
            body["metadata"].pop("resourceVersion", None)
        built = _rebuild(path, body)
        labels = built["metadata"].get("labels", {})
        assert labels.pop(objects.RUN_LABEL, None) == (
            None if "uid" in body["metadata"] else RUN
        ), path
        if not labels:
            built["metadata"].pop("labels", None)
        annotations = built["metadata"].get("annotations", {})
        assert annotations.pop(PROXY, "sidecar") == "sidecar"
        if not annotations:
            built["metadata"].pop("annotations", None)

        assert built == body, path
        compared.add(body["kind"])

    everything = {"Node", "Lease", "Namespace", "Service", "Pod"}
    assert compared >= (everything if cluster_type != "real" else {"Namespace", "Endpoints"})


def test_labels_that_the_user_gave_reach_the_service_beside_the_runs() -> None:
    """Selectors on application labels would find nothing, or cleanup would."""
    service = objects.service("a", "mesh", labels={"team": "x"}, run_id=RUN)

    assert service["metadata"]["labels"] == {"team": "x", "pyload.dev/run": RUN}


def test_an_application_without_pods_has_no_subset() -> None:
    """The API server refuses a subset without addresses."""
    empty = objects.endpoints("a", "mesh", addresses=[], target_refs=True, run_id=RUN)

    assert "subsets" not in empty


@pytest.mark.parametrize(
    ("waypoint", "labels"),
    [
        (("", ""), {}),
        (("", "wp-static"), {"istio.io/use-waypoint": "wp-static"}),
        (
            ("infra", "wp-static"),
            {"istio.io/use-waypoint": "wp-static", "istio.io/use-waypoint-namespace": "infra"},
        ),
    ],
)
def test_a_namespace_names_the_waypoint_that_serves_it(
    waypoint: tuple[str, str], labels: dict[str, str]
) -> None:
    """Its services would not go through the waypoint, or through one that does not exist."""
    built = objects.namespace("mesh", waypoint=waypoint, run_id=RUN)["metadata"]["labels"]

    assert built == {"istio-injection": "enabled", objects.RUN_LABEL: RUN, **labels}
