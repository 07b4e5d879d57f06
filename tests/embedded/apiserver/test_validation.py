"""Objects that no API server takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pyload.kube.resources import Obj
    from tests.embedded.apiserver.conftest import Api

pytestmark = [pytest.mark.anyio, pytest.mark.virtual]

SERVICES = "/api/v1/namespaces/default/services"
SPACES = "/api/v1/namespaces"
PODS = "/api/v1/namespaces/default/pods"


async def test_all_causes_are_reported_at_once(api: Api) -> None:
    """A user should not have to mend an object one error at a time."""
    broken = {
        "metadata": {"name": "P"},
        "spec": {"containers": [{"name": "a"}, {"name": "a", "image": "x"}, {"image": "y"}]},
    }

    code, status = await api("POST", PODS, broken)

    assert code == 422
    assert [cause["field"] for cause in status["details"]["causes"]] == [
        "metadata.name",
        "spec.containers[0].image",
        "spec.containers[1].name",
        "spec.containers[2].name",
    ]


async def test_most_of_a_spec_is_fixed(api: Api, pod: Any) -> None:
    """A PUT may change images; anything else of the spec is refused."""
    _, created = await api("POST", PODS, pod("p", nodeName="n"))
    image = {
        **created,
        "spec": {**created["spec"], "containers": [{"name": "app", "image": "new"}]},
    }
    node = {**created, "spec": {**created["spec"], "nodeName": "m"}}
    node["metadata"] = {"name": "p"}

    changed, updated = await api("PUT", f"{PODS}/p", image)
    refused, _ = await api("PUT", f"{PODS}/p", node)

    assert (changed, refused) == (200, 422)
    assert updated["spec"]["containers"][0]["image"] == "new"
    assert updated["metadata"]["generation"] == 2


async def test_a_dying_object_takes_no_new_finalizers(api: Api) -> None:
    """Otherwise deletion would never end."""
    path = f"{SPACES}/default/configmaps"
    await api("POST", path, {"metadata": {"name": "c", "finalizers": ["x/y"]}})
    await api("DELETE", f"{path}/c")
    merge = "application/merge-patch+json"

    code, _ = await api("PATCH", f"{path}/c", {"metadata": {"finalizers": ["x/y", "x/z"]}}, merge)

    assert code == 422


@pytest.mark.parametrize(
    "ports",
    [
        [],
        [{"port": 0}],
        [{"port": 1}, {"port": 2}],
        [{"name": "a", "port": 1}, {"name": "a", "port": 2}],
        [{"name": "a", "port": 1}, {"name": "b", "port": 1}],
        [{"port": 1, "nodePort": "x"}],
    ],
)
async def test_wrong_ports_are_refused(api: Api, ports: list[Obj]) -> None:
    """A service that no cluster would take must not pass here."""
    code, _ = await api("POST", SERVICES, {"metadata": {"name": "s"}, "spec": {"ports": ports}})

    assert code == 422
