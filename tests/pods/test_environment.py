"""Variables as a kubelet would resolve them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyload.pods.environment import environment, expand, field_value

POD: dict[str, Any] = {
    "metadata": {
        "name": "a-1",
        "namespace": "mesh",
        "uid": "u-1",
        "labels": {"app": "a", "example.com/x.y": "z"},
        "annotations": {"note": "n"},
    },
    "spec": {"nodeName": "node-1", "serviceAccountName": "sa"},
    "status": {
        "podIP": "10.0.0.1",
        "podIPs": [{"ip": "10.0.0.1"}, {"ip": "fd00::1"}],
        "hostIP": "192.0.2.1",
        "hostIPs": [{"ip": "192.0.2.1"}],
    },
}


@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        ("plain", "plain"),
        ("$(A).svc", "1.svc"),
        ("$(A)$(B)", "12"),
        ("$(C)", "$(C)"),
        ("$$(A)", "$(A)"),
        ("$$$(A)", "$1"),
        ("$$$$(A)", "$$(A)"),
        ("$A $", "$A $"),
        ("$(A", "$(A"),
        ("$()", "$()"),
        ("$($(A)", "$($(A)"),
        ("$(A))", "1)"),
    ],
)
def test_references_are_replaced_as_kubernetes_does(text: str, expanded: str) -> None:
    """A proxy would introduce itself with the domain ``$(POD_NAMESPACE).svc.cluster.local``."""
    assert expand(text, {"A": "1", "B": "2"}) == expanded


@given(st.text(alphabet="$()AB "))
def test_every_text_can_be_expanded(text: str) -> None:
    """One odd value would end the whole run."""
    assert "$(A)" not in expand(text.replace("$$", ""), {"A": "1", "B": "2"})


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("metadata.name", "a-1"),
        ("metadata.namespace", "mesh"),
        ("metadata.uid", "u-1"),
        ("metadata.labels['app']", "a"),
        ("metadata.labels['example.com/x.y']", "z"),
        ("metadata.labels['none']", ""),
        ("metadata.annotations['note']", "n"),
        ("spec.nodeName", "node-1"),
        ("spec.serviceAccountName", "sa"),
        ("status.podIP", "10.0.0.1"),
        ("status.podIPs", "10.0.0.1,fd00::1"),
        ("status.hostIP", "192.0.2.1"),
        ("status.hostIPs", "192.0.2.1"),
        ("spec.containers", None),
        ("", None),
    ],
)
def test_fields_have_their_values(path: str, value: str | None) -> None:
    """The proxy's name, IP and account come from nowhere else."""
    assert field_value(POD, path) == value


def test_fields_of_an_empty_pod_are_empty() -> None:
    """A pod has no IP and no node when it is first seen."""
    assert field_value({}, "status.podIP") == ""
    assert field_value({}, "metadata.labels['app']") == ""
    assert field_value({}, "status.podIPs") == ""


def test_variables_see_those_before_them() -> None:
    """Order decides in Kubernetes too; a later definition wins over an earlier one."""
    container = {
        "env": [
            {"name": "EARLY", "value": "$(NAME)"},
            {"name": "NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
            {"name": "LATE", "value": "x-$(NAME)"},
            {"name": "TWICE", "value": "1"},
            {"name": "TWICE", "value": "2"},
            {"name": "EMPTY"},
            {"name": "RAW", "value": "$(UNKNOWN)"},
        ]
    }
    found = environment(container, POD)

    assert found.values == {
        "EARLY": "$(NAME)",
        "NAME": "a-1",
        "LATE": "x-a-1",
        "TWICE": "2",
        "EMPTY": "",
        "RAW": "$(UNKNOWN)",
    }
    assert found.own == {"NAME", "LATE"}
    assert found.unresolved == []


def test_what_cannot_be_resolved_is_named() -> None:
    """A proxy with half of its settings would be taken for a whole one."""
    container = {
        "envFrom": [{"configMapRef": {"name": "settings"}}],
        "env": [
            {"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
            {"name": "MAP", "valueFrom": {"configMapKeyRef": {"name": "m", "key": "k"}}},
            {"name": "CPU", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu"}}},
            {"name": "ODD", "valueFrom": {"fieldRef": {"fieldPath": "status.phase"}}},
        ],
    }
    found = environment(container, POD)

    assert found.values == {}
    assert found.unresolved == ["envFrom", "KEY", "MAP", "ODD"]


@pytest.mark.parametrize(
    ("limit", "divisor", "cores"),
    [
        ("2", "1", "2"),
        ("1500m", "0", "2"),
        (3, None, "3"),
        ("250m", "", "1"),
        ("2", "1m", None),
        ("all", "1", None),
        (None, "1", None),
    ],
)
def test_a_limit_of_cpu_is_rounded_up(
    limit: object, divisor: str | None, cores: str | None
) -> None:
    """The agent has Envoy run as many threads, and says so in its node."""
    source = {"resource": "limits.cpu", **({} if divisor is None else {"divisor": divisor})}
    container = {
        "resources": {"limits": {} if limit is None else {"cpu": limit}},
        "env": [{"name": "ISTIO_CPU_LIMIT", "valueFrom": {"resourceFieldRef": source}}],
    }

    assert environment(container, POD).values.get("ISTIO_CPU_LIMIT") == cores
