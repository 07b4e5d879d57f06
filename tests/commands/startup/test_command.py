"""Pods that are started one after another, and what is measured of them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import re
from datetime import datetime, timedelta
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from pyload.commands.startup.command import StartupCommand, StartupOptions
from pyload.embedded.apiserver.api import ApiServer
from pyload.errors import ApiError, Interrupted, ThresholdFailed
from pyload.harness.connection import Connection
from pyload.kube.client import Client
from pyload.kube.resources import PODS
from pyload.report.thresholds import parse_thresholds
from pyload.tasks import Shutdown, cancel
from tests.commands.startup.test_pod_times import SPEC, START
from tests.kube.peers import answer
from tests.kube.peers import status as a_status
from tests.report.schema import problems_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from pyload.embedded.apiserver.requests import Request
    from pyload.harness.outcome import Outcome
    from pyload.kube.resources import Obj
    from pyload.kube.transport import Response

pytestmark = [pytest.mark.anyio, pytest.mark.virtual]


def now() -> datetime:
    """Return the virtual time."""
    return START + timedelta(seconds=asyncio.get_running_loop().time())


def written(moment: datetime) -> str:
    """Write a time as a server does, which drops the fraction."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


class Kubelet:
    """Starts every pod in the same steps: 0.4 s init, 1.3 s application, 2.5 s ready."""

    def __init__(self, server: ApiServer, *, ends: str = "ready") -> None:
        self._client = Client(server.transport(), rng=Random(1))
        self._ends = ends
        self._known: set[str] = set()

    async def run(self) -> None:
        """Look for new pods now and then."""
        async with asyncio.TaskGroup() as group:
            while True:
                pods, _ = await self._client.list(PODS.path("mesh"))
                for pod in pods:
                    name = pod["metadata"]["name"]
                    if name not in self._known:
                        self._known.add(name)
                        group.create_task(self._start(name), name=name)
                await asyncio.sleep(0.001)

    async def _start(self, name: str) -> None:
        status: Obj = {"phase": "Pending"}
        await asyncio.sleep(0.4)
        began = written(now())
        await asyncio.sleep(0.9)
        ended = {"startedAt": began, "finishedAt": written(now()), "exitCode": 0}
        init = {"name": "istio-init", "state": {"terminated": ended}, "image": "i", "ready": True}
        status["initContainerStatuses"] = [init]
        running = {"startedAt": written(now())}
        status["containerStatuses"] = [
            {"name": "x", "state": {"running": {"startedAt": "2026-01-01T09:00:00Z"}}},
            {"name": "app", "state": {"running": running}},
        ]
        await self._write(name, status)
        await asyncio.sleep(1.2)
        if self._ends == "ready":
            ready = {"type": "Ready", "status": "True", "lastTransitionTime": written(now())}
            status |= {"phase": "Running", "conditions": [ready]}
        elif self._ends == "failed":
            status |= {"phase": "Failed", "message": "out of memory"}
        else:
            await self._client.delete(PODS.path("mesh", name))
            return
        await self._write(name, status)

    async def _write(self, name: str, status: Obj) -> None:
        pod = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "namespace": "mesh"},
            "status": status,
        }
        with contextlib.suppress(ApiError):
            await self._client.apply(PODS.path("mesh", name, "status"), pod)


@contextlib.asynccontextmanager
async def cluster(*, ends: str = "ready") -> AsyncIterator[ApiServer]:
    """Run an API server with a namespace and a kubelet."""
    server = ApiServer(now=now)
    client = Client(server.transport())
    await client.create("/api/v1/namespaces", {"metadata": {"name": "mesh"}})
    kubelet = asyncio.create_task(Kubelet(server, ends=ends).run(), name="kubelet")
    try:
        yield server
    finally:
        await cancel([kubelet])


def options(**rest: Any) -> StartupOptions:
    """Start pods in `mesh`."""
    connection = Connection(metrics_addr="")
    return StartupOptions(pod=SPEC, namespace="mesh", connection=connection, **rest)


async def start(
    server: ApiServer, wanted: StartupOptions, shutdown: Shutdown | None = None
) -> Outcome:
    """Run the command on a server."""
    run = StartupCommand(wanted, Client(server.transport()), now=now, rng=Random(1))
    return await run.run(shutdown or Shutdown())


def pods(server: ApiServer) -> list[str]:
    """Return the names of the pods."""
    return [obj["metadata"]["name"] for kind, obj in server.objects() if kind.kind == "Pod"]


async def test_each_pod_is_reported_as_pilot_load_does(
    caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    """Scripts grep these lines; whole seconds of the server must not make them negative."""
    caplog.set_level(logging.INFO, "pyload")
    out = tmp_path / "r.json"
    async with cluster() as server:
        outcome = await start(server, options(duration=6.0, cooldown=0.1, out=out))
        left = pods(server)

    reports = [text for text in caplog.messages if text.startswith("Report:")]
    assert len(reports) == 2
    columns = re.fullmatch(
        r"Report:\tscheduled:(\S+) *\tinit:(\S+) *\tready:(\S+) *\tfull ready:(\S+) *"
        r"\tcomplete:(\S+) *\tname:startup-[a-z]{8}",
        reports[0],
    )
    assert columns is not None
    # The init container began within the server's second 0, and its end at 1.3 s is what was
    # seen first of it: so it began by 1 s.
    assert columns[1] == "1s"
    assert columns[2].startswith("30")
    assert columns[5].startswith("2.50")
    lines = outcome.listing.splitlines()
    assert lines[0] == ""
    assert [text.split("\t")[0] for text in lines[1:3]] == ["Avg:", "Max:"]
    assert lines[3] == ""
    names = [text.partition(":")[0] for text in lines[4:9]]
    assert names == ["scheduled", "init", "ready", "full ready", "complete"]
    assert left == []
    times = json.loads(out.read_text())["times"]
    assert (times["complete"]["count"], round(times["complete"]["p99"], 1)) == (2, 2.5)
    assert outcome.result.objects.left == 0
    assert problems_of(outcome.result) == []


async def test_pods_that_were_not_ready_are_named_and_no_average_is_made_of_nothing() -> None:
    """A cluster in which no pod gets ready had an average of 0 s (A6)."""
    async with cluster() as server:
        outcome = await start(server, options(duration=2.0, concurrency=2))

    first, second = re.findall(r"startup-[a-z]{8}", outcome.listing)
    assert outcome.listing.startswith(
        "\nAvg:\tnot measured, as no pod became ready\n\n"
        f"Not ready at the end:\t{first} (Pending), {second} (Pending)\n\n"
    )
    assert "0s" not in outcome.listing.partition("startup, run")[0]


async def test_a_run_in_which_no_pod_became_ready_has_failed() -> None:
    """A cluster that starts no pod at all passed the test of how fast it starts them (A6)."""
    async with cluster() as server:
        outcome = await start(server, options(duration=2.0, concurrency=2))

    assert isinstance(outcome.error, ThresholdFailed)
    assert outcome.error.exit_code == 4
    # The pods that are still young have not failed; but none of all pods became ready.
    failed = [one.expr for one in outcome.result.thresholds if not one.passed]
    assert failed == ["pods.ready >= 1"]


async def test_workers_start_pods_side_by_side() -> None:
    """`--concurrency` is how a scheduler is loaded."""
    async with cluster() as server:
        outcome = await start(server, options(duration=2.6, concurrency=5))

    assert outcome.result.times["complete"].count == 5


async def test_an_api_server_that_lists_no_pods_does_not_hold_the_user() -> None:
    """ctrl-C while the watch cannot begin; it is tried for ever."""
    shutdown = Shutdown()
    async with cluster() as server:
        server.intercept = lambda request: (
            answer(503, a_status(503, "ServiceUnavailable", "no"))
            if "pods" in request.path
            else None
        )
        asyncio.get_running_loop().call_later(3.0, shutdown.signal)
        async with asyncio.timeout(5):
            outcome = await start(server, options(), shutdown)

    assert isinstance(outcome.error, Interrupted)
    assert outcome.result.objects.created == 0


async def test_a_bug_leaves_no_pod_behind_and_loses_no_figures(tmp_path: Path) -> None:
    """Pods of a run that ended in a traceback hold a node's memory until somebody finds them."""
    out, created = tmp_path / "r.json", 0

    def crash(request: Request) -> None:
        nonlocal created
        created += request.verb == "create"
        if request.verb == "create" and created == 4:
            raise ZeroDivisionError("a bug")

    async with cluster() as server:
        server.intercept = crash
        outcome = await start(server, options(concurrency=3, out=out))
        left = pods(server)

    assert str(outcome.error).startswith("internal error: ZeroDivisionError('a bug')")
    assert outcome.result.exit_reason == "failed"
    assert json.loads(out.read_text())["objects"]["created"] == 3
    assert left == []


async def test_pods_in_flight_are_removed_when_the_user_stops() -> None:
    """A load test must not leave pods behind."""
    shutdown = Shutdown()
    async with cluster() as server:
        asyncio.get_running_loop().call_later(1.0, shutdown.signal)
        outcome = await start(
            server, options(concurrency=3, thresholds=parse_thresholds(["none"])), shutdown
        )
        left = pods(server)

    assert (outcome.error, left) == (None, [])
    assert (outcome.result.objects.created, outcome.result.objects.deleted) == (3, 3)
    assert outcome.result.exit_reason == "stopped by a signal"


@pytest.mark.parametrize(
    ("ends", "why"), [("failed", "it is Failed: out of memory"), ("gone", "somebody else deleted")]
)
async def test_a_pod_that_will_never_be_ready_is_no_measurement(
    ends: str, why: str, caplog: pytest.LogCaptureFixture
) -> None:
    """pilot-load waits for it for ever, and counts zeros for one that it could not create."""
    async with cluster(ends=ends) as server:
        outcome = await start(server, options(duration=3.0))
        left = pods(server)

    assert any(why in text for text in caplog.messages)
    assert outcome.result.times["complete"].count == 0
    assert outcome.error is not None
    assert "none of 1 pods became ready" in str(outcome.error)
    assert left == []


async def test_a_pod_that_the_server_refuses_ends_the_run_before_any_other() -> None:
    """A bad spec fails once, not a hundred times a second."""
    async with cluster() as server:

        def refuse(request: Request) -> Response | None:
            if request.method != "POST":
                return None
            return answer(422, a_status(422, "Invalid", "spec.containers[0].image is wrong"))

        server.intercept = refuse
        outcome = await start(server, options(concurrency=4))

    assert isinstance(outcome.error, ApiError)
    assert "pod creation failed" in str(outcome.error)
    assert outcome.result.objects.failed == 1


async def test_a_refusal_later_on_is_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    """A quota that is used up for a moment must not end a long run."""
    async with cluster() as server:
        posts: list[str] = []

        def refuse(request: Request) -> Response | None:
            if request.method != "POST":
                return None
            posts.append(request.path)
            if len(posts) != 2:
                return None
            return answer(403, a_status(403, "Forbidden", "exceeded quota"))

        server.intercept = refuse
        outcome = await start(server, options(duration=6.0, thresholds=parse_thresholds(["none"])))

    assert any(text.startswith("pod creation failed: ") for text in caplog.messages)
    assert outcome.error is None
    assert outcome.result.times["complete"].count == 2
