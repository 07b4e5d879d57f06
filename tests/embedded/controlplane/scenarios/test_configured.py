"""A mesh with Istio's configuration, from the API server to the proxies."""

from __future__ import annotations

import asyncio
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from pyload.manifests.rbac import secret_reader
from pyload.proxies.fleet import FleetEvents
from pyload.proxies.local_fleet import LocalFleet
from pyload.proxies.spec import ProxySpec
from pyload.report.metrics import Metrics
from pyload.xds.types import CDS, EDS, LDS, RDS, SDS, WORKLOAD
from tests.embedded.controlplane.mesh import running_mesh
from tests.embedded.controlplane.support import (
    HTTP,
    delta,
    istio,
    pod,
    proxy_node,
    service,
    waypoint_gateway,
)
from tests.proxies.resolvers import resolver_of

if TYPE_CHECKING:
    from pyload.xds.types import Push
    from tests.embedded.controlplane.support import Script

pytestmark = [pytest.mark.anyio, pytest.mark.virtual]

_APP = "outbound|80||app.mesh.svc.cluster.local"
_TLS = {"mode": "SIMPLE", "credentialName": "cert"}
_GATEWAY = istio(
    "Gateway",
    "gw",
    {
        "selector": {"app": "gw"},
        "servers": [
            {
                "port": {"number": 443, "name": "https", "protocol": "HTTPS"},
                "hosts": ["*"],
                "tls": _TLS,
            }
        ],
    },
)
_ROUTER = proxy_node("gw-1", type_="router", labels={"app": "gw"})


def _secret(certificate: str) -> Any:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "cert", "namespace": "mesh"},
        "data": {"tls.crt": certificate, "tls.key": "a2V5"},
    }


async def _nothing(script: Script) -> bool:
    try:
        async with asyncio.timeout(1):
            await script.get()
    except TimeoutError:
        return True
    return False


async def test_a_renewed_certificate_reaches_its_gateway() -> None:
    """Churn of secrets is measured by this, and it concerns nobody else."""
    async with running_mesh() as mesh:
        for resource, obj in secret_reader("mesh", "default", run_id="r"):
            await mesh.client.create(resource.path("mesh"), obj)
        await mesh.add(_GATEWAY)
        await mesh.add(_secret("b2xk"))
        await asyncio.sleep(1)
        transport = mesh.plane.transport(tokens=True)
        script = await mesh.dial(delta=True, transport=transport, metadata=await mesh.token())
        await script.fetch(CDS, node=_ROUTER)
        await script.fetch(LDS)
        answer = await script.fetch(SDS, ["kubernetes://cert"])
        assert b"old" in answer.resources[0].resource
        sidecar = await mesh.dial(delta=True)
        await sidecar.fetch(CDS, node=proxy_node())

        await mesh.replace(_secret("bmV3"))
        pushed = await script.accept()

        assert (pushed.type_url, len(pushed.resources)) == (SDS, 1)
        assert b"new" in pushed.resources[0].resource
        assert await _nothing(sidecar)


@pytest.mark.parametrize("token", [False, True])
async def test_without_the_right_to_it_there_is_no_certificate_and_no_answer(
    *, token: bool
) -> None:
    """As on istiod's plaintext port, and for an account that may not list Secrets."""
    async with running_mesh() as mesh:
        await mesh.add(_GATEWAY)
        await mesh.add(_secret("b2xk"))
        await asyncio.sleep(1)
        headers = await mesh.token() if token else ()
        transport = mesh.plane.transport(tokens=token)
        script = await mesh.dial(delta=True, transport=transport, metadata=headers)
        await script.fetch(CDS, node=_ROUTER)

        await script.ask(delta(SDS, ["kubernetes://cert"]))

        assert await _nothing(script)
        listeners = await script.fetch(LDS)
        assert [one.name for one in listeners.resources] == ["0.0.0.0_443", "connect_originate"]


async def test_what_makes_no_sense_is_passed_over() -> None:
    """A typo in a template must not end an embedded run."""
    async with running_mesh() as mesh:
        await mesh.add(service("app", ports=[HTTP]))
        await mesh.add(istio("VirtualService", "bad", {"hosts": 7, "http": "x"}))
        await mesh.add(istio("ServiceEntry", "bad", {"hosts": ["a.b"], "ports": [1]}))
        await asyncio.sleep(1)
        script = await mesh.dial(delta=True)
        await script.fetch(CDS, node=proxy_node())
        await script.fetch(RDS, ["80"])

        good = {"hosts": ["a.b"], "ports": [{"number": 80, "name": "http"}], "resolution": "STATIC"}
        await mesh.replace(istio("ServiceEntry", "bad", good))
        pushed = await script.accept()

        assert pushed.type_url == CDS
        assert pushed.resources[0].name == "outbound|80||a.b"


async def test_a_rule_that_changes_is_pushed_to_those_who_see_its_host() -> None:
    """Churn of DestinationRules is what most meshes have."""
    async with running_mesh() as mesh:
        await mesh.add(service("app", ports=[HTTP]))
        rule = istio("DestinationRule", "app", {"host": "app", "subsets": [{"name": "a"}]})
        await mesh.add(rule)
        await asyncio.sleep(1)
        script = await mesh.dial(delta=True)
        await script.fetch(CDS, node=proxy_node())
        await script.fetch(EDS, [_APP, _APP.replace("||", "|a|")])
        other = await mesh.dial(delta=True)
        await other.fetch(EDS, ["outbound|443||kubernetes.default.svc.cluster.local"], proxy_node())

        balancer = {"loadBalancer": {"simple": "RANDOM"}}
        await mesh.replace(istio("DestinationRule", "app", {"trafficPolicy": balancer}))
        clusters, endpoints = await script.accept(), await script.accept()

        both = [_APP, _APP.replace("||", "|a|")]
        assert [one.name for one in clusters.resources][:2] == both
        assert sorted(one.name for one in endpoints.resources) == sorted(both)
        assert await _nothing(other)


class _Pushes(FleetEvents):
    """Notes what a proxy is sent."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, int]] = []

    def on_push(self, spec: ProxySpec, push: Push) -> None:
        """Note the type of a response, and how many resources it has."""
        self.seen.append((push.type_url, push.resources))


async def test_a_waypoint_of_pyload_hears_of_each_pod_that_comes() -> None:
    """What waypoints cost istiod with each pod could not be tried without a cluster."""
    events = _Pushes()
    async with running_mesh() as mesh:
        await mesh.add(waypoint_gateway())
        await mesh.add(pod("app-1", app="app"))
        await asyncio.sleep(1)
        fleet = LocalFleet(
            resolver_of(mesh.plane.transport()),
            delta=True,
            metrics=Metrics(),
            rng=Random(1),
            events=events,
            with_resources=True,
        )
        async with fleet:
            gateway = {"gateway.networking.k8s.io/gateway-name": "wp"}
            fleet.start(ProxySpec("w", "waypoint", "10.1.9.9", "wp-1", "mesh", labels=gateway))
            await asyncio.sleep(1)
            assert fleet.counts.configured_now == 1
            first = dict(events.seen)
            events.seen.clear()
            await mesh.add(pod("app-2", app="app", ip="10.1.0.2"))
            await asyncio.sleep(1)

    assert list(first) == [CDS, WORKLOAD, LDS]
    assert first[WORKLOAD] == 1
    assert events.seen == [(WORKLOAD, 1)]
