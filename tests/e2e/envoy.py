"""A real Envoy, as Istio's agent starts it, and what its admin page says."""

from __future__ import annotations

import contextlib
import json
import subprocess
import time
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any, Final

from google.protobuf import json_format

from pyload.xds.types import PREFIX
from pyload.xds.wire import discovery_pb2
from tests.e2e.needs import program
from tests.e2e.pod_network import ENVOY_GROUP
from tests.embedded.controlplane.support import proxy_node

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from tests.e2e.mesh import Mesh
    from tests.e2e.pod_network import PodNetwork

ADMIN_PORT: Final = 15000

_TLS: Final = "envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext"
_HTTP: Final = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
_INTERNAL: Final = "envoy.extensions.bootstrap.internal_listener.v3.InternalListener"


def envoy() -> str:
    """Find Envoy."""
    return program("envoy", source="the dependency group e2e, of `tox -e e2e`")


class Envoy:
    """An Envoy that runs.

    Args:
        network: Where it runs.
        log: The file with what it logs.
    """

    def __init__(self, network: PodNetwork, log: Path) -> None:
        self._network = network
        self._log = log

    def stats(self, pattern: str) -> dict[str, int]:
        """Return the counters and gauges whose names a regular expression finds."""
        found = self._ask(f"stats?format=json&filter={pattern}")
        return {one["name"]: one["value"] for one in found["stats"] if "value" in one}

    def faults(self) -> list[str]:
        """Return what it has refused, and what it still waits for."""
        found = [
            f"{name}: {value}"
            for name, value in self.stats("update_rejected|update_failure|warming").items()
            if value
        ]
        active = sum("active_state" in one for one in self.dump("dynamic_listeners"))
        counted = self.stats("total_listeners_active")["listener_manager.total_listeners_active"]
        if active != counted:
            found.append(f"{active} of {counted} listeners are active")
        found += [json.dumps(one) for one in self.dump("dynamic_listeners") if "error_state" in one]
        return found + [line for line in self.log().splitlines() if "rejected" in line]

    def clusters(self) -> set[str]:
        """Return the names of its clusters that are no static ones."""
        return {one["cluster"]["name"] for one in self.dump("dynamic_active_clusters")}

    def listeners(self) -> set[str]:
        """Return the names of its listeners."""
        return {one["name"] for one in self.dump("dynamic_listeners") if "active_state" in one}

    def routes(self) -> set[str]:
        """Return the names of the virtual hosts of its routes."""
        return {
            host["name"]
            for one in self.dump("dynamic_route_configs")
            for host in one["route_config"].get("virtual_hosts", ())
        }

    def dump(self, kind: str) -> list[dict[str, Any]]:
        """Return the parts of the configuration of one kind, such as ``dynamic_listeners``."""
        found = self._ask(f"config_dump?resource={kind}")
        configs = found.get("configs", [])
        assert isinstance(configs, list)
        return configs

    def log(self) -> str:
        """Return what it has logged, from the level of warnings on."""
        return self._log.read_text()

    def is_ready(self) -> bool:
        """Return whether its configuration has come."""
        try:
            return self._read("ready") == b"LIVE\n"
        except (urllib.error.URLError, ConnectionError):
            return False

    def _ask(self, path: str) -> Any:
        return json.loads(self._read(path))

    def _read(self, path: str) -> bytes:
        url = f"http://127.0.0.1:{ADMIN_PORT}/{path}"
        with self._network.run(urllib.request.urlopen, url, timeout=5) as answer:
            body = answer.read()
        assert isinstance(body, bytes)
        return body


@contextlib.contextmanager
def run_envoy(network: PodNetwork, config: str | Path, folder: Path) -> Iterator[Envoy]:
    """Run an Envoy from a file until the context is left.

    Args:
        network: Where it runs, one at a time.
        config: The file.
        folder: Gets its log, and is where it is started in.
    """
    log = folder / "envoy.log"
    with (
        log.open("wb") as out,
        network.start(
            *(envoy(), "-c", config, "--log-level", "warn"),
            *("--concurrency", "1", "--disable-hot-restart"),
            cwd=folder,
            # Where it may log requests.
            stdout=subprocess.DEVNULL,
            stderr=out,
            group=ENVOY_GROUP,
        ) as process,
    ):
        running = Envoy(network, log)
        try:
            wait_for(lambda: process.poll() is not None or running.is_ready(), running)
            assert process.poll() is None, running.log()
            yield running
        finally:
            process.kill()


def settle(running: Envoy) -> None:
    """Wait until it has accepted all that it was sent; fail with what it has not."""
    with contextlib.suppress(AssertionError):
        wait_for(lambda: not running.faults(), running)
    assert running.faults() == []


def wait_for(condition: Callable[[], bool], running: Envoy, seconds: float = 15.0) -> None:
    """Wait until a condition holds."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, running.log()
        time.sleep(0.05)


def bootstrap(
    mesh: Mesh,
    *,
    type_: str,
    name: str,
    ip: str,
    labels: Mapping[str, str],
    delta: bool = True,
    tls: bool = False,
) -> dict[str, Any]:
    """Return a bootstrap as Istio's agent writes it, with the embedded servers for the agent.

    Args:
        mesh: The servers.
        type_: Type of the node.
        name: Name of the pod, in the namespace ``mesh``.
        ip: Its IP.
        labels: Its labels.
        delta: Whether to use delta xDS.
        tls: Whether to speak TLS with the control plane.
    """
    node = discovery_pb2.Node.FromString(proxy_node(name, type_=type_, ip=ip, labels={**labels}))
    control_plane = _grpc_cluster("xds-grpc", mesh.addresses["mtls" if tls else "plaintext"])
    if tls:
        files = {name: {"filename": str(mesh.folder / f"{name}.pem")} for name in _PEMS}
        certificate = {"certificate_chain": files["chain"], "private_key": files["key"]}
        control_plane["transport_socket"] = {
            "name": "tls",
            "typed_config": {
                "@type": PREFIX + _TLS,
                "sni": "istiod.istio-system.svc",
                "common_tls_context": {
                    "alpn_protocols": ["h2"],
                    "tls_certificates": [certificate],
                    "validation_context": {"trusted_ca": files["root"]},
                },
            },
        }
    ads = {"ads": {}, "initial_fetch_timeout": "0s", "resource_api_version": "V3"}
    return {
        # What Envoy says of its own build it adds itself.
        "node": {
            "id": node.id,
            "cluster": f"{name}.mesh",
            "metadata": json_format.MessageToDict(node.metadata),
        },
        "admin": {
            "address": {"socket_address": {"address": "127.0.0.1", "port_value": ADMIN_PORT}}
        },
        "bootstrap_extensions": [
            {
                "name": "envoy.bootstrap.internal_listener",
                "typed_config": {"@type": PREFIX + _INTERNAL},
            }
        ],
        "dynamic_resources": {
            "cds_config": ads,
            "lds_config": ads,
            "ads_config": {
                "api_type": "DELTA_GRPC" if delta else "GRPC",
                "transport_api_version": "V3",
                "set_node_on_first_message_only": True,
                "grpc_services": [{"envoy_grpc": {"cluster_name": "xds-grpc"}}],
            },
        },
        "static_resources": {
            "clusters": [control_plane, _grpc_cluster("sds-grpc", mesh.addresses["agent"])]
        },
    }


_PEMS: Final = ("chain", "key", "root")


def _grpc_cluster(name: str, address: str) -> dict[str, Any]:
    host, _, port = address.rpartition(":")
    at = {"socket_address": {"address": host, "port_value": int(port)}}
    return {
        "name": name,
        "type": "STATIC",
        "connect_timeout": "1s",
        "typed_extension_protocol_options": {
            _HTTP: {
                "@type": PREFIX + _HTTP,
                "explicit_http_config": {"http2_protocol_options": {}},
            }
        },
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": at}}]}],
        },
    }
