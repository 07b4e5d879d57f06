"""The decisions of the controller of Deployments: revisions and rollouts.

A Deployment has a ReplicaSet for each template that it had of late. The one of the present template
is the new one, whether it was made for it or left by an earlier rollout: undoing a rollout is no
more than writing an older template again.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pyload.embedded.controllers.owners import reference_to
from pyload.embedded.controllers.templates import template_hash

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pyload.kube.resources import Obj


HASH: Final = "pod-template-hash"
REVISION: Final = "deployment.kubernetes.io/revision"
HISTORY: Final = "deployment.kubernetes.io/revision-history"

_DESIRED: Final = "deployment.kubernetes.io/desired-replicas"
_MOST: Final = "deployment.kubernetes.io/max-replicas"
_NOT_COPIED: Final = frozenset(
    ("kubectl.kubernetes.io/last-applied-configuration", REVISION, HISTORY, _DESIRED, _MOST)
)
"""Annotations of a Deployment that its ReplicaSets do not get."""


def revision_of(replica_set: Obj) -> int:
    """Return the number of the rollout that a ReplicaSet is of; 0 if it has none."""
    annotations = replica_set["metadata"].get("annotations") or {}
    try:
        return int(annotations.get(REVISION, 0))
    except ValueError:
        return 0


def is_of_template(replica_set: Obj, deployment: Obj) -> bool:
    """Return whether a ReplicaSet has a Deployment's present template."""
    return _without_hash(replica_set["spec"]["template"]) == _without_hash(
        deployment["spec"]["template"]
    )


def _without_hash(template: Obj) -> Obj:
    metadata = template.get("metadata") or {}
    labels = {key: value for key, value in (metadata.get("labels") or {}).items() if key != HASH}
    kept = {name: value for name, value in metadata.items() if name != "creationTimestamp"}
    return {**template, "metadata": {**kept, "labels": labels}}


def replica_set_of(deployment: Obj, *, replicas: int) -> Obj:
    """Build the ReplicaSet of a Deployment's present template; its annotations are not in it."""
    metadata, spec = deployment["metadata"], deployment["spec"]
    template = spec["template"]
    tag = template_hash(template)
    of_template = template.get("metadata") or {}
    labels = {**(of_template.get("labels") or {}), HASH: tag}
    selector = spec.get("selector") or {}
    matched = {**(selector.get("matchLabels") or {}), HASH: tag}
    return {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {
            "name": f"{metadata['name']}-{tag}",
            "namespace": metadata["namespace"],
            "labels": labels,
            "ownerReferences": [reference_to(deployment)],
        },
        "spec": {
            "replicas": replicas,
            "selector": {**selector, "matchLabels": matched},
            "template": {**template, "metadata": {**of_template, "labels": labels}},
        },
    }


def new_annotations(deployment: Obj, new: Obj, olds: Iterable[Obj]) -> dict[str, str]:
    """Return the annotations of the ReplicaSet of a Deployment's present template.

    Its revision is the highest of all; the ones that it had before stay in its history.

    Args:
        deployment: The Deployment.
        new: That ReplicaSet.
        olds: The others.
    """
    before = dict(new["metadata"].get("annotations") or {})
    given = deployment["metadata"].get("annotations") or {}
    annotations = before | {name: value for name, value in given.items() if name not in _NOT_COPIED}
    highest = max((revision_of(one) for one in olds), default=0)
    current = revision_of(new)
    if current <= highest:
        annotations[REVISION] = str(highest + 1)
        if current:
            past = [one for one in before.get(HISTORY, "").split(",") if one]
            annotations[HISTORY] = ",".join([*past, str(current)])
    return annotations


def scaled(replica_set: Obj, deployment: Obj, replicas: int) -> Obj:
    """Return a ReplicaSet with other replicas, and the annotations that go with their number."""
    wanted = deployment["spec"].get("replicas", 1)
    metadata = replica_set["metadata"]
    annotations = {
        **(metadata.get("annotations") or {}),
        _DESIRED: str(wanted),
        _MOST: str(wanted + _surge(deployment)),
    }
    return {
        **replica_set,
        "metadata": {**metadata, "annotations": annotations},
        "spec": {**replica_set["spec"], "replicas": replicas},
    }


def _surge(deployment: Obj) -> int:
    """Return how many pods a Deployment may have above what is wanted."""
    spec = deployment["spec"]
    strategy = spec.get("strategy") or {}
    if strategy.get("type") == "Recreate":
        return 0
    return bounds(strategy.get("rollingUpdate") or {}, spec.get("replicas", 1))[0]


@dataclass(frozen=True, slots=True)
class ReplicaCounts:
    """The progress of one of a Deployment's ReplicaSets.

    Attributes:
        wanted: Its ``spec.replicas``.
        pods: Pods that it has.
        ready: Those of them that are ready.
    """

    wanted: int
    pods: int
    ready: int


def rollout(
    deployment: Obj, new: ReplicaCounts, olds: Sequence[ReplicaCounts]
) -> tuple[int, list[int]]:
    """Decide how many replicas each ReplicaSet of a Deployment shall have next.

    The strategy's maxSurge bounds how many there are, maxUnavailable how many are missing.

    Args:
        deployment: The Deployment.
        new: The ReplicaSet of its present template.
        olds: Those of former templates, the oldest first.

    Returns:
        Replicas of the new one, and of each old one.
    """
    spec = deployment["spec"]
    wanted = spec.get("replicas", 1)
    strategy = spec.get("strategy") or {}
    if strategy.get("type") == "Recreate":
        gone = not any(old.pods for old in olds)
        return wanted if gone else new.wanted, [0] * len(olds)
    surge, unavailable = bounds(strategy.get("rollingUpdate") or {}, wanted)
    total = new.wanted + sum(old.wanted for old in olds)
    target = min(wanted, max(new.wanted, new.wanted + wanted + surge - total))
    least = wanted - unavailable
    # Pods that never became ready may go as far as the new ones' own are not missing.
    budget = total - least - max(0, new.wanted - new.ready)
    left = [old.wanted for old in olds]
    for at, old in enumerate(olds):
        cut = max(0, min(old.wanted - old.ready, budget))
        left[at] -= cut
        budget -= cut
    spare = min(budget, new.ready + sum(old.ready for old in olds) - least)
    for at in range(len(olds)):
        cut = max(0, min(left[at], spare))
        left[at] -= cut
        spare -= cut
    return target, left


def bounds(rolling: Obj, wanted: int) -> tuple[int, int]:
    """Return how many pods a rolling update may have above what is wanted, and how many below."""
    surge = math.ceil(share(rolling.get("maxSurge", "25%"), wanted))
    unavailable = math.floor(share(rolling.get("maxUnavailable", "25%"), wanted))
    return surge, unavailable if surge or unavailable else 1


def share(value: Any, wanted: int) -> float:
    """Return a number, or a percentage of the wanted one."""
    if isinstance(value, str) and value.endswith("%"):
        return int(value[:-1]) * wanted / 100
    return int(value)


def while_paused(deployment: Obj, counts: Sequence[ReplicaCounts]) -> list[int]:
    """Decide how many replicas each ReplicaSet of a paused Deployment shall have.

    Its rollout stands still; only what is wanted altogether may change.

    Args:
        deployment: The Deployment.
        counts: Its ReplicaSets, the oldest first.
    """
    left = [one.wanted for one in counts]
    least = most = deployment["spec"].get("replicas", 1)
    if sum(count > 0 for count in left) > 1:
        most += _surge(deployment) if least else 0
    total = sum(left)
    more = min(max(total, least), most) - total
    for at in reversed(range(len(left))):
        change = max(-left[at], more) if left[at] or not total else 0
        left[at] += change
        more -= change
    return left
