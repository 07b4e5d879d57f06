"""The proxies that pyload ran for the pods of its own meshes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from pyload.config.app_types import APP_TYPES
from pyload.manifests.pods import bare_pod, pod, pod_labels
from pyload.pods.fake_pods import with_fake_proxy
from pyload.pods.reader import proxy_spec, read_pod
from pyload.pods.reasons import Skip
from pyload.proxies.identity import NodeOptions, node_of
from pyload.proxies.spec import ProxySpec
from pyload.xds.wire import discovery_pb2
from tests.pods import injected

if TYPE_CHECKING:
    from pyload.config.app_types import AppType
    from pyload.kube.resources import Obj

IN_CLUSTER = [one for one in APP_TYPES.values() if one.in_cluster]


def _parsed(node: bytes) -> discovery_pb2.Node:
    return discovery_pb2.Node.FromString(node)


def _pod(type_: AppType, *, full: bool) -> Obj:
    """Build a pod of an application as an API server shows it while it runs."""
    if full:
        obj = pod("a-1", "mesh", app="a", type_=type_, node="node", run_id="r")
        obj["status"] = {"phase": "Running", "podIP": "10.0.0.1"}
    else:
        now = datetime(2026, 1, 1, tzinfo=UTC)
        obj = bare_pod(
            "a-1", "mesh", app="a", type_=type_, node="node", ip="10.0.0.1", now=now, run_id="r"
        )
    obj["metadata"]["uid"] = "uid"
    return obj


@pytest.mark.parametrize("full", [True, False])
@pytest.mark.parametrize("type_", IN_CLUSTER, ids=lambda type_: type_.name)
def test_a_proxy_introduces_itself_as_it_did(type_: AppType, *, full: bool) -> None:
    """A replay would load istiod with other proxies than the run that was captured (B16)."""
    obj = _pod(type_, full=full)
    record = with_fake_proxy(read_pod(obj), obj)
    if not type_.proxy:
        # A plain pod of a bare API server has a container `istio-proxy` as well.
        assert isinstance(record.identity, Skip)
        return
    ran = ProxySpec(
        key="k",
        type=type_.proxy,
        ip="10.0.0.1",
        name="a-1",
        namespace="mesh",
        labels=pod_labels("a", type_, full=full),
        own=(("NODE_NAME", "node"),),
        workload="a",
    )
    for options in (NodeOptions(), NodeOptions(full=False)):
        replayed, played = (_parsed(node_of(one, options)) for one in (proxy_spec(record), ran))
        assert replayed == played


def test_the_proxy_that_an_injector_has_put_into_a_pod_counts() -> None:
    """On a cluster with Istio the pods have real proxies, with an identity of their own."""
    obj = injected.pod("a", ip="10.0.0.1")
    obj["metadata"].setdefault("annotations", {})["pyload.dev/proxy"] = "router"
    record = read_pod(obj)

    assert with_fake_proxy(record, obj) is record
