"""A mesh with templates: what is there of them while it runs, and that nothing stays behind."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from pyload.commands.cluster.options import ClusterOptions
from pyload.config.model import ConfigRef
from pyload.config.parse import parse_config
from pyload.errors import Conflict, NotFound, PyloadError, TemplateError
from pyload.kube.resources import CONFIG_MAPS, NAMESPACES
from pyload.kube.transport import Response
from pyload.mesh.template_instance import Templates
from pyload.mesh.template_objects import TemplateObjects
from pyload.mesh.writer import Writer
from pyload.report.metrics import Metrics
from pyload.tasks import Shutdown

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from pyload.embedded.apiserver.requests import Request
    from pyload.harness.outcome import Outcome
    from pyload.kube.resources import Obj
    from pyload.mesh.cluster_types import ClusterType
    from pyload.mesh.ledger import Entry
    from tests.mesh.conftest import World

pytestmark = pytest.mark.anyio

TYPES: list[ClusterType] = ["fake-node", "fake", "real"]

MESH = """
namespaces:
- name: mesh
  configs: [sidecar, {name: shared, refresh: true}]
  applications:
  - {name: gw, type: gateway, pods: 1, configs: [tls-secret, istio-gateway, virtualservice]}
  - {name: web, replicas: 2, pods: 1, configs: [{name: pair, config: {color: blue}}]}
  - {name: route, configs: [{name: httproute, config: {gateways: [infra/main]}}]}
templates:
  shared: |
    apiVersion: v1
    kind: ConfigMap
    metadata: {name: shared}
    data: {value: "{{ .RandNumber }}"}
  pair: |
    #refresh=true
    apiVersion: v1
    kind: ConfigMap
    metadata: {name: {{ .Name }}, labels: {color: {{ .color }}}}
    data: {rand: "{{ .Rand }}"}
    ---
    apiVersion: networking.istio.io/v1alpha3
    kind: DestinationRule
    metadata: {name: {{ .Name }}-{{ .RandNumber }}}
    spec: {host: {{ .Name }}}
"""

OURS = "pyload.dev/run"


def options(
    text: str = MESH, cluster_type: ClusterType = "fake-node", duration: float | None = 20.0
) -> ClusterOptions:
    """Return the options of a run."""
    loaded = parse_config(text.encode(), source="mesh.yaml")
    return ClusterOptions(loaded=loaded, cluster_type=cluster_type, duration=duration, seed=1)


def everything(world: World) -> set[tuple[str, str, str]]:
    """Name all objects in the API server: kind, namespace, name."""
    return {
        (one.kind, obj["metadata"].get("namespace", ""), obj["metadata"]["name"])
        for one, obj in world.server.store.objects()
    }


def of_kind(world: World, kind: str) -> list[Obj]:
    """Return the objects of a kind that a run has made."""
    return [
        obj
        for one, obj in world.server.store.objects()
        if one.kind == kind and OURS in (obj["metadata"].get("labels") or {})
    ]


@contextlib.asynccontextmanager
async def running(world: World, options: ClusterOptions, seconds: float) -> AsyncIterator[None]:
    """Stop a run's time at some moment; after the context it has ended well."""
    shutdown = Shutdown()
    run: asyncio.Task[Outcome] = asyncio.create_task(world.run(options, shutdown), name="run")
    await asyncio.sleep(seconds)
    assert not run.done(), run.result().error
    yield
    shutdown.signal()
    assert (await run).error is None


@pytest.mark.parametrize("cluster_type", TYPES)
async def test_every_object_is_there_with_the_runs_label_and_then_gone(
    world: World, cluster_type: ClusterType
) -> None:
    """A mesh without its templates' objects would be another load; one that stays is litter."""
    before = everything(world)
    async with running(world, options(cluster_type=cluster_type, duration=None), 3.0):
        maps, rules = of_kind(world, "ConfigMap"), of_kind(world, "DestinationRule")
        names = {obj["metadata"]["name"].rpartition("-")[0] for obj in rules}

        assert len(maps) == 3
        assert {one["metadata"]["labels"].get("color") for one in maps} == {"blue", None}
        assert len(rules) == len(names) == 2
        assert all(name.startswith("web-") for name in names)
        assert {obj["apiVersion"] for obj in rules} == {"networking.istio.io/v1"}
        for kind in ("Sidecar", "Secret", "Gateway", "VirtualService", "HTTPRoute"):
            assert len(of_kind(world, kind)) == 1

    assert everything(world) == before


@pytest.mark.parametrize("cluster_type", TYPES)
async def test_churn_applies_every_refreshable_object_again(
    world: World, cluster_type: ClusterType
) -> None:
    """Config churn would push nothing, or more and more objects."""
    before = everything(world)
    text = MESH + "jitter: {config: 200ms}\n"
    async with running(world, options(text, cluster_type, duration=None), 30.0):
        changed = {
            re.sub(r"-[a-z]{8}.*|-[*].*", "", one.path.rpartition("/")[2])
            for one in world.requests
            if one.verb == "patch" and one.code == 200 and "/pods/" not in one.path
        }
        # An object whose name is drawn is one of its template's at any time.
        assert len(of_kind(world, "DestinationRule")) == 2
        assert len(of_kind(world, "ConfigMap")) == 3

    assert {"shared", "gw", "web", "route"} <= changed
    assert "restrict-visibility" not in changed
    assert everything(world) == before
    assert world.requests[-1].code == 404


async def test_a_refresh_is_one_request_per_object(world: World) -> None:
    """pilot-load patches each object of Istio's twice, and the push counts with it."""
    text = MESH + "jitter: {config: 1s}\n"
    outcome = await world.run(options(text))
    churn = outcome.result.churn["configs"]
    patches = [
        one
        for one in world.requests
        if one.verb == "patch" and one.code == 200 and "/pods/" not in one.path
    ]

    assert churn["failed"] == 0
    assert churn["done"] > 10
    # What is new, at the start or under another name, is answered with 201.
    assert len(patches) == churn["done"]


async def test_the_log_names_what_has_changed(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """Scripts look for pilot-load's line."""
    caplog.set_level("INFO", logger="pyload")
    await world.run(options(MESH + "jitter: {config: 1s}\nstableNames: true\n", duration=40.0))
    lines = {line for line in caplog.messages if line.startswith("refreshed config ")}

    assert "refreshed config VirtualService/mesh/gw-0-0 (*config.Templated)" in lines
    assert any(
        re.fullmatch(
            r"refreshed config ConfigMap/mesh/web-1-0,DestinationRule/mesh/web-1-0-\d+"
            r" \(\*config\.Templated\)",
            line,
        )
        for line in lines
    )


def put(namespace: str, name: str, *, kind: str = "ConfigMap", body: str = "") -> str:
    """Make a config whose template writes into another namespace."""
    return f"""
namespaces:
- name: mesh
  applications:
  - name: web
    configs: [{{name: other, refresh: true, config: {{Namespace: {namespace}}}}}]
jitter: {{config: 1s}}
templates:
  other: |
    apiVersion: v1
    kind: {kind}
    metadata: {{name: {name}}}
    {body or 'data: {value: "{{ .RandNumber }}"}'}
"""


async def create(world: World, namespace: str, *names: str) -> None:
    """Make a namespace of somebody else's, with objects."""
    metadata: dict[str, Any] = {"name": namespace}
    await world.client.create(
        NAMESPACES.path(), {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}
    )
    for name in names:
        obj = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}}
        await world.client.create(CONFIG_MAPS.path(namespace), obj | {"data": {"mine": "1"}})


async def test_somebody_elses_object_is_changed_but_never_deleted(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """A run would take a production object with it, because it was refreshed in between."""
    await create(world, "prod", "settings")
    outcome = await world.run(options(put("prod", "settings")))
    left = await world.client.get(CONFIG_MAPS.path("prod", "settings"))

    assert outcome.error is None
    assert outcome.result.churn["configs"]["done"] > 5
    assert outcome.result.objects.left == 0
    assert left["data"]["mine"] == "1"
    assert "value" in left["data"]
    said = [line for line in caplog.messages if "was there before this run" in line]
    assert said == ["ConfigMap prod/settings was there before this run: it will not be deleted"]


async def test_our_object_in_somebody_elses_namespace_is_deleted(world: World) -> None:
    """It would stay for ever, as that namespace is never deleted."""
    await create(world, "prod", "settings")
    before = everything(world)
    outcome = await world.run(options(put("prod", "ours")))

    assert outcome.error is None
    assert everything(world) == before


async def test_an_object_outside_of_namespaces_is_made_and_deleted(world: World) -> None:
    """pilot-load sends such a kind to a path that does not exist."""
    before = everything(world)
    config = options(put("mesh", "extra", kind="Node", body="spec: {}"), duration=None)
    async with running(world, config, 5.0):
        [extra] = [obj for obj in of_kind(world, "Node") if obj["metadata"]["name"] == "extra"]
        assert "namespace" not in extra["metadata"]

    assert everything(world) == before


async def test_a_status_in_a_template_is_written(world: World) -> None:
    """Istio's own status would have to be waited for, and the API server drops it else."""
    status = "status: {conditions: [{type: Reconciled, status: 'True'}]}"
    text = (
        put("mesh", "vs", kind="VirtualService", body=f"spec: {{hosts: [a]}}\n    {status}")
        .replace("apiVersion: v1", "apiVersion: networking.istio.io/v1")
        .replace("jitter: {config: 1s}", "")
    )
    async with running(world, options(text, duration=None), 3.0):
        [service] = of_kind(world, "VirtualService")
        assert service["status"]["conditions"][0]["type"] == "Reconciled"


async def test_a_kind_that_is_not_served_is_said_before_anything_is_made(world: World) -> None:
    """The start would break off half way."""
    before = everything(world)
    text = put("mesh", "x", kind="Nonsense")
    outcome = await world.run(options(text))

    assert "the cluster does not serve Nonsense" in str(outcome.error)
    assert not [one for one in world.requests if one.verb not in ("get", "list", "watch")]
    assert everything(world) == before


async def test_other_kinds_keep_the_version_of_their_template(world: World) -> None:
    """The fields of an older version mean nothing in the one that the server prefers."""
    body = "webhooks: []"
    world.server.intercept = two_versions
    text = put("mesh", "x", kind="Thing", body=body).replace("v1\n", "example.com/v1\n")
    await world.run(options(text.replace("jitter: {config: 1s}", "")))
    [path] = {one.path for one in world.requests if "/things/" in one.path}

    assert path == "/apis/example.com/v1/namespaces/mesh/things/x"


def two_versions(request: Request) -> Response | None:
    """Serve a kind of another group in two versions, the newer one being preferred."""
    if request.path == "/apis/example.com":
        versions = [{"version": "v2"}, {"version": "v1"}]
        return Response(200, json.dumps({"versions": versions}).encode())
    if request.path in ("/apis/example.com/v1", "/apis/example.com/v2"):
        thing = {"name": "things", "kind": "Thing", "namespaced": True}
        return Response(200, json.dumps({"resources": [thing]}).encode())
    return None


async def test_a_rendering_that_fails_is_said_before_anything_is_made(world: World) -> None:
    """A typo in the last template would cost the start of a large mesh."""
    text = put("mesh", "x", body="data: {{ fail `no such luck` }}")
    outcome = await world.run(options(text))

    assert isinstance(outcome.error, TemplateError)
    assert outcome.error.exit_code == 2
    assert "no such luck" in str(outcome.error)
    assert not [one for one in world.requests if one.verb not in ("get", "list", "watch")]


@pytest.mark.parametrize("status", [403, 422, 500])
async def test_a_template_that_is_refused_ends_the_run_and_cleans_up(
    world: World, status: int
) -> None:
    """Half a mesh would stay in the cluster, behind an error."""
    before = everything(world)

    def refuse(request: Request) -> Response | None:
        refused = request.verb == "patch" and "/destinationrules/" in request.path
        return Response(status, b"{}") if refused else None

    world.server.intercept = refuse
    outcome = await world.run(options())

    assert "destinationrules" in str(outcome.error)
    assert outcome.result.objects.left == 0
    assert everything(world) == before


async def test_a_change_that_fails_leaves_the_object_as_it_was(world: World) -> None:
    """One typo in a branch that is rarely taken would end a run of hours."""
    before = everything(world)
    text = put("mesh", "x", body="data: {a: {{ if .Rand }}{{ fail `odd` }}{{ else }}b{{ end }}}")
    outcome = await world.run(options(text))
    churn = outcome.result.churn["configs"]

    assert outcome.error is None
    assert (churn["done"], churn["failed"] > 5) == (0, True)
    assert everything(world) == before


async def test_a_kind_that_only_a_change_yields_is_found(world: World) -> None:
    """The run would know no path for it."""
    kind = "{{ if .Rand }}Secret{{ else }}ConfigMap{{ end }}"
    before = everything(world)
    outcome = await world.run(options(put("mesh", "x", kind=kind, body="data: {}")))
    churn = outcome.result.churn["configs"]

    assert outcome.error is None
    assert (churn["failed"], churn["done"] > 5) == (0, True)
    assert any("/secrets/x" in one.path for one in world.requests)
    assert everything(world) == before


NAMED = (
    "{apiVersion: v1, kind: ConfigMap, metadata: {name: fixed}}\n---\n"
    "{apiVersion: v1, kind: ConfigMap, metadata: {name: n-{{ .RandNumber }}}}"
)


def rendered(world: World) -> TemplateObjects:
    """Prepare to write a template of two objects, one with a name that is drawn."""
    template = Templates({"two": NAMED}).for_app(
        ConfigRef("two"), app="web", namespace="mesh", rng=Random(1)
    )
    writer = Writer(world.client, Metrics())
    return TemplateObjects([template], writer=writer, kinds={}, run_id="run")


def ours(world: World) -> list[str]:
    """Name the ConfigMaps that the templates have made."""
    return sorted(obj["metadata"]["name"] for obj in of_kind(world, "ConfigMap"))


def names_of(entries: tuple[Entry, ...]) -> list[str]:
    """Return the names of objects, the one with a drawn name as `n`."""
    return sorted(entry.name.partition("-")[0] for entry in entries)


async def test_a_stale_object_that_cannot_be_deleted_goes_with_the_next_change(
    world: World,
) -> None:
    """Passing errors would fill a namespace with forgotten objects."""
    await create(world, "mesh")
    one, rng, refuse = rendered(world), Random(3), True

    def failing(request: Request) -> Response | None:
        return Response(503, b"{}") if refuse and request.verb == "delete" else None

    world.server.intercept = failing
    await one.write(0)
    with pytest.raises(PyloadError):
        await one.refresh(0, rng)
    assert names_of(one.entries) == ["fixed", "n", "n"]
    refuse = False
    await one.refresh(0, rng)

    assert names_of(one.entries) == ["fixed", "n"]
    assert ours(world) == sorted(entry.name for entry in one.entries)


async def test_a_change_that_was_half_written_is_kept_track_of(world: World) -> None:
    """The half that was written would stay for ever."""
    await create(world, "mesh")
    one, rng, refuse = rendered(world), Random(3), False

    def failing(request: Request) -> Response | None:
        return Response(409, b"{}") if refuse and "/n-" in request.path else None

    world.server.intercept = failing
    await one.write(0)
    before = one.templates[0]
    refuse = True
    with pytest.raises(Conflict):
        await one.refresh(0, rng)
    assert one.templates[0] is before
    refuse = False
    await one.refresh(0, rng)

    assert names_of(one.entries) == ["fixed", "n"]
    assert ours(world) == sorted(entry.name for entry in one.entries)


async def test_stopping_after_any_request_leaves_nothing(world: World) -> None:
    """Somebody who presses ctrl-C finds out much later what stayed behind."""
    before = everything(world)
    text = MESH + "jitter: {config: 100ms, workloads: 300ms}\n"
    await world.run(options(text, duration=1.0))
    writes = [one for one in world.requests if one.verb in ("create", "patch", "update")]
    for last in range(1, len(writes) + 1, 2):
        shutdown, seen = Shutdown(), 0

        def signal(
            request: Request, shutdown: Shutdown = shutdown, last: int = last
        ) -> Response | None:
            nonlocal seen
            if request.verb in ("create", "patch", "update") and not shutdown.requested.is_set():
                seen += 1
                if seen == last:
                    shutdown.signal()
            return None

        world.server.intercept = signal
        outcome = await world.run(options(text, duration=5.0), shutdown)
        assert outcome.result.objects.left == 0, last
        assert everything(world) == before, last


async def test_a_namespace_that_went_away_is_no_error_at_the_end(world: World) -> None:
    """Cleanup of objects that went with their namespace would be reported as incomplete."""
    await create(world, "prod")
    config = options(put("prod", "ours").replace("jitter: {config: 1s}", ""), duration=None)
    async with running(world, config, 2.0):
        await world.client.delete(NAMESPACES.path(None, "prod"))
        with contextlib.suppress(NotFound):
            await world.client.delete(CONFIG_MAPS.path("prod", "ours"))

    assert "prod" not in json.dumps(sorted(everything(world)))
