"""Custom kinds are served while they are defined, and go with their definitions."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from pyload.embedded.controllers.later import DELAY
from tests.embedded.apiserver.definitions_of import (
    CRDS,
    CRONTABS,
    crontab,
    definition,
    version,
)

if TYPE_CHECKING:
    from tests.embedded.apiserver.conftest import Api

pytestmark = [pytest.mark.anyio, pytest.mark.virtual]

OWN = f"{CRDS}/crontabs.stable.example.com"
CLUSTER = "/apis/stable.example.com/v1/crontabs"


async def test_a_kind_is_served_as_soon_as_it_is_defined(api: Api) -> None:
    """A real istiod waits for kinds that its own definitions bring, and would wait for ever."""
    before, _ = await api("GET", CRONTABS)
    code, defined = await api("POST", CRDS, definition())
    _, discovered = await api("GET", "/apis/stable.example.com/v1")
    created, one = await api("POST", CRONTABS, crontab())
    ((type_, seen),) = await api.watch(CLUSTER)

    assert (before, code, created) == (404, 201, 201)
    assert [one["type"] for one in defined["status"]["conditions"]] == [
        "NamesAccepted",
        "Established",
    ]
    assert defined["status"]["storedVersions"] == ["v1"]
    assert defined["status"]["acceptedNames"]["listKind"] == "CronTabList"
    (resource, *parts) = discovered["resources"]
    assert (resource["name"], resource["shortNames"]) == ("crontabs", ["ct"])
    assert [part["name"] for part in parts] == ["crontabs/status", "crontabs/scale"]
    assert (type_, seen) == ("ADDED", one)


async def test_a_definition_that_changes_serves_the_new_versions(api: Api) -> None:
    """An upgrade of Istio adds versions while its objects are there."""
    await api("POST", CRDS, definition())
    await api("POST", CRONTABS, crontab())
    v2 = version("v2", storage=False)

    code, changed = await api("GET", OWN)
    changed["spec"]["versions"].append(v2)
    code, changed = await api("PUT", OWN, changed)
    _, group = await api("GET", "/apis/stable.example.com")
    _, one = await api("GET", CRONTABS.replace("/v1/", "/v2/") + "/one")

    assert code == 200
    assert group["preferredVersion"]["version"] == "v2"
    assert one["apiVersion"] == "stable.example.com/v2"


async def test_a_version_that_is_served_no_longer_is_gone(api: Api) -> None:
    """A client would go on with a version that a real server has withdrawn."""
    both = definition(version("v1", served=False), version("v2", storage=False))
    await api("POST", CRDS, both)

    old, _ = await api("GET", CRONTABS)
    new, _ = await api("GET", CRONTABS.replace("/v1/", "/v2/"))

    assert (old, new) == (404, 200)


async def test_the_stored_versions_only_grow(api: Api) -> None:
    """Storage migrations read there which versions objects may still be kept in."""
    await api("POST", CRDS, definition())
    _, changed = await api("GET", OWN)
    changed["spec"]["versions"] = [version("v1", storage=False), version("v2")]
    _, changed = await api("PUT", OWN, changed)

    assert changed["status"]["storedVersions"] == ["v1", "v2"]


async def test_deleting_a_definition_deletes_its_objects(api: Api) -> None:
    """Uninstalling Istio would leave objects that nobody can see, and show them again later."""
    await api("POST", CRDS, definition())
    await api("POST", CRONTABS, crontab())

    code, _ = await api("DELETE", OWN)
    late, refused = await api("POST", CRONTABS, crontab("late"))
    await asyncio.sleep(2 * DELAY)
    gone, _ = await api("GET", CRONTABS)
    undefined, _ = await api("GET", OWN)
    await api("POST", CRDS, definition())
    _, again = await api("GET", CRONTABS)

    assert (code, late, gone, undefined) == (200, 405, 404, 404)
    assert "terminating" in refused["message"]
    assert again["items"] == []


async def test_a_definition_waits_for_objects_that_finalizers_hold(api: Api) -> None:
    """Their controllers would find neither object nor kind when they come to clean up."""
    await api("POST", CRDS, definition())
    held = crontab()
    held["metadata"]["finalizers"] = ["example.com/hold"]
    await api("POST", CRONTABS, held)
    await api("DELETE", OWN)
    await asyncio.sleep(2 * DELAY)

    still, ending = await api("GET", f"{CRONTABS}/one")
    released = [{"op": "remove", "path": "/metadata/finalizers"}]
    await api("PATCH", f"{CRONTABS}/one", released, "application/json-patch+json")
    await asyncio.sleep(2 * DELAY)
    gone, _ = await api("GET", OWN)

    assert (still, gone) == (200, 404)
    assert "deletionTimestamp" in ending["metadata"]


async def test_objects_of_defined_kinds_go_with_their_namespace(api: Api) -> None:
    """A namespace would stay Terminating for ever, or its objects outlive it."""
    await api("POST", CRDS, definition())
    await api("POST", "/api/v1/namespaces", {"metadata": {"name": "mesh"}})
    there = CRONTABS.replace("default", "mesh")
    await api("POST", there, crontab())

    await api("DELETE", "/api/v1/namespaces/mesh")
    await asyncio.sleep(1)
    gone, _ = await api("GET", "/api/v1/namespaces/mesh")
    _, left = await api("GET", CLUSTER)

    assert (gone, left["items"]) == (404, [])


async def test_names_that_are_taken_are_not_accepted(api: Api) -> None:
    """Two kinds would answer to one name, and kubectl pick one of them."""
    await api("POST", CRDS, definition())
    code, other = await api("POST", CRDS, definition(plural="cronjobs", kind="CronTab"))
    missing, _ = await api("GET", "/apis/stable.example.com/v1/cronjobs")

    assert (code, missing) == (201, 404)
    named, ready = other["status"]["conditions"]
    assert (named["status"], named["reason"]) == ("False", "SingularConflict")
    assert ready["status"] == "False"


async def test_names_that_become_free_are_accepted(api: Api) -> None:
    """The definition would wait for ever for names that nobody has."""
    await api("POST", CRDS, definition())
    await api("POST", CRDS, definition(plural="cronjobs", kind="CronTab"))

    await api("DELETE", OWN)
    await asyncio.sleep(3 * DELAY)
    _, other = await api("GET", f"{CRDS}/cronjobs.stable.example.com")
    served, _ = await api("GET", "/apis/stable.example.com/v1/cronjobs")

    assert [one["status"] for one in other["status"]["conditions"]] == ["True", "True"]
    assert served == 200


async def test_watches_end_with_the_definition(api: Api) -> None:
    """A client that watches would wait for objects that can come no more."""
    await api("POST", CRDS, definition())
    await api("POST", CRONTABS, crontab())
    watching = asyncio.create_task(api.watch(CRONTABS, seconds=1000))
    others = asyncio.create_task(api.watch(CRDS, seconds=5))
    await asyncio.sleep(1)

    await api("DELETE", OWN)
    started = asyncio.get_running_loop().time()
    events = await watching
    took = asyncio.get_running_loop().time() - started

    assert [type_ for type_, _ in events] == ["ADDED", "DELETED"]
    assert took < 1
    assert not others.done()
    await others


async def test_the_real_definitions_replace_those_of_the_start(api: Api) -> None:
    """Whoever applies Istio's own definitions wants its schemas, and keeps his objects."""
    vs = "/apis/networking.istio.io/v1/namespaces/default/virtualservices"
    own = f"{CRDS}/virtualservices.networking.istio.io"
    await api("POST", vs, {"metadata": {"name": "kept"}, "spec": {"hosts": ["a"]}})
    real = definition(version(), plural="virtualservices", kind="VirtualService", shortNames=[])
    real["metadata"]["name"] = "virtualservices.networking.istio.io"
    real["spec"]["group"] = "networking.istio.io"
    real |= {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition"}

    code, _ = await api.apply(own, real, manager="kubectl", force="true")
    refused, status = await api("POST", vs, {"metadata": {"name": "new"}, "spec": {}})
    _, listed = await api("GET", vs)

    assert (code, refused) == (200, 422)
    assert status["message"] == (
        'VirtualService.networking.istio.io "new" is invalid: spec.cron: Required value'
    )
    assert [one["metadata"]["name"] for one in listed["items"]] == ["kept"]


@pytest.mark.parametrize(
    "subresources", ["x", {"scale": "x"}, {"scale": {"specReplicasPath": 3}}], ids=str
)
async def test_a_definition_that_cannot_be_read_is_not_stored(
    api: Api, subresources: object
) -> None:
    """It would be refused, and be there all the same: neither changed nor deleted by anything."""
    one = definition()
    one["spec"]["versions"][0]["subresources"] = subresources
    refused, _ = await api("POST", CRDS, one)
    after, _ = await api("GET", OWN)
    again, _ = await api("POST", CRDS, definition())
    assert (refused, after, again) == (400, 404, 201)


async def test_a_kind_that_is_built_in_cannot_be_defined(api: Api) -> None:
    """Its objects would go with the definition, and nothing serve the kind from then on."""
    one = definition()
    one["metadata"]["name"] = "ingresses.networking.k8s.io"
    one["spec"]["group"] = "networking.k8s.io"
    one["spec"]["names"] = {"plural": "ingresses", "kind": "Ingress"}
    code, answer = await api("POST", CRDS, one)
    served, _ = await api("GET", "/apis/networking.k8s.io/v1/ingresses")
    assert (code, served) == (422, 200)
    assert "pyload serves this kind without a definition" in answer["message"]
