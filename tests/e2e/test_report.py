"""Runs of the installed program, compared with each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.e2e.outside import run_servers
from tests.e2e.test_program import pyload

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

MESH = """\
namespaces: [{name: mesh, applications: [{name: web, replicas: 5, instances: 10}]}]
nodes: [{name: node, count: 2}]
"""
CONDITION = ("--fail-if", "convergence.p99 > +10%")


def run(folder: Path, name: str, *, work: float) -> Path:
    """Measure fifty proxies of a control plane of its own, and return the result's file."""
    mesh, out = folder / "mesh.yaml", folder / f"{name}.json"
    mesh.write_text(MESH)
    with run_servers(folder, work=work) as cluster:
        done = pyload(
            *("cluster", "--kubeconfig", cluster.kubeconfig, "-c", mesh),
            *("--pilot-address", cluster.plaintext, "--auth", "plaintext"),
            *("--probe", "1300ms", "--duration", "11s", "--out", out),
            *("--istiod-metrics", "none", "--metrics-addr", "127.0.0.1:0"),
        )
    assert done.returncode == 0, done.stdout + done.stderr
    return out


def test_a_control_plane_that_is_half_as_fast_fails_and_an_equal_one_does_not(
    tmp_path: Path,
) -> None:
    """A pipeline has to find the one, and must not be switched off because of the other."""
    before, equal = (run(tmp_path, name, work=0.01) for name in ("before", "equal"))
    slow = run(tmp_path, "slow", work=0.02)

    same = pyload("report", before, equal, *CONDITION)
    assert (same.returncode, same.stderr) == (0, "")

    page = tmp_path / "page.html"
    worse = pyload("report", before, slow, *CONDITION, "--html", page)
    assert worse.returncode == 4, worse.stdout
    assert "✗ convergence.p99 > +10%: +" in worse.stdout
    assert worse.stderr.startswith("Error: condition failed: convergence.p99 > +10%: +")
    assert "What changed" in page.read_text(encoding="utf-8")
