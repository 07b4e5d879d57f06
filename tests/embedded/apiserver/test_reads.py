"""Lists: pages, snapshots, selectors, forms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
import pytest

from pyload.embedded.apiserver.reads import SNAPSHOTS
from pyload.embedded.apiserver.requests import Request, parse_target

if TYPE_CHECKING:
    from tests.embedded.apiserver.conftest import Api

pytestmark = [pytest.mark.anyio, pytest.mark.virtual]

MAPS = "/api/v1/namespaces/kube-public/configmaps"
ALL = "/api/v1/configmaps"


async def _fill(api: Api, *names: str, **labels: str) -> None:
    for name in names:
        await api("POST", MAPS, {"metadata": {"name": name, "labels": labels}})


def _names(answer: tuple[int, Any]) -> list[str]:
    assert answer[0] == 200
    return [item["metadata"]["name"] for item in answer[1]["items"]]


async def test_a_list_names_its_kind_and_version(api: Api) -> None:
    """Typed clients refuse lists of another kind."""
    code, listed = await api("GET", "/apis/networking.istio.io/v1alpha3/envoyfilters")

    assert code == 200
    assert listed["kind"] == "EnvoyFilterList"
    assert listed["apiVersion"] == "networking.istio.io/v1alpha3"
    assert listed["items"] == []


async def test_pages_show_one_moment(api: Api) -> None:
    """What changes between two pages must not be missed or shown twice."""
    await _fill(api, "a", "b", "c", "d")
    first = await api("GET", MAPS, limit="2")
    await api("DELETE", f"{MAPS}/c")
    await _fill(api, "bb")

    token = first[1]["metadata"]["continue"]
    second = await api("GET", MAPS, limit="2", **{"continue": token})
    third = await api("GET", MAPS, **{"continue": second[1]["metadata"]["continue"]})

    assert _names(first) + _names(second) + _names(third) == [
        "a",
        "b",
        "c",
        "d",
        "kube-root-ca.crt",
    ]
    assert first[1]["metadata"]["remainingItemCount"] == 3
    assert second[1]["metadata"]["resourceVersion"] == first[1]["metadata"]["resourceVersion"]
    assert "continue" not in third[1]["metadata"]


async def test_a_forgotten_page_expires_with_a_way_on(api: Api) -> None:
    """A client that pauses too long gets 410 and a token that goes on with the present."""
    await _fill(api, "a", "b", "c")
    _, first = await api("GET", MAPS, limit="1")
    for number in range(SNAPSHOTS):
        await _fill(api, f"x{number}")
        await api("GET", MAPS, limit="1")

    expired, status = await api("GET", MAPS, **{"continue": first["metadata"]["continue"]})
    onward = await api("GET", MAPS, limit="2", **{"continue": status["metadata"]["continue"]})

    assert (expired, status["reason"]) == (410, "Expired")
    assert _names(onward) == ["b", "c"]


async def test_pages_count_what_is_selected(api: Api) -> None:
    """A page must hold as many selected objects as asked for, wherever they are."""
    await _fill(api, "a", "c", "e", pick="yes")
    await _fill(api, "b", "d", pick="no")

    first = await api("GET", MAPS, limit="2", labelSelector="pick=yes")
    token = first[1]["metadata"]["continue"]
    second = await api("GET", MAPS, limit="2", labelSelector="pick=yes", **{"continue": token})

    assert (_names(first), _names(second)) == (["a", "c"], ["e"])
    assert "remainingItemCount" not in first[1]["metadata"]
    assert "continue" not in second[1]["metadata"]


async def test_namespaces_are_kept_apart(api: Api) -> None:
    """A list in one namespace must not show its neighbours in the order of keys."""
    for space in ("a", "a-b", "b"):
        await api("POST", "/api/v1/namespaces", {"metadata": {"name": space}})

    listed = await api("GET", "/api/v1/namespaces/a/configmaps")
    every = await api("GET", ALL, fieldSelector="metadata.namespace!=a", labelSelector="!x")

    assert _names(listed) == ["kube-root-ca.crt"]
    spaces = [item["metadata"]["namespace"] for item in every[1]["items"]]
    assert spaces == sorted(spaces)
    assert "a" not in spaces
    assert "a-b" in spaces


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"limit": "x"}, 400),
        ({"continue": "junk"}, 400),
        ({"continue": "e30"}, 400),
        ({"labelSelector": "a in"}, 400),
        ({"fieldSelector": "nothing=a"}, 400),
        ({"resourceVersion": "99999"}, 504),
        ({"resourceVersion": "1", "resourceVersionMatch": "Exact"}, 410),
        ({"resourceVersion": "1", "resourceVersionMatch": "NotOlderThan"}, 200),
        ({"resourceVersion": "0"}, 200),
    ],
)
async def test_versions_and_junk_are_answered(api: Api, query: dict[str, str], code: int) -> None:
    """A list from the past must be refused, not answered with the present."""
    found, _ = await api("GET", ALL, **query)

    assert found == code


async def test_metadata_alone_can_be_asked_for(api: Api) -> None:
    """Istiod watches CRDs by their metadata only."""
    accept = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json"

    def ask(path: str, verb: str) -> Any:
        request = Request(verb, "GET", path, {}, accept=accept)
        return api.server._handler.handle(request, parse_target(path, api.server.kinds))

    path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    listed = orjson.loads(ask(path, "list").body)
    one = orjson.loads(ask(f"{path}/sidecars.networking.istio.io", "get").body)
    watch = ask(path, "watch")

    assert listed["kind"] == "PartialObjectMetadataList"
    assert listed["apiVersion"] == "meta.k8s.io/v1"
    assert one == next(
        item for item in listed["items"] if item["metadata"]["name"].startswith("side")
    )
    assert one.keys() == {"kind", "apiVersion", "metadata"}
    assert orjson.loads(watch.initial[0])["object"]["kind"] == "PartialObjectMetadata"
    assert b"PartialObjectMetadata" in watch.bookmark(7)
