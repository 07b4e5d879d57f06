"""JSON: ``toJson`` and its like return an empty text for unsupported values; ``must…`` fail."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pyload.gotemplate.functions import Failure, Function
from pyload.gotemplate.sprig.decoder import Malformed, decode
from pyload.gotemplate.sprig.encoder import Unsupported, encode

if TYPE_CHECKING:
    from collections.abc import Callable


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


def _must(**options: Any) -> Callable[[Any], str]:
    def write(value: Any) -> str:
        try:
            return encode(value, **options)
        except Unsupported as error:
            raise Failure(str(error)) from error

    return write


def _lenient(**options: Any) -> Callable[[Any], str]:
    def write(value: Any) -> str:
        try:
            return encode(value, **options)
        except Unsupported:
            return ""

    return write


FUNCTIONS: Final = (
    Function("fromJson", _from_json, ("string",)),
    Function("mustFromJson", _must_from_json, ("string",)),
    Function("toJson", _lenient(), ("any",)),
    Function("mustToJson", _must(), ("any",)),
    Function("toPrettyJson", _lenient(indent="  "), ("any",)),
    Function("mustToPrettyJson", _must(indent="  "), ("any",)),
    # This one fails in sprig too.
    Function("toRawJson", _must(html=False), ("any",)),
    Function("mustToRawJson", _must(html=False), ("any",)),
)
