"""What an API server is by Kubernetes' API conventions: a dict of objects and a list of events.

Written from what Kubernetes documents, and independent of the server that it is compared with. It
knows only the flat kinds of `peers`, so it is small; a merge is `dict.update`, and the owners of
fields are sets of names. Its answers have what the documents promise: the code, the reason, and
those fields of an object that a client set or can rely on. It says nothing of texts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tests.embedded.apiserver.scenarios.flat import (
    TEXTS,
    WrongError,
    check_content,
    defaulted,
    has_wrong_type,
    leaves,
    merged,
    operate,
    with_leaves,
    without_version,
)
from tests.embedded.apiserver.scenarios.peers import (
    APPLY,
    JSON_PATCH,
    SPACES,
    STRATEGIC,
    Answer,
    Call,
    Peer,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyload.kube.resources import Obj
    from tests.embedded.apiserver.scenarios.flat import Field
    from tests.embedded.apiserver.scenarios.peers import Sample

Key = tuple[str, str, str]
"""Plural, namespace and name."""

Owner = tuple[str, str, str]
"""Field manager, operation and subresource."""

FIRST_SPACES: Final = ("default", "kube-system", "kube-public", "kube-node-lease", "istio-system")
_WRITABLE: Final = (*TEXTS, "finalizers")
"""The metadata that clients may change."""


class Model(Peer):
    """The model.

    Attributes:
        objects: The objects.
        owners: Who owns which fields of an object.
        events: All changes: version, type, key, and the object after it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.objects: dict[Key, Obj] = {}
        self.owners: dict[Key, dict[Owner, set[Field]]] = {}
        self.events: list[tuple[int, str, Key, Obj]] = []
        for name in FIRST_SPACES:
            self._store(SPACES, ("namespaces", "", name), _space(name))

    @property
    def version(self) -> int:
        """The version of a list that is made now."""
        return self.events[-1][0]

    def exchange(self, call: Call) -> Answer:
        """Answer a call."""
        answers: dict[str, Callable[[Call], Answer]] = {
            "GET": self._read,
            "POST": self._create,
            "PUT": self._update,
            "PATCH": self._patch,
            "DELETE": self._delete,
        }
        try:
            return answers[call.method](call)
        except WrongError as wrong:
            return Answer(wrong.code, {"kind": "Status", "reason": wrong.reason})

    def settle(self) -> None:
        """Empty and end the namespaces that are being deleted."""
        for key, space in list(self.objects.items()):
            if key[0] != "namespaces" or "deletionTimestamp" not in space["metadata"]:
                continue
            inside = [one for one in self.objects if one[1] == key[2]]
            for one in inside:
                self._end(one)
            if not any(one in self.objects for one in inside):
                self._remove(key)

    # Reads

    def _need(self, key: Key) -> Obj:
        if key not in self.objects:
            raise WrongError(404, "NotFound")
        return self.objects[key]

    def _read(self, call: Call) -> Answer:
        if call.query.get("watch"):
            since = int(call.query["resourceVersion"])
            return Answer(
                200,
                [
                    {"type": type_, "object": obj}
                    for version, type_, key, obj in self.events
                    if version > since and self._is_in(key, call)
                ],
            )
        if call.name:
            return Answer(200, self._need(call.key))
        items = [self.objects[key] for key in sorted(self.objects) if self._is_in(key, call)]
        label, _, value = call.query.get("labelSelector", "").partition("=")
        if label:
            items = [one for one in items if one["metadata"].get("labels", {}).get(label) == value]
        metadata = {"resourceVersion": str(self.version)}
        return Answer(
            200, {"kind": call.sample.kind + "List", "metadata": metadata, "items": items}
        )

    def _is_in(self, key: Key, call: Call) -> bool:
        return key[0] == call.sample.plural and call.namespace in ("", key[1])

    # Writes

    def _create(self, call: Call) -> Answer:
        body = self._checked(call)
        self._check_space(call)
        metadata = body["metadata"]
        is_posted = call.method == "POST" and call.media != APPLY and "dryRun" not in call.query
        if metadata.get("resourceVersion") and is_posted:
            raise WrongError(500, "")
        name = metadata.get("name", "")
        check_content(call.sample, body)
        if not name or name != name.lower():
            raise WrongError(422, "Invalid")
        key = (call.sample.plural, call.namespace, name)
        if key in self.objects:
            raise WrongError(409, "AlreadyExists")
        metadata = {one: metadata[one] for one in metadata if one not in ("uid", "resourceVersion")}
        obj = {**body, "metadata": metadata}
        if call.sample is SPACES:
            obj = _space(name)
        if call.sample.custom:
            obj.pop("status", None)
            metadata["generation"] = 1
        return Answer(201, self._write(call, key, defaulted(call.sample, obj), None))

    def _check_space(self, call: Call) -> None:
        if call.sample.namespaced:
            space = self.objects.get(("namespaces", "", call.namespace))
            if space is None:
                raise WrongError(404, "NotFound")
            if "deletionTimestamp" in space["metadata"]:
                raise WrongError(403, "Forbidden")

    def _update(self, call: Call) -> Answer:
        body = self._checked(call)
        if call.key not in self.objects:
            if call.sample.creates_on_update:
                return self._create(call)
            raise WrongError(404, "NotFound")
        if not call.sample.unconditional and not body["metadata"].get("resourceVersion"):
            raise WrongError(422, "Invalid")
        return self._replace(call, body)

    def _replace(self, call: Call, body: Obj) -> Answer:
        """Store what an update or a patch makes of an object."""
        old = self.objects[call.key]
        before, after = old["metadata"], body["metadata"]
        for name in ("uid", "resourceVersion"):
            if after.get(name, before[name]) != before[name]:
                raise WrongError(409, "Conflict")
        kept = {one: before[one] for one in before if one not in _WRITABLE}
        if call.subresource == "status":
            obj = {**old, "status": body.get("status", {})}
            if not body.get("status"):
                del obj["status"]
        else:
            obj = {**defaulted(call.sample, body), "metadata": {**after, **kept}}
            if "status" in old:
                obj["status"] = old["status"]
            elif call.sample.custom:
                obj.pop("status", None)
            new = set(after.get("finalizers") or ()) - set(before.get("finalizers") or ())
            check_content(call.sample, obj)
            if new and "deletionTimestamp" in before:
                raise WrongError(422, "Invalid")
        return Answer(200, self._write(call, call.key, obj, old))

    def _patch(self, call: Call) -> Answer:
        old = self.objects.get(call.key)
        if call.media == STRATEGIC and call.sample.custom:
            raise WrongError(415, "UnsupportedMediaType")
        if call.media == APPLY:
            return self._apply(call, old)
        old = self._need(call.key)
        if call.media == JSON_PATCH:
            body = old
            for one in call.body:
                body = operate(body, one)
        else:
            body = merged(old, call.body)
            if call.media == STRATEGIC and "finalizers" in call.body.get("metadata", {}):
                # This list is a set.
                both = (
                    old["metadata"].get("finalizers", ()),
                    call.body["metadata"]["finalizers"],
                )
                body["metadata"]["finalizers"] = list(dict.fromkeys([*both[0], *both[1]]))
        return self._replace(call, body)

    def _apply(self, call: Call, old: Obj | None) -> Answer:
        """Merge a configuration, as far as nobody else owns what it changes."""
        body = self._checked(call)
        me = (call.query["fieldManager"], "Apply", "")
        if call.sample.custom and has_wrong_type(call.sample, body):
            raise WrongError(500, "")
        if old is None:
            if not call.body["metadata"].get("name"):
                raise WrongError(400, "BadRequest")
            self._check_space(call)
            named = {**body, "metadata": {**body["metadata"], "name": call.name}}
            return self._create(
                Call("POST", call.sample, call.namespace, body=named, media=APPLY, query=call.query)
            )
        uid = body["metadata"].get("uid", old["metadata"]["uid"])
        version = body["metadata"].get("resourceVersion", old["metadata"]["resourceVersion"])
        if (uid, version) != (old["metadata"]["uid"], old["metadata"]["resourceVersion"]):
            raise WrongError(409, "Conflict")
        owners = self.owners[call.key]
        wanted = leaves(call.sample, body)
        current = leaves(call.sample, old)
        changing = {one for one, value in wanted.items() if current.get(one, wanted) != value}
        others = {who: fields for who, fields in owners.items() if who != me}
        if any(fields & changing for fields in others.values()) and "force" not in call.query:
            raise WrongError(409, "Conflict")
        dropped = owners.get(me, set()) - set(wanted)
        gone = {one for one in dropped if not any(one in fields for fields in others.values())}
        left = {one: value for one, value in {**current, **wanted}.items() if one not in gone}
        content: Obj = {call.sample.content: {}} if call.sample.content in body else {}
        return self._replace(call, with_leaves(call.sample, {**content, **old}, left))

    def _delete(self, call: Call) -> Answer:
        if not call.name:
            listed = self._read(Call("GET", call.sample, call.namespace, query=call.query))
            for one in listed.body["items"]:
                self._end((call.sample.plural, call.namespace, one["metadata"]["name"]))
            return listed
        obj = self._need(call.key)
        wanted = (call.body or {}).get("preconditions") or {}
        for name, value in wanted.items():
            if value != obj["metadata"][name]:
                raise WrongError(409, "Conflict")
        if call.query.get("dryRun"):
            return Answer(200, None)
        self._end(call.key)
        return Answer(200, self.objects.get(call.key, {"kind": "Status", "status": "Success"}))

    def _end(self, key: Key) -> None:
        """Delete an object, or mark it if something holds it."""
        obj = self.objects[key]
        if not obj["metadata"].get("finalizers") and key[0] != "namespaces":
            self._remove(key)
        elif "deletionTimestamp" not in obj["metadata"]:
            metadata = {**obj["metadata"], "deletionTimestamp": "now"}
            if "generation" in metadata:
                metadata["generation"] += 1
            obj = {**obj, "metadata": metadata}
            if key[0] == "namespaces":
                obj["status"] = {"phase": "Terminating"}
            self._change("MODIFIED", key, obj)

    def _remove(self, key: Key) -> None:
        self._change("DELETED", key, self.objects.pop(key))
        del self.objects[key], self.owners[key]

    def _write(self, call: Call, key: Key, obj: Obj, old: Obj | None) -> Obj:
        """Store an object that a client wrote, and return it."""
        metadata = obj["metadata"] = dict(obj["metadata"])
        for name in _WRITABLE:
            if not metadata.get(name):
                metadata.pop(name, None)
        content = call.sample.content
        if old and call.sample.custom and obj.get(content) != old.get(content):
            metadata["generation"] += 1
        owners = self._owners_after(call, key, obj, old)
        if call.query.get("dryRun"):
            return obj
        self.owners[key] = owners
        if "deletionTimestamp" in metadata and not metadata.get("finalizers"):
            self.objects[key] = obj
            self._remove(key)
            return obj
        return self._store(call.sample, key, obj)

    def _owners_after(
        self, call: Call, key: Key, obj: Obj, old: Obj | None
    ) -> dict[Owner, set[Field]]:
        """Return who owns which field: who changed it last, and who applied the same value."""
        before = leaves(call.sample, old) if old else {}
        after = leaves(call.sample, obj)
        changed = {one for one, value in after.items() if before.get(one, after) != value}
        lost = changed | (set(before) - set(after))
        applies = call.media == APPLY
        me = (call.query["fieldManager"], "Apply" if applies else "Update", call.subresource)
        owners = {
            who: fields - lost if who != me else fields & set(after)
            for who, fields in self.owners.get(key, {}).items()
        }
        mine = set(leaves(call.sample, call.body)) if applies else owners.get(me, set()) | changed
        owners[me] = mine
        return {who: fields for who, fields in owners.items() if fields}

    def _store(self, sample: Sample, key: Key, obj: Obj) -> Obj:
        old = self.objects.get(key)
        stored = {**obj, "kind": sample.kind, "apiVersion": sample.api_version}
        if old is not None and without_version(stored) == without_version(old):
            return old
        if old is None:
            stored["metadata"]["uid"] = f"uid-{len(self.events)}"
            if sample is SPACES:
                self.owners[key] = {}
        return self._change("MODIFIED" if old else "ADDED", key, stored)

    def _change(self, type_: str, key: Key, obj: Obj) -> Obj:
        version = len(self.events) + 1
        obj = {**obj, "metadata": {**obj["metadata"], "resourceVersion": str(version)}}
        self.objects[key] = obj
        self.events.append((version, type_, key, obj))
        return obj

    def _checked(self, call: Call) -> Obj:
        body: Obj = call.body
        metadata = body["metadata"]
        if metadata.get("namespace", call.namespace) != call.namespace:
            raise WrongError(400, "BadRequest")
        if call.name and metadata.get("name", call.name) != call.name:
            raise WrongError(400, "BadRequest")
        if call.name:
            metadata = {**metadata, "name": call.name}
        if call.namespace:
            metadata = {**metadata, "namespace": call.namespace}
        return {**body, "metadata": metadata}


def _space(name: str) -> Obj:
    labels = {"kubernetes.io/metadata.name": name}
    return {"metadata": {"name": name, "labels": labels}, "status": {"phase": "Active"}}
