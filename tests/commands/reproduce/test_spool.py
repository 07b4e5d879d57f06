"""Captures that are read, and those that cannot be."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from pyload.commands.reproduce.capture import ENDPOINT_SLICE, ORDER, POD, read_piece
from pyload.commands.reproduce.spool import CaptureSpool
from pyload.errors import ConfigError, Interrupted
from pyload.kube.documents import Piece
from pyload.kube.resources import CONFIG_MAPS
from tests.commands.reproduce.captured import CAPTURE, CONFIG, ENDPOINTS, SERVICE, obj

if TYPE_CHECKING:
    from pathlib import Path

    from pyload.kube.resources import Obj


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("a: [\n---\nkind: Pod", r"x:2:1: cannot parse"),
        ("kind: Namespace\napiVersion: v1\nmetadata: {name: a}\n---\nb\n", "x:5:1: .*not an"),
        ("metadata: {name: a}", "x:1:1: .*has no kind"),
        ("kind: Pod", "x:1:1: .*has no apiVersion"),
        ("kind: Pod\napiVersion: v1", "x:1:1: .*has no metadata.name"),
        ("\n\nkind: Pod\napiVersion: v1\nmetadata: {name: a, labels: [1]}", "x:3:1: .*mappings"),
        ("kind: List\nitems: 5", "x:1:1: .*not a list"),
        ("kind: List\nitems: [5]", "x:1:1: .*not an object"),
        ('{"kind": "Pod",\n}', "x:1:1: cannot parse"),
        (
            "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [5]}",
            "Pod a is not valid",
        ),
        ("a: 1\na: 2", "x:2:1: cannot parse message: .*twice"),
    ],
)  # fmt: skip
def test_the_first_bad_object_ends_the_run_before_anything_is_done(
    text: str, where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a cluster would measure something else; the message names the line."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x").write_text(text)
    with pytest.raises(ConfigError, match=where), CaptureSpool() as spool:
        spool.load("x", config_only=False, stopped=lambda: False)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    """One sentence and exit code 2."""
    with CaptureSpool() as spool:
        with pytest.raises(ConfigError, match="no such file or directory; check the path"):
            spool.load(str(tmp_path / "x"), config_only=False, stopped=lambda: False)
        with pytest.raises(ConfigError, match="is a directory"):
            spool.load(str(tmp_path), config_only=False, stopped=lambda: False)


def test_reading_a_large_file_can_be_interrupted(tmp_path: Path) -> None:
    """A gigabyte takes minutes; ctrl-C must not have to wait for them."""
    path = tmp_path / "x"
    path.write_text(yaml.safe_dump(CONFIG))
    with CaptureSpool() as spool, pytest.raises(Interrupted):
        spool.load(str(path), config_only=False, stopped=lambda: True)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(0, 5) | st.sampled_from(["", "a", "Pod", "v1"]),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["name", "items", "kind", "x"]), inner, max_size=2)
    ),
    max_leaves=4,
)


def break_object(at: int, path: list[int], value: object) -> Piece:
    """Replace one value in an object of the capture."""
    broken = json.loads(json.dumps(CAPTURE[at]))
    place: Any = broken
    for step in path:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        if not keys:
            break
        key = keys[step % len(keys)]
        if isinstance(place[key], dict | list) and step != path[-1]:
            place = place[key]
        else:
            place[key] = value
            break
    return Piece(json.dumps(broken).encode(), 1, is_json=True)


def test_a_broken_object_is_an_error_or_is_replayed() -> None:
    """A traceback tells nobody which of 100,000 objects is wrong."""
    outcomes: Counter[str] = Counter()

    @settings(max_examples=200)
    @given(
        at=st.integers(0, len(CAPTURE) - 1),
        path=st.lists(st.integers(0, 9), min_size=1, max_size=5),
        value=JSON,
        config_only=st.booleans(),
    )
    def read(at: int, path: list[int], value: object, config_only: bool) -> None:  # noqa: FBT001
        with CaptureSpool() as spool:
            try:
                for one in read_piece(break_object(at, path, value), source="x"):
                    spool.add(one, source="x", line=1, config_only=config_only)
            except ConfigError:
                outcomes["refused"] += 1
            else:
                outcomes["replayed"] += sum(spool.count(kind) for kind in ORDER)

    read()
    assert outcomes["refused"] > 10
    assert outcomes["replayed"] > 10


def spooled(spool: CaptureSpool, *objects: Obj, config_only: bool = True) -> CaptureSpool:
    """Add objects to a spool."""
    for one in objects:
        spool.add(one, source="x", line=1, config_only=config_only)
    return spool


@settings(max_examples=50)
@given(
    count=st.integers(0, 12),
    start=st.integers(0, 15),
    stop=st.none() | st.integers(0, 15),
)
def test_batches_are_slices_of_what_was_added(count: int, start: int, stop: int | None) -> None:
    """An object that falls between two batches is never created, and nothing says so."""
    added = [obj("v1", "ConfigMap", f"c{number}") for number in range(count)]
    with CaptureSpool() as spool:
        for one in added:
            spooled(spool, one, SERVICE)
        read = spool.read(CONFIG_MAPS.group_kind, start=start, stop=stop)
        spooled(spool, obj("v1", "ConfigMap", "later"))
        again = spool.read(CONFIG_MAPS.group_kind)

    names = [one["metadata"]["name"] for one in added]
    assert [one["metadata"]["name"] for one in read] == names[start:stop]
    assert [one["metadata"]["name"] for one in again] == [*names, "later"]


def test_slices_are_left_out_only_where_their_endpoints_are_replayed() -> None:
    """Twice the addresses, or none at all, would be another load for istiod."""

    def piece(name: str, service: str) -> Obj:
        one = obj("discovery.k8s.io/v1", "EndpointSlice", name)
        one["metadata"]["labels"]["kubernetes.io/service-name"] = service
        return one

    with CaptureSpool() as spool:
        spooled(
            spool, piece("web-1", "web"), ENDPOINTS, piece("api-1", "api"), piece("web-2", "web")
        )
        spool.drop_doubled_slices()
        left = [one["metadata"]["name"] for one in spool.read(ENDPOINT_SLICE)]

        assert left == ["api-1"]
        assert spool.skipped[str(ENDPOINT_SLICE), "made of the Endpoints"] == 2


def test_pods_are_proxies_or_objects_as_the_user_wants() -> None:
    """`--dry-run` is read to find out which of the two a replay will be."""
    with CaptureSpool() as spool:
        assert spool.text(config_only=False) == "there is nothing to replay"
        spooled(spool, *(one for one in CAPTURE if one["kind"] == "Pod"), config_only=True)

        assert spool.count(POD) == 5
        assert spool.text(config_only=True) == "create       5 Pod"
        assert spool.text(config_only=False) == "run          5 proxies"
