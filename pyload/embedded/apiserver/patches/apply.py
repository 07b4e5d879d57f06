"""Server-side apply, and the ownership of fields.

``metadata.managedFields`` records for every manager the set of fields that it has written. An apply
is a three-way merge: the applied configuration is merged into the live object; fields that the
manager applied last time and leaves out now are removed, unless others own them too; and fields
that would change although others own them are conflicts, unless the apply is forced. Updates are
compared with the object before, and every field that changed moves to the writer. The sets are
those of `fieldsets`; `shapes` says which lists merge by keys.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pyload.embedded.apiserver.patches import fieldsets
from pyload.embedded.apiserver.refusals import Refused

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pyload.embedded.apiserver.patches.fieldsets import Fields
    from pyload.embedded.apiserver.patches.shapes import MergeShape
    from pyload.kube.resources import Obj


_OWNED_METADATA: Final = ("labels", "annotations", "finalizers", "ownerReferences", "generateName")


class FieldManager(NamedTuple):
    """The writer of a request, as managedFields records it.

    Attributes:
        manager: Name of the field manager.
        api_version: ``apiVersion`` of the object that it sent.
        time: Time of the request, as a Kubernetes timestamp.
        subresource: ``status``, or empty.
        owns_metadata: Whether it may write labels and the like.
        owns_spec: Whether it may write ``spec``, ``data`` and the like.
        owns_status: Whether it may write ``status``.
        owns_fields_only: Whether it owns no ``spec`` or ``status`` as such when it creates both.
    """

    manager: str
    api_version: str
    time: str
    subresource: str = ""
    owns_metadata: bool = True
    owns_spec: bool = True
    owns_status: bool = True
    owns_fields_only: bool = True

    def view(self, obj: Obj) -> Obj:
        """Return the part of an object that it may own."""
        seen: Obj = {}
        metadata = obj.get("metadata") or {}
        owned = {name: metadata[name] for name in _OWNED_METADATA if name in metadata}
        if owned and self.owns_metadata:
            seen["metadata"] = owned
        for name, value in obj.items():
            if name == "status":
                if self.owns_status:
                    seen[name] = value
            elif name not in ("metadata", "apiVersion", "kind") and self.owns_spec:
                seen[name] = value
        return seen

    def entry(self, operation: str, fields: Fields) -> Obj:
        """Return its entry of managedFields."""
        entry: Obj = {
            "manager": self.manager,
            "operation": operation,
            "apiVersion": self.api_version,
            "time": self.time,
            "fieldsType": "FieldsV1",
            "fieldsV1": fields,
        }
        if self.subresource:
            entry["subresource"] = self.subresource
        return entry

    def is_author(self, entry: Mapping[str, Any], operation: str) -> bool:
        """Return whether an entry of managedFields is this writer's."""
        return (
            entry["manager"] == self.manager
            and entry["operation"] == operation
            and entry.get("subresource", "") == self.subresource
            and (operation == "Apply" or entry["apiVersion"] == self.api_version)
        )


def managers_after_update(
    old: Obj | None, new: Obj, writer: FieldManager, shape: MergeShape
) -> list[Obj]:
    """Return the managedFields after a create, an update or a patch other than an apply.

    Args:
        old: The object before, or None.
        new: The object after, as it will be stored.
        writer: The writer.
        shape: The shape of its kind.
    """
    entries: list[Obj] = old["metadata"].get("managedFields", []) if old else []
    changed, removed = fieldsets.compare(writer.view(old) if old else {}, writer.view(new), shape)
    _skip_structs(changed, writer)
    if not changed and not removed:
        return entries
    touched = fieldsets.union(changed, removed)
    after: list[Obj] = []
    mine: Fields = {}
    for entry in entries:
        fields = entry["fieldsV1"]
        if writer.is_author(entry, "Update"):
            mine = fieldsets.difference(fields, removed)
            continue
        after += _without_fields(entry, touched)
    mine = fieldsets.union(mine, changed)
    if mine:
        after.append(writer.entry("Update", mine))
    return after


def _without_fields(entry: Obj, lost: Fields) -> list[Obj]:
    """Return an entry of managedFields without some fields; nothing if none is left."""
    left = fieldsets.difference(entry["fieldsV1"], lost)
    if not left:
        return []
    return [entry if left == entry["fieldsV1"] else {**entry, "fieldsV1": left}]


def _skip_structs(fields: Fields, writer: FieldManager) -> None:
    # Nobody owns `metadata` as such, nor `spec` or `status` of built-in kinds: they always exist.
    for name in ("f:metadata", "f:spec", "f:status")[: 3 if writer.owns_fields_only else 1]:
        node = fields.get(name, {})
        if len(node) > 1:
            node.pop(".", None)


def apply(
    live: Obj | None, config: Obj, writer: FieldManager, shape: MergeShape, *, force: bool
) -> tuple[Obj, list[Obj]]:
    """Merge an applied configuration into the live object.

    Args:
        live: The object as it is, or None.
        config: The applied configuration, without nulls.
        writer: The writer.
        shape: The shape of its kind.
        force: Take over fields that others own.

    Returns:
        The object, not yet defaulted, and its managedFields.

    Raises:
        Refused: Others own fields that would change.
    """
    applied = writer.view(config)
    fields = fieldsets.of_config(applied, shape)
    if live is None:
        return {**config}, [writer.entry("Apply", fields)] if fields else []
    entries: list[Obj] = live["metadata"].get("managedFields", [])
    seen = writer.view(live)
    merged = _merge_maps(seen, applied, shape)
    last: Fields = {}
    others: Fields = {}
    for entry in entries:
        if writer.is_author(entry, "Apply"):
            last = entry["fieldsV1"]
        else:
            others = fieldsets.union(others, entry["fieldsV1"])
    dropped = fieldsets.difference(fieldsets.difference(last, fields), others)
    if dropped:
        kept = fieldsets.union(fields, others)
        merged = _without(merged, dropped, kept, shape)
    entries = _revoke_ownership(entries, seen, merged, writer, shape, force=force)
    obj = _assemble(live, merged, writer)
    if merged == seen and fields == last:
        return obj, live["metadata"].get("managedFields", [])
    if fields:
        entries = [*entries, writer.entry("Apply", fields)]
    return obj, entries


def _revoke_ownership(
    entries: Sequence[Obj],
    seen: Obj,
    merged: Obj,
    writer: FieldManager,
    shape: MergeShape,
    *,
    force: bool,
) -> list[Obj]:
    """Return the other managers' entries without the fields that an apply changes."""
    changed, removed = fieldsets.compare(seen, merged, shape)
    lost = fieldsets.union(changed, removed)
    conflicts: list[tuple[Obj, Fields]] = []
    after: list[Obj] = []
    for entry in entries:
        if writer.is_author(entry, "Apply"):
            continue
        common = fieldsets.intersection(entry["fieldsV1"], changed)
        if common:
            conflicts.append((entry, common))
        after += _without_fields(entry, lost)
    if conflicts and not force:
        raise _conflict(conflicts)
    return after


def _conflict(conflicts: Sequence[tuple[Obj, Fields]]) -> Refused:
    causes: list[Obj] = []
    for entry, fields in conflicts:
        message = f'conflict with "{entry["manager"]}"'
        if entry.get("subresource"):
            message += f' with subresource "{entry["subresource"]}"'
        if entry["operation"] == "Update":
            message += f" using {entry['apiVersion']}"
        causes.extend(
            {"reason": "FieldManagerConflict", "message": message, "field": path}
            for path in sorted(fieldsets.paths(fields))
        )
    if len(causes) == 1:
        text = f"1 conflict: {causes[0]['message']}: {causes[0]['field']}"
    else:
        lines: list[str] = []
        for message in sorted({cause["message"] for cause in causes}):
            lines.append(message.replace("conflict", "conflicts", 1) + ":")
            lines += [f"- {cause['field']}" for cause in causes if cause["message"] == message]
        text = f"{len(causes)} conflicts: " + "\n".join(lines)
    details = {"causes": causes}
    return Refused(409, "Conflict", f"Apply failed with {text}", details=details)


def _assemble(live: Obj, merged: Obj, writer: FieldManager) -> Obj:
    """Return the merged object, with the live parts that the writer may not own."""
    obj: Obj = {}
    for name, value in live.items():
        if name == "metadata":
            metadata = value
            if writer.owns_metadata:
                metadata = {key: item for key, item in value.items() if key not in _OWNED_METADATA}
                metadata.update(merged.get("metadata", {}))
            obj[name] = metadata
        elif name in ("apiVersion", "kind"):
            obj[name] = value
        else:
            owned = writer.owns_status if name == "status" else writer.owns_spec
            if not owned:
                obj[name] = value
            elif name in merged:
                obj[name] = merged[name]
    for name, value in merged.items():
        if name not in obj:
            obj[name] = value
    return obj


def _merge_maps(live: Obj, config: Obj, shape: MergeShape) -> Obj:
    merged = dict(live)
    for name, value in config.items():
        if name in merged:
            merged[name] = _merge_values(merged[name], value, shape.child(name))
        else:
            merged[name] = value
    return merged


def _merge_values(live: Any, value: Any, shape: MergeShape) -> Any:
    if live == value:
        return live
    if isinstance(live, dict) and isinstance(value, dict):
        return value if shape.atomic else _merge_maps(live, value, shape)
    if isinstance(live, list) and isinstance(value, list):
        if shape.is_set:
            return [*live, *(item for item in value if item not in live)]
        if shape.keys:
            return _merge_items(live, value, shape)
    return value


def _merge_items(live: list[Obj], config: list[Obj], shape: MergeShape) -> list[Obj]:
    merged = {shape.key_of(item): item for item in live}
    for item in config:
        key = shape.key_of(item)
        merged[key] = _merge_values(merged[key], item, shape.item) if key in merged else item
    return list(merged.values())


def _without(obj: Obj, dropped: Fields, kept: Fields, shape: MergeShape) -> Obj:
    left = dict(obj)
    for element, node in dropped.items():
        name = element[2:]
        if not element.startswith("f:") or name not in left:
            continue
        value = _reduced(left[name], node, kept.get(element), shape.child(name))
        if value is _NOTHING:
            del left[name]
        else:
            left[name] = value
    return left


_NOTHING: Final = object()


def _reduced(value: Any, dropped: Fields, kept: Fields | None, shape: MergeShape) -> Any:
    if kept is None and fieldsets.is_member(dropped):
        return _NOTHING
    kept = kept or {}
    left: Any = value
    if isinstance(value, dict) and not shape.atomic:
        left = _without(value, dropped, kept, shape)
    elif isinstance(value, list) and shape.keys:
        left = []
        for item in value:
            key = shape.key_of(item)
            node = dropped.get(key)
            part = item if node is None else _reduced(item, node, kept.get(key), shape.item)
            if part is not _NOTHING:
                left.append(part)
    elif isinstance(value, list) and shape.is_set:
        left = [item for item in value if fieldsets.value_element(item) not in dropped]
    return left if left or not value else _NOTHING
