"""A captured cluster, and what is made of it in another."""

from __future__ import annotations

import asyncio
import json
import logging
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from pyload.commands.reproduce.command import ReproduceCommand, ReproduceOptions, run_reproduce
from pyload.commands.reproduce.spool import CaptureSpool
from pyload.embedded.apiserver.api import ApiServer
from pyload.embedded.controlplane.controlplane import ControlPlane
from pyload.errors import CleanupIncomplete, Interrupted
from pyload.harness.connection import Connection
from pyload.harness.probe_options import ProbeOptions
from pyload.harness.servers import Servers
from pyload.kube.client import Client
from pyload.tasks import Shutdown, Supervisor
from tests.commands.reproduce.captured import (
    CAPTURE,
    CONFIG,
    ENDPOINTS,
    HTTP,
    NAMESPACE,
    ROUTE,
    RULE,
    SERVICE,
    obj,
)
from tests.kube.peers import answer
from tests.kube.peers import status as a_status
from tests.pods.injected import pod
from tests.proxies.resolvers import resolver_of
from tests.report.schema import problems_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable
    from pathlib import Path

    from pyload.embedded.apiserver.requests import Request
    from pyload.harness.outcome import Outcome
    from pyload.kube.resources import Obj
    from pyload.kube.transport import Response

pytestmark = [pytest.mark.anyio, pytest.mark.virtual]


class World:
    """Servers in memory, and captures for them.

    Attributes:
        server: The API server.
        written: Kind and name of each object that was created, in that order.
    """

    def __init__(self, folder: Path) -> None:
        self.written: list[str] = []
        self.server = ApiServer(observer=self._observe)
        self.plane = ControlPlane(Client(self.server.transport()))
        self._folder = folder

    def capture(self, objects: Iterable[Obj], form: str = "documents") -> str:
        """Write a file of objects."""
        path = self._folder / "capture"
        if form == "documents":
            path.write_text(yaml.safe_dump_all(objects))
        elif form == "yaml list":
            path.write_text(
                yaml.safe_dump({"apiVersion": "v1", "items": [*objects], "kind": "List"})
            )
        else:
            path.write_text(json.dumps({"kind": "List", "items": [*objects]}, indent=1))
        return str(path)

    async def run(self, shutdown: Shutdown | None = None, **rest: Any) -> Outcome:
        """Replay a capture."""
        wanted = ReproduceOptions(connection=Connection(metrics_addr=""), **rest)
        with CaptureSpool() as spool:
            spool.load(wanted.file, config_only=wanted.config_only, stopped=lambda: False)
            spool.drop_doubled_slices()
            resolver = resolver_of(self.plane.transport())
            client = Client(self.server.transport(), rng=Random(1))
            servers = Servers(client, "memory", resolver)
            run = ReproduceCommand(wanted, spool, servers, rng=Random(1))
            return await run.run(shutdown or Shutdown())

    def get(self, kind: str, name: str) -> Obj:
        """Return an object that is there."""
        found = [
            one
            for resource, one in self.server.objects()
            if (resource.kind, one["metadata"]["name"]) == (kind, name)
        ]
        assert len(found) == 1
        return found[0]

    def names(self) -> set[tuple[str, str]]:
        """Return the names of all objects."""
        return {(kind.kind, one["metadata"]["name"]) for kind, one in self.server.objects()}

    def _observe(self, request: Request, code: int) -> None:
        # What controllers write does not come as a request.
        if request.verb == "create" and code == 201 and "token" not in request.path:
            self.written.append(request.body.get("kind", ""))


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """Servers in memory."""
    world = World(tmp_path)
    async with Supervisor() as background:
        background.spawn(world.plane.run(), name="control-plane")
        yield world


async def during(world: World, look: Callable[[], None], **rest: Any) -> Outcome:
    """Replay a capture, and look at the servers once it is there."""
    shutdown = Shutdown()
    run = asyncio.create_task(world.run(shutdown, **rest), name="run")
    await asyncio.sleep(5)
    look()
    shutdown.signal()
    return await run


@pytest.mark.parametrize("form", ["documents", "yaml list", "json list"])
async def test_a_cluster_comes_and_goes(
    world: World, form: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The objects, one proxy for each mesh pod that runs, and no trace of them afterwards."""
    caplog.set_level(logging.INFO, "pyload")
    before = world.names()
    found: dict[str, Obj] = {}

    def look() -> None:
        for kind, name in (("Service", "web"), ("Endpoints", "web"), ("DestinationRule", "d")):
            found[kind] = world.get(kind, name)

    outcome = await during(world, look, file=world.capture(CAPTURE, form))

    assert outcome.error is None
    assert world.written == [
        *("Namespace", "VirtualService", "DestinationRule", "HTTPRoute", "ConfigMap"),
        *("Service", "Endpoints", "ServiceAccount"),
    ]
    assert (outcome.result.proxies.wanted, outcome.result.proxies.configured) == (2, 2)
    assert (outcome.result.objects.created, outcome.result.objects.left) == (8, 0)
    assert problems_of(outcome.result) == []
    assert world.names() == before
    assert found["Service"]["spec"]["type"] == "NodePort"
    assert not {"selector", "loadBalancerIP"} & found["Service"]["spec"].keys()
    assert found["DestinationRule"]["metadata"]["uid"] != "uid-d"
    assert found["Endpoints"]["subsets"][0]["notReadyAddresses"] == [{"ip": "10.9.0.2"}]
    messages = caplog.messages
    assert messages.count("All configs create (8 total)") == 1
    created = [text for text in messages if text.startswith("created: ")]
    assert created[0] == "created: Namespace/mesh."
    assert "created: VirtualService/r.mesh" in created
    removed = [text for text in messages if text.startswith("cleaning up ")]
    assert [text.replace("created: ", "cleaning up ") for text in created] == removed[::-1]
    assert outcome.result.exit_reason == "stopped by a signal"


async def test_probes_reach_the_proxies_of_a_capture(world: World) -> None:
    """The convergence of a cluster that was captured can be measured without it."""
    before = world.names()
    probe = ProbeOptions(interval=5.0)
    outcome = await world.run(file=world.capture(CAPTURE), duration=12.0, probe=probe)
    found = outcome.result.convergence
    assert outcome.error is None
    assert found is not None
    assert (found.probes, found.count, found.never) == (2, 4, 0)
    assert world.names() == before


async def test_what_was_there_before_is_left_alone(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """Somebody else's service account of the same name must survive the replay."""
    caplog.set_level(logging.INFO, "pyload")
    client = Client(world.server.transport())
    await client.create("/api/v1/namespaces", {"metadata": {"name": "mesh"}})
    await client.create(
        "/api/v1/namespaces/mesh/configmaps", {"metadata": {"name": "c"}, "data": {"a": "b"}}
    )
    outcome = await world.run(file=world.capture((NAMESPACE, CONFIG, SERVICE)), duration=1.0)

    assert "already exists: Namespace/mesh." in caplog.messages
    assert "already exists: ConfigMap/c.mesh" in caplog.messages
    assert "All configs create (1 total)" in caplog.messages
    assert world.get("ConfigMap", "c")["data"] == {"a": "b"}
    assert (outcome.error, outcome.result.objects.created) == (None, 1)
    assert ("Service", "web") not in world.names()


async def test_with_config_only_pods_are_objects(world: World) -> None:
    """`-n` loads the API server and istiod, but opens no stream."""
    look: list[Obj] = []
    outcome = await during(
        world,
        lambda: look.append(world.get("Pod", "a")),
        file=world.capture(CAPTURE),
        config_only=True,
    )

    assert world.written[-5:] == ["Pod"] * 5
    assert outcome.result.proxies.wanted == 0
    assert "ownerReferences" not in look[0]["metadata"]
    assert ("Pod", "a") not in world.names()


async def test_proxies_start_one_after_another(world: World) -> None:
    """`--delay` keeps istiod's limit on new streams from being hit."""
    pods = [pod(f"p{number}", ip=f"10.9.1.{number}") for number in range(10)]
    outcome = await world.run(file=world.capture([*pods, *pods]), delay=0.5, duration=1.0)

    assert outcome.result.proxies.configured == 10
    assert outcome.error is None


async def test_a_failed_creation_is_logged_and_not_counted(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """pilot-load counts it as created."""
    caplog.set_level(logging.INFO, "pyload")

    def refuse(request: Request) -> Response | None:
        if request.method == "POST" and request.path.endswith("virtualservices"):
            return answer(400, a_status(400, "BadRequest", "webhook says no"))
        if request.path == "/apis/gateway.networking.k8s.io":
            return answer(404, a_status(404, "NotFound"))
        return None

    world.server.intercept = refuse
    outcome = await world.run(file=world.capture((NAMESPACE, ROUTE, RULE, HTTP)), duration=1.0)

    assert str(outcome.error).startswith("threshold failed: objects.failed == 0 (it is 2)")
    failures = [text for text in caplog.messages if text.startswith("failed to create resource: ")]
    assert len(failures) == 2
    assert "webhook says no" in failures[0]
    assert "serves no HTTPRoute.gateway.networking.k8s.io (1 objects)" in failures[1]
    assert "All configs create (2 total)" in caplog.messages
    assert (outcome.result.objects.created, outcome.result.objects.failed) == (2, 2)


async def test_a_lost_answer_is_not_a_lost_object(world: World) -> None:
    """What was created although the answer said otherwise must go in the end, too."""
    before = world.names()

    def lose(request: Request) -> Response | None:
        if request.method != "POST" or not request.path.endswith("services"):
            return None
        world.server.intercept = None
        world.server._handler.handle(request, request.target)
        return answer(500, a_status(500, "InternalError", "timeout"))

    world.server.intercept = lose
    outcome = await world.run(file=world.capture((NAMESPACE, SERVICE)), duration=1.0)

    assert (outcome.result.objects.created, outcome.result.objects.failed) == (2, 0)
    assert outcome.result.objects.left == 0
    assert world.names() == before


async def test_a_signal_during_the_start_cleans_up(world: World) -> None:
    """Exit code 130, and no half a cluster."""
    shutdown = Shutdown()
    before = world.names()
    pods = [pod(f"p{number}", ip=f"10.9.1.{number}") for number in range(10)]
    run = asyncio.create_task(
        world.run(shutdown, file=world.capture((*pods, NAMESPACE, CONFIG)), delay=10.0), name="run"
    )
    await asyncio.sleep(15.0)
    shutdown.signal()
    outcome = await run

    assert isinstance(outcome.error, Interrupted)
    assert outcome.result.proxies.configured == 2
    assert world.names() == before


async def test_a_bug_leaves_no_object_behind_and_loses_no_figures(
    world: World, tmp_path: Path
) -> None:
    """Half of a captured cluster among the user's own objects is hard to tell from them."""
    out, before = tmp_path / "r.json", world.names()

    def crash(request: Request) -> None:
        if request.method == "POST" and request.path.endswith("/services"):
            raise ZeroDivisionError("a bug")

    world.server.intercept = crash
    outcome = await world.run(file=world.capture((NAMESPACE, CONFIG, SERVICE)), out=out)

    assert str(outcome.error).startswith("internal error: ZeroDivisionError('a bug')")
    assert json.loads(out.read_text())["objects"]["created"] == 2
    assert world.names() == before


async def test_what_cannot_be_removed_is_named(world: World) -> None:
    """Exit code 6, with the command that removes it when that is allowed."""

    def refuse(request: Request) -> Response | None:
        if request.method == "DELETE" and "configmaps" in request.path:
            return answer(403, a_status(403, "Forbidden", "no"))
        return None

    world.server.intercept = refuse
    outcome = await world.run(
        file=world.capture((CONFIG | {"metadata": {"name": "c", "namespace": "default"}},)),
        duration=1.0,
    )

    assert isinstance(outcome.error, CleanupIncomplete)
    assert outcome.error.left == ("ConfigMap default/c",)
    assert f"pyload cleanup --run-id {outcome.result.run_id}`" in outcome.error.fix


async def test_a_result_that_cannot_be_written_keeps_nothing_from_its_cleanup(
    world: World, tmp_path: Path
) -> None:
    """A full disk at the end of a run left all objects behind."""
    out = tmp_path / "folder" / "r.json"
    out.parent.mkdir()
    before = world.names()
    outcome = await during(
        world, out.parent.rmdir, file=world.capture((NAMESPACE, CONFIG)), out=out
    )

    assert outcome.error is not None
    assert outcome.error.what.startswith(f"cannot write {out}")
    assert world.names() == before


async def test_an_object_without_a_namespace_is_in_the_default_one(world: World) -> None:
    """As for kubectl, whose output some tools strip."""
    one = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}}
    account = pod("p", namespace="", ip="10.9.0.1")
    found: list[Obj] = []
    outcome = await during(
        world, lambda: found.append(world.get("ConfigMap", "c")), file=world.capture((one, account))
    )

    assert found[0]["metadata"]["namespace"] == "default"
    assert (outcome.error, outcome.result.proxies.configured) == (None, 1)


async def test_slices_are_replayed_where_there_are_no_endpoints(world: World) -> None:
    """Newer clusters may have no Endpoints at all; both together would be every address twice."""
    label = "kubernetes.io/service-name"

    def piece(service: str) -> Obj:
        one = obj("discovery.k8s.io/v1", "EndpointSlice", f"{service}-x", addressType="IPv4")
        one["metadata"]["labels"][label] = service
        one["endpoints"] = [{"addresses": ["10.9.0.1"], "targetRef": {"kind": "Pod", "name": "a"}}]
        return one

    found: list[Obj] = []
    await during(
        world,
        lambda: found.append(world.get("EndpointSlice", "api-x")),
        file=world.capture((piece("web"), NAMESPACE, ENDPOINTS, piece("api"))),
    )

    assert world.written.count("EndpointSlice") == 1
    assert found[0]["endpoints"] == [{"addresses": ["10.9.0.1"]}]
    managed = found[0]["metadata"]["labels"]["endpointslice.kubernetes.io/managed-by"]
    assert managed == "pyload.dev"


async def test_a_dry_run_says_what_would_happen(world: World, tmp_path: Path) -> None:
    """And needs no cluster; a script reads it from the file of `--out` (B6)."""
    out = tmp_path / "plan.json"
    options = ReproduceOptions(file=world.capture(CAPTURE), dry_run=True, out=out)
    outcome = await run_reproduce(options)

    assert outcome.listing.splitlines() == [
        "create       1 Namespace",
        "create       1 VirtualService.networking.istio.io",
        "create       1 DestinationRule.networking.istio.io",
        "create       1 HTTPRoute.gateway.networking.k8s.io",
        "create       1 ConfigMap",
        "create       1 Service",
        "create       1 Endpoints",
        "create       1 ServiceAccount",
        "run          2 proxies",
        "skip         1 Pod: no pod IP",
        "skip         1 Pod: not a mesh proxy",
        "skip         1 Pod: terminal phase",
        "ignore       1 Secret: this kind is not replayed",
    ]
    assert world.written == []
    plan = json.loads(out.read_text())
    assert (plan["schema"], plan["command"]) == ("pyload.dev/plan/v1", "reproduce")
    assert plan["objects"]["total"] == sum(plan["objects"]["kinds"].values()) == 8
    assert plan["proxies"] == {"total": 2}
    assert plan["skipped"][0] == {"kind": "Pod", "reason": "no pod IP", "count": 1}
    assert plan["ignored"] == {"Secret": 1}
