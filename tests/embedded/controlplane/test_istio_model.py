"""How hosts in Istio's objects are completed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyload.embedded.controlplane.istio_model import fqdn

_LABELS = st.text("abc-09", min_size=1, max_size=5)


@pytest.mark.parametrize("host", ["*", "*.example.com", "a.b", "app.mesh.svc.cluster.local"])
def test_hosts_that_are_complete_stay(host: str) -> None:
    """A rule for an external host would be one for a service that is not there."""
    assert fqdn(host, "mesh") == host


@given(_LABELS, _LABELS)
def test_a_short_host_is_one_of_the_objects_namespace(name: str, namespace: str) -> None:
    """A rule would hold for the service of the same name in another namespace."""
    host = fqdn(name, namespace)

    assert host == f"{name}.{namespace}.svc.cluster.local"
    assert fqdn(host, "other") == host
