"""Objects that no API server takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
import pytest

from pyload.embedded.apiserver.kinds import (
    CONFIG_MAP,
    DEPLOYMENT,
    ENDPOINT_SLICE,
    NAMESPACE,
    POD,
    SERVICE,
)
from pyload.embedded.apiserver.refusals import Refused
from pyload.embedded.apiserver.validation import check

if TYPE_CHECKING:
    from pyload.embedded.apiserver.kinds import Kind
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
    ],
)
async def test_wrong_ports_are_refused(api: Api, ports: list[Obj]) -> None:
    """A service that no cluster would take must not pass here."""
    code, _ = await api("POST", SERVICES, {"metadata": {"name": "s"}, "spec": {"ports": ports}})

    assert code == 422


_META = {"name": "a", "namespace": "mesh"}
_PORT = {"port": 80, "protocol": "TCP"}


def _service_of(*ports: Obj, **spec: Any) -> Obj:
    return {"metadata": _META, "spec": {"type": "ClusterIP", "ports": [*ports], **spec}}


@pytest.mark.parametrize(
    ("kind", "obj", "fields"),
    [
        (CONFIG_MAP, {"metadata": {}}, ["metadata.name"]),
        (CONFIG_MAP, {"metadata": {"name": "A" * 254}}, ["metadata.name"] * 2),
        (CONFIG_MAP, {"metadata": {"name": "a.b"}}, []),
        (NAMESPACE, {"metadata": {"name": "a.b"}}, ["metadata.name"]),
        (CONFIG_MAP, {"metadata": {**_META, "labels": {"a": 1}}}, ["metadata.labels"]),
        (CONFIG_MAP, {"metadata": {**_META, "annotations": {"Upper/Case": "x y"}}}, []),
        (
            CONFIG_MAP,
            {"metadata": {**_META, "ownerReferences": [{"kind": "Pod", "name": "p"}]}},
            ["metadata.ownerReferences[0].apiVersion", "metadata.ownerReferences[0].uid"],
        ),
        (SERVICE, {**_service_of(_PORT), "metadata": {"name": "1a"}}, ["metadata.name"]),
        (SERVICE, _service_of(), ["spec.ports"]),
        (SERVICE, _service_of(clusterIP="None"), []),
        (SERVICE, _service_of(type="ExternalName"), ["spec.externalName"]),
        (SERVICE, _service_of({**_PORT, "port": 65536}), ["spec.ports[0].port"]),
        (
            SERVICE,
            _service_of({**_PORT, "name": "a"}, {**_PORT, "name": "a"}),
            ["spec.ports[1].name", "spec.ports[1]"],
        ),
        (
            SERVICE,
            _service_of({**_PORT, "name": "a"}, {**_PORT, "name": "b", "protocol": "UDP"}),
            [],
        ),
        (POD, {"metadata": _META, "spec": {}}, ["spec.containers"]),
        (ENDPOINT_SLICE, {"metadata": _META, "addressType": "IPv5"}, ["addressType"]),
        (DEPLOYMENT, {"metadata": _META, "spec": {}}, ["spec.selector"]),
        (
            DEPLOYMENT,
            {"metadata": _META, "spec": {"selector": {"matchLabels": {"a": "b"}}}},
            ["spec.template.metadata.labels"],
        ),
    ],
)
def test_faults_are_reported_at_their_fields(kind: Kind, obj: Obj, fields: list[str]) -> None:
    """A user would look for the mistake in the wrong place of a long manifest."""
    found: list[str] = []
    try:
        check(kind, obj, None)
    except Refused as refused:
        found = [cause["field"] for cause in refused.to_status()["details"]["causes"]]

    assert found == fields


def test_a_name_is_checked_only_when_it_is_given() -> None:
    """An object from before a rule was made stricter could never be changed again."""
    old = {"metadata": {"name": "Upper", "namespace": "mesh"}}

    check(CONFIG_MAP, {"metadata": dict(old["metadata"])}, old)


async def test_policies_are_kept_with_a_warning_that_nobody_evaluates_them(api: Api) -> None:
    """The Gateway API's own definitions bring one, and it refuses nothing here."""
    path = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies"
    body = orjson.dumps({"metadata": {"name": "p"}, "spec": {}})

    answer = await api.transport.request("POST", path, body=body)

    assert answer.status == 201
    assert "does not evaluate" in getattr(answer, "warnings", ("",))[0]
