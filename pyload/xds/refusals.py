"""Decides as Envoy does whether a response is refused, as a whole or in part.

A response of which a resource cannot be read, or in delta one that names a resource twice, is
refused as a whole, and nothing of it is used. A cluster or a listener that can be read but not be
used, since an extension in it cannot be read, is refused alone: Envoy uses the others, and follows
what they refer to, but its answer to the response is a NACK that says which ones it refused and
why. In SotW, a name that comes twice is such a case.

A resource without a body is no fault by itself, but a heartbeat, which prolongs the life of one
that was sent with a time to live. Delta names the version of what it prolongs, and whether a proxy
has that is not decided here. In SotW a response with heartbeats has the version of the one before;
a cluster or a listener of which nothing else comes is then there no more, since each response is
all that there is.

Istio's agent and ztunnel take their own types however they come.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from pyload.xds.resources import NO_BODY
from pyload.xds.types import ADDRESS, AUTHORIZATION, CDS, NDS, PCDS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyload.xds.resources import Resource
    from pyload.xds.types import TypeUrl

NOT_ENVOYS: Final = frozenset({ADDRESS, AUTHORIZATION, NDS, PCDS})
"""Types that Envoy does not read."""


class Judgement(NamedTuple):
    """What Envoy does with the resources of a response.

    Attributes:
        resources: Resources that Envoy uses.
        heartbeats: Resources without a body.
        refused: Names of resources that Envoy cannot use.
        error: Why Envoy refuses the response; empty if it does not.
    """

    resources: tuple[Resource, ...] = ()
    heartbeats: tuple[Resource, ...] = ()
    refused: tuple[str, ...] = ()
    error: str = ""


ACCEPTED: Final = Judgement()
"""What Envoy does with a response of which no resource is looked at."""


def judge_delta(
    type_url: TypeUrl, resources: tuple[Resource, ...], removed: Sequence[str]
) -> Judgement:
    """Judge a delta response."""
    if type_url in NOT_ENVOYS:
        return Judgement(resources)
    names = _faultless(resources)
    if len(names) == len(resources) and (
        not removed or len(names.union(removed)) == len(names) + len(removed)
    ):
        return Judgement(resources)
    names = {one.name for one in resources}
    if len(names) < len(resources):
        twice = _twice([one.name for one in resources])
        return Judgement(error=f"duplicate name {twice} found among added/updated resources")
    if len(names.union(removed)) < len(names) + len(removed):
        twice = _twice([*names, *removed])
        return Judgement(
            error=f"duplicate name {twice} found in the union of added+removed resources"
        )
    return _judge_each(type_url, resources)


def judge_sotw(type_url: TypeUrl, resources: tuple[Resource, ...]) -> Judgement:
    """Judge the clusters or listeners of a SotW response."""
    if len(_faultless(resources)) == len(resources):
        return Judgement(resources)
    return _judge_each(type_url, resources)


def _faultless(resources: tuple[Resource, ...]) -> set[str]:
    """Return the names of those without an error: mostly as many as there are resources."""
    return {one.name for one in resources if not one.error}


def _judge_each(type_url: TypeUrl, resources: Sequence[Resource]) -> Judgement:
    kind = "cluster" if type_url == CDS else "listener"
    used: dict[str, Resource] = {}
    heartbeats, faults = [], []
    names = set()
    for one in resources:
        if one.error == NO_BODY:
            heartbeats.append(one)
        elif one.name in names:
            faults.append((one.name, f"duplicate {kind} {one.name} found"))
        elif one.error:
            faults.append((one.name, one.error))
        else:
            used[one.name] = one
        names.add(one.name)
    error = ""
    if faults:
        reasons = ", ".join(f"{name}: {fault}" for name, fault in faults)
        error = f"Error adding/updating {kind}(s) {reasons}"
    refused = tuple(name for name, _ in faults if name not in used)
    return Judgement(tuple(used.values()), tuple(heartbeats), refused, error)


def _twice(names: Sequence[str]) -> str:
    """Return the first name that comes a second time."""
    known: set[str] = set()
    return next(name for name in names if name in known or known.add(name))  # type: ignore[func-returns-value]
