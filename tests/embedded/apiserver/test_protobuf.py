"""Bodies in Kubernetes' protobuf encoding."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyload.embedded.apiserver import protobuf
from pyload.embedded.apiserver.refusals import Refused
from pyload.embedded.apiserver.requests import decode_body


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
    + _field(14, "x/y")
    + _field(17, "unread"),
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


def test_delete_options_keep_zero_and_signs() -> None:
    """A grace period of zero is not an absent one."""
    zero = protobuf.decode(_object("v1", "DeleteOptions", _field(1, 0), _field(3, 1)))
    negative = protobuf.decode(_object("v1", "DeleteOptions", _field(1, -1)))

    assert (zero["gracePeriodSeconds"], zero["orphanDependents"]) == (0, True)
    assert negative["gracePeriodSeconds"] == -1


def test_unknown_kinds_are_refused_as_a_media_type() -> None:
    """A client may then try JSON."""
    with pytest.raises(Refused) as refused:
        decode_body(_object("v1", "Pod", META), protobuf.MEDIA_TYPE)

    assert refused.value.code == 415


@given(st.binary(max_size=40), st.sampled_from(["Secret", "Lease", "Event", "TokenRequest"]))
def test_any_bytes_are_read_or_refused(data: bytes, kind: str) -> None:
    """A broken body must be answered, not crash the server."""
    code = 400
    for raw in (data, b"k8s\0" + data, _object("v1", kind, data)):
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
        _object("v1", "Lease", _field(2, _field(2, "x"))),
        _object("v1", "Lease", _field(2, _field(4, _field(1, 1 << 60)))),
    ],
)
def test_broken_bodies_are_bad_requests(raw: bytes) -> None:
    """Each way in which bytes can be wrong."""
    with pytest.raises(Refused) as refused:
        decode_body(raw, protobuf.MEDIA_TYPE)

    assert refused.value.code == 400


def test_fixed_size_fields_are_skipped() -> None:
    """Fields that nobody reads may have any wire type."""
    extra = _varint(99 << 3 | 5) + b"1234" + _varint(98 << 3 | 1) + b"12345678"

    assert protobuf.decode(_object("v1", "ConfigMap", META + extra))["metadata"] == META_JSON
