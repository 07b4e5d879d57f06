"""Verbs of kubectl that change objects."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e.kubectl.rows import runs

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.kubectl.command import Kubectl

pytestmark = pytest.mark.e2e


def manifest(*, data: str = "1", names: tuple[str, ...] = ("a", "b")) -> str:
    """Return ConfigMaps with a label, as JSON."""
    items = [
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": name, "labels": {"set": "x"}},
            "data": {"k": data},
        }
        for name in names
    ]
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": items})


def value(kubectl: Kubectl, path: str, *arguments: str) -> str:
    """Return what a JSON path leads to."""
    return kubectl("get", *arguments, f"--output=jsonpath={{{path}}}")


@pytest.fixture
def deployment(kubectl: Kubectl) -> str:
    """Create a Deployment."""
    kubectl("create", "deployment", "d", "--image=i")
    return "deployment/d"


@runs("scale")
def test_a_deployment_is_scaled(kubectl: Kubectl, deployment: str) -> None:
    """A test of a control plane does little else."""
    assert kubectl("scale", deployment, "--replicas=3") == "deployment.apps/d scaled\n"
    kubectl("scale", deployment, "--replicas=9", "--dry-run=server")
    refused = kubectl.refused("scale", deployment, "--current-replicas=1", "--replicas=4")

    assert "Expected replicas to be 1, was 3" in refused
    assert value(kubectl, ".spec.replicas", deployment) == "3"


@runs("set")
def test_parts_of_a_template_are_set(kubectl: Kubectl, deployment: str) -> None:
    """Each subcommand of `set` is a strategic merge patch of its own."""
    kubectl("set", "image", deployment, "i=j:2")
    kubectl("set", "env", deployment, "A=1")
    kubectl("set", "resources", deployment, "--limits=cpu=1", "--requests=cpu=100m")
    kubectl("set", "serviceaccount", deployment, "robot")
    kubectl("create", "service", "clusterip", "s", "--tcp=80")
    kubectl("set", "selector", "service/s", "x=y")
    kubectl("create", "rolebinding", "b", "--role=r", "--user=u")
    kubectl("set", "subject", "rolebinding/b", "--group=g")

    spec = json.loads(value(kubectl, ".spec.template.spec", deployment))
    container = spec["containers"][0]
    assert (container["image"], spec["serviceAccountName"]) == ("j:2", "robot")
    assert container["env"] == [{"name": "A", "value": "1"}]
    assert container["resources"] == {"limits": {"cpu": "1"}, "requests": {"cpu": "100m"}}
    assert value(kubectl, ".spec.selector", "service/s") == '{"x":"y"}'
    assert value(kubectl, ".subjects[*].name", "rolebinding/b") == "u g"


@runs("label", "annotate")
def test_labels_and_annotations_come_and_go(kubectl: Kubectl, deployment: str) -> None:
    """`istio-injection=enabled` is set this way."""
    assert kubectl("label", deployment, "x=1") == "deployment.apps/d labeled\n"
    assert "already has a value (1)" in kubectl.refused("label", deployment, "x=2")
    kubectl("label", deployment, "x=2", "--overwrite")
    kubectl("label", "deployments", "--all", "y=3", "app-")
    kubectl("annotate", deployment, "n=4")

    assert json.loads(value(kubectl, ".metadata.labels", deployment)) == {"x": "2", "y": "3"}
    assert value(kubectl, ".metadata.annotations.n", deployment) == "4"


@runs("patch")
def test_patches_of_each_type_apply(kubectl: Kubectl, deployment: str) -> None:
    """Strategic patches keep the containers that they do not name; others do not."""
    image = {"containers": [{"name": "j", "image": "j"}]}
    strategic = {"spec": {"template": {"spec": image}}}
    kubectl("patch", deployment, "--patch", json.dumps(strategic))
    assert value(kubectl, ".spec.template.spec.containers[*].name", deployment) == "j i"

    kubectl("patch", deployment, "--type=merge", "--patch", json.dumps(strategic))
    assert value(kubectl, ".spec.template.spec.containers[*].name", deployment) == "j"

    operation = {"op": "replace", "path": "/spec/replicas", "value": 5}
    kubectl("patch", deployment, "--type=json", "--patch", json.dumps([operation]))
    assert value(kubectl, ".spec.replicas", deployment) == "5"
    kubectl("run", "p", "--image=i")
    patched = '{"spec":{"nodeName":"n"},"status":{"message":"m"}}'
    kubectl("patch", "pod/p", "--subresource=status", "--type=merge", "--patch", patched)
    assert value(kubectl, ".spec.nodeName", "pod/p") == ""
    assert value(kubectl, ".status.message", "pod/p") == "m"


@runs("edit")
def test_an_object_is_edited(kubectl: Kubectl, deployment: str, tmp_path: Path) -> None:
    """What the editor changed is sent, and nothing if nothing changed."""
    script = tmp_path / "editor"
    script.write_text("#!/bin/sh\nsed -i 's/replicas: 1/replicas: 6/' \"$1\"\n")
    script.chmod(0o755)
    editing = replace(kubectl, environment={"EDITOR": str(script)})

    assert editing("edit", deployment) == "deployment.apps/d edited\n"
    assert "no changes made" in editing("edit", deployment)
    assert value(kubectl, ".spec.replicas", deployment) == "6"


@runs("apply")
def test_manifests_are_applied_by_the_client(kubectl: Kubectl) -> None:
    """The second time nothing changes, and what left the manifest is removed."""
    applied = kubectl("apply", "--filename=-", stdin=manifest())
    again = kubectl("apply", "--filename=-", stdin=manifest())
    kubectl("apply", "--filename=-", "--dry-run=server", stdin=manifest(data="9"))

    assert applied == "configmap/a created\nconfigmap/b created\n"
    assert again == "configmap/a unchanged\nconfigmap/b unchanged\n"
    assert value(kubectl, ".data.k", "configmap/a") == "1"
    fewer = manifest(names=("b",)).replace('"data": {"k": "1"}', '"data": {"l": "2"}')
    pruning = ("--prune", "--selector=set=x")
    assert "configmap/a pruned" in kubectl("apply", "--filename=-", *pruning, stdin=fewer)
    assert value(kubectl, ".data", "configmap/b") == '{"l":"2"}'
    assert "set: x" in kubectl("apply", "view-last-applied", "configmap/b")


def test_manifests_are_applied_by_the_server(kubectl: Kubectl) -> None:
    """Two managers of one field are told of each other."""
    apply = ("apply", "--server-side", "--filename=-")
    kubectl(*apply, stdin=manifest())
    refused = kubectl.refused(*apply, "--field-manager=other", stdin=manifest(data="2"))
    kubectl(*apply, "--field-manager=other", "--force-conflicts", stdin=manifest(data="2"))

    assert 'conflict with "kubectl": .data.k' in refused
    assert value(kubectl, ".data.k", "configmap/a") == "2"
    managers = value(
        kubectl, ".metadata.managedFields[*].manager", "configmap/a", "--show-managed-fields"
    )
    assert managers == "kubectl other"


@runs("create -f", "replace")
def test_objects_are_replaced(kubectl: Kubectl) -> None:
    """Replaced by force, an object is another one."""
    kubectl("create", "--filename=-", stdin=manifest())
    uid = value(kubectl, ".metadata.uid", "configmap/a")

    refused = kubectl.refused("create", "--filename=-", stdin=manifest())
    kubectl("replace", "--filename=-", stdin=manifest(data="2"))

    assert 'configmaps "a" already exists' in refused
    assert value(kubectl, ".data.k", "configmap/a") == "2"
    assert value(kubectl, ".metadata.uid", "configmap/a") == uid
    kubectl("replace", "--force", "--filename=-", stdin=manifest(data="3"))
    assert value(kubectl, ".data.k", "configmap/a") == "3"
    assert value(kubectl, ".metadata.uid", "configmap/a") != uid


def test_misspelt_fields_are_found(kubectl: Kubectl) -> None:
    """The server looks for them, which a user learns only if it does."""
    misspelt = manifest(names=("a",)).replace('"data"', '"dato"')
    # kubectl leaves Lists alone.
    misspelt = json.dumps(json.loads(misspelt)["items"][0])

    refused = kubectl.refused("create", "--filename=-", stdin=misspelt)
    warned = kubectl("create", "--validate=warn", "--filename=-", stdin=misspelt)

    assert 'strict decoding error: unknown field "dato"' in refused
    assert warned == 'Warning: unknown field "dato"\nconfigmap/a created\n'


@runs("kustomize", "completion", "options")
def test_what_needs_no_server_works_beside_it(kubectl: Kubectl, tmp_path: Path) -> None:
    """What kustomize builds is applied as any other manifest."""
    (tmp_path / "kustomization.yaml").write_text(
        "configMapGenerator: [{name: m, literals: [a=1], options: {disableNameSuffixHash: true}}]"
    )

    assert "name: m" in kubectl("kustomize", tmp_path)
    assert kubectl("apply", "--kustomize", tmp_path) == "configmap/m created\n"
    assert kubectl("completion", "bash")
    assert "--namespace" in kubectl("options")


@runs("diff")
def test_a_manifest_is_compared(kubectl: Kubectl) -> None:
    """CI shows what an apply would change, and its exit code says whether."""
    kubectl("apply", "--filename=-", stdin=manifest())

    same = kubectl.run("diff", "--filename=-", stdin=manifest())
    other = kubectl.run("diff", "--filename=-", stdin=manifest(data="2", names=("a",)))
    server = ("--server-side", "--force-conflicts", "--filename=-")
    by_server = kubectl.run("diff", *server, stdin=manifest(data="2"))

    assert (same.returncode, same.stdout) == (0, "")
    assert other.returncode == 1
    assert '\n-  k: "1"\n+  k: "2"\n' in other.stdout
    assert by_server.returncode == 1
    assert value(kubectl, ".data.k", "configmap/a") == "1"


@runs("delete")
def test_objects_are_deleted(kubectl: Kubectl) -> None:
    """By name, by label, all, and with what is to become of their pods."""
    kubectl("create", "--filename=-", stdin=manifest(names=("a", "b", "c")))
    for name in "pq":
        kubectl("run", name, "--image=i", "--labels=x=y")

    assert kubectl("delete", "configmap", "a") == 'configmap "a" deleted\n'
    assert kubectl("delete", "configmap", "a", "--ignore-not-found") == ""
    assert 'configmaps "a" not found' in kubectl.refused("delete", "configmap", "a")
    assert kubectl("delete", "configmaps", "--selector=set=x").count("deleted") == 2
    assert "force deleted" in kubectl("delete", "pod", "p", "--grace-period=0", "--force")
    assert kubectl("delete", "pods", "--all", "--now", "--wait=false")
    kubectl("create", "deployment", "d", "--image=i")
    for cascade in ("orphan", "foreground", "background"):
        kubectl("delete", "deployment", "d", f"--cascade={cascade}")
        kubectl("create", "deployment", "d", "--image=i")
    assert kubectl("delete", "all", "--all")


def test_a_namespace_is_deleted_with_what_is_in_it(kubectl: Kubectl) -> None:
    """Kubectl waits until it is gone."""
    kubectl("create", "--filename=-", stdin=manifest())

    kubectl("delete", "namespace", kubectl.namespace)

    assert "not found" in kubectl.refused("get", "namespace", kubectl.namespace)
    assert "No resources found" in kubectl("get", "configmaps")


@runs("taint", "cordon", "uncordon")
def test_nodes_are_tainted_and_cordoned(kubectl: Kubectl) -> None:
    """Schedulers are tested so."""
    node = f"{kubectl.namespace}-node"
    meta: dict[str, Any] = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": node}}
    kubectl("create", "--filename=-", stdin=json.dumps(meta))

    kubectl("taint", "node", node, "a=b:NoSchedule")
    refused = kubectl.refused("taint", "node", node, "a=c:NoSchedule")
    kubectl("taint", "node", node, "a=c:NoSchedule", "--overwrite")
    kubectl("cordon", node)

    assert "--overwrite is false" in refused
    assert "SchedulingDisabled" in kubectl("get", "node", node)
    assert "a=c:NoSchedule" in kubectl("describe", "node", node)
    kubectl("taint", "node", node, "a-")
    kubectl("uncordon", node)
    assert json.loads(value(kubectl, ".spec", "node", node) or "{}").get("taints") is None
    kubectl("delete", "node", node)
