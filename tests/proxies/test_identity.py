"""How proxies introduce themselves."""

from __future__ import annotations

from pyload.proxies.identity import node_of, principal_of
from pyload.proxies.spec import ProxySpec
from pyload.xds.credentials import Principal
from pyload.xds.wire import discovery_pb2


def test_a_node_is_that_of_the_spec() -> None:
    """Istiod would not find the pod behind the proxy."""
    node = discovery_pb2.Node.FromString(
        node_of(
            ProxySpec(
                key="k",
                type="ztunnel",
                ip="10.0.0.1",
                name="ztunnel-1",
                namespace="istio-system",
                service_account="ztunnel",
                labels=None,
                metadata={"NODE_NAME": "node-1", "CLUSTER_ID": "stolen"},
                cluster_id="primary",
            )
        )
    )

    assert node.id == "ztunnel~10.0.0.1~ztunnel-1.istio-system~istio-system.svc.cluster.local"
    assert dict(node.metadata)["NODE_NAME"] == "node-1"
    assert dict(node.metadata)["CLUSTER_ID"] == "primary"
    assert dict(node.metadata)["SERVICE_ACCOUNT"] == "ztunnel"
    assert dict(node.metadata)["LABELS"] is None


def test_a_principal_is_that_of_the_spec() -> None:
    """A proxy would show the token of another account, or go to another control plane."""
    spec = ProxySpec(
        key="uid-1",
        type="sidecar",
        ip="10.0.0.1",
        name="app-1",
        namespace="mesh",
        service_account="app",
        cluster_id="primary",
        address="istiod.other:15012",
    )
    assert principal_of(spec) == Principal(
        namespace="mesh",
        service_account="app",
        cluster_id="primary",
        proxy="uid-1",
        address="istiod.other:15012",
    )
