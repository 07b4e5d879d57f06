"""Envoy's resources as people read them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from google.protobuf import any_pb2

from pyload.commands.dump.envoy_files import Layout
from pyload.commands.dump.envoy_json import Reader
from pyload.xds.types import LDS, PREFIX

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
