"""The pods of a mesh, beyond what the recordings of pilot-load show."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from pyload.config.app_types import APP_TYPES
from pyload.manifests import objects, pods

RUN = "run"


@pytest.mark.parametrize(
    ("type_", "full", "labels"),
    [
        ("sidecar", True, {"owner": "pilot-load", "sidecar.istio.io/inject": "true"}),
        ("plain", True, {"owner": "pilot-load", "sidecar.istio.io/inject": "false"}),
        ("router", True, {"owner": "pilot-load", "sidecar.istio.io/inject": "false"}),
        (
            "waypoint",
            True,
            {"owner": "pilot-load", "sidecar.istio.io/inject": "false", **objects.MANAGED},
        ),
        ("sidecar", False, {"security.istio.io/tlsMode": "istio"}),
        ("plain", False, {}),
        ("waypoint", False, objects.MANAGED),
    ],
)
def test_pod_labels_tell_the_injector_and_istiod_what_the_pod_is(
    type_: str, *, full: bool, labels: dict[str, str]
) -> None:
    """A plain pod would be injected, or a sidecar be called without mutual TLS."""
    assert pods.pod_labels("a", APP_TYPES[type_], full=full) == {"app": "a", **labels}


def test_pods_of_the_ambient_mesh_have_no_proxy_but_an_annotation() -> None:
    """Istiod would not know that they are reached through their ztunnel."""
    now = datetime(2026, 1, 1, tzinfo=UTC)
    bare = pods.bare_pod(
        "p",
        "mesh",
        app="a",
        type_=APP_TYPES["ambient"],
        node="n",
        ip="10.0.0.10",
        now=now,
        run_id=RUN,
    )
    full = pods.pod("p", "mesh", app="a", type_=APP_TYPES["ambient"], node="n", run_id=RUN)
    annotations = {"ambient.istio.io/redirection": "enabled"}

    assert [one["name"] for one in bare["spec"]["containers"]] == ["app"]
    assert "initContainers" not in bare["spec"]
    assert bare["metadata"]["annotations"] == annotations
    assert full["metadata"]["annotations"] == {"prometheus.io/scrape": "false", **annotations}
