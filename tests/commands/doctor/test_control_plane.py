"""What the answers of a control plane mean."""

from __future__ import annotations

from typing import Any

import pytest

from pyload.commands.doctor.control_plane import (
    LIMITER,
    ControlPlaneFacts,
    IstiodPod,
    control_plane_findings,
    default_rate,
)
from pyload.commands.doctor.findings import Finding, Level, Unknown
from pyload.commands.doctor.greeting import Greeting, Refusal
from pyload.errors import ControlPlaneUnreachable
from pyload.report.istiod_metrics import IstiodPage

SERVED = Greeting(0.02, 105)
TWO_CORES = IstiodPage("1.31.0", levels={"go_sched_gomaxprocs_threads": 2.0})


def findings(proxies: int = 100, **facts: Any) -> dict[str, Finding]:
    """Return the findings by their check; the first of each."""
    base: dict[str, Any] = {"address": "localhost:15010", "auth": "plaintext", "first": SERVED}
    found: dict[str, Finding] = {}
    for one in control_plane_findings(ControlPlaneFacts(**(base | facts)), proxies=proxies):
        found.setdefault(one.check, one)
    return found


def test_one_that_cannot_be_reached_ends_a_run_with_3() -> None:
    """The fix is the one that the run itself names."""
    error = ControlPlaneUnreachable("cannot reach it", fix="port-forward")
    found = findings(error=error, first=None)["control plane"]

    assert (found.level, found.what, found.fix, found.exit_code) == (
        Level.PROBLEM,
        "cannot reach it",
        "port-forward",
        3,
    )


@pytest.mark.parametrize(
    ("auth", "status", "speaks_tls", "fix"),
    [
        ("plaintext", "UNAVAILABLE", True, "the port speaks TLS: choose --auth jwt"),
        ("plaintext", "UNAVAILABLE", False, "15010 is plaintext, 15012 is jwt"),
        ("plaintext", "UNAUTHENTICATED", False, "choose --auth jwt"),
        ("jwt", "UNAUTHENTICATED", None, "is it that of the kubeconfig"),
        ("jwt", "PERMISSION_DENIED", None, "is it that of the kubeconfig"),
        ("jwt", "TOKEN", None, "serviceaccounts/token"),
        ("mtls", "CERTIFICATE", None, "--ca-address"),
        ("jwt", "RESOURCE_EXHAUSTED", None, LIMITER),
        ("jwt", "UNIMPLEMENTED", None, "--delta=false"),
        ("jwt", "SILENCE", None, "istiod is ready"),
    ],
)
def test_a_refusal_has_the_fix_for_it(
    auth: str, status: str, *, speaks_tls: bool | None, fix: str
) -> None:
    """The words of gRPC for a wrong port or a token of another cluster help nobody."""
    found = findings(auth=auth, first=Refusal(status, "no"), speaks_tls=speaks_tls)["control plane"]

    assert (found.level, found.exit_code) == (Level.PROBLEM, 3)
    assert fix in found.fix


def test_what_serves_is_named() -> None:
    """The control plane's own words come before its metrics, and those before its pods' image."""
    own = Greeting(0.02, 1, '{"Component":"istiod","ID":"istiod-a","Info":{"version":"1.30"}}')
    pods = [IstiodPod("a", image="istio/pilot:1.29")]

    def version(**facts: Any) -> str:
        return findings(**facts)["version"].what

    assert version(first=own, pages=[TWO_CORES]) == "it is istiod istiod-a, version 1.30"
    assert version(pages=[TWO_CORES, TWO_CORES], pods=pods) == "its metrics say version 1.31.0"
    assert version(pages=Unknown("no"), pods=pods) == "its pods run istio/pilot:1.29"
    assert findings(pages=Unknown("no"))["version"].level is Level.UNKNOWN
    assert findings(pages=Unknown("no"))["istiod's metrics"].what == "no"
    assert "not istiod" in version(embedded=True)


def test_a_certificate_that_nobody_verified_is_a_warning() -> None:
    """A run that measures an impostor looks like any other."""
    assert any(
        one.level is Level.WARNING and "not verified" in one.what
        for one in control_plane_findings(
            ControlPlaneFacts(address="a:15012", auth="jwt", first=SERVED, pages=[TWO_CORES]),
            proxies=1,
        )
    )


@pytest.mark.parametrize(("cores", "rate"), [(1, 20), (2, 25), (16, 95), (64, 100)])
def test_the_default_rate_is_istiods(cores: int, rate: int) -> None:
    """15 and 5 more for each core, at most 100."""
    assert default_rate(cores) == rate


@pytest.mark.parametrize(
    ("proxies", "facts", "level", "says"),
    [
        (100, {"pages": [TWO_CORES], "spread": 0.28}, Level.OK, "25 new streams"),
        (1000, {"pages": [TWO_CORES], "spread": 0.28}, Level.WARNING, "40 s or longer"),
        (1000, {"pages": [TWO_CORES], "spread": None}, Level.WARNING, "the default of 2 cores"),
        (1000, {"pages": [TWO_CORES], "spread": 0.02}, Level.OK, "within 20 ms, faster"),
        (1000, {"pages": Unknown("no"), "spread": 0.28}, Level.WARNING, "25 new streams"),
        (1000, {"pages": Unknown("no"), "spread": 0.01}, Level.OK, "faster than"),
        (1000, {"pods": [IstiodPod("a", environment={LIMITER: "500"})]}, Level.OK, "500 new"),
        (
            1000,
            {"pods": [IstiodPod("a", environment={LIMITER: "10"}), IstiodPod("b")]},
            Level.WARNING,
            "20 new",
        ),
        (
            1000,
            {"pods": [IstiodPod("a", environment={LIMITER: "x"}, running=False)]},
            Level.WARNING,
            "25 new",
        ),
        (10_000, {"embedded": True}, Level.OK, "as fast as they come"),
    ],
)
def test_the_limit_of_new_streams(
    proxies: int, facts: dict[str, Any], level: Level, says: str
) -> None:
    """A thousand proxies that connect for forty seconds look like a slow istiod."""
    found = findings(proxies, **facts)["limiter"]

    assert (found.level, says in found.what) == (level, True), found
