"""Verbs of kubectl that change nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.e2e.kubectl.rows import runs

if TYPE_CHECKING:
    from tests.e2e.kubectl.command import Kubectl

pytestmark = pytest.mark.e2e


@runs("version", "cluster-info")
def test_the_server_introduces_itself(kubectl: Kubectl) -> None:
    """A user asks first whether there is a server at all."""
    assert "Server Version: v1.34.0+pyload" in kubectl("version")
    assert "Kubernetes control plane" in kubectl("cluster-info")


@runs("api-resources", "api-versions")
def test_what_is_served_is_listed(kubectl: Kubectl) -> None:
    """Completion and `get` by a short name begin with it."""
    assert "apps/v1\n" in kubectl("api-versions")
    listed = kubectl("api-resources", "--api-group=apps", "--no-headers")
    assert "deployments    deploy   apps/v1   true   Deployment\n" in listed
