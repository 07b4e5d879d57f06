"""`kubectl explain`, and what kubectl makes of fields that are not there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.e2e.kubectl.rows import answers, runs

if TYPE_CHECKING:
    from tests.e2e.kubectl.command import Kubectl

pytestmark = pytest.mark.e2e

CONTAINERS = "deployments.spec.template.spec.containers"
POD = """
apiVersion: v1
kind: Pod
metadata: {name: p}
spec: {containers: [{name: c, image: i, imagePulPolicy: Never}]}
"""


@runs("explain")
def test_fields_are_explained(kubectl: Kubectl) -> None:
    """People look there for a name that they have forgotten."""
    below = kubectl("explain", CONTAINERS, "--recursive")
    probe = kubectl("explain", "pods.spec.containers.livenessProbe")
    scaled = kubectl("explain", "hpa", "--api-version=autoscaling/v1")
    (answer,) = answers("explain")

    assert "FIELD: containers <[]Container>" in below
    assert "      configMapKeyRef\t<ConfigMapKeySelector>" in below
    assert "failureThreshold\t<integer>\n    <no description>" in probe
    assert "VERSION:    v1" in scaled
    assert "spec\t<Object>" in kubectl("explain", "gateways.networking.istio.io")
    assert answer in kubectl.refused("explain", "pods", "--output=plaintext-openapiv2")
    assert 'field "foo" does not exist' in kubectl.refused("explain", "pods.spec.foo")


@runs("apply --validate")
def test_a_misspelt_field_is_refused(kubectl: Kubectl) -> None:
    """A manifest with a slip would pass here, and fail where it matters."""
    text = 'unknown field "spec.containers[0].imagePulPolicy"'

    refused = kubectl.refused("apply", "--filename=-", stdin=POD)
    applied = kubectl.refused("apply", "--server-side", "--filename=-", stdin=POD)
    warned = kubectl("apply", "--validate=warn", "--filename=-", stdin=POD)
    ignored = kubectl("apply", "--validate=ignore", "--filename=-", stdin=POD)

    assert f"strict decoding error: {text}" in refused
    assert "imagePulPolicy: field not declared in schema" in applied
    assert f"Warning: {text}" in warned
    assert "Warning" not in ignored
    assert (
        "imagePulPolicy:" not in kubectl("get", "pod", "p", "--output=yaml").partition("spec:\n")[2]
    )
