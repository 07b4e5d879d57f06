"""What the schema of a custom kind does to an object that is written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyload.embedded.apiserver import refusals, schemas

if TYPE_CHECKING:
    from pyload.embedded.apiserver.refusals import Cause
    from pyload.embedded.apiserver.requests import Request, Target
    from pyload.kube.resources import Obj


def conform(obj: Obj, request: Request, target: Target) -> tuple[Obj, tuple[str, ...]]:
    """Return an object without unknown fields and with its defaults, and what to warn of.

    Objects of kinds that are built in stay as they are: they have no schema here.

    Raises:
        Refused: The client wants to be strict, and there are unknown fields.
    """
    schema = _schema(target)
    if schema is None:
        return obj, ()
    pruned, unknown = schemas.prune(obj, schema)
    asked = request.query.get("fieldValidation", "Warn")
    texts = [f'unknown field "{path}"' for path in unknown]
    if texts and asked == "Strict":
        kind, version = target.kind.kind, target.version
        raise refusals.bad_request(
            f'{kind} in version "{version}" cannot be handled as a {kind}: '
            f"strict decoding error: {', '.join(texts)}"
        )
    return schemas.fill(pruned, schema), tuple(texts) if asked == "Warn" else ()


def check_declared(config: Obj, target: Target) -> None:
    """Check that an applied configuration has only fields that the schema knows.

    Raises:
        Refused: The configuration has other fields; the status is 500, as that of a real server.
    """
    schema = _schema(target)
    if schema is None:
        return
    _, unknown = schemas.prune(config, schema)
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
