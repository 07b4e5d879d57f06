"""Injection, against pods that Istio's injector made."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from pyload.embedded.apiserver.api import ApiServer
from pyload.embedded.kwok.admission import injector
from pyload.embedded.kwok.inject import inject, wants_injection
from pyload.kube.client import Client
from pyload.pods.reader import read_pod
from tests.embedded.kwok.recording import (
    IMAGE,
    NAMESPACE,
    before_injection,
    comparable,
    first_versions,
    is_native,
    proxy_of,
)

if TYPE_CHECKING:
    from pathlib import Path

    from pyload.kube.resources import Obj


pytestmark = pytest.mark.virtual


def _namespace(**labels: str) -> Obj:
    named = {name.replace("_", "-"): value for name, value in labels.items()}
    if "rev" in named:
        named["istio.io/rev"] = named.pop("rev")
    return {"metadata": {"name": "mesh", "labels": named}}


def _pod(
    labels: Obj | None = None, annotations: Obj | None = None, name: str = "p", **spec: Any
) -> Obj:
    return {
        "metadata": {"name": name, "labels": labels or {}, "annotations": annotations or {}},
        "spec": {"containers": [{"name": "app", "image": "fake"}], **spec},
    }


def _env(pod: Obj) -> Obj:
    proxy = proxy_of(pod)
    assert proxy is not None
    return {one["name"]: one.get("value") for one in proxy["env"]}


@pytest.mark.golden
def test_pods_come_out_as_from_the_real_injector(golden: Path) -> None:
    """Proxies would get another identity in the embedded cluster than in a real one."""
    kinds = set()
    for recorded in first_versions(golden):
        native = is_native(recorded)
        given = before_injection(recorded)
        untouched = copy.deepcopy(given)

        injected = inject(given, NAMESPACE, native=native, image=IMAGE)

        assert given == untouched
        assert comparable(injected) == comparable(recorded)
        assert read_pod({**recorded, **injected}).identity == read_pod(recorded).identity
        if recorded["metadata"]["name"] != "gw-1" and injected is not given:
            # The order of the variables is the order in which they may refer to each other.
            assert list(_env(injected)) == list(_env(recorded))
        kinds.add((injected is given, native, recorded["metadata"]["name"] == "gw-1"))
    assert kinds == {
        (True, False, False),
        (False, True, False),
        (False, False, False),
        (False, False, True),
    }


@pytest.mark.parametrize(
    ("namespace", "labels", "injected"),
    [
        ({}, {}, False),
        ({"istio_injection": "enabled"}, {}, True),
        ({"istio_injection": "enabled"}, {"sidecar.istio.io/inject": "false"}, False),
        ({"istio_injection": "disabled"}, {"sidecar.istio.io/inject": "true"}, False),
        ({"rev": "default"}, {}, True),
        ({"rev": "canary"}, {}, False),
        ({"rev": "canary"}, {"sidecar.istio.io/inject": "true"}, False),
        ({"rev": "default"}, {"sidecar.istio.io/inject": "false"}, False),
        ({}, {"sidecar.istio.io/inject": "true"}, True),
        ({}, {"istio.io/rev": "default"}, True),
        ({}, {"istio.io/rev": "canary", "sidecar.istio.io/inject": "true"}, False),
    ],
)
def test_labels_decide(namespace: Obj, labels: Obj, *, injected: bool) -> None:
    """Users try injection rules here before they try them on a cluster."""
    assert wants_injection(_pod(labels), _namespace(**namespace)) is injected


def test_some_pods_are_never_injected() -> None:
    """A proxy on the host network, or in kube-system, does not exist in reality."""
    enabled = _namespace(istio_injection="enabled")
    system = {"metadata": {"name": "kube-system", "labels": {"istio-injection": "enabled"}}}
    opted_out = _pod(annotations={"sidecar.istio.io/inject": "false"})
    foreign = _pod(annotations={"inject.istio.io/templates": "grpc-agent"})

    assert not wants_injection(_pod(hostNetwork=True), enabled)
    assert not wants_injection(_pod(), system)
    assert not wants_injection(opted_out, enabled)
    assert inject(foreign, enabled, native=True) is foreign


def test_an_injected_pod_is_not_injected_again() -> None:
    """A pod exported from a cluster and applied again would have two proxies."""
    enabled = _namespace(istio_injection="enabled")
    once = inject(_pod(), enabled, native=True)

    assert inject(once, enabled, native=True) is once


@pytest.mark.parametrize("native", [True, False])
def test_a_pod_chooses_the_form_of_its_sidecar(*, native: bool) -> None:
    """A mesh in the middle of a migration has both forms."""
    asked = _pod(annotations={"sidecar.istio.io/nativeSidecar": str(not native).lower()})

    injected = inject(asked, _namespace(istio_injection="enabled"), native=native)

    assert is_native(injected) is not native


def test_ports_networks_and_images_show_in_the_proxy() -> None:
    """What a proxy tells istiod about its pod comes from its environment."""
    ports = [
        {"name": "http", "containerPort": 80, "protocol": "TCP"},
        {"containerPort": 81, "protocol": "TCP"},
    ]
    given = _pod(
        {"topology.istio.io/network": "n1", "app.kubernetes.io/name": "shop"},
        {
            "sidecar.istio.io/interceptionMode": "TPROXY",
            "sidecar.istio.io/proxyImage": "own/proxy:1",
            "prometheus.io/scrape": "false",
        },
        containers=[{"name": "app", "image": "fake", "ports": ports}, {"name": "log"}],
    )

    injected = inject(given, _namespace(rev="default"), native=False)

    env = _env(injected)
    assert orjson.loads(env["ISTIO_META_POD_PORTS"]) == ports
    assert env["ISTIO_META_APP_CONTAINERS"] == "app,log"
    assert env["ISTIO_META_NETWORK"] == "n1"
    assert env["ISTIO_META_CLUSTER_ID"] == "Kubernetes"
    assert env["ISTIO_META_INTERCEPTION_MODE"] == "TPROXY"
    assert env["ISTIO_META_OWNER"] == "kubernetes://apis/v1/namespaces/mesh/pods/p"
    proxy = proxy_of(injected)
    assert proxy is not None
    assert proxy["image"] == "own/proxy:1"
    labels = injected["metadata"]["labels"]
    assert labels["service.istio.io/canonical-name"] == "shop"
    assert "prometheus.io/path" not in injected["metadata"]["annotations"]


def test_a_users_own_proxy_container_is_merged() -> None:
    """Charts set resources and variables of the sidecar that way."""
    own = {
        "name": "istio-proxy",
        "image": "auto",
        "resources": {"limits": {"cpu": "9"}},
        "env": [{"name": "TRUST_DOMAIN", "value": "td"}, {"name": "MINE", "value": "1"}],
        "ports": [{"containerPort": 8080}],
    }
    given = _pod(containers=[own, {"name": "app", "image": "fake"}])

    injected = inject(given, _namespace(rev="default"), native=True, image=IMAGE)

    proxy = proxy_of(injected)
    assert proxy is not None
    assert proxy["image"] == IMAGE
    assert proxy["resources"] == own["resources"]
    assert [one["containerPort"] for one in proxy["ports"]] == [15090, 8080]
    env = _env(injected)
    assert (env["TRUST_DOMAIN"], env["MINE"], env["CA_ADDR"]) == (
        "td",
        "1",
        "istiod.istio-system.svc:15012",
    )
    assert [one["name"] for one in injected["spec"]["containers"]] == ["app"]
    overrides = orjson.loads(injected["metadata"]["annotations"]["proxy.istio.io/overrides"])
    assert overrides["containers"][0]["resources"] == own["resources"]


@pytest.mark.anyio
async def test_the_api_server_injects_what_is_created() -> None:
    """Pods of the embedded cluster would have no proxies, or not the server's defaults."""
    server = ApiServer()
    server.admit = injector(server, image=IMAGE)
    client = Client(server.transport())
    await client.create("/api/v1/namespaces", _namespace(istio_injection="enabled"))

    pod = await client.create("/api/v1/namespaces/mesh/pods", _pod())
    plain = await client.create("/api/v1/namespaces/default/pods", _pod())

    proxy = proxy_of(pod)
    assert proxy is not None
    assert proxy["imagePullPolicy"] == "Always"
    assert proxy["terminationMessagePolicy"] == "File"
    assert pod["status"]["qosClass"] == "Burstable"
    assert pod["spec"]["serviceAccountName"] == "default"
    assert [one["name"] for one in plain["spec"]["containers"]] == ["app"]
    assert "initContainers" not in plain["spec"]


@pytest.mark.anyio
async def test_a_pod_for_a_namespace_that_is_not_there_is_refused_as_ever() -> None:
    """The hook must not turn the server's refusal into a failure of its own."""
    server = ApiServer()
    admit = injector(server)
    pods = next(one for one, obj in server.objects() if obj["kind"] == "Namespace")

    assert admit(pods, {"kind": "Namespace"}) == {"kind": "Namespace"}
    given = _pod()
    given["metadata"]["namespace"] = "nowhere"
    assert admit(type(pods)("", "v1", "pods", "Pod", namespaced=True), given) is given
