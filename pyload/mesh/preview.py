"""What a run would do, from its plan alone: objects, proxies, API calls, and how long it takes."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from pyload.mesh.istio_objects import RESOURCES
from pyload.units import Duration

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pyload.config.model import ClusterConfig
    from pyload.mesh.plan import AppPlan, NamespacePlan, Plan

NAMESPACES_SHOWN: Final = 20
"""Rows of the table; the namespaces after that are summed up."""

ADMITTED: Final = (25, 100)
"""New streams a second that istiod lets in by default, on 2 cores and from 17 cores on: 15 + 5 for
each core, at most 100 (PILOT_MAX_REQUESTS_PER_SECOND)."""

_UPSERT: Final = 2
_STATUS: Final = 1
_FINALIZE: Final = 4


@dataclass(frozen=True, slots=True)
class Preview:
    """What a run would do.

    Attributes:
        cluster: Objects outside of the run's own namespaces, by kind.
        namespaces: Objects of each namespace by kind, in the order of creation.
        proxies: Proxies by type.
        create: Requests to the API server until everything is there.
        remove: Requests until everything is gone.
        pauses: Seconds that the config's grace periods take.
    """

    cluster: Mapping[str, int]
    namespaces: Mapping[str, Mapping[str, int]]
    proxies: Mapping[str, int]
    create: int
    remove: int
    pauses: float = field(default=0.0)

    @property
    def objects(self) -> int:
        """All objects."""
        return sum(self.cluster.values()) + sum(
            sum(kinds.values()) for kinds in self.namespaces.values()
        )


def preview(plan: Plan, config: ClusterConfig, *, authenticated: bool = False) -> Preview:
    """Count what a plan comes to (contract §4.1 to §4.2).

    Args:
        plan: What would be created.
        config: What the user wrote.
        authenticated: Whether proxies prove who they are, and so need service accounts.
    """
    outside: Counter[str] = Counter()
    nodes = len(plan.nodes) if plan.traits.nodes else 0
    outside["Node"] += nodes
    outside["Lease"] += nodes if plan.traits.leases else 0
    for one in plan.istio_objects:
        outside[RESOURCES[one.kind].kind] += 1
    inside = {one.name: _namespace(one, plan) for one in plan.namespaces}
    if authenticated:
        outside["ServiceAccount"] += bool(plan.ztunnels)
        for namespace in plan.namespaces:
            if namespace.has_gateways:
                inside[namespace.name].update(("Role", "RoleBinding"))
    proxies: Counter[str] = Counter()
    for app in plan.apps:
        if app.proxy_type:
            proxies[app.proxy_type] += len(app.pods)
    proxies["ztunnel"] += len(plan.ztunnels)
    counted = Preview(+outside, {name: +kinds for name, kinds in inside.items()}, +proxies, 0, 0)
    pauses = sum(one.grace * len(one.apps) for one in plan.namespaces)
    return Preview(
        counted.cluster,
        counted.namespaces,
        counted.proxies,
        create=_calls(plan, counted),
        # A namespace is looked for after its end.
        remove=counted.objects + len(plan.namespaces) * (1 + _FINALIZE * plan.traits.finalize),
        pauses=pauses + config.grace_period.seconds * len(plan.namespaces),
    )


def _namespace(namespace: NamespacePlan, plan: Plan) -> Counter[str]:
    kinds = Counter({"Namespace": 1, "ServiceAccount": int(plan.traits.account)})
    for one in namespace.istio_objects:
        kinds[RESOURCES[one.kind].kind] += 1
    for instance in namespace.templates:
        kinds.update(str(obj["kind"]) for obj in instance.objects())
    for app in namespace.apps:
        kinds.update(_app(app, plan))
    return kinds


def _app(app: AppPlan, plan: Plan) -> Iterator[str]:
    traits = plan.traits
    for one in app.istio_objects:
        yield RESOURCES[one.kind].kind
    for instance in app.templates:
        yield from (str(obj["kind"]) for obj in instance.objects())
    if app.has_service:
        yield "Service"
        if traits.endpoints:
            yield "Endpoints"
        if traits.slices:
            yield "EndpointSlice"
        if traits.pods == "deployment":
            yield "Deployment"
    if traits.pods in ("bare", "kubelet"):
        yield from ("Pod" for _ in app.pods)


def _calls(plan: Plan, counted: Preview) -> int:
    """Count requests: each object is read and written, and a status is one more.

    Pods are applied in one request; the status of each is another, whoever writes it. What comes
    of templates is applied in one request, too.
    """
    templated = sum(len(one.objects()) for one in plan.all_templates)
    pods = plan.pod_count if plan.traits.pods in ("bare", "kubelet") else 0
    statuses = len(plan.namespaces)
    statuses += len(plan.nodes) if plan.traits.nodes in ("full", "kwok") else 0
    upserts = counted.objects - pods - templated
    return upserts * _UPSERT + statuses * _STATUS + pods * 2 + templated


def text_of(found: Preview, *, qps: float, problems: Sequence[str]) -> str:
    """Write a preview for people; no line is longer than 100 characters but those of problems.

    Args:
        found: What a run would do.
        qps: Requests to the API server per second that it may make.
        problems: What the machine cannot bear.
    """
    proxies = sum(found.proxies.values())
    head = (
        f"would create {found.objects:,} objects in {len(found.namespaces):,} namespaces, "
        f"and run {proxies:,} proxies; nothing was touched"
    )
    return "\n".join([head, "", *_table(found), "", *_facts(found, qps, problems)])


def _table(found: Preview) -> Iterator[str]:
    rows = [("(cluster)", found.cluster)] if found.cluster else []
    names = list(found.namespaces)
    rows += [(name, found.namespaces[name]) for name in names[:NAMESPACES_SHOWN]]
    rest = names[NAMESPACES_SHOWN:]
    if rest:
        total: Counter[str] = Counter()
        for name in rest:
            total.update(found.namespaces[name])
        rows.append((f"({len(rest):,} more)", total))
    width = max([len("namespace"), *(len(name) for name, _ in rows)])
    width = min(width, 40)
    yield f"{'namespace':<{width}}  objects  kinds"
    for name, kinds in rows:
        lines = _wrapped(kinds, 100 - width - 11)
        yield f"{name:<{width}}  {sum(kinds.values()):>7,}  {lines[0]}"
        for line in lines[1:]:
            yield f"{'':<{width}}  {'':>7}  {line}"


def _wrapped(kinds: Mapping[str, int], width: int) -> list[str]:
    """Write counts on as many lines as it takes, the largest first."""
    lines = [""]
    for kind, count in sorted(kinds.items(), key=lambda one: (-one[1], one[0])):
        part = f"{kind} {count:,}"
        if lines[-1] and len(lines[-1]) + 2 + len(part) > width:
            lines[-1] += ","
            lines.append(part)
        else:
            lines[-1] += f", {part}" if lines[-1] else part
    return lines


def _facts(found: Preview, qps: float, problems: Sequence[str]) -> Iterator[str]:
    proxies = sum(found.proxies.values())
    types = ", ".join(f"{type_} {count:,}" for type_, count in sorted(found.proxies.items()))
    yield f"proxies    {types or 'none'}"
    yield (
        f"API calls  about {found.create:,} to create and {found.remove:,} to remove; --qps "
        f"{qps:g} alone lets them take {_time((found.create + found.remove) / qps)}"
    )
    if found.pauses:
        yield f"pauses     {_time(found.pauses)}, for the config's gracePeriod"
    if proxies:
        slow, fast = (_time(proxies / rate) for rate in ADMITTED)
        yield (
            f"istiod     lets new streams in at {ADMITTED[0]} to {ADMITTED[1]} a second unless "
            f"told otherwise: {fast} to {slow}"
        )
    if not problems:
        yield "limits     none of this machine's will bite"
    for problem in problems:
        yield f"limits     {problem}"


def _time(seconds: float) -> str:
    if seconds < 0.1:
        return "less than 0.1s"
    return str(Duration.from_seconds(round(seconds, 1 if seconds < 60 else 0)))
