"""Pods from the templates of workloads, and their names."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Final

import orjson

from pyload.embedded.controllers.owners import reference_to

if TYPE_CHECKING:
    from random import Random

    from pyload.kube.resources import Obj

GATHERING: Final = 0.05
"""Seconds for which changes of a workload's pods are gathered before it is handled."""

BATCH: Final = 100
"""Pods of one workload that are created or deleted before other items are handled."""

_LETTERS: Final = "bcdfghjklmnpqrstvwxz2456789"


def suffix(rng: Random) -> str:
    """Choose the end of a generated name."""
    return "".join(rng.choices(_LETTERS, k=5))


def template_hash(template: Obj) -> str:
    """Return the label that distinguishes a Deployment's templates."""
    digits = str(zlib.crc32(orjson.dumps(template, option=orjson.OPT_SORT_KEYS)))
    return "".join(_LETTERS[ord(digit) % len(_LETTERS)] for digit in digits)


def pod_of(owner: Obj, rng: Random) -> Obj:
    """Build a pod from the template of a workload."""
    metadata, template = owner["metadata"], owner["spec"]["template"]
    given = template.get("metadata") or {}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": f"{metadata['name'][:58]}-{suffix(rng)}",
            "generateName": f"{metadata['name']}-",
            "namespace": metadata["namespace"],
            "labels": given.get("labels") or {},
            "annotations": given.get("annotations") or {},
            "ownerReferences": [reference_to(owner)],
        },
        "spec": template["spec"],
    }
