"""What the fields that a kind has do to an object that is written.

Custom kinds have a schema, built-in ones a message; a few built-in kinds have neither.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyload.embedded.apiserver import messages, refusals
from pyload.embedded.apiserver.fields import value_at
from pyload.embedded.apiserver.refusals import Cause
from pyload.embedded.apiserver.schemas import structural, typed_objects

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyload.embedded.apiserver.requests import Request, Target
    from pyload.kube.resources import Obj


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
        known = structural.fill(known, schema)
    return known, tuple(texts) if asked == "Warn" else ()


def _known(obj: Obj, target: Target) -> tuple[Obj, list[str]]:
    """Return an object without unknown fields, and the paths of those."""
    schema = _schema(target)
    message = messages.find(obj["apiVersion"], target.kind.kind)
    try:
        if schema is None and message is not None:
            return typed_objects.read(obj, message)
        metadata, unknown = typed_objects.read(
            obj["metadata"], typed_objects.METADATA, path="metadata"
        )
    except TypeError as error:
        raise _unreadable(target, str(error)) from error
    obj = {**obj, "metadata": metadata}
    if schema is None:
        return obj, unknown
    pruned, others = structural.prune(obj, schema)
    return pruned, sorted((*unknown, *others))


def _unreadable(target: Target, why: str) -> refusals.Refused:
    kind = target.kind.kind
    return refusals.bad_request(
        f'{kind} in version "{target.version}" cannot be handled as a {kind}: {why}'
    )


def check_declared(config: Obj, target: Target, given: Obj) -> None:
    """Check that an applied configuration has only fields and types that the kind has.

    Args:
        config: The configuration.
        target: The object that it is for.
        given: Its metadata as the client wrote it.

    Raises:
        Refused: The configuration has others; the status is 500, as that of a real server.
    """
    schema = _schema(target)
    _, unknown = _known(config, target)
    mistyped = [
        _mistyped(cause, config)
        for cause in (structural.check(config, schema) if schema is not None else ())
        if cause.reason == "FieldValueTypeInvalid"
    ]
    found = [*(f".{path}: field not declared in schema" for path in unknown), *mistyped]
    if found:
        name = f"{given.get('namespace', '')}/{given.get('name', '')}"
        what = f"{name}; {target.api_version}, Kind={target.kind.kind}"
        message = f"failed to create typed patch object ({what}): {found[0]}"
        raise refusals.Refused(500, "", message)


def _mistyped(cause: Cause, config: Obj) -> str:
    """Return what a real server says of a value of a wrong type that is applied."""
    wanted, _, found = cause.message.rpartition("must be of type ")[2].partition(": ")
    if wanted in ("integer", "number"):
        found = found.strip('"')
        what = f"expected numeric (int or float), got {found}"
    else:
        value = value_at(config, *cause.field.split("."))
        what = f"expected {wanted}, got &value.valueUnstructured{{Value:{value}}}"
    return f".{cause.field}: {what}"


def faults(obj: Obj, old: Obj | None, target: Target) -> list[Cause]:
    """Return what the schema refuses, except for what it would refuse in the old object too."""
    schema = _schema(target)
    if schema is None:
        return []
    found = [*structural.check(obj, schema), *_scale_faults(obj, target)]
    if found and old is not None:
        known = {*structural.check(old, schema), *_scale_faults(old, target)}
        found = [one for one in found if one not in known]
    return found


def _scale_faults(obj: Obj, target: Target) -> Iterator[Cause]:
    """Yield numbers of a scale that are below zero."""
    scale = target.kind.custom[target.version].scale
    for path in (scale.replicas, scale.status) if scale else ():
        number = value_at(obj, *path)
        if isinstance(number, int) and number < 0:
            text = "should be a non-negative integer"
            yield Cause.invalid("." + ".".join(path), number, text)


def _schema(target: Target) -> Obj | None:
    """Return the schema of the version that a request speaks; None for a built-in kind."""
    custom = target.kind.custom
    return custom[target.version].schema if custom else None
