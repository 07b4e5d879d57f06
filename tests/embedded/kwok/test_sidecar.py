"""The parts of an injected pod that all pods share."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from pyload.embedded.kwok import sidecar
from pyload.embedded.kwok.inject import inject

NAMESPACE = {"metadata": {"name": "mesh", "labels": {"istio-injection": "enabled"}}}


def _shared() -> dict[str, Any]:
    return {name: value for name, value in vars(sidecar).items() if name.isupper()}


@pytest.mark.parametrize("native", [True, False])
def test_injection_leaves_the_shared_parts_as_they_are(*, native: bool) -> None:
    """What one pod adds to its proxy would show in the proxies of all others."""
    before = copy.deepcopy(_shared())
    own = {
        "name": sidecar.PROXY,
        "env": [{"name": "TRUST_DOMAIN", "value": "td"}],
        "ports": [{"containerPort": 8080}],
        "volumeMounts": [{"name": "mine", "mountPath": "/mine"}],
        "resources": {"limits": {"cpu": "9"}},
    }
    for containers in ([own, {"name": "app", "image": "fake"}], [{"name": "app", "image": "x"}]):
        pod = {
            "metadata": {"name": "p", "labels": {}, "annotations": {}},
            "spec": {"containers": containers, "volumes": [{"name": "mine", "emptyDir": {}}]},
        }
        assert inject(pod, NAMESPACE, native=native) is not pod

    assert _shared() == before


@pytest.mark.parametrize(
    ("mounts", "volumes"),
    [
        (sidecar.MOUNTS, sidecar.VOLUMES),
        (sidecar.SIDECAR_MOUNTS, sidecar.SIDECAR_VOLUMES),
    ],
    ids=["gateway", "sidecar"],
)
def test_whatever_is_mounted_is_a_volume(mounts: list[Any], volumes: list[Any]) -> None:
    """A real API server refuses a pod that mounts a volume which it has not."""
    names = [volume["name"] for volume in volumes]

    assert {mount["name"] for mount in mounts} <= set(names)
    assert len(set(names)) == len(names)
    assert len({mount["mountPath"] for mount in mounts}) == len(mounts)
