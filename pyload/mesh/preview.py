"""What a run would do, from its plan alone: objects, proxies, requests, and how long it takes.

The steps of the plan are counted, without building their objects; only templates have to be
rendered. Requests are those of a run in which nothing goes wrong.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from pyload.mesh.ledger import Entry
from pyload.mesh.steps import Mode, ObjectStep, PodStep, TemplateStep, parts_of
from pyload.units import Duration
from pyload.xds.node import ZTUNNEL

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pyload.kube.resources import Obj
    from pyload.mesh.plan import Plan
    from pyload.mesh.steps import Step

NAMESPACES_SHOWN: Final = 20
"""Rows of the table; the namespaces after that are summed up."""

ADMITTED: Final = (25, 100)
"""New streams a second that istiod lets in by default, on 2 cores and from 17 cores on: 15 + 5 for
each core, at most 100 (PILOT_MAX_REQUESTS_PER_SECOND)."""

_FINALIZE: Final = 4
"""Requests that the end of a namespace takes where no controller sees to it."""


@dataclass(frozen=True, slots=True)
class Preview:
    """The figures of a run that has not begun.

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


def preview(plan: Plan, *, authenticated: bool = False) -> Preview:
    """Count the objects, proxies and requests of a plan.

    Args:
        plan: The plan of the mesh.
        authenticated: Whether proxies show tokens or certificates, and so need service accounts.
    """
    outside: Counter[str] = Counter()
    inside: dict[str, Counter[str]] = {one.name: Counter() for one in plan.namespaces}
    create, pauses = 0, 0.0
    for part in parts_of(plan, authenticated=authenticated):
        kinds = outside if part.namespace is None else inside[part.namespace.name]
        pauses += part.pause
        for group in part.groups:
            pauses += group.pause
            for step in group.steps:
                found = tuple(_kinds(step))
                kinds.update(found)
                create += _requests(step, len(found))
    if plan.traits.leases:
        # They are renewed beside the steps, first right after their nodes were created.
        outside["Lease"] = outside["Node"]
        create += outside["Lease"] * Mode.REPLACE.value
    counted = sum(outside.values()) + sum(sum(kinds.values()) for kinds in inside.values())
    return Preview(
        +outside,
        inside,
        _proxies(plan),
        create=create,
        # A namespace is looked for after its end.
        remove=counted + len(plan.namespaces) * (1 + _FINALIZE * plan.traits.finalize),
        pauses=pauses,
    )


def json_of(found: Preview, *, problems: Sequence[str]) -> Obj:
    """Return a preview as JSON.

    Args:
        found: The figures.
        problems: The limits of this machine that the run exceeds.
    """
    return {
        "objects": {
            "total": found.objects,
            "cluster": dict(found.cluster),
            "namespaces": {name: dict(kinds) for name, kinds in found.namespaces.items()},
        },
        "proxies": {"total": sum(found.proxies.values()), **found.proxies},
        "requests": {"create": found.create, "remove": found.remove},
        "pauses": found.pauses,
        "limits": list(problems),
    }


def _kinds(step: Step) -> Iterator[str]:
    match step:
        case TemplateStep():
            yield from (str(obj["kind"]) for obj in step.instance.objects())
        case ObjectStep(entry=Entry() as entry) | PodStep(entry=Entry() as entry):
            yield entry.resource.kind


def _requests(step: Step, objects: int) -> int:
    """Count the requests of a step that yields a number of objects."""
    match step:
        case ObjectStep():
            return step.mode.value
        case PodStep():
            # It is applied, and its status is, by the run or by its kubelet.
            return 2 * objects
        case TemplateStep():
            return objects


def _proxies(plan: Plan) -> Counter[str]:
    proxies = Counter({ZTUNNEL: len(plan.ztunnels)})
    for app in plan.apps:
        if app.proxy_type:
            proxies[app.proxy_type] += len(app.pods)
    return +proxies


def text_of(found: Preview, *, qps: float, problems: Sequence[str]) -> str:
    """Write a preview for people, in lines of at most 100 characters, except for problems.

    Args:
        found: The figures.
        qps: Requests to the API server per second that it may make.
        problems: The limits of this machine that the run exceeds.
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
