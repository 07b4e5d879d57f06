"""Files that describe a pod, and those that do not."""

from __future__ import annotations

import pytest

from pyload.commands.startup.pod_spec import read_pod_spec
from pyload.errors import ConfigError, PyloadError


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "not a Pod"),
        ("kind: Deployment\napiVersion: apps/v1", "this is a Deployment of apps/v1"),
        ("kind: Pod", "no spec.containers"),
        ("spec: {containers: []}", "no spec.containers"),
        ("spec: {containers: [{image: a}]}", "needs a name"),
        ("spec: {containers: [{name: a}]}", "container a needs an image"),
        ("metadata: 1\nspec: {containers: [{name: a}]}", "must be mappings"),
        ("a: 1\na: 2", "given twice"),
        ("a: [", "a value was expected"),
    ],
)
def test_a_bad_spec_is_an_error_before_the_first_pod(text: str, problem: str) -> None:
    """pilot-load dies in the middle of a run."""
    with pytest.raises(ConfigError, match=problem) as raised:
        read_pod_spec(text.encode(), source="pod.yaml")

    assert str(raised.value).startswith("pod.yaml")
    assert raised.value.exit_code == 2
    assert isinstance(raised.value, PyloadError)
