"""Who a proxy says it is, and what istiod answers if it makes no sense."""

from __future__ import annotations

import pytest

from pyload.embedded.controlplane.auth import identity_of
from pyload.embedded.controlplane.connected_proxy import ConnectedProxy, WorkloadIdentity
from pyload.embedded.controlplane.model import Key
from pyload.errors import StreamError
from pyload.xds.wire import discovery_pb2
from tests.embedded.controlplane.support import proxy_node


def _node(node_id: str) -> discovery_pb2.Node:
    return discovery_pb2.Node(id=node_id)


def test_a_proxy_is_read_from_its_node() -> None:
    """The pod is found by the name in the id, as istiod does since 1.27."""
    node = discovery_pb2.Node.FromString(proxy_node("app-1", labels={"app": "app"}))

    assert ConnectedProxy.from_node(node) == ConnectedProxy(
        id="sidecar~10.1.0.1~app-1.mesh~mesh.svc.cluster.local",
        type="sidecar",
        pod=Key("mesh", "app-1"),
        namespace="mesh",
        service_account="default",
        labels=frozenset({("app", "app")}),
        known_cluster=True,
    )


@pytest.mark.parametrize(
    ("node_id", "reason"),
    [
        ("", "missing node information"),
        ("sidecar~10.0.0.1~app.mesh", "missing parts in the service node"),
        ("sidecar~nowhere~app.mesh~mesh.svc.cluster.local", "no valid IP address"),
        ("toaster~10.0.0.1~app.mesh~mesh.svc.cluster.local", "invalid node type"),
    ],
)
def test_nodes_that_istiod_refuses_are_refused(node_id: str, reason: str) -> None:
    """A client with a broken identity must fail here as it would in a real mesh."""
    with pytest.raises(StreamError, match=reason) as caught:
        ConnectedProxy.from_node(_node(node_id))

    assert caught.value.name == "INVALID_ARGUMENT"


@pytest.mark.parametrize("account", ["", "default"])
def test_a_proxy_may_be_what_its_token_says(account: str) -> None:
    """The account may be left out of the metadata, as pilot-load does."""
    node = discovery_pb2.Node.FromString(proxy_node(service_account=account))

    ConnectedProxy.from_node(node).check(WorkloadIdentity("mesh", "default"))


@pytest.mark.parametrize(
    "identity", [WorkloadIdentity("mesh", "other"), WorkloadIdentity("elsewhere", "default")]
)
def test_a_proxy_may_not_be_another(identity: WorkloadIdentity) -> None:
    """Tokens of one workload must not open another's configuration."""
    node = discovery_pb2.Node.FromString(proxy_node())

    with pytest.raises(StreamError, match="matched mesh/default") as caught:
        ConnectedProxy.from_node(node).check(identity)

    assert caught.value.name == "PERMISSION_DENIED"


_GOOD = {
    "authenticated": True,
    "audiences": ["istio-ca"],
    "user": {"username": "system:serviceaccount:mesh:default"},
}


def test_a_good_review_names_the_account() -> None:
    """The account is compared with the node's metadata."""
    assert identity_of({"status": _GOOD}) == WorkloadIdentity("mesh", "default")


@pytest.mark.parametrize(
    "changed",
    [
        {"authenticated": False},
        {"audiences": ["api"]},
        {"audiences": None},
        {"user": {"username": "kubernetes-admin"}},
        {"user": {"username": "system:serviceaccount:mesh"}},
    ],
)
def test_a_review_that_proves_no_proxy_is_no_identity(changed: dict[str, object]) -> None:
    """Tokens for other audiences, and people's, open nothing."""
    assert identity_of({"status": {**_GOOD, **changed}}) is None
