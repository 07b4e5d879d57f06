"""``docs/deploy/rbac``: the rights of each command as manifests, from their table."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Final

from pyload.harness.rights import RIGHTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pyload.harness.rights import Right

_HEAD: Final = """\
# The least rights of `pyload {command}`. Written by docs/write.py from pyload/harness/rights.py;
# change that. A rule with a condition can go where the condition does not hold.
apiVersion: v1
kind: Namespace
metadata:
  name: pyload
---
apiVersion: v1
kind: ServiceAccount
metadata:
  name: pyload
  namespace: pyload
"""
_ROLE: Final = """\
---
apiVersion: rbac.authorization.k8s.io/v1
kind: {kind}
metadata:
  name: {name}{place}
rules:
"""
_BINDING: Final = """\
---
apiVersion: rbac.authorization.k8s.io/v1
kind: {kind}Binding
metadata:
  name: {name}{place}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: {kind}
  name: {name}
subjects:
- kind: ServiceAccount
  name: pyload
  namespace: pyload
"""


def files() -> dict[str, str]:
    """Return the manifests by their paths below docs."""
    return {
        f"deploy/rbac/{_name(command).removeprefix('pyload-')}.yaml": manifest(command)
        for command in RIGHTS
    }


def manifest(command: str) -> str:
    """Return the manifest of a command of `RIGHTS`."""
    rights = sorted(RIGHTS[command], key=lambda right: right.namespace)
    text = _HEAD.format(command=command)
    for namespace, inside in groupby(rights, key=lambda right: right.namespace):
        kind = "Role" if namespace else "ClusterRole"
        place = f"\n  namespace: {namespace}" if namespace else ""
        names = {"kind": kind, "name": _name(command), "place": place}
        text += _ROLE.format(**names) + "\n".join(_rules(inside)) + "\n" + _BINDING.format(**names)
    return text


def _name(command: str) -> str:
    return "pyload-" + command.replace(" --cluster-type ", "-")


def _rules(rights: Iterable[Right]) -> Iterator[str]:
    rules: dict[tuple[str, tuple[str, ...], str], list[str]] = {}
    for right in rights:
        key = right.resource.group, right.verbs, right.when
        rules.setdefault(key, []).append(right.rule_resource)
    for (group, verbs, when), names in rules.items():
        if when:
            yield f"# Only for: {when}."
        yield f'- apiGroups: ["{group}"]'
        yield f"  resources: [{', '.join(names)}]"
        yield f"  verbs: [{', '.join(verbs)}]"
