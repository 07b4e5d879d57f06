"""The templates that come with pyload, and what they are rendered with."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from pyload.gotemplate import parse
from pyload.gotemplate.library import BUILTINS, Library, builtin
from tests.gotemplate.sprig.support import NOW, surroundings

if TYPE_CHECKING:
    from pathlib import Path


def rendered(name: str, *, library: Library | None = None, **data: Any) -> Any:
    """The object that a builtin template makes."""
    functions = (library or Library(surroundings())).functions
    return yaml.safe_load(parse(builtin(name), name=name, functions=functions).render(data))


@pytest.mark.golden
@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("sidecar", {}),
        ("istio-gateway", {"NameOverride": "gateway"}),
        ("virtualservice", {"gateways": ["gateway"], "Rand": False}),
        ("virtualservice", {"gateways": ["gateway"], "Rand": True}),
    ],
)
def test_the_objects_are_those_of_pilot_load(golden: Path, name: str, data: dict[str, Any]) -> None:
    """A config would describe another mesh than it did."""
    obj = rendered(name, Name="gw-1-0", **data)
    recorded = []
    for line in (golden / "kube" / "current-mix.requests.jsonl").read_text("utf-8").splitlines():
        body = json.loads(line).get("body", {})
        same = body.get("kind") == obj["kind"] and body.get("apiVersion") == obj["apiVersion"]
        if same and body["metadata"]["name"] == obj["metadata"]["name"]:
            recorded.append(body["spec"])
    assert obj["spec"] in recorded


def test_a_route_refers_to_its_gateways() -> None:
    """Traffic of the Gateway API would have no way in."""
    gateways = ["infra/main", "near"]
    obj = rendered("httproute", Name="web-0-0", gateways=gateways, RandNumber=3083)
    assert obj == {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": "web-0-0"},
        "spec": {
            "hostnames": ["web-0-0.example.com"],
            "parentRefs": [{"name": "main", "namespace": "infra"}, {"name": "near"}],
            "rules": [
                {
                    "matches": [{"path": {"type": "PathPrefix", "value": "/3083"}}],
                    "backendRefs": [{"name": "web-0-0", "port": 80}],
                }
            ],
        },
    }


@pytest.mark.parametrize(
    ("name", "key"), [("httproute", "parentRefs"), ("virtualservice", "gateways")]
)
def test_without_gateways_an_object_names_none(name: str, key: str) -> None:
    """The API server would refuse an empty entry, as it does with pilot-load's."""
    assert key not in rendered(name, Name="a", RandNumber=1, Rand=False)["spec"]


def test_several_gateways_are_a_list() -> None:
    """pilot-load makes one text of them, which no Gateway is called."""
    obj = rendered("virtualservice", Name="a", Rand=True, gateways=["main", "infra/other"])
    assert obj["spec"]["gateways"] == ["main", "infra/other"]


@pytest.mark.parametrize("second", [False, True])
def test_a_secret_holds_a_certificate_and_its_key(second: bool) -> None:  # noqa: FBT001
    """Istiod would refuse the pair, and gateways would not serve."""
    obj = rendered("tls-secret", Name="gw", Rand=second)
    assert (obj["kind"], obj["metadata"]["name"]) == ("Secret", "gw")
    data = {key: text.encode() for key, text in obj["stringData"].items()}
    certificate = x509.load_pem_x509_certificate(data["tls.crt"])
    key = load_pem_private_key(data["tls.key"], None)
    assert certificate.public_key() == key.public_key()
    assert certificate.not_valid_before_utc.timestamp() == NOW // 10**9
    assert sorted(obj["stringData"]) == ["tls.crt", "tls.key"]


def test_pairs_are_made_once_and_swapped() -> None:
    """Each refresh would cost a key, or change nothing."""
    library = Library(surroundings())
    pairs = [
        rendered("tls-secret", library=library, Name="a", Rand=second)["stringData"]
        for second in (False, True, False, True)
    ]
    assert pairs[0] == pairs[2]
    assert pairs[1] == pairs[3]
    assert pairs[0] != pairs[1]


def test_the_markers_say_what_can_be_refreshed() -> None:
    """Churn would write objects that never change, or leave out those that do."""
    markers = {name: builtin(name).partition("\n")[0] for name in BUILTINS}
    assert markers == {
        "httproute": "#refresh=true",
        "istio-gateway": "#refresh=false",
        "sidecar": "apiVersion: networking.istio.io/v1",
        "tls-secret": "#refresh=true",
        "virtualservice": "#refresh=true",
    }
