"""OpenAPI v3 of each group version, as `kubectl explain` and `kubectl apply` ask for it.

The fields of built-in kinds are those of `messages`, those of custom kinds stand in their
definitions. Names and types is all that there is of built-in kinds: what a field is for is said to
be described nowhere, and a kind of which nothing is known says that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pyload.embedded.apiserver import messages
from pyload.embedded.apiserver.schemas.structural import KEEPS_UNKNOWN
from pyload.embedded.apiserver.schemas.typed_objects import METADATA, fields_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pyload.embedded.apiserver.kinds import Kind
    from pyload.embedded.apiserver.messages import Field, Message
    from pyload.kube.resources import Obj

_VALIDATION: Final = {"name": "fieldValidation", "in": "query", "schema": {"type": "string"}}
_BUILT_IN: Final = (
    "The fields of {0} with their types. What they mean stands in the reference of Kubernetes: "
    "https://kubernetes.io/docs/reference/kubernetes-api"
)
_UNKNOWN: Final = (
    "Objects of this kind are kept with whatever fields they have, of which none is described here."
)

_TYPES: Final[Mapping[str, Obj]] = {
    "str": {"type": "string"},
    "bytes": {"type": "string", "format": "byte"},
    "time": {"type": "string", "format": "date-time"},
    "micro": {"type": "string", "format": "date-time"},
    "bool": {"type": "boolean"},
    "int": {"type": "integer"},
    "intstr": {"$ref": "#/components/schemas/io.k8s.apimachinery.pkg.util.intstr.IntOrString"},
    "text": {"$ref": "#/components/schemas/io.k8s.apimachinery.pkg.api.resource.Quantity"},
    "texts": {"type": "array", "items": {"type": "string"}},
    "schema": {"type": "object", KEEPS_UNKNOWN: True},
    "json": {"type": "object", KEEPS_UNKNOWN: True},
}

_EITHER: Final[Mapping[str, Obj]] = {
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString": {
        "oneOf": [{"type": "integer"}, {"type": "string"}],
        "format": "int-or-string",
    },
    "io.k8s.apimachinery.pkg.api.resource.Quantity": {
        "oneOf": [{"type": "string"}, {"type": "number"}]
    },
}


def document(path: str, version: str, kinds: Iterable[Kind], *, server: str) -> Obj:
    """Return the description of a group version.

    Args:
        path: Its path, without the slash before it.
        version: The version.
        kinds: Its kinds.
        server: The version of the server.
    """
    paths: Obj = {}
    schemas: Obj = dict(_EITHER)
    for kind in kinds:
        named = {"group": kind.group, "version": version, "kind": kind.kind}
        scope = "/namespaces/{namespace}" if kind.namespaced else ""
        paths[f"/{path}{scope}/{kind.plural}/{{name}}"] = {
            "patch": {
                "parameters": [_VALIDATION],
                "responses": {},
                "x-kubernetes-group-version-kind": named,
                "x-kubernetes-action": "patch",
            },
        }
        message = messages.find(kind.api_version_of(version), kind.kind)
        if message is not None and not kind.custom:
            _describe(message, schemas)
            name = _name(message)
        else:
            name = f"{kind.kind}.{version}.{kind.group}"
            schemas[name] = _custom(kind, version)
            _describe(METADATA, schemas)
        schemas[name]["x-kubernetes-group-version-kind"] = [named]
    info = {"title": "pyload", "version": server}
    return {"openapi": "3.0.0", "info": info, "paths": paths, "components": {"schemas": schemas}}


def _custom(kind: Kind, version: str) -> Obj:
    """Return the schema of a kind without a message, with the fields that all objects have."""
    schema: Obj = kind.custom[version].schema if kind.custom else {"type": "object"}
    known = schema.get("properties") or {}
    shared: Obj = {
        "apiVersion": _TYPES["str"],
        "kind": _TYPES["str"],
        "metadata": {"allOf": [_ref(METADATA)]},
    }
    if KEEPS_UNKNOWN in schema or not known:
        # Otherwise kubectl says that there is no such field.
        shared["spec"] = {"type": "object", KEEPS_UNKNOWN: True, "description": _UNKNOWN}
        schema = {"description": _UNKNOWN, **schema}
    return {**schema, "properties": {**shared, **known}}


def _describe(message: Message, schemas: Obj) -> None:
    """Add the schemas of a message and of all that its fields lead to."""
    name = _name(message)
    if name in schemas:
        return
    described: Obj = {"type": "object"}
    schemas[name] = described
    if messages.is_kind(message):
        described["description"] = _BUILT_IN.format(message.name)
    described["properties"] = {
        field_name: _field(owner, field, schemas)
        for field_name, (owner, field) in sorted(fields_of(message).items())
    }


def _field(owner: Message, field: Field, schemas: Obj) -> Obj:
    below = owner.of(field)
    if below is None:
        one = _TYPES[field.type]
    else:
        _describe(below, schemas)
        one = _ref(below)
    match field.mark:
        case "*":
            return {"type": "array", "items": one}
        case "%":
            return {"type": "object", "additionalProperties": one}
        case _:
            return one if below is None else {"allOf": [one]}


def _ref(message: Message) -> Obj:
    return {"$ref": f"#/components/schemas/{_name(message)}"}


def _name(message: Message) -> str:
    """Return the name of a message's schema, as a real server has it."""
    group = message.section.rpartition("/")[0].partition(".")[0] or "core"
    place = "apimachinery.pkg.apis.meta" if group == "meta" else f"api.{group}"
    return f"io.k8s.{place}.{message.version}.{message.name}"
