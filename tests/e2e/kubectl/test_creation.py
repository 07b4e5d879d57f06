"""Each form of `kubectl create`, and the verbs that create otherwise."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import trustme

from tests.e2e.kubectl.rows import runs

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.kubectl.command import Kubectl

pytestmark = pytest.mark.e2e


def read(kubectl: Kubectl, *arguments: str) -> Any:
    """Return an object as JSON."""
    return json.loads(kubectl("get", *arguments, "--output=json"))


@runs("create namespace", "create configmap", "create secret", "create serviceaccount")
def test_what_has_only_data_is_created(kubectl: Kubectl, tmp_path: Path) -> None:
    """These come first in each tutorial."""
    (tmp_path / "b").write_bytes(b"\xff\0")
    assert kubectl("create", "namespace", f"{kubectl.namespace}-b").endswith("created\n")

    kubectl("create", "configmap", "c", "--from-literal=a=1", f"--from-file={tmp_path / 'b'}")
    kubectl("create", "secret", "generic", "s", "--from-literal=a=1")
    user = ("--docker-server=x", "--docker-username=u", "--docker-password=p")
    kubectl("create", "secret", "docker-registry", "d", *user)
    leaf = trustme.CA().issue_cert("x")
    leaf.cert_chain_pems[0].write_to_path(tmp_path / "cert")
    leaf.private_key_pem.write_to_path(tmp_path / "key")
    kubectl(
        "create", "secret", "tls", "t", f"--cert={tmp_path / 'cert'}", f"--key={tmp_path / 'key'}"
    )
    kubectl("create", "serviceaccount", "a")

    map_ = read(kubectl, "configmap", "c")
    assert (map_["data"], map_["binaryData"]) == ({"a": "1"}, {"b": "/wA="})
    secret = read(kubectl, "secret", "s")
    assert (secret["data"], secret["type"]) == ({"a": "MQ=="}, "Opaque")
    assert read(kubectl, "secret", "t")["type"] == "kubernetes.io/tls"
    assert read(kubectl, "secret", "d")["type"] == "kubernetes.io/dockerconfigjson"
    assert kubectl("get", "serviceaccounts", "--output=name").split() == [
        "serviceaccount/a",
        "serviceaccount/default",
    ]


@runs("create deployment")
def test_a_deployment_is_created_with_each_flag(kubectl: Kubectl) -> None:
    """The first command of each tutorial; a flag that is lost would not be noticed soon."""
    flags = ("--image=a/b:1", "--image=c", "--replicas=3")
    assert kubectl("create", "deployment", "d", *flags) == "deployment.apps/d created\n"
    kubectl("create", "deployment", "e", "--image=i", "--port=80", "--", "sleep", "1")

    assert read(kubectl, "deployment", "d")["spec"]["replicas"] == 3
    images = "jsonpath={.spec.template.spec.containers[*].image}"
    assert kubectl("get", "deployment", "d", f"--output={images}") == "a/b:1 c"
    container = read(kubectl, "deployment", "e")["spec"]["template"]["spec"]["containers"][0]
    assert container["command"] == ["sleep", "1"]
    assert container["ports"] == [{"containerPort": 80, "protocol": "TCP"}]
    refused = kubectl.refused("create", "deployment", "d", "--image=i")
    assert refused.strip() == (
        'error: failed to create deployment: deployments.apps "d" already exists'
    )


@runs("create job", "create cronjob")
def test_jobs_are_created(kubectl: Kubectl) -> None:
    """A Job of a CronJob has its template, and belongs to it."""
    kubectl("create", "cronjob", "c", "--image=i", "--schedule=0 * * * *", "--restart=Never")
    kubectl("create", "job", "once", "--from=cronjob/c")
    kubectl("create", "job", "j", "--image=i", "--", "date")

    assert "0 * * * *   <none>     False     0        <none>" in kubectl("get", "cronjob", "c")
    owner = read(kubectl, "job", "once")["metadata"]["ownerReferences"][0]
    assert (owner["kind"], owner["name"]) == ("CronJob", "c")
    assert read(kubectl, "job", "j")["spec"]["template"]["spec"]["restartPolicy"] == "Never"


@runs("create service")
def test_services_of_each_type_are_created(kubectl: Kubectl) -> None:
    """Their ports and addresses are the server's work."""
    kubectl("create", "service", "clusterip", "c", "--tcp=80:8080", "--tcp=81")
    kubectl("create", "service", "clusterip", "h", "--clusterip=None")
    kubectl("create", "service", "nodeport", "n", "--tcp=80", "--node-port=30123")
    kubectl("create", "service", "loadbalancer", "l", "--tcp=80")
    kubectl("create", "service", "externalname", "e", "--external-name=x.y")

    shown = [line.split() for line in kubectl("get", "services", "--no-headers").splitlines()]

    assert [(one[0], one[1], one[3]) for one in shown] == [
        ("c", "ClusterIP", "<none>"),
        ("e", "ExternalName", "x.y"),
        ("h", "ClusterIP", "<none>"),
        ("l", "LoadBalancer", "<pending>"),
        ("n", "NodePort", "<none>"),
    ]
    assert [one[4].rpartition(":30")[0] or one[4] for one in shown] == [
        "80/TCP,81/TCP",
        "<none>",
        "<none>",
        "80",
        "80",
    ]
    assert read(kubectl, "service", "c")["spec"]["ports"][0]["targetPort"] == 8080


@runs("create role", "create rolebinding", "create clusterrole", "create clusterrolebinding")
def test_roles_are_created_and_bound(kubectl: Kubectl) -> None:
    """Manifests of any program have them, and `create role` looks its resources up."""
    name = f"{kubectl.namespace}:all"
    kubectl("create", "role", "r", "--verb=get,list", "--resource=pods,deployments.apps")
    kubectl("create", "rolebinding", "b", "--role=r", "--serviceaccount=x:a", "--user=u")
    kubectl("create", "clusterrole", name, "--verb=get", "--non-resource-url=/healthz")
    kubectl("create", "clusterrolebinding", name, f"--clusterrole={name}", "--group=g")

    assert read(kubectl, "role", "r")["rules"] == [
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]},
        {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["get", "list"]},
    ]
    wide = kubectl("get", "rolebinding", "b", "--output=wide", "--no-headers").split()
    assert [wide[0], wide[1], *wide[3:]] == ["b", "Role/r", "u", "x/a"]
    assert read(kubectl, "clusterrole", name)["rules"] == [
        {"nonResourceURLs": ["/healthz"], "verbs": ["get"]}
    ]


@runs("create quota", "create poddisruptionbudget", "create priorityclass", "create ingress")
def test_rules_are_created(kubectl: Kubectl) -> None:
    """They are kept, whether anything acts on them or not."""
    class_ = f"{kubectl.namespace}-high"
    kubectl("create", "quota", "q", "--hard=cpu=1,pods=2")
    kubectl("create", "poddisruptionbudget", "p", "--selector=a=b", "--min-available=50%")
    kubectl("create", "priorityclass", class_, "--value=7", "--description=d")
    kubectl("create", "ingress", "i", "--class=istio", "--rule=h.x/p*=s:80,tls=t")

    assert read(kubectl, "quota", "q")["spec"] == {"hard": {"cpu": "1", "pods": "2"}}
    assert read(kubectl, "pdb", "p")["spec"]["minAvailable"] == "50%"
    assert read(kubectl, "priorityclass", class_)["value"] == 7
    shown = kubectl("get", "ingress", "i", "--no-headers").split()
    assert shown[:5] == ["i", "istio", "h.x", "80,", "443"]


@runs("create token")
def test_a_token_is_created(kubectl: Kubectl) -> None:
    """A program that is given a token asks for it this way."""
    token = kubectl("create", "token", "default", "--audience=x", "--duration=20m")

    assert token.count(".") == 2
    assert 'serviceaccounts "nobody" not found' in kubectl.refused("create", "token", "nobody")


@runs("run", "expose")
def test_a_pod_runs_and_is_exposed(kubectl: Kubectl) -> None:
    """The quickest way to a pod and its Service."""
    arguments = ("--image=i", "--port=80", "--env=A=1", "--labels=x=y")
    assert kubectl("run", "p", *arguments) == "pod/p created\n"
    assert kubectl("expose", "pod", "p", "--port=8080", "--target-port=80", "--name=s")
    kubectl("create", "deployment", "d", "--image=i", "--port=90")
    kubectl("expose", "deployment", "d", "--type=NodePort")

    assert read(kubectl, "pod", "p")["spec"]["containers"][0]["env"] == [
        {"name": "A", "value": "1"}
    ]
    service = read(kubectl, "service", "s")["spec"]
    assert (service["selector"], service["ports"][0]["targetPort"]) == ({"x": "y"}, 80)
    assert read(kubectl, "service", "d")["spec"]["type"] == "NodePort"


@runs("autoscale")
def test_a_deployment_is_autoscaled(kubectl: Kubectl) -> None:
    """Up to 1.32 it sends the old version of the kind, later the new one."""
    kubectl("create", "deployment", "d", "--image=i", "--replicas=2")
    kubectl("autoscale", "deployment", "d", "--min=2", "--max=5", "--cpu-percent=50")

    shown = kubectl("get", "hpa", "--no-headers").split()
    assert shown[:6] == ["d", "Deployment/d", "cpu:", "<unknown>/50%", "2", "5"]
    assert (
        read(kubectl, "horizontalpodautoscalers.v1.autoscaling", "d")["spec"][
            "targetCPUUtilizationPercentage"
        ]
        == 50
    )
