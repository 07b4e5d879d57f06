"""The benchmark of `tests.bench.fleet`: that it runs, and that what it replays is istiod's."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from pyload.xds.resources import decode
from pyload.xds.types import CDS, EDS, LDS, RDS
from tests.bench.fleet.content import ORDER, encoded, generated, nonce_field, recorded
from tests.bench.fleet.table import Target
from tests.conftest import ROOT

if TYPE_CHECKING:
    from pathlib import Path

RECORDING = "xds/raw/sotw-200-services"


@pytest.mark.e2e
@pytest.mark.timeout(120)
def test_the_benchmark_runs_through(tmp_path: Path) -> None:
    """Nobody could compare two versions of pyload: servers, clients and tables do not fit."""
    out = tmp_path / "figures.json"
    command = [sys.executable, "-m", "tests.bench.fleet", "--quick", "--json", str(out)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=ROOT)
    assert (done.returncode, done.stderr) == (0, "")

    figures: dict[str, Any] = json.loads(out.read_text())
    measured = {
        (one["setup"]["kind"], one["setup"]["delta"], one["setup"]["tls"])
        for one in figures["figures"]
    }
    assert measured == {
        ("lean", True, True),
        ("grpc", True, True),
        ("floor", True, True),
        ("lean", False, False),
        ("floor", False, False),
    }
    assert all(one["connect"] > 0 and min(one["pushes"]) > 0 for one in figures["figures"])
    assert [len(one["beside"]) for one in figures["figures"]] == [0, 0, 0, 0, 6, 0]
    assert {one["setup"]["bare"] for one in figures["nodes"]} == {False, True}
    assert {(one["mode"], one["kind"]) for one in figures["growth"]} == {
        ("sotw", "same"),
        ("sotw", "changed"),
        ("delta", "same"),
        ("delta", "changed"),
    }
    assert [len(one["pushes"]) for one in figures["measuring"]] == [3, 3]
    assert [len(one["pushes"]) for one in figures["small"]] == [1]
    assert [one["setup"]["tls"] for one in figures["churn"]] == [True]
    assert all(one["what"] in done.stdout for one in figures["targets"])


@pytest.mark.golden
def test_a_recording_is_replayed_byte_for_byte(golden: Path) -> None:
    """The figures would be those of messages that no istiod sends."""
    folder = golden / RECORDING
    content = recorded(folder)
    originals = [path.read_bytes() for path in sorted(folder.glob("*.pb"))]
    version = originals[0][2:26].decode()

    for type_url, original in zip(ORDER, originals, strict=True):
        nonce = original[-60:].decode()
        replayed = encoded(content, type_url, version=version, delta=False) + nonce_field(nonce)
        assert replayed == original


@pytest.mark.golden
def test_what_is_generated_is_as_large_as_the_recording(golden: Path) -> None:
    """Figures without the recording could not be compared with those in the documentation."""
    sizes = [
        sum(len(one.packed) for resources in content.resources.values() for one in resources)
        for content in (generated(200), recorded(golden / RECORDING))
    ]

    assert sizes[0] == pytest.approx(sizes[1], rel=0.02)


def test_a_generated_configuration_refers_to_all_of_itself() -> None:
    """Proxies would ask for nothing more after their clusters, and cost next to nothing."""
    content = generated(3)
    wanted: dict[str, set[str]] = {EDS: set(), RDS: set()}
    for type_url in (CDS, LDS):
        for one in content.resources[type_url]:
            for kind, names in decode(type_url, one.packed).refs:
                wanted[kind].update(names)

    assert wanted == {kind: {one.name for one in content.resources[kind]} for kind in (EDS, RDS)}


def test_a_revision_changes_one_resource_in_a_hundred() -> None:
    """A changed push would be a full one, or no change at all."""
    content = generated(100)
    changed = content.revision(7)
    different = {
        type_url: [
            at
            for at, pair in enumerate(zip(resources, changed.resources[type_url], strict=True))
            if pair[0] != pair[1]
        ]
        for type_url, resources in content.resources.items()
    }

    assert different == {CDS: [7, 107], EDS: [7, 107], LDS: [7], RDS: []}
    only = content.since(7).resources
    assert {kind: len(ones) for kind, ones in only.items()} == {CDS: 2, EDS: 2, LDS: 1, RDS: 0}
    assert only[CDS] == tuple(changed.resources[CDS][at] for at in (7, 107))


@pytest.mark.parametrize(
    ("value", "verdict"), [(25.0, "met"), (50.0, "MISSED by 100%")], ids=["at most", "more"]
)
def test_a_target_says_by_how_much_it_is_missed(value: float, verdict: str) -> None:
    """A regression would hide in a column of figures."""
    assert str(Target("memory", value, 25.0, "KB")).endswith(f"25 KB  {verdict}")
