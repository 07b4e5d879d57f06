"""Bodies in Kubernetes' protobuf encoding, which Go clients prefer for built-in kinds.

Objects are read as the table of messages (`messages`) has them. What it does not have is refused
rather than left out: a newer client would not learn that the server has lost what it asked for.
Fields that hold nothing, which Go writes too, may be unknown. Answers are always JSON, which all
clients accept.
"""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import orjson

from pyload.embedded.apiserver import messages

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from pyload.embedded.apiserver.messages import Field, Message
    from pyload.kube.resources import Obj

MEDIA_TYPE: Final = "application/vnd.kubernetes.protobuf"
_MAGIC: Final = b"k8s\0"


def decode(data: bytes) -> Obj:
    """Read an object with its envelope.

    Raises:
        LookupError: It has something that is not known here.
        ValueError: It is not such an object.
    """
    if not data.startswith(_MAGIC):
        raise ValueError("no Kubernetes protobuf")
    envelope = dict(_split(data[len(_MAGIC) :]))
    named = dict(_split(_bytes(envelope.get(1, b""))))
    version, kind = (_text(named.get(number, b"")) for number in (1, 2))
    message = messages.find(version, kind)
    if message is None:
        raise LookupError(f"the kind {kind!r} of {version!r}")
    return {"apiVersion": version, "kind": kind, **_decode(message, _bytes(envelope.get(2, b"")))}


def _decode(message: Message, data: bytes) -> Obj:
    fields = message.fields()
    obj: Obj = {}
    for number, raw in _split(data):
        field = fields.get(number)
        if field is None:
            if raw:
                raise LookupError(f"field {number} of {message.name}")
            continue
        read = _reader(message, field)
        if field.mark == "%":
            entry = dict(_split(_bytes(raw)))
            values = obj.setdefault(field.name, {})
            values[_text(entry.get(1, b""))] = read(entry.get(2, b""))
        elif field.mark == "*":
            obj.setdefault(field.name, []).append(read(raw))
        elif field.name == ".":
            obj.update(read(raw))
        else:
            value = read(raw)
            # Go writes every text, number and time, set or not.
            if value or (field.shown and value is not None):
                obj[field.name] = value
    return obj


def _reader(message: Message, field: Field) -> Callable[[int | bytes], Any]:
    below = message.of(field)
    return partial(_read_message, below) if below else _READERS[field.type]


def _read_message(message: Message, raw: int | bytes) -> Obj:
    return _decode(message, _bytes(raw))


def _text(raw: int | bytes) -> str:
    return _bytes(raw).decode()


def _json(raw: int | bytes) -> Any:
    """Read JSON in a message of its own; None if there is none."""
    text = _bytes(dict(_split(_bytes(raw))).get(1, b""))
    return orjson.loads(text) if text else None


def _int_or_string(raw: int | bytes) -> int | str:
    parts = dict(_split(_bytes(raw)))
    return _text(parts.get(3, b"")) if parts.get(1) else _number(parts.get(2, 0))


def _time(raw: int | bytes, *, micro: bool = False) -> str | None:
    parts = dict(_split(_bytes(raw)))
    if not parts:
        return None
    seconds, nanos = _number(parts.get(1, 0)), _number(parts.get(2, 0))
    try:
        moment = datetime.fromtimestamp(0, UTC) + timedelta(
            seconds=seconds, microseconds=nanos // 1000
        )
    except OverflowError as error:
        raise ValueError("time out of range") from error
    return moment.strftime("%Y-%m-%dT%H:%M:%S" + (".%fZ" if micro else "Z"))


def _number(raw: int | bytes) -> int:
    if not isinstance(raw, int):
        raise ValueError("a number was expected")  # noqa: TRY004 - the data is wrong, not a type
    return raw - (1 << 64) if raw >> 63 else raw


def _bytes(raw: int | bytes) -> bytes:
    if not isinstance(raw, bytes):
        raise ValueError("bytes were expected")  # noqa: TRY004 - the data is wrong, not a type
    return raw


def _split(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Iterate over the fields of a message: their numbers and raw values."""
    position = 0
    while position < len(data):
        tag, position = _varint(data, position)
        match tag & 7:
            case 0:
                number, position = _varint(data, position)
                yield tag >> 3, number
                continue
            case 1:
                size = 8
            case 2:
                size, position = _varint(data, position)
            case 5:
                size = 4
            case wire_type:
                raise ValueError(f"wire type {wire_type}")
        if position + size > len(data):
            raise ValueError("a field is cut off")
        yield tag >> 3, data[position : position + size]
        position += size


def _varint(data: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while position < len(data) and shift < 70:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & ((1 << 64) - 1), position
        shift += 7
    raise ValueError("a number is cut off")


_READERS: Final[Mapping[str, Callable[[int | bytes], Any]]] = {
    "int": _number,
    "bool": lambda raw: bool(_number(raw)),
    "str": _text,
    # A text in a message of its own, and a list of them.
    "text": lambda raw: _text(dict(_split(_bytes(raw))).get(1, b"")),
    "texts": lambda raw: [_text(value) for _, value in _split(_bytes(raw))],
    "bytes": lambda raw: base64.b64encode(_bytes(raw)).decode(),
    "time": _time,
    "intstr": _int_or_string,
    "json": _json,
    "micro": partial(_time, micro=True),
}
