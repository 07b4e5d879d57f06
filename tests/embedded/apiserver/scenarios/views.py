"""What of an answer can be compared with the model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pyload.kube.resources import Obj
    from tests.embedded.apiserver.scenarios.flat import Field
    from tests.embedded.apiserver.scenarios.model import Owner
    from tests.embedded.apiserver.scenarios.peers import Answer, Call, Sample

ROOT_CA: Final = "kube-root-ca.crt"
"""A ConfigMap that a controller makes in each namespace, and that the model knows nothing of."""


def view(sample: Sample, obj: Obj) -> Obj:
    """Return what both servers know of an object."""
    metadata, content = obj["metadata"], obj.get(sample.content) or {}
    return {
        "kind": obj["kind"],
        "apiVersion": obj["apiVersion"],
        "name": metadata["name"],
        "namespace": metadata.get("namespace"),
        "generation": metadata.get("generation") if sample.custom else None,
        "dying": "deletionTimestamp" in metadata,
        "labels": metadata.get("labels") or {},
        "annotations": metadata.get("annotations") or {},
        "finalizers": sorted(metadata.get("finalizers") or []),
        "content": {} if content == {"b": "0"} else content,
        "status": obj.get("status") or {},
    }


def views(sample: Sample, objs: Iterable[Obj]) -> list[Obj]:
    """Return what both servers know of a list of objects."""
    return [view(sample, obj) for obj in objs if obj["metadata"]["name"] != ROOT_CA]


def owners(obj: Obj) -> dict[Owner, set[Field]]:
    """Return the owners of an object's fields as the model has them."""
    found: dict[Owner, set[Field]] = {}
    for one in obj["metadata"].get("managedFields") or ():
        who = (one["manager"], one["operation"], one.get("subresource", ""))
        found.setdefault(who, set()).update(_leaves(one["fieldsV1"]))
    return {who: fields for who, fields in found.items() if fields}


def _leaves(fields: Obj, above: Field = ()) -> set[Field]:
    found: set[Field] = set()
    for element, below in fields.items():
        path = (*above, element[2:].strip('"'))
        if element != "." and len(path) > (2 if path[0] == "metadata" else 1):
            found.add(path)
        elif element != ".":
            found |= _leaves(below, path)
    return found


def check_form(call: Call, answer: Answer) -> None:
    """Check that an answer is a Status or what was asked for."""
    body = answer.body
    if isinstance(body, list):
        return
    kind, sample = body["kind"], call.sample
    if answer.code >= 400:
        assert (kind, body["apiVersion"], body["status"]) == ("Status", "v1", "Failure"), body
        assert body["code"] == answer.code
        assert body["message"]
    elif call.method == "DELETE" and kind == "Status":
        assert body["status"] == "Success"
    else:
        assert kind == sample.kind + ("List" if "items" in body else ""), body
        assert body["apiVersion"] == sample.api_version
        assert body["metadata"].get("resourceVersion") or call.query.get("dryRun")
