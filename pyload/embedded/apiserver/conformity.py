"""What the fields that a kind has do to an object that is written.

Custom kinds have a schema, built-in ones a message; a few built-in kinds have neither.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pyload.embedded.apiserver import messages, refusals, schemas, typed_objects

if TYPE_CHECKING:
    from pyload.embedded.apiserver.refusals import Cause
    from pyload.embedded.apiserver.requests import Request, Target
    from pyload.kube.resources import Obj

_METADATA: Final = messages.Message("meta.k8s.io/v1", "ObjectMeta")


def conform(obj: Obj, request: Request, target: Target) -> tuple[Obj, tuple[str, ...]]:
    """Return an object without unknown fields and with its schema's defaults, and what to warn of.

    Raises:
        Refused: A field has a wrong type, or is unknown and the client wants to be strict.
    """
    known, unknown = _known(obj, target)
    asked = request.query.get("fieldValidation", "Warn")
    texts = [f'unknown field "{path}"' for path in unknown]
    if texts and asked == "Strict":
        raise _unreadable(target, f"strict decoding error: {', '.join(texts)}")
    schema = _schema(target)
    if schema is not None:
        known = schemas.fill(known, schema)
    return known, tuple(texts) if asked == "Warn" else ()


def _known(obj: Obj, target: Target) -> tuple[Obj, list[str]]:
    """Return an object without unknown fields, and the paths of those."""
    schema = _schema(target)
    message = messages.find(obj["apiVersion"], target.kind.kind)
    try:
        if schema is None and message is not None:
            return typed_objects.read(obj, message)
        metadata, unknown = typed_objects.read(obj["metadata"], _METADATA, path="metadata")
    except TypeError as error:
        raise _unreadable(target, str(error)) from error
    obj = {**obj, "metadata": metadata}
    if schema is None:
        return obj, unknown
    pruned, others = schemas.prune(obj, schema)
    return pruned, sorted((*unknown, *others))


def _unreadable(target: Target, why: str) -> refusals.Refused:
    kind = target.kind.kind
    return refusals.bad_request(
        f'{kind} in version "{target.version}" cannot be handled as a {kind}: {why}'
    )


def check_declared(config: Obj, target: Target) -> None:
    """Check that an applied configuration has only fields that the kind has.

    Raises:
        Refused: The configuration has other fields; the status is 500, as that of a real server.
    """
    _, unknown = _known(config, target)
    if unknown:
        name = f"{target.namespace}/{target.name}" if target.namespace else f"/{target.name}"
        message = (
            f"failed to create typed patch object ({name}; {target.api_version}, "
            f"Kind={target.kind.kind}): .{unknown[0]}: field not declared in schema"
        )
        raise refusals.Refused(500, "", message)


def faults(obj: Obj, old: Obj | None, target: Target) -> list[Cause]:
    """Return what the schema refuses, except for what it would refuse in the old object too."""
    schema = _schema(target)
    if schema is None:
        return []
    found = list(schemas.check(obj, schema))
    if found and old is not None:
        known = set(schemas.check(old, schema))
        found = [one for one in found if one not in known]
    return found


def _schema(target: Target) -> Obj | None:
    """Return the schema of the version that a request speaks; None for a built-in kind."""
    custom = target.kind.custom
    return custom[target.version].schema if custom else None
