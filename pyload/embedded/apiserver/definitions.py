"""CustomResourceDefinitions: what may be defined, what the server makes of it, and the kind itself.

The server answers for a definition at once: names that are free are accepted, and its kind is
served with the same write. A real server takes some milliseconds, so nothing can rely on less.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from pyload.embedded.apiserver.deletion import timestamp
from pyload.embedded.apiserver.kinds import BUILT_IN, CustomVersion, Kind, ScalePaths
from pyload.embedded.apiserver.refusals import Cause

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from pyload.kube.resources import Obj

FINALIZER: Final = "customresourcecleanup.apiextensions.k8s.io"
"""Keeps a definition until the objects of its kind are gone."""

NO_RULES: Final = "pyload does not evaluate validation rules in CEL (x-kubernetes-validations)"
"""What a client is told that defines some."""

_LABEL: Final = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_VERSION: Final = re.compile(r"v(\d+)(?:(alpha|beta)(\d+))?")
_STAGES: Final = {"alpha": 0, "beta": 1, None: 2}
_COLUMN_TYPES: Final = ("boolean", "date", "integer", "number", "string")
_SCOPES: Final = ("Cluster", "Namespaced")
_BUILT_IN: Final = frozenset(kind.qualified for kind in BUILT_IN)


def by_priority(versions: Iterable[str]) -> tuple[str, ...]:
    """Sort versions of a group as Kubernetes prefers them: v2, v1, v1beta2, v1alpha1, others."""

    def rank(version: str) -> tuple[Any, ...]:
        match = _VERSION.fullmatch(version)
        if match is None:
            return (1, version)
        return (0, -_STAGES[match[2]], -int(match[1]), -int(match[3] or 0))

    return tuple(sorted(versions, key=rank))


def complete(obj: Obj) -> Obj:
    """Return a definition with the server's defaults."""
    spec = obj.get("spec") or {}
    names = dict(spec.get("names") or {})
    kind = names.get("kind")
    if isinstance(kind, str):
        names.setdefault("singular", kind.lower())
        names.setdefault("listKind", kind + "List")
    spec = {**spec, "names": names, "conversion": spec.get("conversion") or {"strategy": "None"}}
    return {**obj, "spec": spec}


def faults(obj: Obj) -> Iterator[Cause]:
    """Yield what is wrong with a definition."""
    spec = obj.get("spec") or {}
    names, group = spec.get("names") or {}, spec.get("group") or ""
    if not group:
        yield Cause.required("spec.group")
    elif "." not in group:
        text = "should be a domain with at least one dot"
        yield Cause.invalid("spec.group", group, text)
    for name in ("plural", "singular", "kind", "listKind"):
        value = names.get(name)
        if not value:
            yield Cause.required(f"spec.names.{name}")
        elif not isinstance(value, str) or not _LABEL.fullmatch(value.lower()):
            text = "must consist of lower case alphanumeric characters or '-'"
            yield Cause.invalid(f"spec.names.{name}", value, text)
    name = obj["metadata"].get("name")
    if group and names.get("plural") and name != f"{names['plural']}.{group}":
        text = 'must be spec.names.plural+"."+spec.group'
        yield Cause.invalid("metadata.name", name, text)
    elif name in _BUILT_IN:
        # A real server serves its own kind, and the definition to nobody.
        yield Cause.invalid("metadata.name", name, "pyload serves this kind without a definition")
    if not spec.get("scope"):
        yield Cause.required("spec.scope")
    elif spec["scope"] not in _SCOPES:
        yield Cause.unsupported("spec.scope", spec["scope"], _SCOPES)
    strategy = spec["conversion"].get("strategy")
    if strategy != "None":
        text = "pyload converts between versions by their name alone (strategy None)"
        yield Cause.invalid("spec.conversion.strategy", strategy, text)
    yield from _version_faults(spec.get("versions") or ())


def _version_faults(versions: Sequence[Obj]) -> Iterator[Cause]:
    if not versions:
        yield Cause.required("spec.versions")
        return
    if sum(1 for one in versions if one.get("storage")) != 1:
        text = "must have exactly one version marked as storage version"
        shown = ", ".join(str(one.get("name")) for one in versions)
        yield Cause.invalid("spec.versions", shown, text)
    seen: set[str] = set()
    for index, one in enumerate(versions):
        path = f"spec.versions[{index}]"
        name = one.get("name")
        if not name:
            yield Cause.required(f"{path}.name")
        elif not isinstance(name, str) or not _LABEL.fullmatch(name):
            yield Cause.invalid(f"{path}.name", name, "must be a DNS label")
        elif name in seen:
            text = "must contain unique version names"
            yield Cause.invalid("spec.versions", name, text)
        seen.add(name or "")
        columns = one.get("additionalPrinterColumns") or ()
        yield from _column_faults(columns, f"{path}.additionalPrinterColumns")
        schema = (one.get("schema") or {}).get("openAPIV3Schema")
        if not schema:
            yield Cause.required(f"{path}.schema.openAPIV3Schema", "schemas are required")
        elif schema.get("type") != "object":
            where = f"{path}.schema.openAPIV3Schema.type"
            if schema.get("type"):
                yield Cause.invalid(where, schema["type"], "must be object at the root")
            else:
                yield Cause.required(where, "must not be empty at the root")


def _column_faults(columns: Sequence[Obj], path: str) -> Iterator[Cause]:
    for index, one in enumerate(columns):
        where = f"{path}[{index}]"
        if not one.get("name"):
            yield Cause.required(f"{where}.name")
        if not one.get("type"):
            text = f"must be one of {','.join(_COLUMN_TYPES)}"
            yield Cause.required(f"{where}.type", text)
        elif one["type"] not in _COLUMN_TYPES:
            text = f"must be one of {','.join(_COLUMN_TYPES)}"
            yield Cause.invalid(f"{where}.type", one["type"], text)
        if not one.get("jsonPath"):
            yield Cause.required(f"{where}.JSONPath")


def conflicts(obj: Obj, others: Iterable[Kind]) -> list[tuple[str, str]]:
    """Return why names cannot be accepted, as reason and message, since others have them."""
    names, group = obj["spec"]["names"], obj["spec"]["group"]
    taken: dict[str, None] = {}
    kinds: dict[str, None] = {}
    for kind in others:
        if kind.group == group and kind.plural != names["plural"]:
            taken |= dict.fromkeys((kind.plural, kind.singular_name, *kind.short))
            kinds |= dict.fromkeys((kind.kind, kind.kind + "List"))
    wanted = (
        ("PluralConflict", names["plural"], taken),
        ("SingularConflict", names["singular"], taken),
        *(("ShortNamesConflict", short, taken) for short in names.get("shortNames") or ()),
        ("KindConflict", names["kind"], kinds),
        ("ListKindConflict", names["listKind"], kinds),
    )
    return [
        (reason, f'"{name}" is already in use') for reason, name, used in wanted if name in used
    ]


def established(obj: Obj, old: Obj | None, others: Iterable[Kind], now: datetime) -> Obj:
    """Return a definition with the status that the server gives it.

    It fails where the definition has values of wrong types, so that no such definition is stored.

    Args:
        obj: The definition, complete and without fault.
        old: The one that it replaces; None for a new one.
        others: The kinds that are served.
        now: The time.
    """
    read_kind(obj)
    spec = obj["spec"]
    found = conflicts(obj, others)
    before = (old or {}).get("status") or {}
    if found:
        reason, message = found[0]
        named = ("NamesAccepted", "False", reason, message)
        ready = ("Established", "False", "NotAccepted", "not all names are accepted")
    else:
        named = ("NamesAccepted", "True", "NoConflicts", "no conflicts found")
        text = "the initial names have been accepted"
        ready = ("Established", "True", "InitialNamesAccepted", text)
    storage = next(one["name"] for one in spec["versions"] if one.get("storage"))
    kept = list(before.get("storedVersions") or ())
    status: Obj = {
        "acceptedNames": before.get("acceptedNames", {"kind": "", "plural": ""})
        if found
        else spec["names"],
        "storedVersions": kept if storage in kept else [*kept, storage],
        "conditions": [_condition(one, before, now) for one in (named, ready)],
    }
    metadata = obj["metadata"]
    held = metadata.get("finalizers") or []
    if old is None and FINALIZER not in held:
        metadata = {**metadata, "finalizers": [*held, FINALIZER]}
    return {**obj, "metadata": metadata, "status": status}


def _condition(one: tuple[str, str, str, str], before: Obj, now: datetime) -> Obj:
    type_, status, reason, message = one
    since = timestamp(now)
    for earlier in before.get("conditions") or ():
        if earlier["type"] == type_ and earlier["status"] == status:
            since = earlier.get("lastTransitionTime", since)
    return {
        "type": type_,
        "status": status,
        "reason": reason,
        "message": message,
        "lastTransitionTime": since,
    }


def has_rules(obj: Obj) -> bool:
    """Return whether a definition has rules in CEL."""
    pending: list[Any] = [one.get("schema") for one in obj["spec"]["versions"]]
    while pending:
        value = pending.pop()
        if isinstance(value, dict):
            if value.get("x-kubernetes-validations"):
                return True
            pending.extend(value.values())
        elif isinstance(value, list):
            pending.extend(value)
    return False


def read_kind(obj: Obj) -> Kind:
    """Return the kind that a definition without fault describes."""
    spec = obj["spec"]
    names = spec["names"]
    versions = {one["name"]: one for one in spec["versions"]}
    subresources = dict.fromkeys(
        name for one in versions.values() for name in one.get("subresources") or ()
    )
    return Kind(
        spec["group"],
        by_priority(name for name, one in versions.items() if one.get("served")),
        names["plural"],
        names["kind"],
        namespaced=spec["scope"] == "Namespaced",
        short=tuple(names.get("shortNames") or ()),
        categories=tuple(names.get("categories") or ()),
        subresources=tuple(subresources),
        custom={name: _read_version(one) for name, one in versions.items()},
        storage=next(name for name, one in versions.items() if one.get("storage")),
        singular=names["singular"],
        ending="deletionTimestamp" in obj["metadata"],
        generation=True,
        unconditional=False,
    )


def _read_version(version: Obj) -> CustomVersion:
    scale = (version.get("subresources") or {}).get("scale")
    return CustomVersion(
        schema=version["schema"]["openAPIV3Schema"],
        scale=ScalePaths(
            _fields(scale.get("specReplicasPath", "")),
            _fields(scale.get("statusReplicasPath", "")),
            _fields(scale.get("labelSelectorPath", "")),
        )
        if scale
        else None,
        columns=tuple(version.get("additionalPrinterColumns") or ()),
    )


def _fields(path: str) -> tuple[str, ...]:
    """Return the fields of a simple JSON path: ``.spec.replicas``."""
    return tuple(part for part in path.split(".") if part)
