"""Cells of kinds that are only kept."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from pyload.embedded.apiserver.kinds import BUILT_IN
from pyload.embedded.apiserver.printing.columns import columns_of

if TYPE_CHECKING:
    from pyload.kube.resources import Obj

NOW = datetime(2026, 11, 28, tzinfo=UTC)


def cells(plural: str, obj: Obj, *, wide: bool = False) -> list[Any]:
    """Return what the columns of a kind show, but for the name."""
    kind = next(kind for kind in BUILT_IN if kind.plural == plural)
    named = {"metadata": {"name": "x", "creationTimestamp": "2026-11-27T23:00:00Z"}, **obj}
    shown = [one for one in columns_of(kind)[1:] if wide or not one.is_wide]
    return [one.cell(named, NOW) for one in shown]


def test_an_ingress_is_shown_as_a_real_server_does() -> None:
    """Scripts cut the columns of `kubectl get ingress`."""
    rules = [{"host": f"h{number}"} for number in range(5)]
    status = {"loadBalancer": {"ingress": [{"ip": "10.0.0.1"}, {"hostname": "x.y"}]}}
    spec = {"ingressClassName": "istio", "rules": rules, "tls": [{}]}

    assert cells("ingresses", {"spec": spec, "status": status}) == [
        *("istio", "h0,h1,h2 + 2 more...", "10.0.0.1,x.y", "80, 443", "60m")
    ]
    assert cells("ingresses", {"spec": {"rules": [{}]}}) == ["<none>", "*", "", "80", "60m"]


def test_a_cron_job_is_shown_as_a_real_server_does() -> None:
    """Whether it is suspended, and when it last ran, is what people look for."""
    containers = {"containers": [{"name": "c", "image": "i"}]}
    template = {"spec": {"template": {"spec": containers}}}
    spec = {"schedule": "* * * * *", "suspend": True, "jobTemplate": template}
    status = {"lastScheduleTime": "2026-11-27T23:59:00Z"}

    assert cells("cronjobs", {"spec": spec, "status": status}, wide=True) == [
        *("* * * * *", "<none>", "True", 0, "60s", "60m", "c", "i", "<none>")
    ]


@pytest.mark.parametrize(
    ("metric", "text"),
    [
        (
            {"resource": {"name": "cpu", "target": {"averageUtilization": 80}}},
            "cpu: <unknown>/80%",
        ),
        (
            {"type": "Resource", "resource": {"name": "cpu", "target": {"averageValue": "1"}}},
            "cpu: <unknown>/1",
        ),
        ({"type": "Object", "object": {"target": {"value": "2k"}}}, "<unknown>/2k"),
        (
            {
                "type": "ContainerResource",
                "containerResource": {"name": "memory", "target": {"averageUtilization": 5}},
            },
            "memory: <unknown>/5%",
        ),
    ],
)
def test_an_autoscaler_shows_what_it_aims_at(metric: Obj, text: str) -> None:
    """Nobody measures here, as on a cluster without a metrics server."""
    spec = {
        "scaleTargetRef": {"kind": "Deployment", "name": "d"},
        "maxReplicas": 3,
        "metrics": [metric],
    }

    assert cells("horizontalpodautoscalers", {"spec": spec}) == [
        *("Deployment/d", text, "<unset>", 3, 0, "60m")
    ]


def test_a_binding_shows_its_role_and_whom_it_is_for() -> None:
    """That is what `-o wide` is asked for."""
    subjects = [
        {"kind": "User", "name": "u"},
        {"kind": "ServiceAccount", "name": "a", "namespace": "n"},
        {"kind": "ServiceAccount", "name": "b", "namespace": "n"},
    ]
    binding = {"roleRef": {"kind": "Role", "name": "r"}, "subjects": subjects}

    assert cells("rolebindings", binding, wide=True) == ["Role/r", "60m", "u", "", "n/a, n/b"]


def test_a_quota_shows_what_is_used() -> None:
    """Requests and limits stand apart."""
    status = {
        "hard": {"pods": "2", "limits.cpu": "1", "cpu": "500m"},
        "used": {"pods": "1", "limits.cpu": "0"},
    }

    assert cells("resourcequotas", {"status": status}) == [
        *("cpu: 0/500m, pods: 1/2", "limits.cpu: 0/1", "60m")
    ]
