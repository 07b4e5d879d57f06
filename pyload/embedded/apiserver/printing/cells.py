"""The cells that kubectl shows of the kinds that are built in, as a real server prints them."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from pyload.embedded.apiserver.fields import value_at
from pyload.embedded.apiserver.printing.ages import UNKNOWN, age_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from pyload.kube.resources import Obj

NONE: Final = "<none>"
UNSET: Final = "<unset>"
_MOST_ENDPOINTS: Final = 3


def field(*path: str, absent: Any = NONE) -> Callable[[Obj, datetime], Any]:
    """Return the cell of a field, and what stands for one that is absent or empty."""

    def cell(obj: Obj, now: datetime) -> Any:
        del now
        value = value_at(obj, *path)
        return absent if value in (None, "") else value

    return cell


def count(*path: str) -> Callable[[Obj, datetime], Any]:
    """Return the cell of a field that counts something."""
    return field(*path, absent=0)


def entries(*path: str) -> Callable[[Obj, datetime], Any]:
    """Return the cell that counts the entries of a field."""

    def cell(obj: Obj, now: datetime) -> int:
        del now
        return len(value_at(obj, *path) or ())

    return cell


def timeless(function: Callable[[Obj], Any]) -> Callable[[Obj, datetime], Any]:
    """Return a cell that does not depend on the time."""

    def cell(obj: Obj, now: datetime) -> Any:
        del now
        return function(obj)

    return cell


def age(obj: Obj, now: datetime) -> str:
    """Return an object's age."""
    return age_text(value_at(obj, "metadata", "creationTimestamp"), now)


def joined(values: Iterable[Any]) -> str:
    """Return values with commas between them, or `NONE`."""
    return ",".join(str(one) for one in values) or NONE


def labels_text(labels: Mapping[str, str] | None) -> str:
    """Return labels as a selector writes them."""
    return joined(f"{key}={value}" for key, value in sorted((labels or {}).items()))


def selector(*path: str) -> Callable[[Obj, datetime], Any]:
    """Return the cell of labels that select something."""
    return timeless(lambda obj: labels_text(value_at(obj, *path)))


def containers(obj: Obj) -> Sequence[Obj]:
    """Return the containers of a workload's template."""
    return value_at(obj, "spec", "template", "spec", "containers") or ()


def _restarting(obj: Obj) -> set[str]:
    """Return the names of the init containers that run beside the others."""
    return {
        one["name"]
        for one in value_at(obj, "spec", "initContainers") or ()
        if one.get("restartPolicy") == "Always"
    }


def _running(obj: Obj) -> list[Obj]:
    """Return the statuses of the containers that run while the pod does."""
    beside = _restarting(obj)
    early = value_at(obj, "status", "initContainerStatuses") or ()
    later = value_at(obj, "status", "containerStatuses") or ()
    return [*(one for one in early if one.get("name") in beside), *later]


def pod_ready(obj: Obj) -> str:
    """Return how many containers of a pod are ready, of how many."""
    ready = sum(1 for one in _running(obj) if one.get("ready"))
    return f"{ready}/{len(value_at(obj, 'spec', 'containers') or ()) + len(_restarting(obj))}"


def pod_status(obj: Obj) -> str:
    """Return what a pod does: its phase, or what keeps its containers from running."""
    status = obj.get("status") or {}
    reason = str(status.get("reason") or status.get("phase") or UNKNOWN)
    for one in status.get("containerStatuses") or ():
        state = one.get("state") or {}
        waiting, ended = state.get("waiting") or {}, state.get("terminated") or {}
        reason = waiting.get("reason") or ended.get("reason") or reason
    if "deletionTimestamp" in obj["metadata"]:
        return "Terminating"
    return reason


def pod_restarts(obj: Obj) -> str:
    """Return how often a pod's containers were started again."""
    return str(sum(one.get("restartCount", 0) for one in _running(obj)))


def readiness_gates(obj: Obj) -> str:
    """Return how many readiness gates of a pod are open, of how many."""
    gates = value_at(obj, "spec", "readinessGates") or ()
    if not gates:
        return NONE
    held = {
        one["type"]
        for one in value_at(obj, "status", "conditions") or ()
        if one.get("status") == "True"
    }
    return f"{sum(1 for one in gates if one.get('conditionType') in held)}/{len(gates)}"


def external_addresses(obj: Obj) -> str:
    """Return under which addresses a Service is reached from outside."""
    spec = obj.get("spec") or {}
    if spec.get("type") == "ExternalName":
        return str(spec.get("externalName") or NONE)
    given = list(spec.get("externalIPs") or ())
    if spec.get("type") == "LoadBalancer":
        ingress = value_at(obj, "status", "loadBalancer", "ingress") or ()
        given += [one.get("ip") or one.get("hostname") for one in ingress]
        return ",".join(given) or "<pending>"
    return joined(given)


def service_ports(obj: Obj) -> str:
    """Return the ports of a Service, with those of the nodes."""
    return joined(
        f"{one['port']}:{one['nodePort']}/{one.get('protocol', 'TCP')}"
        if one.get("nodePort")
        else f"{one['port']}/{one.get('protocol', 'TCP')}"
        for one in value_at(obj, "spec", "ports") or ()
    )


def node_status(obj: Obj) -> str:
    """Return whether a node is ready, and takes pods."""
    conditions = value_at(obj, "status", "conditions") or ()
    ready = next((one for one in conditions if one.get("type") == "Ready"), None)
    known = ready is not None and ready.get("status") == "True"
    text = "Ready" if known else "NotReady" if ready is not None else "Unknown"
    return f"{text},SchedulingDisabled" if value_at(obj, "spec", "unschedulable") else text


def node_roles(obj: Obj) -> str:
    """Return the roles of a node, which stand in its labels."""
    prefix = "node-role.kubernetes.io/"
    labels = value_at(obj, "metadata", "labels") or {}
    return joined(sorted(one.removeprefix(prefix) for one in labels if one.startswith(prefix)))


def node_address(type_: str) -> Callable[[Obj, datetime], Any]:
    """Return the cell of a node's address of one type."""

    def cell(obj: Obj, now: datetime) -> Any:
        del now
        for one in value_at(obj, "status", "addresses") or ():
            if one.get("type") == type_:
                return one.get("address")
        return NONE

    return cell


def ready_of_wanted(obj: Obj) -> str:
    """Return how many pods of a workload are ready, of how many."""
    wanted = value_at(obj, "spec", "replicas")
    return f"{value_at(obj, 'status', 'readyReplicas') or 0}/{1 if wanted is None else wanted}"


def job_completions(obj: Obj) -> str:
    """Return how many pods of a Job have succeeded, of how many."""
    wanted = value_at(obj, "spec", "completions")
    return f"{value_at(obj, 'status', 'succeeded') or 0}/{1 if wanted is None else wanted}"


def job_status(obj: Obj) -> str:
    """Return how a Job ended, or that it runs."""
    for one in value_at(obj, "status", "conditions") or ():
        if one.get("status") == "True" and one.get("type") in ("Complete", "Failed"):
            return str(one["type"])
    return "Running"


def job_duration(obj: Obj, now: datetime) -> Any:
    """Return how long a Job ran, or runs."""
    start = value_at(obj, "status", "startTime")
    if start is None:
        return ""
    end = value_at(obj, "status", "completionTime")
    return age_text(start, datetime.fromisoformat(end) if end else now)


def endpoints(obj: Obj) -> str:
    """Return the first addresses of Endpoints."""
    found = [
        f"{address['ip']}:{port['port']}"
        for subset in obj.get("subsets") or ()
        for port in subset.get("ports") or ()
        for address in subset.get("addresses") or ()
    ]
    return _shortened(found)


def slice_endpoints(obj: Obj) -> str:
    """Return the first addresses of an EndpointSlice."""
    return _shortened(
        [address for one in obj.get("endpoints") or () for address in one.get("addresses") or ()]
    )


def slice_ports(obj: Obj) -> str:
    """Return the ports of an EndpointSlice."""
    ports = [str(one.get("port", "*")) for one in obj.get("ports") or ()]
    return ",".join(ports) or UNSET


def _shortened(found: list[str]) -> str:
    shown = ",".join(found[:_MOST_ENDPOINTS])
    more = len(found) - _MOST_ENDPOINTS
    return f"{shown} + {more} more..." if more > 0 else shown or NONE


def event_age(obj: Obj, now: datetime) -> str:
    """Return how long ago an event was last seen."""
    for name in ("lastTimestamp", "eventTime", "firstTimestamp"):
        if obj.get(name):
            return age_text(obj[name], now)
    return age(obj, now)


def event_object(obj: Obj) -> str:
    """Return what an event is about."""
    about = obj.get("involvedObject") or obj.get("regarding") or {}
    return f"{str(about.get('kind', '')).lower()}/{about.get('name', '')}"
