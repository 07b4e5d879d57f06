"""Validation: the objects that the API server refuses, and why."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from pyload.embedded.apiserver import definitions, refusals
from pyload.embedded.apiserver.kinds import (
    CRD,
    DEPLOYMENT,
    ENDPOINT_SLICE,
    MUTATING_WEBHOOK,
    POD,
    REPLICA_SET,
    ROLE,
    SERVICE,
    STATEFUL_SET,
    VALIDATING_WEBHOOK,
)
from pyload.embedded.apiserver.refusals import Cause
from pyload.embedded.apiserver.selectors import is_label_key, is_label_value
from pyload.embedded.apiserver.webhooks import configurations
from pyload.kube import resources

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from pyload.embedded.apiserver.kinds import Kind
    from pyload.kube.resources import Obj


_LABEL: Final = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_SUBDOMAIN: Final = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_SERVICE_LABEL: Final = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")

_NO_POLICIES: Final = "pyload does not evaluate ValidatingAdmissionPolicies: they refuse nothing"
_LABEL_TEXT: Final = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and "
    "must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', "
    f"regex used for validation is '{_LABEL.pattern}')"
)
_SUBDOMAIN_TEXT: Final = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or "
    "'.', and must start and end with an alphanumeric character (e.g. 'example.com', "
    f"regex used for validation is '{_SUBDOMAIN.pattern}')"
)
_SERVICE_TEXT: Final = (
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an "
    "alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', "
    f"regex used for validation is '{_SERVICE_LABEL.pattern}')"
)


def check(kind: Kind, obj: Obj, old: Obj | None, *, more: Sequence[Cause] = ()) -> None:
    """Raise an error with all faults of an object at once.

    Args:
        kind: Its kind.
        obj: The object with its defaults.
        old: The object as it is, or None for a new one.
        more: Faults that were found already.

    Raises:
        Refused: The object has at least one fault.
    """
    causes = [] if old else list(_name(kind, obj["metadata"]))
    causes += _metadata(obj["metadata"])
    checker = _CHECKERS.get(kind)
    if checker:
        causes += checker(obj)
    if old:
        causes += _frozen(kind, obj, old)
    causes += more
    if causes:
        raise refusals.invalid(kind, obj["metadata"].get("name", ""), causes)


def unevaluated(kind: Kind, obj: Obj) -> tuple[str, ...]:
    """Return warnings about parts of an object that only a real server evaluates."""
    if kind is CRD and definitions.has_rules(obj):
        return (definitions.NO_RULES,)
    if kind in configurations.CONFIGURATIONS and configurations.has_conditions(obj):
        return (configurations.NO_CONDITIONS,)
    if kind.plural == resources.ADMISSION_POLICIES.plural:
        return (_NO_POLICIES,)
    return ()


def _name(kind: Kind, metadata: Obj) -> Iterator[Cause]:
    name = metadata.get("name", "")
    if not name:
        yield Cause.required("metadata.name", "name or generateName is required")
        return
    if kind.group == ROLE.group:
        # Names of roles, such as "system:node", need only fit into a path.
        for part in ("/", "%"):
            if part in name:
                yield Cause.invalid("metadata.name", name, f"may not contain '{part}'")
        return
    if kind is SERVICE:
        limit, pattern, text = 63, _SERVICE_LABEL, _SERVICE_TEXT
    elif kind.labels_only:
        limit, pattern, text = 63, _LABEL, _LABEL_TEXT
    else:
        limit, pattern, text = 253, _SUBDOMAIN, _SUBDOMAIN_TEXT
    if len(name) > limit:
        yield Cause.invalid("metadata.name", name, f"must be no more than {limit} characters")
    if not pattern.fullmatch(name):
        yield Cause.invalid("metadata.name", name, text)


def _metadata(metadata: Obj) -> Iterator[Cause]:
    """Yield the faults of an object's metadata."""
    labels = metadata.get("labels")
    if labels:
        for key, value in labels.items():
            if not is_label_key(key):
                yield Cause.invalid("metadata.labels", key, "not a qualified name")
            elif not isinstance(value, str) or not is_label_value(value):
                yield Cause.invalid("metadata.labels", value, "not a label value")
    for key in metadata.get("annotations") or ():
        if not is_label_key(key.lower()):
            yield Cause.invalid("metadata.annotations", key, "not a qualified name")
    for finalizer in metadata.get("finalizers") or ():
        if not is_label_key(finalizer):
            yield Cause.invalid("metadata.finalizers", finalizer, "not a qualified name")
    for index, owner in enumerate(metadata.get("ownerReferences") or ()):
        for field in ("apiVersion", "kind", "name", "uid"):
            if not owner.get(field):
                path = f"metadata.ownerReferences[{index}].{field}"
                yield Cause.required(path, f"{field} must not be empty")


def _pod(obj: Obj) -> Iterator[Cause]:
    spec = obj.get("spec", {})
    if not spec.get("containers"):
        yield Cause.required("spec.containers")
    seen: set[str] = set()
    for field in ("initContainers", "containers"):
        for index, container in enumerate(spec.get(field) or ()):
            path = f"spec.{field}[{index}]"
            name = container.get("name", "")
            if not name:
                yield Cause.required(f"{path}.name")
            elif not _LABEL.fullmatch(name) or len(name) > 63:
                yield Cause.invalid(f"{path}.name", name, _LABEL_TEXT)
            elif name in seen:
                yield Cause.duplicate(f"{path}.name", name)
            seen.add(name)
            if not container.get("image"):
                yield Cause.required(f"{path}.image")


def _service(obj: Obj) -> Iterator[Cause]:
    """Yield the faults of a Service."""
    spec = obj.get("spec", {})
    ports = spec.get("ports") or ()
    if spec["type"] == "ExternalName":
        if not spec.get("externalName"):
            yield Cause.required("spec.externalName")
    elif not ports and spec.get("clusterIP") != "None":
        yield Cause.required("spec.ports")
    names: set[str] = set()
    numbers: set[tuple[int, str]] = set()
    for index, port in enumerate(ports):
        path = f"spec.ports[{index}]"
        name = port.get("name", "")
        if not name and len(ports) > 1:
            yield Cause.required(f"{path}.name")
        elif name in names:
            yield Cause.duplicate(f"{path}.name", name)
        names.add(name)
        number = port.get("port")
        if not isinstance(number, int) or not 0 < number < 65536:
            text = "must be between 1 and 65535, inclusive"
            yield Cause.invalid(f"{path}.port", number or 0, text)
        elif (number, port["protocol"]) in numbers:
            yield Cause.duplicate(path, f"{number}/{port['protocol']}")
        else:
            numbers.add((number, port["protocol"]))


def _endpoint_slice(obj: Obj) -> Iterator[Cause]:
    if obj.get("addressType") not in ("IPv4", "IPv6", "FQDN"):
        yield Cause.required("addressType")


def _workload(obj: Obj) -> Iterator[Cause]:
    spec = obj.get("spec", {})
    labels = spec.get("template", {}).get("metadata", {}).get("labels", {})
    wanted = spec.get("selector", {}).get("matchLabels", {})
    if not spec.get("selector"):
        yield Cause.required("spec.selector")
    elif any(labels.get(key) != value for key, value in wanted.items()):
        text = "`selector` does not match template `labels`"
        yield Cause.invalid("spec.template.metadata.labels", labels, text)


_CHECKERS: Final[Mapping[Kind, Callable[[Obj], Iterator[Cause]]]] = {
    CRD: definitions.faults,
    MUTATING_WEBHOOK: configurations.faults,
    VALIDATING_WEBHOOK: configurations.faults,
    POD: _pod,
    SERVICE: _service,
    ENDPOINT_SLICE: _endpoint_slice,
    DEPLOYMENT: _workload,
    REPLICA_SET: _workload,
    STATEFUL_SET: _workload,
}


def _frozen(kind: Kind, obj: Obj, old: Obj) -> Iterator[Cause]:
    before, after = old["metadata"], obj["metadata"]
    if "deletionTimestamp" in before:
        added = set(after.get("finalizers") or ()) - set(before.get("finalizers") or ())
        if added:
            text = "no new finalizers can be added if the object is being deleted"
            yield Cause.forbidden("metadata.finalizers", text)
    if kind is POD and obj["spec"] != old["spec"] and _fixed(obj["spec"]) != _fixed(old["spec"]):
        text = (
            "pod updates may not change fields other than `spec.containers[*].image`,"
            "`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` "
            "(only additions to existing tolerations),`spec.terminationGracePeriodSeconds` "
            "(allow it to be set to 1 if it was previously negative)"
        )
        yield Cause.forbidden("spec", text)
    if "roleRef" in old and obj.get("roleRef") != old["roleRef"]:
        yield Cause.invalid("roleRef", "", "cannot change roleRef")
    if kind is CRD and obj["spec"].get("scope") != old["spec"]["scope"]:
        yield Cause.invalid("spec.scope", obj["spec"].get("scope"), "field is immutable")


def _fixed(spec: Obj) -> Obj:
    """Return the immutable part of a pod's spec."""
    fixed = {name: value for name, value in spec.items() if name not in _CHANGEABLE}
    for field in ("initContainers", "containers"):
        fixed[field] = [{**container, "image": ""} for container in spec.get(field) or ()]
    return fixed


_CHANGEABLE: Final = frozenset(
    ("containers", "initContainers", "activeDeadlineSeconds", "tolerations")
)
