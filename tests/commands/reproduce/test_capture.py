"""Which objects of a capture are replayed, and changed how."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING

import pytest

from pyload.commands.reproduce.capture import (
    Ignored,
    addressed,
    decide_object,
    pod_record,
    prepared,
    read_piece,
    service_of,
)
from pyload.errors import ConfigError
from pyload.kube import resources
from pyload.kube.documents import Piece
from pyload.kube.resources import GroupKind
from tests.commands.reproduce.captured import CAPTURE, CONFIG, ENDPOINTS, NAMESPACE, SERVICE, obj
from tests.pods.injected import pod

if TYPE_CHECKING:
    from pyload.kube.resources import Obj


@pytest.mark.parametrize(
    ("one", "reason"),
    [
        (obj("v1", "Service", "x", "kube-system"), "in kube-system"),
        (obj("v1", "Namespace", "istio-system", ""), "in istio-system"),
        (obj("v1", "Service", "kubernetes", "default"), "the API server's own"),
        (obj("apps/v1", "Deployment", "d"), ""),
        (obj("v1", "Gateway", "d"), ""),
        (obj("networking.istio.io/v1", "Gateway", "d", "istio-system"), None),
        (obj("v1", "Service", "kubernetes"), None),
    ],
)
def test_what_is_not_replayed(one: Obj, reason: str | None) -> None:
    """pilot-load's rules; Istio's own namespace holds config of the mesh."""
    decided = decide_object(one, config_only=False)

    assert (decided.reason if isinstance(decided, Ignored) else None) == reason


def test_what_belongs_to_the_other_cluster_is_left_out() -> None:
    """Node ports collide, UIDs and owners point at nothing, and finalizers keep things forever."""
    metadata = {
        "name": "web",
        "namespace": "mesh",
        "annotations": {"a": "b"},
        "labels": {"c": "d"},
        "ownerReferences": [{}],
        "finalizers": ["x"],
        "managedFields": [{}],
    }
    headless = {"clusterIP": "None", "clusterIPs": ["None"], "ports": [{"port": 1}]}
    service = {"metadata": metadata, "spec": headless, "status": {}}
    account = {"metadata": metadata}

    assert prepared(resources.SERVICES.group_kind, service) == {
        "metadata": {
            "name": "web",
            "namespace": "mesh",
            "annotations": {"a": "b"},
            "labels": {"c": "d"},
        },
        "spec": headless,
    }
    assert prepared(resources.SERVICE_ACCOUNTS.group_kind, account)["metadata"] == {
        "name": "web",
        "namespace": "mesh",
    }
    assert prepared(resources.SERVICES.group_kind, SERVICE)["spec"] == {
        "type": "NodePort",
        "ports": [{"name": "http", "port": 80}],
    }


@pytest.mark.parametrize("one", CAPTURE, ids=lambda one: one["kind"])
def test_what_is_made_ready_once_is_ready(one: Obj) -> None:
    """A capture of a replayed cluster is replayed like the first one, and no object is changed."""
    kind = GroupKind(one["apiVersion"].rpartition("/")[0], one["kind"])
    before = copy.deepcopy(one)
    ready = prepared(kind, one)

    assert one == before
    assert prepared(kind, ready) == ready
    assert not {"uid", "resourceVersion", "ownerReferences"} & ready["metadata"].keys()
    assert "status" not in ready


def read(value: object) -> list[Obj]:
    """Read the objects of one piece of a file."""
    return list(read_piece(Piece(json.dumps(value).encode(), 3, is_json=True), source="f"))


@pytest.mark.parametrize("kind", ["List", "ConfigMapList"])
def test_lists_of_any_kind_are_taken_apart(kind: str) -> None:
    """The API server answers with a ConfigMapList where kubectl prints a List."""
    assert read({"kind": kind, "items": [CONFIG, NAMESPACE]}) == [CONFIG, NAMESPACE]
    assert read({"kind": kind, "items": None}) == []


def test_an_empty_document_is_nothing() -> None:
    """Helm prints them between its own."""
    assert read(None) == []


def test_an_object_whose_kind_only_ends_like_a_list_is_one() -> None:
    """A custom resource may be called AllowList, and have a spec instead of items."""
    one = {**CONFIG, "kind": "AllowList"}

    assert read(one) == [one]


@pytest.mark.parametrize("value", [[], 7, "text", {"kind": "List", "items": {"a": 1}}])
def test_what_is_no_object_is_named_with_its_line(value: object) -> None:
    """Nobody finds one wrong piece in a file of a gigabyte."""
    with pytest.raises(ConfigError, match=r"^f:3:1: cannot parse message: "):
        read(value)


def test_objects_get_the_label_of_the_run_and_a_namespace_where_they_have_one() -> None:
    """Without the label `pyload cleanup` would not find them after a crash."""
    bare = {"apiVersion": "v1", "kind": "X", "metadata": {"name": "x"}}
    before = copy.deepcopy(bare)
    inside = addressed(bare, resources.HTTP_ROUTES, "r")
    outside = addressed(
        {**bare, "metadata": {"name": "x", "namespace": "odd"}}, resources.GATEWAY_CLASSES, "r"
    )

    assert inside["metadata"]["namespace"] == "default"
    assert "namespace" not in outside["metadata"]
    assert inside["apiVersion"] == resources.HTTP_ROUTES.api_version
    for one in (inside, outside):
        assert one["metadata"]["labels"] == {"pyload.dev/run": "r"}
    assert bare == before


def test_pods_without_a_uid_are_told_apart_by_their_names() -> None:
    """Tools strip UIDs; two pods with an empty one would be one proxy."""
    found = []
    for name in ("a", "b"):
        one = pod(name, ip="10.9.0.1")
        del one["metadata"]["uid"]
        found.append(pod_record(one).uid)

    assert found == ["mesh/a", "mesh/b"]


def test_the_service_of_endpoints_and_of_a_slice_is_the_same() -> None:
    """A slice that is not found to double its Endpoints would send traffic twice as often."""
    slices = resources.ENDPOINT_SLICES.group_kind
    one = obj("discovery.k8s.io/v1", "EndpointSlice", "web-x7f")
    one["metadata"]["labels"]["kubernetes.io/service-name"] = "web"

    assert service_of(slices, one) == ("mesh", "web")
    assert service_of(resources.ENDPOINTS.group_kind, ENDPOINTS) == ("mesh", "web")
    assert service_of(resources.SERVICES.group_kind, SERVICE) is None
