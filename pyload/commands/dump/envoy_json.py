"""Envoy's resources as JSON, for people; envoy-data-plane is imported when the first is read.

A message takes it milliseconds, so nothing that a run measures comes through here.
"""

from __future__ import annotations

import base64
import dataclasses
import functools
import math
import re
import warnings
from collections import Counter
from importlib import import_module
from typing import Any, Final

from google.protobuf import any_pb2, json_format, struct_pb2

from pyload.xds.types import PREFIX

TYPED_STRUCTS: Final = frozenset({f"{PREFIX}udpa.type.v1.TypedStruct"})
"""A type URL with a Struct. The library knows its successor in ``xds.type.v3``, but not it."""

_INT64: Final = frozenset({"int64", "uint64", "sint64", "fixed64", "sfixed64"})
_NAME: Final = re.compile(r"((?:[a-z][a-z0-9_]*\.)+)[A-Z][A-Za-z0-9.]*")
_LETTER: Final = re.compile("_+(.)")


class Reader:
    """Reads resources.

    Attributes:
        unknown: How many different messages could not be read, by type URL. They are shown as
            their bytes.
    """

    def __init__(self) -> None:
        self.unknown: Counter[str] = Counter()
        # Most resources repeat the same few parts.
        self._known: dict[tuple[str, bytes], dict[str, Any]] = {}

    def read(self, data: bytes) -> dict[str, Any]:
        """Return a resource as protobuf's JSON, with its type in ``@type``.

        Args:
            data: An encoded ``google.protobuf.Any``.

        Raises:
            DecodeError: The bytes are no Any.
        """
        packed = any_pb2.Any.FromString(data)
        with warnings.catch_warnings():
            # What the control plane still uses is not for the user to change.
            warnings.simplefilter("ignore", DeprecationWarning)
            return self._make(packed.type_url, packed.value)

    def _document(self, type_url: str, value: bytes) -> dict[str, Any]:
        known = self._known.get((type_url, value))
        if known is None:
            known = self._known[type_url, value] = self._make(type_url, value)
        return known

    def _make(self, type_url: str, value: bytes) -> dict[str, Any]:
        document: dict[str, Any] = {"@type": type_url}
        if type_url in TYPED_STRUCTS:
            # Its fields have the numbers and the wire types of an Any's.
            pair = any_pb2.Any.FromString(value)
            fields = struct_pb2.Struct.FromString(pair.value)
            return {
                **document,
                "typeUrl": pair.type_url,
                "value": json_format.MessageToDict(fields),
            }
        kind = _type_of(type_url)
        try:
            if kind is None:
                raise TypeError(type_url)
            found = self._message(kind.parse(value))
        except Exception:  # noqa: BLE001 - the library raises what comes, on types and bytes alike
            self.unknown[type_url] += 1
            return {**document, "value": base64.b64encode(value).decode()}
        # The well-known types with a JSON of their own stand in a field, as the specification has.
        return {**document, "value": found} if _has_own(kind) else {**document, **found}

    def _message(self, message: Any) -> Any:
        kind: Any = type(message)
        if kind is _any():
            return self._document(message.type_url, message.value)
        if _has_own(kind):
            return message.to_dict()
        document: dict[str, Any] = {}
        for name, json_name, meta in _fields(kind):
            value = getattr(message, name)
            if value is None or (not meta.optional and not value):
                continue
            if meta.repeated:
                document[json_name] = [self._value(one, meta) for one in value]
            elif meta.map_meta:
                _, of_value = meta.map_meta
                document[json_name] = {
                    _key(key): self._value(one, of_value) for key, one in value.items()
                }
            else:
                document[json_name] = self._value(value, meta)
        return document

    def _value(self, value: Any, meta: Any) -> Any:
        kind: str = meta.proto_type
        if kind == "message":
            return self._message(meta.unwrap().from_wrapped(value) if meta.unwrap else value)
        if kind in _INT64:
            return str(value)
        if kind == "bytes":
            return base64.b64encode(value).decode()
        if kind == "enum":
            return value.proto_name or value.name or int(value)
        if kind in {"float", "double"} and not math.isfinite(value):
            return "NaN" if math.isnan(value) else f"{'-' if value < 0 else ''}Infinity"
        return value


def _key(key: object) -> str:
    return str(key).lower() if isinstance(key, bool) else str(key)


@functools.cache
def _fields(kind: Any) -> tuple[tuple[str, str, Any], ...]:
    """Return the fields of a class: their names in Python and in JSON, and their metadata."""
    return tuple(
        (field.name, _json_name(field.name), field.metadata["betterproto"])
        for field in dataclasses.fields(kind)
    )


@functools.cache
def _has_own(kind: Any) -> bool:
    """Return whether a type has a JSON form of its own, as a Struct or a Duration has."""
    return bool(kind.to_dict is not import_module("betterproto2").Message.to_dict)


def _type_of(type_url: str) -> Any:
    """Find the class of a type; None if the library has none."""
    found = _NAME.fullmatch(type_url.removeprefix(PREFIX))
    if found is None:
        return None
    try:
        import_module(f"envoy_data_plane.{found[1].rstrip('.')}")
    except ModuleNotFoundError:
        return None
    pool = import_module("envoy_data_plane.message_pool").default_message_pool
    return pool.url_to_type.get(type_url)


@functools.cache
def _any() -> Any:
    return import_module("envoy_data_plane.google.protobuf").Any


def _json_name(field: str) -> str:
    """Return a field's name in protobuf's JSON; the library's own rule splits at digits."""
    return _LETTER.sub(lambda found: found[1].upper(), field.rstrip("_"))
