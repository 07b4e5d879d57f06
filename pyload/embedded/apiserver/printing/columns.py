"""What kubectl shows of the kinds that are built in: the columns of a real server's printers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pyload.embedded.apiserver.printing.ages import UNKNOWN
from pyload.embedded.apiserver.printing.cells import (
    UNSET,
    age,
    containers,
    count,
    endpoints,
    entries,
    event_age,
    event_object,
    external_addresses,
    field,
    job_completions,
    job_duration,
    job_status,
    joined,
    node_address,
    node_roles,
    node_status,
    pod_ready,
    pod_restarts,
    pod_status,
    readiness_gates,
    ready_of_wanted,
    selector,
    service_ports,
    slice_endpoints,
    slice_ports,
    timeless,
)
from pyload.embedded.apiserver.printing.kept_cells import (
    access_modes,
    autoscaler_targets,
    claim_of,
    ingress_addresses,
    ingress_hosts,
    ingress_ports,
    last_schedule,
    quota,
    role_of,
    scaled_object,
    scheduled_containers,
    subjects,
    suspended,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime

    from pyload.embedded.apiserver.kinds import Kind
    from pyload.kube.resources import Obj


class Column(NamedTuple):
    """A column of a kind.

    Attributes:
        name: Its heading.
        cell: Returns an object's cell, given the time.
        is_wide: Whether only ``-o wide`` shows it.
        type: ``string``, ``integer``, ``number``, ``boolean`` or ``date``.
    """

    name: str
    cell: Callable[[Obj, datetime], Any]
    is_wide: bool = False
    type: str = "string"


def columns_of(kind: Kind) -> tuple[Column, ...]:
    """Return the columns of a built-in kind."""
    return _COLUMNS.get(kind.qualified, _DEFAULT)


_NAME: Final = Column("Name", field("metadata", "name"))
_AGE: Final = Column("Age", age)
_DEFAULT: Final = (_NAME, _AGE)


def _templates(containers: Callable[[Obj], Iterable[Obj]]) -> tuple[Column, ...]:
    """Return the columns of the containers that a kind's pods have."""
    return (
        Column(
            "Containers", timeless(lambda obj: joined(c["name"] for c in containers(obj))), True
        ),
        Column("Images", timeless(lambda obj: joined(c["image"] for c in containers(obj))), True),
    )


_IN_TEMPLATE: Final = _templates(containers)
_REPLICAS: Final = (
    Column("Desired", count("spec", "replicas")),
    Column("Current", count("status", "replicas")),
    Column("Ready", count("status", "readyReplicas")),
)
_CREATED: Final = (_NAME, Column("Created At", field("metadata", "creationTimestamp")))
_BINDING: Final = (
    _NAME,
    Column("Role", timeless(role_of)),
    _AGE,
    Column("Users", subjects("User"), True),
    Column("Groups", subjects("Group"), True),
    Column("ServiceAccounts", subjects("ServiceAccount"), True),
)
_WEBHOOKS: Final = (_NAME, Column("Webhooks", entries("webhooks")), _AGE)
_SELECTOR: Final = Column(
    "Selector",
    selector("spec", "selector", "matchLabels"),
    True,
)

_COLUMNS: Final[Mapping[str, tuple[Column, ...]]] = {
    "pods": (
        _NAME,
        Column("Ready", timeless(pod_ready)),
        Column("Status", timeless(pod_status)),
        Column("Restarts", timeless(pod_restarts)),
        _AGE,
        Column("IP", field("status", "podIP"), True),
        Column("Node", field("spec", "nodeName"), True),
        Column("Nominated Node", field("status", "nominatedNodeName"), True),
        Column("Readiness Gates", timeless(readiness_gates), True),
    ),
    "services": (
        _NAME,
        Column("Type", field("spec", "type")),
        Column("Cluster-IP", field("spec", "clusterIP")),
        Column("External-IP", timeless(external_addresses)),
        Column("Port(s)", timeless(service_ports)),
        _AGE,
        Column("Selector", selector("spec", "selector"), True),
    ),
    "nodes": (
        _NAME,
        Column("Status", timeless(node_status)),
        Column("Roles", timeless(node_roles)),
        _AGE,
        Column("Version", field("status", "nodeInfo", "kubeletVersion", absent="")),
        Column("Internal-IP", node_address("InternalIP"), True),
        Column("External-IP", node_address("ExternalIP"), True),
        Column("OS-Image", field("status", "nodeInfo", "osImage", absent=UNKNOWN), True),
        Column(
            "Kernel-Version", field("status", "nodeInfo", "kernelVersion", absent=UNKNOWN), True
        ),
        Column(
            "Container-Runtime",
            field("status", "nodeInfo", "containerRuntimeVersion", absent=UNKNOWN),
            True,
        ),
    ),
    "namespaces": (_NAME, Column("Status", field("status", "phase", absent="")), _AGE),
    "deployments.apps": (
        _NAME,
        Column("Ready", timeless(ready_of_wanted)),
        Column("Up-to-date", count("status", "updatedReplicas")),
        Column("Available", count("status", "availableReplicas")),
        _AGE,
        *_IN_TEMPLATE,
        _SELECTOR,
    ),
    "replicasets.apps": (
        _NAME,
        *_REPLICAS,
        _AGE,
        *_IN_TEMPLATE,
        _SELECTOR,
    ),
    "replicationcontrollers": (
        _NAME,
        *_REPLICAS,
        _AGE,
        *_IN_TEMPLATE,
        Column("Selector", selector("spec", "selector"), True),
    ),
    "statefulsets.apps": (_NAME, Column("Ready", timeless(ready_of_wanted)), _AGE, *_IN_TEMPLATE),
    "daemonsets.apps": (
        _NAME,
        Column("Desired", count("status", "desiredNumberScheduled")),
        Column("Current", count("status", "currentNumberScheduled")),
        Column("Ready", count("status", "numberReady")),
        Column("Up-to-date", count("status", "updatedNumberScheduled")),
        Column("Available", count("status", "numberAvailable")),
        Column(
            "Node Selector",
            selector("spec", "template", "spec", "nodeSelector"),
        ),
        _AGE,
        *_IN_TEMPLATE,
        _SELECTOR,
    ),
    "jobs.batch": (
        _NAME,
        Column("Status", timeless(job_status)),
        Column("Completions", timeless(job_completions)),
        Column("Duration", job_duration),
        _AGE,
        *_IN_TEMPLATE,
        _SELECTOR,
    ),
    "endpoints": (_NAME, Column("Endpoints", timeless(endpoints)), _AGE),
    "endpointslices.discovery.k8s.io": (
        _NAME,
        Column("AddressType", field("addressType")),
        Column("Ports", timeless(slice_ports)),
        Column("Endpoints", timeless(slice_endpoints)),
        _AGE,
    ),
    "configmaps": (_NAME, Column("Data", entries("data")), _AGE),
    "secrets": (_NAME, Column("Type", field("type")), Column("Data", entries("data")), _AGE),
    "serviceaccounts": (_NAME, Column("Secrets", entries("secrets")), _AGE),
    "poddisruptionbudgets.policy": (
        _NAME,
        Column("Min Available", field("spec", "minAvailable", absent="N/A")),
        Column("Max Unavailable", field("spec", "maxUnavailable", absent="N/A")),
        Column("Allowed Disruptions", count("status", "disruptionsAllowed")),
        _AGE,
    ),
    "leases.coordination.k8s.io": (
        _NAME,
        Column("Holder", field("spec", "holderIdentity", absent="")),
        _AGE,
    ),
    "events": (
        Column("Last Seen", event_age),
        Column("Type", field("type", absent="")),
        Column("Reason", field("reason", absent="")),
        Column("Object", timeless(event_object)),
        Column("Message", field("message", absent="")),
    ),
    "customresourcedefinitions.apiextensions.k8s.io": _CREATED,
    "roles.rbac.authorization.k8s.io": _CREATED,
    "clusterroles.rbac.authorization.k8s.io": _CREATED,
    "rolebindings.rbac.authorization.k8s.io": _BINDING,
    "clusterrolebindings.rbac.authorization.k8s.io": _BINDING,
    "mutatingwebhookconfigurations.admissionregistration.k8s.io": _WEBHOOKS,
    "validatingwebhookconfigurations.admissionregistration.k8s.io": _WEBHOOKS,
    "cronjobs.batch": (
        _NAME,
        Column("Schedule", field("spec", "schedule")),
        Column("Timezone", field("spec", "timeZone")),
        Column("Suspend", timeless(suspended)),
        Column("Active", entries("status", "active")),
        Column("Last Schedule", last_schedule),
        _AGE,
        *_templates(scheduled_containers),
        Column("Selector", selector("spec", "jobTemplate", "spec", "selector"), True),
    ),
    "ingresses.networking.k8s.io": (
        _NAME,
        Column("Class", field("spec", "ingressClassName")),
        Column("Hosts", timeless(ingress_hosts)),
        Column("Address", timeless(ingress_addresses)),
        Column("Ports", timeless(ingress_ports)),
        _AGE,
    ),
    "ingressclasses.networking.k8s.io": (
        _NAME,
        Column("Controller", field("spec", "controller", absent="")),
        Column("Parameters", field("spec", "parameters", "name")),
        _AGE,
    ),
    "horizontalpodautoscalers.autoscaling": (
        _NAME,
        Column("Reference", timeless(scaled_object)),
        Column("Targets", timeless(autoscaler_targets)),
        Column("MinPods", field("spec", "minReplicas", absent=UNSET)),
        Column("MaxPods", count("spec", "maxReplicas")),
        Column("Replicas", count("status", "currentReplicas")),
        _AGE,
    ),
    "resourcequotas": (
        _NAME,
        Column("Request", quota(limits=False)),
        Column("Limit", quota(limits=True)),
        _AGE,
    ),
    "persistentvolumes": (
        _NAME,
        Column("Capacity", field("spec", "capacity", "storage", absent="")),
        Column("Access Modes", timeless(access_modes)),
        Column("Reclaim Policy", field("spec", "persistentVolumeReclaimPolicy", absent="")),
        Column("Status", field("status", "phase", absent="")),
        Column("Claim", timeless(claim_of)),
        Column("StorageClass", field("spec", "storageClassName", absent="")),
        Column("VolumeAttributesClass", field("spec", "volumeAttributesClassName", absent=UNSET)),
        Column("Reason", field("status", "reason", absent="")),
        _AGE,
        Column("VolumeMode", field("spec", "volumeMode", absent=UNSET), True),
    ),
    "persistentvolumeclaims": (
        _NAME,
        Column("Status", field("status", "phase", absent="")),
        Column("Volume", field("spec", "volumeName", absent="")),
        Column("Capacity", field("status", "capacity", "storage", absent="")),
        Column("Access Modes", timeless(access_modes)),
        Column("StorageClass", field("spec", "storageClassName", absent="")),
        Column("VolumeAttributesClass", field("spec", "volumeAttributesClassName", absent=UNSET)),
        _AGE,
        Column("VolumeMode", field("spec", "volumeMode", absent=UNSET), True),
    ),
    "priorityclasses.scheduling.k8s.io": (
        _NAME,
        Column("Value", count("value")),
        Column("Global-Default", field("globalDefault", absent=False)),
        _AGE,
        Column("PreemptionPolicy", field("preemptionPolicy", absent="")),
    ),
}
