"""The fields of built-in kinds: those that are unknown are dropped, wrong types are refused.

Fields and types are those of `messages`, and the texts those of a real server, which reads JSON
into Go's types. Nearly all objects are right, so each is first looked over for that alone; paths
and texts are for the others.
"""

from __future__ import annotations

import re
from functools import cache, cached_property, partial
from typing import TYPE_CHECKING, Any, Final

from pyload.embedded.apiserver import messages

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pyload.embedded.apiserver.messages import Field, Message
    from pyload.kube.resources import Obj

Types = frozenset[type]

_ACCEPTED: Final[Mapping[str, Types]] = {
    "str": frozenset({str}),
    "bytes": frozenset({str}),
    "time": frozenset({str}),
    "micro": frozenset({str}),
    "bool": frozenset({bool}),
    "int": frozenset({int}),
    "intstr": frozenset({int, str}),
    "text": frozenset({str, int, float}),
    "texts": frozenset({list}),
    "schema": frozenset({dict}),
    "json": frozenset({dict, list, str, bool, int, float}),
}
_GO: Final[Mapping[str, str]] = {
    "str": "string",
    "int": "int",
    "bool": "bool",
    "bytes": "[]uint8",
    "intstr": "intstr.IntOrString",
    "text": "resource.Quantity",
    "texts": "[]string",
    "schema": "v1.JSONSchemaProps",
    "time": "v1.Time",
    "micro": "v1.MicroTime",
}
_JSON: Final[Mapping[type, str]] = {
    str: "string",
    bool: "bool",
    int: "number",
    dict: "object",
    list: "array",
}


METADATA: Final = messages.Message("meta.k8s.io/v1", "ObjectMeta")
"""The metadata of all kinds."""


def read(obj: Obj, message: Message, *, path: str = "") -> tuple[Obj, list[str]]:
    """Return an object without unknown fields, and the paths of those, sorted.

    Args:
        obj: The object, which is not changed.
        message: Its message; the fields that all kinds have need not be in it.
        path: Where it stands in a larger object.

    Raises:
        TypeError: A value has a wrong type.
    """
    if not _checker(message).fits(obj):
        unknown: list[str] = []
        return _read(obj, message, path, unknown), sorted(unknown)
    return obj, []


class _Checker:
    """Looks over the values of one message.

    Args:
        message: The message.
    """

    def __init__(self, message: Message) -> None:
        self._message = message

    @cached_property
    def _fields(self) -> tuple[Mapping[str, Types], Mapping[str, Callable[[Any], bool]]]:
        """The types of its single values, and checks of the other fields."""
        single: dict[str, Types] = {}
        others: dict[str, Callable[[Any], bool]] = {}
        for name, (owner, field) in fields_of(self._message).items():
            below = owner.of(field)
            if below is None and not field.mark:
                single[name] = _ACCEPTED[field.type]
            elif below is None:
                others[name] = partial(_hold, field.mark, _ACCEPTED[field.type])
            else:
                others[name] = getattr(_checker(below), _METHODS[field.mark])
        return single, others

    def fits(self, value: Any) -> bool:
        """Return whether a value has only known fields, none null, and all of their types."""
        if type(value) is not dict:
            return False
        single, others = self._fields
        for name, one in value.items():
            types = single.get(name)
            if types is None:
                check = others.get(name)
                if check is None or not check(one):
                    return False
            elif type(one) not in types:
                return False
        return True

    def fits_each(self, value: Any) -> bool:
        """Return whether a value is a list of such values."""
        return type(value) is list and all(map(self.fits, value))

    def fits_map(self, value: Any) -> bool:
        """Return whether a value is a map to such values."""
        return type(value) is dict and all(map(self.fits, value.values()))


_METHODS: Final = {"": "fits", "*": "fits_each", "%": "fits_map"}
_checker = cache(_Checker)


@cache
def fields_of(message: Message) -> Mapping[str, tuple[Message, Field]]:
    """Return the fields of a message by name, each with the message that it is of."""
    fields: dict[str, tuple[Message, Field]] = {}
    for field in message.fields().values():
        below = message.of(field)
        if field.name == "." and below is not None:
            fields |= fields_of(below)
        else:
            fields[field.name] = (message, field)
    if messages.is_kind(message):
        kind = messages.Field("", shown=False, mark="", type="str")
        fields |= {"apiVersion": (message, kind), "kind": (message, kind)}
    return fields


def _hold(mark: str, types: Types, value: Any) -> bool:
    """Return whether a value is a list of values of some types, or a map to them."""
    if mark == "*":
        return type(value) is list and types.issuperset(map(type, value))
    return type(value) is dict and types.issuperset(map(type, value.values()))


def _read(value: Any, message: Message, path: str, unknown: list[str]) -> Obj:
    found: Obj = {}
    fields = fields_of(message)
    for name, one in value.items():
        where = f"{path}.{name}" if path else name
        if name not in fields:
            unknown.append(where)
        elif one is not None:
            owner, field = fields[name]
            found[name] = _read_field(one, owner, field, where, unknown)
    return found


def _read_field(value: Any, message: Message, field: Field, path: str, unknown: list[str]) -> Any:
    below = message.of(field)
    go = _GO.get(field.type, f"{message.version}.{field.type}")
    wanted = {"*": list, "%": dict}.get(field.mark)
    if wanted and type(value) is not wanted:
        raise _mismatch(value, message, path, ("[]" if wanted is list else "map[string]") + go)

    def one(item: Any, where: str) -> Any:
        if below is not None and type(item) is dict:
            return _read(item, below, where, unknown)
        if below is not None or type(item) not in _ACCEPTED[field.type]:
            raise _mismatch(item, message, path, go)
        return item

    match field.mark:
        case "*":
            return [one(item, f"{path}[{at}]") for at, item in enumerate(value) if item is not None]
        case "%":
            return {
                key: one(item, f"{path}.{key}") for key, item in value.items() if item is not None
            }
        case _:
            return one(value, path)


def _mismatch(value: Any, message: Message, path: str, go: str) -> TypeError:
    shown = _JSON.get(type(value)) or f"number {value}"
    # Go leaves out which item of a list it is.
    where = re.sub(r"\[\d+\]", "", path)
    return TypeError(
        f"json: cannot unmarshal {shown} into Go struct field {message.name}.{where} of type {go}"
    )
