"""What an Envoy says of its own build."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import orjson
import pytest
from google.protobuf import json_format

from pyload.xds.envoy import build, encoded_build, version_of

if TYPE_CHECKING:
    from pathlib import Path


def test_the_build_is_whole_and_exists_once() -> None:
    """Every proxy would keep 61 KB of its own, and a short list would weigh nothing in istiod."""
    names = {(one.category, one.name) for one in build().extensions}

    assert encoded_build() is encoded_build()
    assert len(encoded_build()) == 61_076
    assert len(names) == len(build().extensions) == 516
    assert ("envoy.filters.http", "envoy.filters.http.router") in names


def test_the_version_of_the_build_is_known() -> None:
    """Docs and users have to say which Envoy the list is of."""
    assert re.fullmatch(r"1\.\d+\.\d+", version_of(build()))


@pytest.mark.golden
def test_the_build_is_that_of_the_recorded_envoy(golden: Path) -> None:
    """Field by field, and in its order."""
    lines = (golden / "xds" / "envoy-sidecar-delta.jsonl").read_bytes().splitlines()
    node = orjson.loads(lines[1])["node"]

    ours = json_format.MessageToDict(build(), preserving_proto_field_name=True)
    assert ours == {name: node[name] for name in ours}
    assert ours.keys() == node.keys() - {"id", "cluster", "metadata", "locality"}
