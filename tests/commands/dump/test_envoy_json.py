"""Envoy's resources as people read them."""

from __future__ import annotations

import math
from importlib import import_module
from typing import TYPE_CHECKING, Any

import pytest
from google.protobuf import any_pb2, struct_pb2

from pyload.commands.dump.envoy_files import Layout
from pyload.commands.dump.envoy_json import TYPED_STRUCTS, Reader
from pyload.xds.types import CDS, LDS, PREFIX

if TYPE_CHECKING:
    from pathlib import Path


def raw(type_url: str, value: bytes) -> bytes:
    """Pack bytes of any kind."""
    return any_pb2.Any(type_url=type_url, value=value).SerializeToString()


def test_types_that_are_not_known_are_shown_as_bytes() -> None:
    """One filter of a vendor must not cost the whole dump."""
    reader = Reader()
    url = f"{PREFIX}acme.v1.Thing"

    assert reader.read(raw(url, b"\x01")) == {"@type": url, "value": "AQ=="}
    assert reader.read(raw(LDS, b"\x0a\x01\xff"))["value"] == "CgH/"
    assert reader.unknown == {url: 1, LDS: 1}


@pytest.mark.golden
def test_what_istiod_sends_is_readable(golden: Path) -> None:
    """The types of a sidecar's first responses, from a real istiod."""
    from pyload.xds.wire import discovery_pb2  # noqa: PLC0415 - for this test

    reader = Reader()
    for path in sorted((golden / "xds" / "raw" / "sotw-sidecar-gateway").glob("*.pb"))[:4]:
        for body in discovery_pb2.DiscoveryResponse.FromString(path.read_bytes()).resources:
            document = reader.read(body)
            assert Layout("x").write(Layout("x").local(document))
    assert not reader.unknown


def library(name: str) -> Any:
    """Return a class of envoy-data-plane."""
    package, _, kind = name.rpartition(".")
    return getattr(import_module(f"envoy_data_plane.{package}"), kind)


def test_values_have_the_forms_of_protobufs_json() -> None:
    """Envoy and every other reader of such files would refuse, or misread, any other form."""
    kind = library("envoy.config.cluster.v3.Cluster")
    given = {
        "name": "a",
        "connectTimeout": "1.500s",
        "lbPolicy": "RING_HASH",
        "perConnectionBufferLimitBytes": 7,
        "upstreamBindConfig": {"socketOptions": [{"level": "6", "bufValue": "AQ=="}]},
        "metadata": {"filterMetadata": {"istio": {"config": "/apis", "deep": [1, None, True]}}},
        "loadAssignment": {
            "clusterName": "a",
            "endpoints": [{"lbEndpoints": [{"endpoint": {"hostname": "h"}}], "priority": 1}],
        },
    }
    document = Reader().read(raw(CDS, bytes(kind.from_dict(given))))

    assert document == {"@type": CDS, **given}


def test_a_part_that_is_not_known_is_shown_as_bytes_within_the_rest() -> None:
    """An extension of a vendor must not cost the cluster that has it."""
    kind = library("envoy.config.cluster.v3.Cluster")
    url = f"{PREFIX}acme.v1.Thing"
    cluster = kind(name="a")
    any_kind = library("google.protobuf.Any")
    cluster.typed_extension_protocol_options["acme"] = any_kind(type_url=url, value=b"\x01")
    reader = Reader()
    document = reader.read(raw(CDS, bytes(cluster)))

    assert document["name"] == "a"
    assert document["typedExtensionProtocolOptions"] == {"acme": {"@type": url, "value": "AQ=="}}
    assert reader.unknown == {url: 1}


def test_structs_of_either_name_are_shown_by_their_fields() -> None:
    """Istio configures WebAssembly and telemetry by these; bytes would hide all of it."""
    struct = struct_pb2.Struct()
    struct.update({"a": 1.5})
    [url] = TYPED_STRUCTS
    pair = any_pb2.Any(type_url="t", value=struct.SerializeToString())

    assert Reader().read(raw(url, pair.SerializeToString())) == {
        "@type": url,
        "typeUrl": "t",
        "value": {"a": 1.5},
    }
    own = Reader().read(raw(f"{PREFIX}google.protobuf.Struct", struct.SerializeToString()))
    assert own == {"@type": f"{PREFIX}google.protobuf.Struct", "value": {"a": 1.5}}


@pytest.mark.parametrize(
    ("value", "text"), [(math.inf, "Infinity"), (-math.inf, "-Infinity"), (math.nan, "NaN")]
)
def test_numbers_that_json_does_not_have_are_words(value: float, text: str) -> None:
    """The whole file could not be read: JSON has no number for these."""
    kind = f"{PREFIX}envoy.type.v3.DoubleRange"
    message = library("envoy.type.v3.DoubleRange")(start=value, end=2.0)

    assert Reader().read(raw(kind, bytes(message))) == {"@type": kind, "start": text, "end": 2.0}
