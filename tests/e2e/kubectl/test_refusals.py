"""What needs pods that run, or a server beside this one: kubectl shows why it does not work."""

from __future__ import annotations

import json
import socket
import urllib.request
from typing import TYPE_CHECKING

import pytest

from tests.e2e.kubectl.rows import answers, runs

if TYPE_CHECKING:
    from tests.e2e.kubectl.command import Kubectl

pytestmark = pytest.mark.e2e

POD = """
apiVersion: v1
kind: Pod
metadata: {name: p}
spec: {nodeName: node, containers: [{name: c, image: i, ports: [{containerPort: 80}]}]}
"""
RUNS = '{"status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}}'


@pytest.fixture
def pod(kubectl: Kubectl) -> str:
    """Return the name of a pod that is said to run."""
    kubectl("apply", "--filename=-", stdin=POD)
    kubectl("patch", "pod", "p", "--subresource=status", "--type=merge", f"--patch={RUNS}")
    return "p"


@runs("logs", "exec", "attach", "cp", "port-forward", "debug")
@pytest.mark.parametrize(
    "line",
    [
        "logs p",
        "exec p -- ls",
        "attach p",
        "cp /etc/hostname p:/x",
        "debug p --image=i",
    ],
)
def test_pods_that_run_nothing_say_so(kubectl: Kubectl, pod: str, line: str) -> None:
    """Of `could not find the requested resource` a user would make a fault of their own."""
    del pod
    verb, *arguments = line.split()
    (answer,) = answers(verb)

    assert answer in kubectl.refused(verb, *arguments)


def test_no_port_is_forwarded(kubectl: Kubectl, pod: str) -> None:
    """A forwarding that waits for ever would look like a service that is slow."""
    (answer,) = answers("port-forward")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    refused = kubectl.run("port-forward", pod, f"{port}:80")

    assert answer in refused.stderr


@runs("top pod", "top node")
def test_there_are_no_metrics(kubectl: Kubectl) -> None:
    """As on a cluster without a metrics server."""
    for verb in ("top pod", "top node"):
        (answer,) = answers(verb)
        assert answer in kubectl.refused(*verb.split())


@runs("certificate approve", "certificate deny")
def test_there_are_no_signing_requests(kubectl: Kubectl) -> None:
    """Nothing here would sign what is approved."""
    for verb in ("certificate approve", "certificate deny"):
        (answer,) = answers(verb)
        assert answer in kubectl.refused(*verb.split(), "x")


@runs("cluster-info dump")
def test_the_cluster_is_dumped(kubectl: Kubectl, pod: str) -> None:
    """People attach it to reports; logs are what it has none of."""
    dump = kubectl("cluster-info", "dump", f"--namespaces={kubectl.namespace}")

    (answer,) = answers("cluster-info dump")
    assert f'"name": "{pod}"' in dump
    assert answer in dump


@runs("get --raw")
@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/healthz", "ok"),
        ("/readyz", "ok"),
        ("/livez", "ok"),
        ("/version", '"gitVersion"'),
        ("/openapi/v3", '"paths"'),
        ("/api/v1/namespaces/default", '"default"'),
    ],
)
def test_paths_are_read_as_they_are(kubectl: Kubectl, path: str, shown: str) -> None:
    """Scripts wait for a server that way."""
    assert shown in kubectl("get", "--raw", path)


@pytest.mark.parametrize(
    ("path", "answer"),
    [*zip(("/metrics", "/openapi/v2", "/x"), answers("get --raw"), strict=True)],
)
def test_paths_that_are_not_there_say_so(kubectl: Kubectl, path: str, answer: str) -> None:
    """Each is one sentence, and no page of HTML."""
    assert answer in kubectl.refused("get", "--raw", path)


@runs("proxy")
def test_a_proxy_of_kubectl_reaches_the_server(kubectl: Kubectl) -> None:
    """Browsers and scripts without credentials come that way."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with kubectl.start("proxy", f"--port={port}") as proxy:
        assert proxy.stdout is not None
        assert "Starting to serve" in proxy.stdout.readline()
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/api", timeout=5) as answer:
            versions = json.load(answer)["versions"]
        proxy.terminate()

    assert versions == ["v1"]
