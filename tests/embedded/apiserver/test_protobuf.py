"""Bodies in Kubernetes' protobuf encoding."""

from __future__ import annotations

import base64
import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyload.embedded.apiserver import messages, protobuf
from pyload.embedded.apiserver.kinds import BUILT_IN, CRD
from pyload.embedded.apiserver.refusals import Refused
from pyload.embedded.apiserver.requests import decode_body

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pyload.embedded.apiserver.messages import Message
    from pyload.kube.resources import Obj

RECORDED = json.loads(Path(__file__).with_name("kubectl-bodies.json").read_text())
"""What kubectl 1.32 sends for some commands, and the objects that it shows with ``--dry-run``.

Of those objects nulls and empty maps are left out.
"""


def _varint(number: int) -> bytes:
    data = b""
    while number > 127:
        data += bytes([number & 127 | 128])
        number >>= 7
    return data + bytes([number])


def _field(number: int, value: int | str | bytes) -> bytes:
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value & (1 << 64) - 1)
    data = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _object(api_version: str, kind: str, *fields: bytes) -> bytes:
    named = _field(1, api_version) + _field(2, kind)
    return b"k8s\0" + _field(1, named) + _field(2, b"".join(fields)) + _field(3, "")


META = _field(
    1,
    _field(1, "n")
    + _field(2, "")
    + _field(8, b"")
    + _field(11, _field(1, "a") + _field(2, "b"))
    + _field(11, _field(1, "c"))
    + _field(14, "x/y"),
)
META_JSON = {"name": "n", "labels": {"a": "b", "c": ""}, "finalizers": ["x/y"]}


def test_a_secret_is_read() -> None:
    """Istiod keeps its CA in a secret that it writes in protobuf."""
    data = _field(2, _field(1, "k") + _field(2, b"\x00\xff"))
    body = _object("v1", "Secret", META, data, _field(3, "Opaque"))

    assert protobuf.decode(body) == {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": META_JSON,
        "data": {"k": "AP8="},
        "type": "Opaque",
    }


def test_a_lease_is_read() -> None:
    """Leader election renews leases with microseconds."""
    moment = _field(1, 1) + _field(2, 2_000)
    spec = _field(1, "me") + _field(2, 30) + _field(4, moment)

    assert protobuf.decode(_object("coordination.k8s.io/v1", "Lease", META, _field(2, spec))) == {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": META_JSON,
        "spec": {
            "holderIdentity": "me",
            "leaseDurationSeconds": 30,
            "renewTime": "1970-01-01T00:00:01.000002Z",
        },
    }


@pytest.mark.parametrize(
    "recorded", RECORDED, ids=lambda one: " ".join(one["command"].split()[1:3])
)
def test_what_kubectl_sends_is_read(recorded: Obj) -> None:
    """Each `kubectl create` sends protobuf, and has no other way in."""
    body = base64.b64decode(recorded["body"])

    assert protobuf.decode(body) == recorded["object"]


def test_each_built_in_kind_is_known() -> None:
    """A kind that is served but cannot be created would puzzle users of kubectl."""
    written = [kind for kind in BUILT_IN if kind is not CRD]

    unknown = [kind for kind in written if messages.find(kind.api_version, kind.kind) is None]

    assert not unknown


def test_delete_options_keep_zero_and_signs() -> None:
    """A grace period of zero is not an absent one."""
    zero = protobuf.decode(_object("v1", "DeleteOptions", _field(1, 0), _field(3, 1)))
    negative = protobuf.decode(_object("v1", "DeleteOptions", _field(1, -1)))

    assert (zero["gracePeriodSeconds"], zero["orphanDependents"]) == (0, True)
    assert negative["gracePeriodSeconds"] == -1


def test_unknown_kinds_are_refused_as_a_media_type() -> None:
    """A client may then try JSON."""
    with pytest.raises(Refused, match="has the kind 'Pot' of 'v1', which") as refused:
        decode_body(_object("v1", "Pot", META), protobuf.MEDIA_TYPE)

    assert refused.value.code == 415


@pytest.mark.parametrize(
    "extra",
    [
        _field(999, 1),
        _field(999, "x"),
        _varint(999 << 3 | 5) + b"1234",
        _varint(999 << 3 | 1) + b"12345678",
    ],
)
def test_fields_that_are_not_known_are_refused(extra: bytes) -> None:
    """An option of a newer kubectl would be lost, and it would say that all is well."""
    body = _object("v1", "Pod", META, _field(2, _field(2, _field(1, "c") + extra)))

    with pytest.raises(Refused, match="has field 999 of Container, which") as refused:
        decode_body(body, protobuf.MEDIA_TYPE)

    assert refused.value.code == 415


def test_fields_that_hold_nothing_may_be_unknown() -> None:
    """Go writes fields that are not set, and newer clients have more of them."""
    body = _object("v1", "ConfigMap", META + _field(998, 0) + _field(999, ""))

    assert protobuf.decode(body)["metadata"] == META_JSON


_SCALARS: Mapping[str, st.SearchStrategy[Any]] = {
    "str": st.text(max_size=3),
    "int": st.integers(-(1 << 63), (1 << 63) - 1),
    "bool": st.booleans(),
    "bytes": st.binary(max_size=3).map(lambda data: base64.b64encode(data).decode()),
    "text": st.sampled_from(["", "500m", "1Gi"]),
    "texts": st.lists(st.text(max_size=3), max_size=2),
    "intstr": st.sampled_from([0, -1, 80, "", "50%"]),
    "json": st.sampled_from([{}, {"a": [1]}, [], 0]),
    "time": st.just("1970-01-02T00:00:01Z"),
    "micro": st.just("1970-01-02T00:00:01.000002Z"),
}


@st.composite
def _objects(draw: st.DrawFn, message: Message, depth: int) -> Obj:
    """Draw an object that has some fields of a message."""
    fields = [one for one in message.fields().values() if depth or message.of(one) is None]
    obj: Obj = {}
    for field in draw(st.lists(st.sampled_from(fields), max_size=3)) if fields else ():
        below = message.of(field)
        one = _objects(below, depth - 1) if below else _SCALARS[field.type]
        if field.name == ".":
            obj |= draw(one)
        elif field.mark == "*":
            obj[field.name] = [draw(one), draw(one)]
        elif field.mark == "%":
            obj[field.name] = {draw(st.text(max_size=3)): draw(one)}
        elif (value := draw(one)) or field.shown:
            obj[field.name] = value
    return obj


def _encoded(message: Message, obj: Obj) -> bytes:
    """Encode an object as Go does."""
    data = b""
    for number, field in message.fields().items():
        value = obj.get(field.name)
        encode = partial(_encoded_value, message.of(field), field.type)
        if field.name == ".":
            data += _field(number, encode(obj))
        elif value is not None and field.mark == "*":
            data += b"".join(_field(number, encode(one)) for one in value)
        elif value is not None and field.mark == "%":
            pairs = (_field(1, key) + _field(2, encode(one)) for key, one in value.items())
            data += b"".join(_field(number, pair) for pair in pairs)
        elif value is not None:
            data += _field(number, encode(value))
    return data


def _encoded_value(message: Message | None, type_: str, value: Any) -> Any:
    if message:
        return _encoded(message, value)
    encode = _ENCODERS.get(type_)
    return encode(value) if encode else value


_ENCODERS: Mapping[str, Callable[[Any], bytes]] = {
    "bytes": base64.b64decode,
    "text": partial(_field, 1),
    "texts": lambda texts: b"".join(_field(1, one) for one in texts),
    "intstr": lambda one: _field(1, 1) + _field(3, one) if isinstance(one, str) else _field(2, one),
    "json": lambda value: _field(1, json.dumps(value)),
    "time": lambda _: _field(1, 86401),
    "micro": lambda _: _field(1, 86401) + _field(2, 2000),
}


@hypothesis.settings(max_examples=20)
@given(st.sampled_from(messages.kinds()), st.data())
def test_what_is_encoded_by_the_table_is_read_whole(message: Message, data: st.DataObject) -> None:
    """Any field that is lost on the way is an option that a user set in vain."""
    obj = data.draw(_objects(message, 6))

    body = _object(message.section, message.name, _encoded(message, obj))

    assert protobuf.decode(body) == {"apiVersion": message.section, "kind": message.name, **obj}


@given(st.binary(max_size=40), st.sampled_from(messages.kinds()))
def test_any_bytes_are_read_or_refused(data: bytes, kind: Message) -> None:
    """A broken body must be answered, not crash the server."""
    code = 400
    for raw in (data, b"k8s\0" + data, _object(kind.section, kind.name, data)):
        try:
            decode_body(raw, protobuf.MEDIA_TYPE)
        except Refused as error:
            code = min(code, error.code)

    assert code == 400


@pytest.mark.parametrize(
    "raw",
    [
        b"{}",
        b"k8s\0\x0a",
        b"k8s\0\x0a\x05a",
        b"k8s\0\x0b",
        b"k8s\0\x08\x01",
        _object("coordination.k8s.io/v1", "Lease", _field(2, _field(2, "x"))),
        _object("coordination.k8s.io/v1", "Lease", _field(2, _field(4, _field(1, 1 << 60)))),
        _object("batch/v1", "Job", _field(1, _field(17, _field(7, _field(1, "{"))))),
    ],
)
def test_broken_bodies_are_bad_requests(raw: bytes) -> None:
    """Each way in which bytes can be wrong."""
    with pytest.raises(Refused) as refused:
        decode_body(raw, protobuf.MEDIA_TYPE)

    assert refused.value.code == 400
