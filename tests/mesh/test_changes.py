"""Tests of the objects whose way to proxies is measured."""

from __future__ import annotations

from typing import get_args

import pytest

from pyload.mesh.changes import ChangeNames, Kind, base_object, changed_object, needed

NAMES = ChangeNames(
    namespace="probes",
    base="base",
    name="probe-{}".format,
    host="host-{}.example.com".format,
    address="198.18.0.{}".format,
    exported=True,
)
KINDS: tuple[Kind, ...] = get_args(Kind)


@pytest.mark.parametrize("kind", KINDS)
def test_all_objects_are_the_runs_own(kind: Kind) -> None:
    """Clean-up finds objects by the run label, and only in namespaces that it knows of."""
    base = base_object(kind, NAMES, run_id="r")
    found = [changed_object(kind, 7, NAMES, run_id="r"), *([] if base is None else [base])]
    for resource, obj in found:
        assert resource in needed(kind)
        assert obj["metadata"]["namespace"] == "probes"
        assert obj["metadata"]["labels"]["pyload.dev/run"] == "r"


@pytest.mark.parametrize(
    ("kind", "mark"),
    [
        ("ServiceEntry", "host-7.example.com"),
        ("VirtualService", "probe-7.example.com"),
        ("Service", "probe-7"),
        ("EndpointSlice", "198.18.0.7"),
    ],
)
def test_each_kind_carries_its_mark(kind: Kind, mark: str) -> None:
    """An object that looked the same for every number could not be told from the last one."""
    _, obj = changed_object(kind, 7, NAMES, run_id="r")
    assert f"'{mark}'" in str(obj)


@pytest.mark.parametrize("kind", KINDS[:3])
def test_exported_objects_are_for_all_namespaces(kind: Kind) -> None:
    """A mesh whose objects are private by default would show probes to nobody."""
    _, obj = changed_object(kind, 7, NAMES, run_id="r")
    assert "exportTo" in str(obj)
    assert "'*'" in str(obj)
