"""The environment that a container of a pod would see.

On kwok no kubelet resolves a container's variables, so they are resolved here, from the pod alone.
References to Secrets and ConfigMaps are not followed: their variables are left out, and named among
the unresolved parts.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyload.kube.resources import Obj


_REFERENCE: Final = re.compile(r"\$(?:\$|\(([^)]*)\))")
_SUBSCRIPT: Final = re.compile(r"metadata\.(labels|annotations)\['([^']*)'\]")


@dataclass(slots=True)
class Environment:
    """Variables of a container.

    Attributes:
        values: By name.
        own: Names whose values may differ between the pods of one template.
        unresolved: Parts that were left out, such as ``PASSWORD`` or ``envFrom``.
    """

    values: dict[str, str] = field(default_factory=dict)
    own: set[str] = field(default_factory=set)
    unresolved: list[str] = field(default_factory=list)


def expand(text: str, values: Mapping[str, str]) -> str:
    """Replace ``$(NAME)`` as Kubernetes does.

    ``$$`` becomes ``$``; a reference to an unknown name stays as it is written.
    """
    if "$" not in text:
        return text

    def replacement(match: re.Match[str]) -> str:
        name = match[1]
        return "$" if name is None else values.get(name, match[0])

    return _REFERENCE.sub(replacement, text)


def field_value(pod: Obj, path: str) -> str | None:
    """Return the value of a ``fieldRef``; None for a field that cannot be referred to.

    A field that is not set yet, such as the IP of a pod that has none, is empty.
    """
    metadata = pod.get("metadata") or {}
    subscript = _SUBSCRIPT.fullmatch(path)
    if subscript is not None:
        return str((metadata.get(subscript[1]) or {}).get(subscript[2], ""))
    section, _, name = path.partition(".")
    if path in _FIELDS:
        return str((pod.get(section) or {}).get(name) or "")
    if path in _LISTS:
        return ",".join(each["ip"] for each in (pod.get(section) or {}).get(name) or ())
    return None


_FIELDS: Final = frozenset(
    {
        "metadata.name",
        "metadata.namespace",
        "metadata.uid",
        "spec.nodeName",
        "spec.serviceAccountName",
        "status.podIP",
        "status.hostIP",
    }
)
_LISTS: Final = frozenset({"status.podIPs", "status.hostIPs"})


def environment(container: Obj, pod: Obj) -> Environment:
    """Resolve the variables of a container in the order in which it names them.

    Of the variables that a ``resourceFieldRef`` sets only a limit of CPU is resolved. The others
    are left out without being named: they size a process that does not exist here.
    """
    found = Environment()
    if container.get("envFrom"):
        found.unresolved.append("envFrom")
    for variable in container.get("env") or ():
        name = variable["name"]
        source = variable.get("valueFrom")
        if source is None:
            written = variable.get("value") or ""
            value: str | None = written
            if "$" in written:
                value = expand(written, found.values)
                if value != written:
                    found.own.add(name)
        elif "fieldRef" in source:
            value = field_value(pod, source["fieldRef"].get("fieldPath") or "")
            found.own.add(name)
        elif "resourceFieldRef" in source:
            cores = _cores(container, source["resourceFieldRef"])
            if cores:
                found.values[name] = cores
            continue
        else:
            value = None
        if value is None:
            found.unresolved.append(name)
        else:
            found.values[name] = value
    return found


def _cores(container: Obj, reference: Obj) -> str:
    """Return a container's limit of CPU, rounded up to whole cores; empty for all else."""
    if reference.get("resource") != "limits.cpu" or reference.get("divisor") not in _WHOLE:
        return ""
    limit = str(((container.get("resources") or {}).get("limits") or {}).get("cpu") or "")
    number, scale = (limit[:-1], 1000) if limit.endswith("m") else (limit, 1)
    try:
        return str(math.ceil(float(number) / scale))
    except (ValueError, OverflowError):
        return ""


_WHOLE: Final = (None, "", "0", "1")
"""Divisors that leave a quantity as it is."""
