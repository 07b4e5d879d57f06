"""JSON: ``toJson`` and its like return an empty text for unsupported values; ``must…`` fail."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from pyload.gotemplate.functions import Failure, Function
from pyload.gotemplate.sprig.decoder import Malformed, decode
from pyload.gotemplate.sprig.encoder import Unsupported, encode


def _must_from_json(text: str) -> Any:
    try:
        return decode(text)
    except Malformed as error:
        raise Failure(str(error)) from error


def _from_json(text: str) -> Any:
    try:
        return decode(text)
    except Malformed:
        return None


def _must_to_json(value: Any, **options: Any) -> str:
    try:
        return encode(value, **options)
    except Unsupported as error:
        raise Failure(str(error)) from error


def _to_json(value: Any, **options: Any) -> str:
    try:
        return encode(value, **options)
    except Unsupported:
        return ""


FUNCTIONS: Final = (
    Function("fromJson", _from_json, ("string",)),
    Function("mustFromJson", _must_from_json, ("string",)),
    Function("toJson", _to_json, ("any",)),
    Function("mustToJson", _must_to_json, ("any",)),
    Function("toPrettyJson", partial(_to_json, indent="  "), ("any",)),
    Function("mustToPrettyJson", partial(_must_to_json, indent="  "), ("any",)),
    # This one fails in sprig too.
    Function("toRawJson", partial(_must_to_json, html=False), ("any",)),
    Function("mustToRawJson", partial(_must_to_json, html=False), ("any",)),
)
