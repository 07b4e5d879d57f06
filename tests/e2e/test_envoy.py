"""A real Envoy on the embedded control plane, and on what `pyload dump` writes.

pyload stands for Envoys, so Envoy is the judge of what pyload takes for its configuration: it has
to accept all of it, and to do with requests what the objects in the API server say.
"""

from __future__ import annotations

import contextlib
import json
import ssl
import subprocess
import sys
from base64 import b64encode
from collections import Counter
from importlib import resources
from typing import TYPE_CHECKING, Any, Final

import pytest
import trustme

from pyload.manifests.pods import PROXY
from pyload.manifests.rbac import secret_reader
from pyload.xds.envoy import FILE
from tests.e2e.envoy import Envoy, bootstrap, envoy, run_envoy, settle, wait_for
from tests.e2e.hbone import get_through_tunnel, workload_tls
from tests.e2e.mesh import Mesh, get, workload
from tests.e2e.outside import write_kubeconfig
from tests.e2e.pod_network import PodNetwork
from tests.e2e.test_program import BIN, ENVIRONMENT
from tests.embedded.controlplane.support import (
    istio,
    namespace,
    node,
    pod,
    service,
    waypoint_gateway,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pyload.kube.resources import Obj

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(60)]

CLIENT, GATEWAY, WAYPOINT = "10.1.0.1", "10.1.0.2", "10.1.0.3"
REVIEWS = {"v1": "10.1.0.11", "v2": "10.1.0.12", "v3": "10.1.0.13"}
VIP: Final = "10.96.0.10"
HOST: Final = "reviews.example.com"
HTTP = {"name": "http", "port": 80, "targetPort": 80}
LABELS: Final = {
    "sidecar": {"app": "client"},
    "router": {"app": "gw", "istio": "ingressgateway"},
    "waypoint": {"app": "wp", "gateway.networking.k8s.io/gateway-name": "wp"},
}
PODS: Final = {"sidecar": CLIENT, "router": GATEWAY, "waypoint": WAYPOINT}

CANARY = istio(
    "VirtualService",
    "reviews",
    {
        "hosts": ["reviews", HOST],
        "gateways": ["mesh", "gw"],
        "http": [
            {
                "match": [{"headers": {"end-user": {"exact": "jason"}}}],
                "route": [{"destination": {"host": "reviews", "subset": "v3"}}],
            },
            {
                "route": [
                    {"destination": {"host": "reviews", "subset": "v1"}, "weight": 80},
                    {"destination": {"host": "reviews", "subset": "v2"}, "weight": 20},
                ]
            },
        ],
    },
)
"""A fifth of the requests go to v2, and those of one user to v3."""


def objects(authority: trustme.CA) -> Iterator[Obj]:
    """Yield the mesh: a client, a gateway, a waypoint, and a service with three versions."""
    yield namespace("mesh", **{"istio.io/use-waypoint": "wp"})
    yield node("node-a", "region", "zone")
    # The client serves the port that all services have: what comes to it is not for them.
    names = {"sidecar": "client", "router": "gw", "waypoint": "wp"}
    for type_, name in names.items():
        yield pod(name, app=name, ip=PODS[type_], labels=LABELS[type_], annotations={PROXY: type_})
    yield service("client", ip="10.96.0.11", ports=[HTTP])
    secured = {"name": "https", "port": 443, "targetPort": 8443}
    yield service("gw", ip="10.96.0.12", ports=[{**HTTP, "targetPort": 8080}, secured])
    yield service("wp", ip="10.96.0.13", ports=[{"name": "mesh", "port": 15008}])
    yield service("reviews", ip=VIP, ports=[{**HTTP, "targetPort": 9080}])
    for version, ip in REVIEWS.items():
        yield pod(f"reviews-{version}", app="reviews", ip=ip, labels={"version": version})
    subsets = [{"name": version, "labels": {"version": version}} for version in REVIEWS]
    yield istio("DestinationRule", "reviews", {"host": "reviews", "subsets": subsets})
    yield CANARY
    servers: list[Obj] = [
        {"port": {"number": 80, "name": "http", "protocol": "HTTP"}, "hosts": ["*.example.com"]},
        {
            "port": {"number": 443, "name": "https", "protocol": "HTTPS"},
            "tls": {"mode": "SIMPLE", "credentialName": "reviews"},
            "hosts": ["*.example.com"],
        },
    ]
    yield istio("Gateway", "gw", {"selector": {"istio": "ingressgateway"}, "servers": servers})
    # istiod gives Secrets to a gateway whose account may read them.
    yield from (obj for _, obj in secret_reader("mesh", "default", run_id="envoy"))
    yield waypoint_gateway()
    issued = authority.issue_cert(HOST)
    yield {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "kubernetes.io/tls",
        "metadata": {"name": "reviews", "namespace": "mesh"},
        "data": {
            "tls.crt": b64encode(issued.cert_chain_pems[0].bytes()).decode(),
            "tls.key": b64encode(issued.private_key_pem.bytes()).decode(),
        },
    }


@pytest.fixture(scope="module")
def network() -> Iterator[PodNetwork]:
    """Make a network, with the workloads that answer in it."""
    envoy()
    with contextlib.ExitStack() as stack:
        made = PodNetwork()
        stack.callback(made.close)
        for version, ip in REVIEWS.items():
            stack.enter_context(workload(made, version, ip, 9080))
        stack.enter_context(workload(made, "client", CLIENT, 80))
        yield made


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """Make the authority of the gateway's certificate."""
    return trustme.CA()


@pytest.fixture(scope="module")
def mesh(
    network: PodNetwork, authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Mesh]:
    """Run the servers with the objects of the mesh."""
    with Mesh(network, tmp_path_factory.mktemp("mesh")).run(*objects(authority)) as running:
        yield running


@contextlib.contextmanager
def proxy(mesh: Mesh, folder: Path, type_: str, **how: bool) -> Iterator[Envoy]:
    """Run the Envoy of one of the pods."""
    config = folder / "bootstrap.json"
    labels = LABELS[type_]
    document = bootstrap(
        mesh, type_=type_, name=labels["app"], ip=PODS[type_], labels=labels, **how
    )
    config.write_text(json.dumps(document))
    with run_envoy(mesh.network, config, folder) as running:
        yield running


def spread(network: PodNetwork, address: tuple[str, int], **how: Any) -> Counter[str]:
    """Count which server answers each of a hundred requests."""
    found: Counter[str] = Counter()
    for _ in range(100):
        status, answer = get(network, address, **how)
        assert status == 200, answer
        found[answer["name"]] += 1
    return found


def is_canary(found: Counter[str]) -> bool:
    """Return whether a hundred requests went to v1 and v2 by their weights, 80 and 20."""
    # Beyond that is one run in some millions.
    return found.keys() == {"v1", "v2"} and 58 <= found["v1"] <= 97


@pytest.mark.parametrize(
    ("type_", "how"),
    [
        ("sidecar", {"delta": True}),
        ("sidecar", {"delta": False}),
        ("router", {"delta": True, "tls": True}),
        ("waypoint", {"delta": True}),
    ],
    ids=["sidecar-delta", "sidecar-sotw", "router-tls", "waypoint"],
)
def test_envoy_accepts_all_that_it_is_sent(
    mesh: Mesh, tmp_path: Path, type_: str, how: dict[str, bool]
) -> None:
    """A load on proxies that refuse what they get is one that no mesh has."""
    added = service("extra", ip="10.96.0.20", ports=[{"name": "http", "port": 7070}])
    rule = istio(
        "VirtualService",
        "extra",
        {
            "hosts": ["extra.example.com"],
            "gateways": ["mesh", "gw"],
            "http": [{"route": [{"destination": {"host": "extra"}}]}],
        },
    )
    with proxy(mesh, tmp_path, type_, **how) as running:

        def has_extra() -> bool:
            clusters = any("extra" in name for name in running.clusters())
            routes = any("extra.example.com" in name for name in running.routes())
            return clusters and (routes or type_ == "waypoint")

        settle(running)
        before = running.clusters(), running.listeners()
        mesh.add(added, rule)
        try:
            wait_for(has_extra, running)
            settle(running)
        finally:
            mesh.remove(rule, added)
        wait_for(lambda: (running.clusters(), running.listeners()) == before, running)
        settle(running)


@pytest.mark.parametrize("how", [{"delta": True}, {"delta": False}], ids=["delta", "sotw"])
def test_a_sidecar_leads_requests_where_the_virtual_service_says(
    mesh: Mesh, tmp_path: Path, how: dict[str, bool]
) -> None:
    """A configuration that only loads would not show what istiod's would have to be."""
    network = mesh.network
    network.redirect(CLIENT)
    try:
        with proxy(mesh, tmp_path, "sidecar", **how):
            to = {"Host": "reviews.mesh.svc.cluster.local"}
            assert is_canary(spread(network, (VIP, 80), headers=to))
            jason = {**to, "end-user": "jason"}
            assert spread(network, (VIP, 80), headers=jason) == {"v3": 100}
            assert is_canary(spread(network, (VIP, 80), headers={"Host": HOST}))
    finally:
        network.redirect_nothing()


def test_a_sidecar_lets_in_what_comes_to_its_pod(mesh: Mesh, tmp_path: Path) -> None:
    """Plain text and Istio's TLS reach the pod's own server, and not that of another service."""
    network = mesh.network
    network.redirect(CLIENT)
    try:
        with proxy(mesh, tmp_path, "sidecar") as running:
            status, plain = get(network, (CLIENT, 80), headers={"Host": "reviews"})
            assert (status, plain["name"]) == (200, "client")
            tls = workload_tls(mesh.folder, "istio-http/1.1")
            status, secured = get(network, (CLIENT, 80), tls=tls)
            assert (status, secured["name"]) == (200, "client")
            [(_, requests)] = running.stats("^cluster.inbound.80.*upstream_rq_total$").items()
            assert requests == 2
    finally:
        network.redirect_nothing()


def test_a_gateway_leads_requests_where_the_virtual_service_says(
    mesh: Mesh, authority: trustme.CA, tmp_path: Path
) -> None:
    """By plain text, and by TLS with the certificate of the Secret."""
    network = mesh.network
    tls = ssl.create_default_context()
    authority.configure_trust(tls)
    with proxy(mesh, tmp_path, "router", tls=True):
        assert is_canary(spread(network, (GATEWAY, 8080), headers={"Host": HOST}))
        how: dict[str, Any] = {"tls": tls, "server_name": HOST}
        jason = {"Host": HOST, "end-user": "jason"}
        assert spread(network, (GATEWAY, 8443), headers=jason, **how) == {"v3": 100}
        status, _ = get(network, (GATEWAY, 8080), headers={"Host": "other.example.org"})
        assert status == 404


def test_a_waypoint_leads_from_the_tunnel_where_the_virtual_service_says(
    mesh: Mesh, tmp_path: Path
) -> None:
    """Traffic of ambient pods finds the service by the address that it wanted to reach."""
    tls = workload_tls(mesh.folder, "h2")

    def ask(count: int, **headers: str) -> Counter[str]:
        return Counter(
            json.loads(answer)["name"]
            for _ in range(count)
            for answer in [
                get_through_tunnel(
                    mesh.network,
                    (WAYPOINT, 15008),
                    f"{VIP}:80",
                    headers={"Host": "reviews", **headers},
                    tls=tls,
                )
            ]
        )

    with proxy(mesh, tmp_path, "waypoint"):
        assert is_canary(ask(100))
        assert ask(20, **{"end-user": "jason"}) == {"v3": 20}


def test_the_build_that_proxies_claim_is_that_of_an_envoy() -> None:
    """Istiod would keep a node of another size than that of the Envoys that it will have."""
    done = subprocess.run(
        [sys.executable, "-m", "pyload.xds.read_node", "--envoy", envoy()],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (resources.files("pyload.xds") / FILE).read_text()


@pytest.mark.parametrize("tls", [False, True], ids=["plaintext", "tls"])
@pytest.mark.parametrize("type_", ["sidecar", "router", "waypoint"])
def test_envoy_starts_from_a_dump(
    mesh: Mesh,
    tmp_path: Path,
    type_: str,
    tls: bool,  # noqa: FBT001 - a parameter
) -> None:
    """Without TLS the control plane gives no secrets, to which nearly all clusters refer."""
    secured = ("--auth", "jwt", "--ca-file", mesh.folder / "root.pem")
    how = secured if tls else ("--auth", "plaintext")
    address = mesh.addresses["tls" if tls else "plaintext"]
    done = mesh.network.start(
        *(BIN / "pyload", "dump", "--pilot-address", address, *how),
        *("--pod", LABELS[type_]["app"], "--namespace", "mesh", "--out", "dump"),
        *("-k", write_kubeconfig(tmp_path, mesh.addresses["api"])),
        cwd=tmp_path,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    output = done.communicate(timeout=30)[0].decode()
    assert done.returncode == 0, output
    assert ("a throw-away certificate, which nobody trusts, stands in" in output) is not tls
    with run_envoy(mesh.network, "dump/config.yaml", tmp_path) as running:
        settle(running)
        assert running.clusters()
        assert running.listeners()
