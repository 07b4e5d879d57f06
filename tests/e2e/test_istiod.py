"""A real istiod and a real kwok on the embedded API server.

Both know nothing of pyload, and so are the judges of that server: what it does otherwise than
Kubernetes keeps them from becoming ready, or stands in their logs.
"""

from __future__ import annotations

import contextlib
import json
import re
import signal
import subprocess
import time
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any, Final

import pytest
import yaml

from tests.e2e.needs import released
from tests.e2e.outside import free_port, run_api_server
from tests.e2e.test_program import BIN, ENVIRONMENT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

READY_SECONDS: Final = 10.0
SIDECARS: Final = 50
PODS: Final = 100
MESH: Final = """
stableNames: true
nodes: [{name: node, count: 2}]
namespaces:
- name: mesh
  applications: [{name: app, replicas: 5, instances: 10}]
"""
PASSING: Final = re.compile(
    "is not ready|the object has been modified|gatewayclasses.* already exists"
    "|is above maximum version|read injection config|node|proxy service targets"
)
"""What an istiod says on a real API server too: as it starts, when its own controllers are in each
other's way, and about pods without a node."""

STAGES: Final = """
apiVersion: kwok.x-k8s.io/v1alpha1
kind: Stage
metadata: {name: node-ready}
spec:
  resourceRef: {apiGroup: v1, kind: Node}
  selector:
    matchExpressions: [{key: .status.conditions, operator: DoesNotExist}]
  next:
    statusTemplate: |
      conditions: [{type: Ready, status: "True", lastTransitionTime: {{ Now | Quote }}}]
---
apiVersion: kwok.x-k8s.io/v1alpha1
kind: Stage
metadata: {name: pod-running}
spec:
  resourceRef: {apiGroup: v1, kind: Pod}
  selector:
    matchExpressions:
    - {key: .metadata.deletionTimestamp, operator: DoesNotExist}
    - {key: .status.podIP, operator: DoesNotExist}
  next:
    statusTemplate: |
      phase: Running
      podIP: {{ PodIPWith .spec.nodeName false "" "" "" | Quote }}
---
apiVersion: kwok.x-k8s.io/v1alpha1
kind: Stage
metadata: {name: pod-gone}
spec:
  resourceRef: {apiGroup: v1, kind: Pod}
  selector:
    matchExpressions: [{key: .metadata.deletionTimestamp, operator: Exists}]
  next: {delete: true}
"""
"""The shortest life that pods can have."""

INJECTOR: Final = {
    "values": "{}",
    "config": """
      policy: enabled
      defaultTemplates: [sidecar]
      templates:
        sidecar: |
          spec:
            containers: [{name: istio-proxy, image: proxy}]
    """,
}
"""The least that istiod injects with; its own templates say more than is of use here."""

ISTIOD: Final = {"name": "istiod", "namespace": "istio-system"}
NETWORKING: Final = "/apis/networking.istio.io/v1/namespaces/mesh"
WEBHOOKS: Final = "/apis/admissionregistration.k8s.io/v1"
_CONFIGURATIONS: Final = "webhookconfigurations"
HOOK: Final = {"sideEffects": "None", "admissionReviewVersions": ["v1"]}

COUNT: Final = re.compile(r'^pilot_xds\{version="[^"]*"\} (\d+)', re.MULTILINE)


class Istiod:
    """An istiod on the loopback, which may run several times.

    Args:
        program: Its path.
        kubeconfig: Names the API server.
        folder: Its working directory, which gets its log.

    Attributes:
        port: Where it serves xDS in plaintext.
        webhooks: Where it serves its webhooks.
    """

    def __init__(self, program: str, kubeconfig: Path, folder: Path) -> None:
        self.port = free_port()
        self.webhooks = free_port()
        self._http, self._metrics = free_port(), free_port()
        self._folder = folder
        self._log = folder / "istiod.log"
        ports = {
            "grpcAddr": self.port,
            "secureGRPCAddr": free_port(),
            "httpsAddr": self.webhooks,
            "httpAddr": self._http,
            "monitoringAddr": self._metrics,
        }
        self._line = [
            *(program, "discovery", f"--kubeconfig={kubeconfig}", "--ctrlz_port=0"),
            *(f"--{flag}=127.0.0.1:{port}" for flag, port in ports.items()),
        ]

    @contextlib.contextmanager
    def run(self) -> Iterator[None]:
        """Run it, and enter the context once it is ready."""
        own = {
            "POD_NAME": "istiod-0",
            "POD_NAMESPACE": "istio-system",
            "REVISION": "default",
            "CLUSTER_ID": "Kubernetes",
            "PILOT_CERT_PROVIDER": "istiod",
            "PILOT_MAX_REQUESTS_PER_SECOND": "10000",
        }
        with (
            self._log.open("ab") as log,
            subprocess.Popen(
                self._line, cwd=self._folder, env={**ENVIRONMENT, **own}, stdout=log, stderr=log
            ) as process,
        ):
            try:
                wait_for(self._is_ready, READY_SECONDS)
                yield
            finally:
                process.terminate()
                process.wait(timeout=20)

    def _is_ready(self) -> bool:
        with contextlib.suppress(OSError):
            read(f"http://127.0.0.1:{self._http}/ready")
            return True
        return False

    def proxies(self) -> int:
        """Return the number of proxies that are connected."""
        found = COUNT.search(read(f"http://127.0.0.1:{self._metrics}/metrics"))
        return int(found[1]) if found else 0

    def complaints(self) -> list[str]:
        """Return the warnings and errors in its log that a real API server would not lead to."""
        lines = self._log.read_text().splitlines()
        found = [line for line in lines if "\twarn\t" in line or "\terror\t" in line]
        return [line for line in found if not PASSING.search(line)]


def read(url: str) -> str:
    """Return the answer to a GET."""
    with urllib.request.urlopen(url, timeout=2) as answer:
        return str(answer.read().decode())


def wait_for(met: Callable[[], bool], seconds: float) -> None:
    """Wait until a condition holds, and fail if it does not in time."""
    end = time.monotonic() + seconds
    while not met():
        assert time.monotonic() < end
        time.sleep(0.1)


@pytest.fixture
def kubeconfig(tmp_path: Path) -> Iterator[Path]:
    """Serve objects."""
    with run_api_server(tmp_path) as path:
        yield path


@pytest.fixture
def ask(kubeconfig: Path) -> Callable[..., Any]:
    """Return a function that sends a request to the API server and returns the answer."""
    url = yaml.safe_load(kubeconfig.read_text())["clusters"][0]["cluster"]["server"]

    def send(method: str, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(url + path, data, headers, method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.loads(answer.read())

    return send


def test_a_real_istiod_serves_sidecars_before_and_after_its_restart(
    tmp_path: Path, kubeconfig: Path, ask: Callable[..., Any]
) -> None:
    """`isolated --apiserver-only` promises to be enough of Kubernetes for an istiod."""
    istiod = Istiod(released("pilot-discovery"), kubeconfig, tmp_path)
    mesh, out = tmp_path / "mesh.yaml", tmp_path / "result.json"
    mesh.write_text(MESH)
    line: list[str | Path] = [
        *(BIN / "pyload", "cluster", "-c", mesh, "-k", kubeconfig, "--cluster-type", "fake"),
        *("--pilot-address", f"localhost:{istiod.port}", "--auth", "plaintext"),
        *("--istiod-metrics", "none", "--metrics-addr", "127.0.0.1:0", "--out", out),
    ]
    with contextlib.ExitStack() as first:
        first.enter_context(istiod.run())
        with (
            (tmp_path / "run.log").open("wb") as log,
            subprocess.Popen(line, env=ENVIRONMENT, stdout=log, stderr=log) as run,
        ):
            wait_for(lambda: istiod.proxies() == SIDECARS, 40)
            first.close()
            with istiod.run():
                wait_for(lambda: istiod.proxies() == SIDECARS, 40)
                run.send_signal(signal.SIGINT)
                assert run.wait(timeout=30) == 0, (tmp_path / "run.log").read_text()
    proxies = json.loads(out.read_text())["proxies"]
    leases = ask("GET", "/apis/coordination.k8s.io/v1/namespaces/istio-system/leases")["items"]

    assert (proxies["failed"], proxies["reconnects"]) == (0, SIDECARS)
    assert {one["spec"]["holderIdentity"] for one in leases} <= {"istiod-0", ""}
    assert ask("GET", "/api/v1/namespaces/default/configmaps/istio-ca-root-cert")["data"]
    assert istiod.complaints() == []


def test_a_real_istiod_injects_and_validates(
    tmp_path: Path, kubeconfig: Path, ask: Callable[..., Any]
) -> None:
    """Its webhooks are called at an endpoint of its service, by the CA that it patches in."""
    istiod = Istiod(released("pilot-discovery"), kubeconfig, tmp_path)
    register(ask, istiod.webhooks)
    pods, services = "/api/v1/namespaces/mesh/pods", f"{NETWORKING}/virtualservices"
    pod = {
        "metadata": {"generateName": "p-"},
        "spec": {"containers": [{"name": "a", "image": "a"}]},
    }
    metadata = {"generateName": "v-", "labels": {"istio.io/rev": "default"}}

    def create(route: Any) -> int:
        spec = {"hosts": ["a"], "http": [route]}
        try:
            ask("POST", services, {"metadata": metadata, "spec": spec})
        except urllib.error.HTTPError as error:
            return error.code if b"rev.validation.istio.io" in error.read() else 0
        return 201

    with istiod.run():
        # It needs a moment to patch its certificate into its configurations.
        wait_for(lambda: create({}) == 400, 10)
        created = ask("POST", pods, pod)
        valid = create({"route": [{"destination": {"host": "b"}}]})

    assert [one["name"] for one in created["spec"]["containers"]] == ["a", "istio-proxy"]
    assert valid == 201


def register(ask: Callable[..., Any], port: int) -> None:
    """Create what istiod's chart does for its webhooks, and say that they are on the loopback."""
    space, system = {"metadata": {"name": "mesh"}}, "/api/v1/namespaces/istio-system"
    ask("POST", "/api/v1/namespaces", space)
    metadata = {"name": "istio-sidecar-injector", "labels": {"istio.io/rev": "default"}}
    ask("POST", f"{system}/configmaps", {"metadata": metadata, "data": INJECTOR})
    ports = [{"name": "https-webhook", "port": 443}]
    ask("POST", f"{system}/services", {"metadata": {"name": "istiod"}, "spec": {"ports": ports}})
    labels = {"kubernetes.io/service-name": "istiod"}
    slice_ = {
        "metadata": {"name": "istiod", "labels": labels},
        "addressType": "IPv4",
        "endpoints": [{"addresses": ["127.0.0.1"]}],
        "ports": [{"name": "https-webhook", "port": port}],
    }
    ask("POST", "/apis/discovery.k8s.io/v1/namespaces/istio-system/endpointslices", slice_)
    inject = {
        "name": "namespace.sidecar-injector.istio.io",
        "clientConfig": {"service": {**ISTIOD, "path": "/inject"}},
        "rules": [rule([""], ["pods"])],
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "mesh"}},
        **HOOK,
    }
    ask(
        "POST",
        f"{WEBHOOKS}/mutating{_CONFIGURATIONS}",
        {"metadata": metadata, "webhooks": [inject]},
    )
    validate = {
        "name": "rev.validation.istio.io",
        "clientConfig": {"service": {**ISTIOD, "path": "/validate"}},
        "rules": [rule(["networking.istio.io"], ["*"])],
        "failurePolicy": "Ignore",
        **HOOK,
    }
    metadata = {**metadata, "name": "istio-validator-istio-system"}
    ask(
        "POST",
        f"{WEBHOOKS}/validating{_CONFIGURATIONS}",
        {"metadata": metadata, "webhooks": [validate]},
    )


def rule(groups: list[str], resources: list[str]) -> dict[str, Any]:
    """Return a rule for new objects."""
    return {
        "operations": ["CREATE"],
        "apiGroups": groups,
        "apiVersions": ["*"],
        "resources": resources,
    }


def test_pods_come_up_and_go_on_a_real_kwok(
    tmp_path: Path, kubeconfig: Path, ask: Callable[..., Any]
) -> None:
    """Kwok patches status, renews Leases and ends deletions as on a real API server."""
    stages = tmp_path / "stages.yaml"
    stages.write_text(STAGES)
    line: list[str | Path] = [
        *(released("kwok"), f"--kubeconfig={kubeconfig}", f"--config={stages}"),
        *("--manage-nodes-with-annotation-selector=kwok.x-k8s.io/node=fake", "--node-ip=127.0.0.1"),
        *(f"--server-address=127.0.0.1:{free_port()}", "--node-lease-duration-seconds=40"),
    ]
    pods, node = "/api/v1/namespaces/default/pods", "/api/v1/nodes/fake"
    metadata = {"name": "fake", "annotations": {"kwok.x-k8s.io/node": "fake"}}
    spec = {"nodeName": "fake", "containers": [{"name": "app", "image": "app"}]}

    def phases() -> list[str]:
        return [one["status"]["phase"] for one in ask("GET", pods)["items"]]

    with (
        (tmp_path / "kwok.log").open("wb") as log,
        subprocess.Popen(line, cwd=tmp_path, env=ENVIRONMENT, stdout=log, stderr=log) as kwok,
    ):
        try:
            ask("POST", "/api/v1/nodes", {"metadata": metadata})
            for number in range(PODS):
                ask("POST", pods, {"metadata": {"name": f"p-{number}"}, "spec": spec})
            wait_for(lambda: phases() == ["Running"] * PODS, 30)
            conditions = ask("GET", node)["status"]["conditions"]
            ask("DELETE", pods)
            wait_for(lambda: not phases(), 30)
            lines = (tmp_path / "kwok.log").read_text().splitlines()
        finally:
            kwok.terminate()
            kwok.wait(timeout=10)

    assert {one["type"]: one["status"] for one in conditions}["Ready"] == "True"
    # On a real server it also deletes some pods twice: the first deletion is an update, too.
    errors = [one for one in lines if '"level":"ERROR"' in one and "not found" not in one]
    assert errors == []
