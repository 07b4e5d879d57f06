"""The proxy that a measurement runs."""

from __future__ import annotations

from pyload.commands.latency.proxies import proxy_of


def test_the_proxy_is_pilot_loads() -> None:
    """A namespace's Sidecar or an EnvoyFilter may be made for it."""
    spec = proxy_of("10.0.0.1", bare=True)

    assert (spec.type, spec.name, spec.namespace, spec.metadata_is_final) == (
        "sidecar",
        "adsc-10.0.0.1",
        "default",
        True,
    )
    assert spec.metadata == {
        "ISTIO_VERSION": "1.20.0-pilot-load",
        "CLUSTER_ID": "Kubernetes",
        "LABELS": None,
        "NAMESPACE": "default",
        "SDS": "true",
    }
