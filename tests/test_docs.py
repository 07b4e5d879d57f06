"""The documentation beside the code that parts of it are made from."""

from __future__ import annotations

import json
import os
import re
import runpy
from importlib.util import find_spec

import pytest

from pyload.kube import kubeconfig_fields
from pyload.report import istiod_metrics
from tests.conftest import ROOT

DASHBOARD = ROOT / "docs" / "deploy" / "grafana" / "pyload.json"


def test_what_is_made_from_the_code_is_up_to_date(monkeypatch: pytest.MonkeyPatch) -> None:
    """A user would read of flags, types and keys as they were; `python docs/write.py` mends it."""
    monkeypatch.syspath_prepend(ROOT / "docs")

    stale = runpy.run_path(str(ROOT / "docs" / "write.py"))["stale"]()

    assert not stale, f"run docs/write.py: {', '.join(path.name for path in stale)}"


def test_the_dashboard_is_made_by_the_script() -> None:
    """The test above passes over the dashboard without the library that writes it."""
    if find_spec("grafana_foundation_sdk") is None:
        if os.environ.get("CI"):
            pytest.fail("no grafana-foundation-sdk: on CI the dashboard must be compared")
        pytest.skip("no grafana-foundation-sdk, with which the dashboard is made")


def test_the_dashboard_asks_for_metrics_that_exist() -> None:
    """A metric that was renamed would leave a panel of the dashboard empty without a word."""
    page = (ROOT / "docs" / "metrics.md").read_text()
    recorded = (ROOT / "tests" / "report" / "istiod-1.31-after.txt").read_text()
    known = {
        *re.findall(r"`((?:pyload|process)_\w+)`", page),
        *re.findall(r"^# TYPE (\w+)", recorded, flags=re.MULTILINE),
        *istiod_metrics._COUNTERS,
    }
    queries = [
        target["expr"]
        for panel in json.loads(DASHBOARD.read_text())["panels"]
        for target in panel.get("targets", ())
    ]

    names = {
        name
        for query in queries
        for name in re.findall(r"\b(?:pyload|pilot|process|go)_\w+", query)
    }
    bare = {re.sub("_(bucket|sum|count)$", "", name) for name in names}

    assert len(names) > 40
    assert not bare - known


def test_each_row_about_envoy_names_a_test_that_exists() -> None:
    """A statement about the proxies would be checked by nothing, and stay when it is wrong."""
    page = (ROOT / "docs" / "fidelity.md").read_text()
    rows = page.partition("\n| Envoy does | pyload does | checked by |\n")[2].partition("\n\n")[0]

    for row in rows.splitlines()[1:]:
        named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", row.strip("| ").rpartition(" | ")[2])
        assert named, f"no test in {row}"
        for path, name in named:
            source = (ROOT / path).read_text() if (ROOT / path).exists() else ""
            assert re.search(rf"^(async )?def {name}\(", source, re.MULTILINE), f"no {path}::{name}"


def test_each_field_of_a_kubeconfig_has_a_row_with_tests_that_exist() -> None:
    """A field without a test means what it happens to mean."""
    page = (ROOT / "docs" / "authentication.md").read_text()
    section = page.partition("### Files")[2].partition("## Limits of the machine")[0]
    rows = [line for line in section.splitlines() if line.startswith("|") and "|---" not in line]
    rows = [row for row in rows if not row.endswith("| test |")]
    sources = "".join(path.read_text() for path in (ROOT / "tests" / "kube").glob("test_*.py"))
    fields = {
        *kubeconfig_fields._CLUSTER,
        *kubeconfig_fields._USER,
        *kubeconfig_fields._CONTEXT,
        *kubeconfig_fields._TOP,
    } - {"clusters", "users", "contexts"}

    assert len(rows) > 30
    assert all(re.search(r"`test_\w+` \|$", row) for row in rows)
    assert not [name for name in re.findall(r"`(test_\w+)`", section) if name not in sources]
    named = {name for row in rows for name in re.findall(r"`([\w-]+)`", row.split("|")[1])}
    assert not fields - named
