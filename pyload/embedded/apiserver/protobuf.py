"""Bodies in Kubernetes' protobuf encoding, which Go clients prefer for built-in kinds.

Only the kinds are known that Istio and kubectl write through typed clients; everything else they
send as JSON. Answers are always JSON, which all clients accept.
"""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from pyload.kube.resources import Obj


MEDIA_TYPE: Final = "application/vnd.kubernetes.protobuf"
_MAGIC: Final = b"k8s\0"

_META: Final = "1 metadata ObjectMeta"
_MESSAGES: Final[Mapping[str, str]] = {
    # The envelope and what all kinds share. Types: str, bytes, int, bool, time, micro, a message;
    # `*` marks lists, `%` maps from text.
    "Unknown": "1 typeMeta TypeMeta, 2 raw raw, 3 contentEncoding str, 4 contentType str",
    "TypeMeta": "1 apiVersion str, 2 kind str",
    "ObjectMeta": (
        "1 name str, 2 generateName str, 3 namespace str, 5 uid str, 6 resourceVersion str, "
        "8 creationTimestamp time, 11 labels %str, 12 annotations %str, "
        "13 ownerReferences *OwnerReference, 14 finalizers *str"
    ),
    "OwnerReference": (
        "1 kind str, 3 name str, 4 uid str, 5 apiVersion str, 6 controller bool, "
        "7 blockOwnerDeletion bool"
    ),
    "DeleteOptions": (
        "1 gracePeriodSeconds int, 2 preconditions Preconditions, 3 orphanDependents bool, "
        "4 propagationPolicy str, 5 dryRun *str"
    ),
    "Preconditions": "1 uid str, 2 resourceVersion str",
    "ObjectReference": (
        "1 kind str, 2 namespace str, 3 name str, 4 uid str, 5 apiVersion str, "
        "6 resourceVersion str, 7 fieldPath str"
    ),
    "LocalObjectReference": "1 name str",
    # Kinds.
    "Namespace": f"{_META}, 2 spec NamespaceSpec, 3 status NamespaceStatus",
    "NamespaceSpec": "1 finalizers *str",
    "NamespaceStatus": "1 phase str, 2 conditions *NamespaceCondition",
    "NamespaceCondition": "1 type str, 2 status str, 4 lastTransitionTime time, 5 reason str, "
    "6 message str",
    "ConfigMap": f"{_META}, 2 data %str, 3 binaryData %bytes, 4 immutable bool",
    "Secret": f"{_META}, 2 data %bytes, 3 type str, 4 stringData %str, 5 immutable bool",
    "ServiceAccount": (
        f"{_META}, 2 secrets *ObjectReference, 3 imagePullSecrets *LocalObjectReference, "
        "4 automountServiceAccountToken bool"
    ),
    "Event": (
        f"{_META}, 2 involvedObject ObjectReference, 3 reason str, 4 message str, "
        "5 source EventSource, 6 firstTimestamp time, 7 lastTimestamp time, 8 count int, "
        "9 type str, 10 eventTime micro, 11 series EventSeries, 12 action str, "
        "13 related ObjectReference, 14 reportingComponent str, 15 reportingInstance str"
    ),
    "EventSource": "1 component str, 2 host str",
    "EventSeries": "1 count int, 2 lastObservedTime micro",
    "Lease": f"{_META}, 2 spec LeaseSpec",
    "LeaseSpec": (
        "1 holderIdentity str, 2 leaseDurationSeconds int, 3 acquireTime micro, "
        "4 renewTime micro, 5 leaseTransitions int, 6 strategy str, 7 preferredHolder str"
    ),
    "Eviction": f"{_META}, 2 deleteOptions DeleteOptions",
    "TokenReview": f"{_META}, 2 spec TokenReviewSpec",
    "TokenReviewSpec": "1 token str, 2 audiences *str",
    "TokenRequest": f"{_META}, 2 spec TokenRequestSpec",
    "TokenRequestSpec": (
        "1 audiences *str, 3 boundObjectRef BoundObjectReference, 4 expirationSeconds int"
    ),
    "BoundObjectReference": "1 kind str, 2 apiVersion str, 3 name str, 4 uid str",
    "SubjectAccessReview": f"{_META}, 2 spec SubjectAccessReviewSpec",
    "SelfSubjectAccessReview": f"{_META}, 2 spec SelfSubjectAccessReviewSpec",
    "SubjectAccessReviewSpec": (
        "1 resourceAttributes ResourceAttributes, 2 nonResourceAttributes NonResourceAttributes, "
        "3 user str, 4 groups *str, 6 uid str"
    ),
    "SelfSubjectAccessReviewSpec": (
        "1 resourceAttributes ResourceAttributes, 2 nonResourceAttributes NonResourceAttributes"
    ),
    "ResourceAttributes": (
        "1 namespace str, 2 verb str, 3 group str, 4 version str, 5 resource str, "
        "6 subresource str, 7 name str"
    ),
    "NonResourceAttributes": "1 path str, 2 verb str",
}

_Field = tuple[str, str, str]
"""Name, mark (``*``, ``%`` or nothing) and type."""


@lru_cache(maxsize=128)
def _fields(message: str) -> Mapping[int, _Field]:
    fields: dict[int, _Field] = {}
    for text in _MESSAGES[message].split(","):
        number, name, type_ = text.split()
        mark = type_[0] if type_[0] in "*%" else ""
        fields[int(number)] = (name, mark, type_[len(mark) :])
    return fields


def decode(data: bytes) -> Obj:
    """Read an object with its envelope.

    Raises:
        LookupError: Its kind is not known here.
        ValueError: It is not such an object.
    """
    if not data.startswith(_MAGIC):
        raise ValueError("no Kubernetes protobuf")
    envelope = _decode("Unknown", data[len(_MAGIC) :])
    named = envelope.get("typeMeta", {})
    kind = named.get("kind", "")
    if kind not in _MESSAGES or kind in ("Unknown", "TypeMeta"):
        raise LookupError(kind)
    return {**named, **_decode(kind, envelope.get("raw", b""))}


def _decode(message: str, data: bytes) -> Obj:
    fields = _fields(message)
    obj: Obj = {}
    for number, raw in _split(data):
        if number not in fields:
            continue
        name, mark, type_ = fields[number]
        if mark == "%":
            entry = dict(_split(_bytes(raw)))
            key = _bytes(entry.get(1, b"")).decode()
            obj.setdefault(name, {})[key] = _value(type_, entry.get(2, b""))
        elif mark == "*":
            obj.setdefault(name, []).append(_value(type_, raw))
        else:
            value = _value(type_, raw)
            # Go writes every text and time, set or not.
            if value not in ("", None):
                obj[name] = value
    return obj


def _value(type_: str, raw: int | bytes) -> Any:
    read = _READERS.get(type_)
    return read(raw) if read else _decode(type_, _bytes(raw))


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
    "str": lambda raw: _bytes(raw).decode(),
    "raw": _bytes,
    "bytes": lambda raw: base64.b64encode(_bytes(raw)).decode(),
    "time": _time,
    "micro": partial(_time, micro=True),
}
