"""Verbs of kubectl that change nothing."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import pytest

from tests.e2e.kubectl.rows import runs

if TYPE_CHECKING:
    from tests.e2e.kubectl.command import Kubectl

pytestmark = pytest.mark.e2e


@runs("version", "cluster-info", "config")
def test_the_server_introduces_itself(kubectl: Kubectl) -> None:
    """A user asks first whether there is a server at all."""
    assert "Server Version: v1.34.0+pyload" in kubectl("version")
    assert "Kubernetes control plane" in kubectl("cluster-info")
    assert "server: http://127.0.0.1:" in kubectl("config", "view")
    assert kubectl("config", "current-context") == "pyload\n"


@runs("api-resources", "api-versions")
def test_what_is_served_is_listed(kubectl: Kubectl) -> None:
    """Completion and `get` by a short name begin with it."""
    assert "apps/v1\n" in kubectl("api-versions")
    listed = kubectl("api-resources", "--api-group=apps", "--no-headers")
    assert "deployments    deploy   apps/v1   true   Deployment\n" in listed
    assert "pods" in kubectl("api-resources", "--categories=all", "--verbs=list", "--output=name")


@runs("get")
def test_objects_are_shown_in_each_form(kubectl: Kubectl) -> None:
    """Scripts cut columns, and take what they want by JSON paths and templates."""
    for name in "ab":
        kubectl("create", "configmap", name, f"--from-literal=k={name}")
    kubectl("label", "configmap", "a", "x=y")
    kubectl("create", "deployment", "d", "--image=i", "--replicas=0")

    wide = kubectl("get", "deployments", "--output=wide").splitlines()
    assert wide[0].split() == [
        *("NAME", "READY", "UP-TO-DATE", "AVAILABLE", "AGE", "CONTAINERS", "IMAGES", "SELECTOR")
    ]
    assert wide[1].split()[:4] == ["d", "0/0", "0", "0"]
    get = ("get", "configmaps", "--selector=x=y")
    assert kubectl(*get, "--output=name") == "configmap/a\n"
    assert kubectl(*get, "--output=jsonpath={.items[*].data.k}") == "a"
    assert kubectl(*get, "--output=go-template={{range .items}}{{.data.k}}{{end}}") == "a"
    assert kubectl(*get, "--output=custom-columns=N:.metadata.name", "--no-headers") == "a\n"
    assert "k: a" in kubectl(*get, "--output=yaml")
    assert json.loads(kubectl(*get, "--output=json"))["items"][0]["data"] == {"k": "a"}
    assert "x=y" in kubectl(*get, "--show-labels")
    assert "y\n" in kubectl(*get, "--label-columns=x")
    assert kubectl("get", "cm", "--field-selector=metadata.name=b", "--output=name") == (
        "configmap/b\n"
    )
    names = kubectl("get", "cm", "--chunk-size=1", "--sort-by=.metadata.name", "--output=name")
    assert names.split() == ["configmap/a", "configmap/b", "configmap/kube-root-ca.crt"]
    assert "deployment.apps/d" in kubectl("get", "all")
    assert f"{kubectl.namespace} " in kubectl("get", "configmaps", "--all-namespaces")
    assert 'configmaps "c" not found' in kubectl.refused("get", "configmap", "c")
    assert 'have a resource type "things"' in kubectl.refused("get", "things")


@runs("get --watch")
def test_changes_are_watched(kubectl: Kubectl) -> None:
    """Each change is a line, until the user has seen enough."""
    with kubectl.start("get", "configmaps", "--watch-only", "--output-watch-events") as watching:
        assert watching.stdout is not None
        time.sleep(0.5)
        kubectl("create", "configmap", "a", "--from-literal=k=1")
        kubectl("label", "configmap", "a", "x=y")
        kubectl("delete", "configmap", "a")

        lines = [watching.stdout.readline().split() for _ in range(4)]

        watching.terminate()
    assert [line[:3] for line in lines] == [
        ["EVENT", "NAME", "DATA"],
        ["ADDED", "a", "1"],
        ["MODIFIED", "a", "1"],
        ["DELETED", "a", "1"],
    ]


@runs("wait")
def test_conditions_are_waited_for(kubectl: Kubectl) -> None:
    """Scripts go on when it returns, and fail when it does not."""
    ready = {"status": {"conditions": [{"type": "Ready", "status": "True"}]}}
    kubectl("run", "p", "--image=i", "--labels=x=y")
    with kubectl.start("wait", "pod/p", "--for=condition=Ready", "--timeout=10s") as waiting:
        time.sleep(0.3)
        patch = ("--subresource=status", "--type=merge", "--patch", json.dumps(ready))
        kubectl("patch", "pod", "p", *patch)
        assert waiting.communicate()[0] == "pod/p condition met\n"
    kubectl("wait", "pods", "--selector=x=y", "--for=jsonpath={.metadata.name}=p")
    created = kubectl.run("wait", "pod/p", "--for=create")
    # Up to 1.30, kubectl does not know it.
    assert not created.returncode or 'unrecognized condition: "create"' in created.stderr
    late = kubectl.refused("wait", "pod/p", "--for=condition=Late", "--timeout=1s")
    with kubectl.start("wait", "pod/p", "--for=delete", "--timeout=10s") as waiting:
        time.sleep(0.3)
        kubectl("delete", "pod", "p")
        assert waiting.communicate()[0] == "pod/p condition met\n"

    assert late == "error: timed out waiting for the condition on pods/p\n"


@runs("describe")
def test_common_kinds_are_described(kubectl: Kubectl) -> None:
    """It reads what belongs to an object too, and fails where that cannot be listed."""
    kubectl("create", "deployment", "d", "--image=i", "--port=80")
    kubectl("create", "job", "j", "--image=i")
    kubectl("create", "cronjob", "c", "--image=i", "--schedule=0 * * * *")
    kubectl("expose", "deployment", "d")
    kubectl("create", "ingress", "i", "--rule=h/*=d:80")
    kubectl("create", "quota", "q", "--hard=pods=1")
    kubectl("create", "role", "r", "--verb=get", "--resource=pods")
    kubectl("create", "secret", "generic", "s", "--from-literal=k=v")
    kubectl("run", "p", "--image=i", "--dry-run=server")

    shown = {
        "deployment/d": "StrategyType: RollingUpdate",
        "job/j": "Completion Mode:",
        "cronjob/c": "Concurrency Policy: Allow",
        "service/d": "TargetPort: 80/TCP",
        "ingress/i": "d:80",
        "quota/q": "Resource Used Hard",
        "role/r": "[get]",
        "secret/s": "k: 1 bytes",
        "serviceaccount/default": "Mountable secrets:",
        "configmap/kube-root-ca.crt": "ca.crt:",
        f"namespace/{kubectl.namespace}": "Status: Active",
    }
    for name, text in shown.items():
        assert text in " ".join(kubectl("describe", name).split()), name
