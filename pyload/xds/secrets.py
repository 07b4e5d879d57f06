"""Finds the secrets that a cluster or a listener refers to, in whatever extension they are.

Wherever Envoy's configuration refers to a secret it does so with an ``SdsSecretConfig``: a name and
a source, and the control plane is asked for it if the source is ADS. Extensions nest to any depth,
and most of them are unknown here, so no schema is followed. Encoded messages are taken apart field
by field instead, and an ``SdsSecretConfig`` is recognized by its shape::

    name = 1:        a text
    sds_config = 2:  ads = 3, empty; besides it at most initial_fetch_timeout = 4,
                     resource_api_version = 6 and authorities = 7

In all of Envoy's API no other message of clusters and listeners can look like this, but for two,
which are told apart by what they stand in:

- An ``Any`` is a text and bytes too. Its text is a type URL.
- An entry of a ``Struct`` with an empty string for its value is the same bytes as a secret whose
  source names no API version. A message of nothing but such entries is taken for a ``Struct``,
  unless it is the very message in an ``Any``, whose type says what it is.

Bytes that an extension keeps for itself and that are by chance such a message cannot be told apart.

Most resources refer to no secret. So a resource is searched for the bytes of an ADS source first,
and only the fields around these are looked at.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from google.protobuf import json_format, struct_pb2
from google.protobuf.message import DecodeError

from pyload.xds.types import PREFIX

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_DEPTH: Final = 100
"""Messages within each other that Envoy takes."""

_ADS: Final = b"\x1a\x00"
"""The field ``ads`` of a ConfigSource."""
_SDS_CONFIG_TAG: Final = b"\x12"
_TYPED: Final = b".TypedStruct"
"""In the type of a message that is written as the Struct of its JSON."""
_JSON_NAME: Final = re.compile(rb"sds_config|sdsConfig")
"""The field ``sds_config`` in such a Struct."""

_STRUCT: Final = f"{PREFIX}google.protobuf.Struct"
_TYPED_STRUCTS: Final = frozenset(
    {f"{PREFIX}xds.type.v3.TypedStruct", f"{PREFIX}udpa.type.v1.TypedStruct"}
)

# The tag before a field: its number, and how it is encoded.
_VARINT: Final = 0
_FIXED64: Final = 1
_LENGTH_DELIMITED: Final = 2
_FIXED32: Final = 5
_FIRST: Final = 1 << 3 | _LENGTH_DELIMITED
_SECOND: Final = 2 << 3 | _LENGTH_DELIMITED
_ADS_FIELD: Final = 3 << 3 | _LENGTH_DELIMITED
_OTHER_SOURCES: Final = frozenset(number << 3 | _LENGTH_DELIMITED for number in (1, 2, 5, 8))
_BESIDE_A_SOURCE: Final = frozenset(
    {4 << 3 | _LENGTH_DELIMITED, 6 << 3 | _VARINT, 7 << 3 | _LENGTH_DELIMITED}
)
# Of a Value: a text, a Struct, a list, and null, a number or a bool.
_TEXT_VALUE: Final = 3 << 3 | _LENGTH_DELIMITED
_STRUCT_VALUE: Final = 5 << 3 | _LENGTH_DELIMITED
_LIST_VALUE: Final = 6 << 3 | _LENGTH_DELIMITED
_SCALAR_VALUES: Final = frozenset({1 << 3 | _VARINT, 2 << 3 | _FIXED64, 4 << 3 | _VARINT})


class _Field(NamedTuple):
    """A field, and where in the bytes its value stands."""

    tag: int
    start: int
    stop: int


def find_secrets(message: bytes) -> set[str]:
    """Return the names of the secrets that an encoded cluster or listener wants from ADS."""
    found: set[str] = set()
    places = _places(message)
    if places:
        whole = _Field(0, 0, len(message))
        _search(message, whole, places, found, is_typed=True, depth=MAX_DEPTH)
    return found


def _places(data: bytes) -> list[int]:
    """Return where secrets may be: nowhere in nearly all resources, and soon known.

    A source that is longer than 127 bytes for its authorities is passed over.
    """
    places = [one.start() for one in _JSON_NAME.finditer(data)] if _TYPED in data else []
    ads = data.find(_ADS)
    while ads >= 0:
        first = max(ads - 129, 0)
        tag = data.rfind(_SDS_CONFIG_TAG, first, ads - 1)
        while tag >= 0:
            stop = tag + 2 + data[tag + 1]
            if ads + 2 <= stop < min(tag + 130, len(data) + 1) and _is_ads(
                data, _Field(_SECOND, tag + 2, stop)
            ):
                places.append(ads)
                break
            tag = data.rfind(_SDS_CONFIG_TAG, first, tag)
        ads = data.find(_ADS, ads + 1)
    return places


def _search(
    data: bytes,
    message: _Field,
    places: list[int],
    found: set[str],
    *,
    is_typed: bool,
    depth: int,
) -> None:
    """Add the secrets in what may be a message.

    Args:
        data: The bytes that it is a part of.
        message: Where in them it is.
        places: Where in them secrets may be.
        found: Gets the names.
        is_typed: Whether its type is known, and is not that of a Struct.
        depth: How many messages within it are looked at.
    """
    fields = _fields(data, message)
    if not fields or not depth:
        return
    if all(one.tag in (_FIRST, _SECOND) for one in fields):
        by_tag = {one.tag: one for one in fields}  # of two, the later counts
        text = _text(data, by_tag.get(_FIRST))
        content = by_tag.get(_SECOND)
        if text.startswith(PREFIX):
            if content is not None:
                _search_any(data, text, content, places, found, depth=depth - 1)
            return
        if text and content is not None and _is_ads(data, content):
            found.add(text)
            return
        if not is_typed and content is None and _is_struct(data, fields, depth):
            return
    for one in fields:
        if one.tag & 7 == _LENGTH_DELIMITED and any(one.start <= at < one.stop for at in places):
            _search(data, one, places, found, is_typed=False, depth=depth - 1)


def _search_any(
    data: bytes, type_url: str, value: _Field, places: list[int], found: set[str], *, depth: int
) -> None:
    """Add the secrets in the value of an Any."""
    if type_url in _TYPED_STRUCTS:
        for one in _fields(data, value):
            if one.tag == _SECOND:
                found.update(_secrets_in_struct(data[one.start : one.stop]))
    elif type_url != _STRUCT:
        _search(data, value, places, found, is_typed=True, depth=depth)


def _is_ads(data: bytes, field: _Field) -> bool:
    """Return whether a field is a ConfigSource that points to ADS."""
    source = 0
    for one in _fields(data, field):
        if one.tag == _ADS_FIELD and one.start == one.stop:
            source = _ADS_FIELD
        elif one.tag in _OTHER_SOURCES:
            source = one.tag  # of several, the last counts
        elif one.tag not in _BESIDE_A_SOURCE:
            return False
    return source == _ADS_FIELD


def _is_struct(data: bytes, entries: list[_Field], depth: int) -> bool:
    """Return whether these can be the entries of a Struct: each a key, which may be empty."""
    for entry in entries:
        *key, value = _fields(data, entry) or [entry]
        if value.tag != _SECOND or [one.tag for one in key] not in ([], [_FIRST]):
            return False
        if not _is_value(data, value, depth):
            return False
    return True


def _is_value(data: bytes, value: _Field, depth: int) -> bool:
    """Return whether a field can be a Value of a Struct."""
    fields = _fields(data, value)
    if len(fields) != 1 or not depth:
        return False
    one = fields[0]
    if one.tag == _TEXT_VALUE:
        return one.start == one.stop or bool(_text(data, one))
    if one.tag in (_STRUCT_VALUE, _LIST_VALUE):
        inner = _fields(data, one)
        if any(each.tag != _FIRST for each in inner):
            return False
        if one.tag == _STRUCT_VALUE:
            return _is_struct(data, inner, depth - 1)
        return all(_is_value(data, each, depth - 1) for each in inner)
    return one.tag in _SCALAR_VALUES


def _secrets_in_struct(data: bytes) -> Iterator[str]:
    """Yield the secrets in a message that is written as the Struct of its JSON."""
    try:
        root = json_format.MessageToDict(struct_pb2.Struct.FromString(data))
    except (DecodeError, json_format.Error, RecursionError):
        return
    left: list[Any] = [root]
    while left:
        one = left.pop()
        if isinstance(one, list):
            left += one
        elif isinstance(one, dict):
            left += one.values()
            source = one.get("sds_config") or one.get("sdsConfig")
            name = one.get("name")
            if isinstance(source, dict) and "ads" in source and name and isinstance(name, str):
                yield name


def _text(data: bytes, field: _Field | None) -> str:
    """Return the text in a field; empty if there is none, or nothing that people write."""
    if field is None:
        return ""
    try:
        text = data[field.start : field.stop].decode()
    except UnicodeDecodeError:
        return ""
    return text if text.isprintable() else ""


def _fields(data: bytes, message: _Field) -> list[_Field]:
    """Return the fields of what may be a message; none if it is no message, or an empty one."""
    fields = []
    at, stop = message.start, message.stop
    while at < stop:
        tag, at = _varint(data, at, stop)
        kind, start = tag & 7, at
        if kind == _LENGTH_DELIMITED:
            size, start = _varint(data, at, stop)
            at = start + size
        elif kind == _VARINT:
            _, at = _varint(data, at, stop)
        elif kind == _FIXED64:
            at += 8
        elif kind == _FIXED32:
            at += 4
        else:
            return []
        if at > stop or tag < 1 << 3:
            return []
        fields.append(_Field(tag, start, at))
    return fields


def _varint(data: bytes, at: int, stop: int) -> tuple[int, int]:
    """Return a number and the place behind it, which is behind `stop` if the number is broken."""
    number = shift = 0
    for place in range(at, min(at + 10, stop)):
        byte = data[place]
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, place + 1
        shift += 7
    return 0, stop + 1
