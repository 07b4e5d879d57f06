"""Structural schemas: which fields of a custom object are kept, filled in and refused.

A CustomResourceDefinition brings an OpenAPI v3 schema for each of its versions. On each write an
object loses the fields that the schema does not know, gets its defaults, and is checked, with the
texts of a real server. Rules in CEL are not evaluated, nor are formats other than of times.
"""

from __future__ import annotations

import math
import re
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import orjson

from pyload.embedded.apiserver.refusals import Cause

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pyload.kube.resources import Obj

KEEPS_UNKNOWN: Final = "x-kubernetes-preserve-unknown-fields"

_ALWAYS: Final = ("apiVersion", "kind", "metadata")
_TYPES: Final = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
}


def prune(obj: Obj, schema: Obj) -> tuple[Obj, list[str]]:
    """Return a custom object without unknown fields, and the paths of those, sorted."""
    unknown: list[str] = []
    pruned = _pruned(obj, schema, "", unknown, kept=_ALWAYS)
    return pruned, sorted(unknown)


def _pruned(
    value: Any, schema: Obj, path: str, unknown: list[str], *, kept: Sequence[str] = ()
) -> Any:
    if isinstance(value, list):
        items = schema.get("items")
        if not isinstance(items, dict):
            return value
        return [_pruned(one, items, f"{path}[{at}]", unknown) for at, one in enumerate(value)]
    if not isinstance(value, dict):
        return value
    if schema.get("x-kubernetes-embedded-resource"):
        kept = _ALWAYS
    properties, others = schema.get("properties", {}), schema.get("additionalProperties")
    keeps = others is True or schema.get(KEEPS_UNKNOWN, False)
    found = {}
    for name, one in value.items():
        where = f"{path}.{name}" if path else name
        if name in kept:
            found[name] = one
        elif name in properties:
            found[name] = _pruned(one, properties[name], where, unknown)
        elif isinstance(others, dict):
            found[name] = _pruned(one, others, where, unknown)
        elif keeps:
            found[name] = one
        else:
            unknown.append(where)
    return found


def fill(value: Any, schema: Obj) -> Any:
    """Return a value with the defaults of its schema; arguments are not changed."""
    if isinstance(value, list):
        items = schema.get("items")
        return [fill(one, items) for one in value] if isinstance(items, dict) else value
    if not isinstance(value, dict):
        return value
    filled = dict(value)
    properties, others = schema.get("properties", {}), schema.get("additionalProperties")
    for name, one in properties.items():
        default = one.get("default")
        # A null is no value, except where it is allowed.
        is_set = filled.get(name) is not None or (name in filled and one.get("nullable"))
        if default is not None and not is_set:
            filled[name] = orjson.loads(orjson.dumps(default))
        if isinstance(filled.get(name), (dict, list)):
            filled[name] = fill(filled[name], one)
    if isinstance(others, dict):
        for name, one in filled.items():
            if name not in properties:
                filled[name] = fill(one, others)
    return filled


def check(obj: Obj, schema: Obj) -> Iterator[Cause]:
    """Yield what is wrong with a custom object; its metadata is not for the schema to say."""
    shown = {name: one for name, one in obj.items() if name not in _ALWAYS}
    required = [name for name in schema.get("required") or () if name not in _ALWAYS]
    yield from _faults(shown, {**schema, "required": required}, "")


def _faults(value: Any, schema: Obj, path: str) -> Iterator[Cause]:
    if value is None and schema.get("nullable"):
        return
    wrong = _type_fault(value, schema, path)
    if wrong is not None:
        yield wrong
        return
    if "enum" in schema and value not in schema["enum"]:
        yield Cause.unsupported(path, value, schema["enum"])
    if isinstance(value, str):
        yield from _text_faults(value, schema, path)
    elif isinstance(value, bool):
        pass
    elif isinstance(value, (int, float)):
        yield from _number_faults(value, schema, path)
    elif isinstance(value, list):
        yield from _list_faults(value, schema, path)
    elif isinstance(value, dict):
        yield from _object_faults(value, schema, path)
    yield from _combination_faults(value, schema, path)


def _type_fault(value: Any, schema: Obj, path: str) -> Cause | None:
    if schema.get("x-kubernetes-int-or-string"):
        right = isinstance(value, (int, str)) and not isinstance(value, bool)
        wanted = "integer,string"
    else:
        wanted = schema.get("type", "")
        right = not wanted or _is_a(value, wanted)
    if right:
        return None
    found = _type_name(value)
    text = f'{path} in body must be of type {wanted}: "{found}"'
    return Cause(path, f'Invalid value: "{found}": {text}', "FieldValueTypeInvalid")


def _is_a(value: Any, type_: str) -> bool:
    if isinstance(value, bool):
        return type_ == "boolean"
    if type_ == "integer" and isinstance(value, float):
        return math.isfinite(value) and value == int(value)
    return isinstance(value, _TYPES.get(type_, object))


def _type_name(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    return next(name for name, types in _TYPES.items() if isinstance(value, types))


def _text_faults(value: str, schema: Obj, path: str) -> Iterator[Cause]:
    longest, shortest = schema.get("maxLength"), schema.get("minLength")
    if longest is not None and len(value) > longest:
        text = f"Too long: may not be more than {longest} bytes"
        yield Cause(path, text, "FieldValueTooLong")
    if shortest is not None and len(value) < shortest:
        text = f"{path} in body should be at least {shortest} chars long"
        yield Cause.invalid(path, value, text)
    pattern = schema.get("pattern")
    if pattern and not _matches(pattern, value):
        yield Cause.invalid(path, value, f"{path} in body should match '{pattern}'")
    if schema.get("format") == "date-time" and not _is_time(value):
        yield Cause.invalid(path, value, f'{path} in body must be of type date-time: "{value}"')


@lru_cache(maxsize=1024)
def _pattern(text: str) -> re.Pattern[str] | None:
    # In RE2 the end is the very end, and classes such as \d are of ASCII alone.
    ends = _ENDS.sub(lambda found: found[1] or r"\Z", text)
    try:
        return re.compile(ends if "(?m" not in text else text, re.ASCII)
    except re.error:
        return None


# A backslash with its letter, a class, or an end of the text as RE2 writes it.
_ENDS: Final = re.compile(r"(\\[^z]|\[\^?\]?(?:\\.|[^\]\\])*\])|\\z|\$", re.DOTALL)


def _matches(pattern: str, value: str) -> bool:
    compiled = _pattern(pattern)
    # What only RE2 understands cannot be decided here, and is not held against the object.
    return compiled is None or compiled.search(value) is not None


def _is_time(value: str) -> bool:
    try:
        return datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False


def _number_faults(value: float, schema: Obj, path: str) -> Iterator[Cause]:
    least, most = schema.get("minimum"), schema.get("maximum")
    if least is not None:
        if schema.get("exclusiveMinimum"):
            if value <= least:
                yield Cause.invalid(path, value, f"{path} in body should be greater than {least}")
        elif value < least:
            text = f"{path} in body should be greater than or equal to {least}"
            yield Cause.invalid(path, value, text)
    if most is not None:
        if schema.get("exclusiveMaximum"):
            if value >= most:
                yield Cause.invalid(path, value, f"{path} in body should be less than {most}")
        elif value > most:
            text = f"{path} in body should be less than or equal to {most}"
            yield Cause.invalid(path, value, text)
    step = schema.get("multipleOf")
    if step and not _is_multiple(value, step):
        yield Cause.invalid(path, value, f"{path} in body should be a multiple of {step}")


def _is_multiple(value: float, step: float) -> bool:
    if isinstance(value, int) and isinstance(step, int):
        return value % step == 0
    # Of fractions 0.3 % 0.1 is not 0, and only the quotient is nearly whole.
    quotient = value / step
    return abs(quotient - round(quotient)) < 1e-9


def _list_faults(value: list[Any], schema: Obj, path: str) -> Iterator[Cause]:
    most, least = schema.get("maxItems"), schema.get("minItems")
    if most is not None and len(value) > most:
        text = f"Too many: {len(value)}: must have at most {most} items"
        yield Cause(path, text, "FieldValueTooMany")
        return
    if least is not None and len(value) < least:
        text = f"{path} in body should have at least {least} items"
        yield Cause.invalid(path, len(value), text)
    items = schema.get("items")
    if isinstance(items, dict):
        for index, one in enumerate(value):
            yield from _faults(one, items, f"{path}[{index}]")
    yield from _duplicates(value, schema, path)


def _duplicates(value: list[Any], schema: Obj, path: str) -> Iterator[Cause]:
    kind = schema.get("x-kubernetes-list-type")
    if kind not in ("set", "map"):
        return
    keys = schema.get("x-kubernetes-list-map-keys") or ()
    seen: set[bytes] = set()
    for index, one in enumerate(value):
        if kind == "map" and not isinstance(one, dict):
            continue
        identity = {key: one[key] for key in keys if key in one} if kind == "map" else one
        encoded = orjson.dumps(identity, option=orjson.OPT_SORT_KEYS)
        if encoded in seen:
            text = f"Duplicate value: {encoded.decode()}"
            yield Cause(f"{path}[{index}]", text, "FieldValueDuplicate")
        seen.add(encoded)


def _object_faults(value: Obj, schema: Obj, path: str) -> Iterator[Cause]:
    most, least = schema.get("maxProperties"), schema.get("minProperties")
    if most is not None and len(value) > most:
        text = f"Too many: {len(value)}: must have at most {most} items"
        yield Cause(path, text, "FieldValueTooMany")
    if least is not None and len(value) < least:
        text = f"{path} in body should have at least {least} properties"
        yield Cause.invalid(path, len(value), text)
    properties, others = schema.get("properties", {}), schema.get("additionalProperties")
    for name, one in value.items():
        where = f"{path}.{name}" if path else name
        if name in properties:
            yield from _faults(one, properties[name], where)
        elif isinstance(others, dict):
            yield from _faults(one, others, where)
    for name in schema.get("required") or ():
        if name not in value:
            yield Cause.required(f"{path}.{name}" if path else name)


def _combination_faults(value: Any, schema: Obj, path: str) -> Iterator[Cause]:
    """Yield the faults of ``allOf``, ``anyOf``, ``oneOf`` and ``not``."""
    named = f'"{path}"'
    for one in schema.get("allOf") or ():
        found = list(_faults(value, one, path))
        if found:
            yield from found
            yield Cause.invalid(path, "", f"{named} must validate all the schemas (allOf)")
    choices = schema.get("anyOf")
    if choices and not any(_holds(value, one, path) for one in choices):
        yield Cause.invalid(path, "", f"{named} must validate at least one schema (anyOf)")
    choices = schema.get("oneOf")
    if choices:
        held = sum(_holds(value, one, path) for one in choices)
        if held != 1:
            ending = f"Found {held} valid alternatives" if held else "Found none valid"
            text = f"{named} must validate one and only one schema (oneOf). {ending}"
            yield Cause.invalid(path, "", text)
    if "not" in schema and _holds(value, schema["not"], path):
        yield Cause.invalid(path, "", f"{named} must not validate the schema (not)")


def _holds(value: Any, schema: Obj, path: str) -> bool:
    return next(_faults(value, schema, path), None) is None
