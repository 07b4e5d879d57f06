"""Routes that are added to a gateway, and when it serves them."""

from __future__ import annotations

import asyncio
import contextlib
import json
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from pyload.commands.prober.command import ProberCommand, ProberOptions, run_prober
from pyload.embedded.apiserver.api import ApiServer
from pyload.errors import (
    Interrupted,
    PyloadError,
    ThresholdFailed,
    UnreachableError,
    UsageError,
    WaitTimeout,
)
from pyload.harness.connection import Connection
from pyload.kube.client import Client
from pyload.tasks import Shutdown
from tests.commands.kubeconfigs import kubeconfig
from tests.kube.peers import answer
from tests.kube.peers import status as a_status
from tests.report.schema import problems_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from pyload.embedded.apiserver.requests import Request
    from pyload.harness.outcome import Outcome
    from pyload.kube.transport import Response

pytestmark = [pytest.mark.anyio, pytest.mark.virtual]

REAL_TIME = pytest.mark.parametrize("anyio_backend", [("asyncio", {"use_uvloop": True})])


class Gateway:
    """A gateway that serves the routes in an API server, each some time after its creation.

    Args:
        server: The API server.
        delay: Seconds.
        missing: Hosts that it never serves.
    """

    def __init__(
        self, server: ApiServer, *, delay: float = 0.25, missing: tuple[str, ...] = ()
    ) -> None:
        self._server = server
        self._delay = delay
        self._missing = missing
        self._since: dict[str, float] = {}

    def answer(self, host: str) -> int:
        """Return the status of the answer to a request."""
        listeners, routes = set(), {}
        for kind, obj in self._server.objects():
            if kind.kind == "Gateway" and obj["spec"]["selector"] == {"istio": "ingressgateway"}:
                listeners.add(obj["metadata"]["name"])
            elif kind.kind == "VirtualService":
                for each in obj["spec"]["hosts"]:
                    routes[each] = obj["spec"]
        route = routes.get(host)
        if route is None or not listeners & set(route["gateways"]) or host in self._missing:
            return 404
        now = asyncio.get_running_loop().time()
        if now - self._since.setdefault(host, now) < self._delay:
            return 404
        return int(route["http"][0]["fault"]["abort"]["httpStatus"])

    async def ask(self, host: str) -> int | None:
        """Answer a request."""
        await asyncio.sleep(0.001)
        return self.answer(host)


class Probing:
    """One run against an API server and a gateway in memory."""

    def __init__(self, **gateway: Any) -> None:
        self.server = ApiServer()
        self.gateway = Gateway(self.server, **gateway)
        self.lines: list[str] = []
        self.readable = 1 << 20
        """Lines after which nobody reads any more."""

    def write(self, line: str) -> None:
        """Record a line."""
        if len(self.lines) == self.readable:
            raise BrokenPipeError(32, "Broken pipe")
        self.lines.append(line)

    async def ask(self, host: str) -> int | None:
        """Ask the gateway for a host."""
        return await self.gateway.ask(host)

    async def run(self, shutdown: Shutdown | None = None, **rest: Any) -> Outcome:
        """Run the command."""
        options = ProberOptions(connection=Connection(metrics_addr=""), **rest)
        run = ProberCommand(
            options,
            Client(self.server.transport()),
            self.ask,
            self.write,
            address="gw:80",
            rng=Random(1),
        )
        return await run.run(shutdown or Shutdown())

    def left(self) -> list[str]:
        """Return the names of the objects that the run has left behind."""
        return [
            f"{kind.kind}/{obj['metadata']['name']}"
            for kind, obj in self.server.objects()
            if "gateway-test" in (obj["metadata"]["name"], obj["metadata"].get("namespace"))
        ]


async def test_one_line_per_route_and_nothing_left() -> None:
    """The figures of routes 1 to N show how a gateway slows down as they become many."""
    probing = Probing()
    outcome = await probing.run(replicas=3, delay=1.0)

    header, *lines = probing.lines
    assert header == "replica,written_ms,ready_ms,attempts"
    # 1 ms per request and 5 ms between two: the first at or after 250 ms is the 43rd.
    assert lines == [f"{index},0.000,253.000,43" for index in range(3)]
    assert outcome.error is None
    assert outcome.result.exit_reason == "all routes were measured"
    assert outcome.result.times["ready"].count == 3
    assert (outcome.result.objects.created, outcome.result.objects.left) == (10, 0)
    assert problems_of(outcome.result) == []
    assert probing.left() == []


async def test_a_route_that_takes_too_long_fails_the_run_after_the_others() -> None:
    """A pipeline stops on exit code 4, and the file still has all figures."""
    probing = Probing(missing=("probe-1.gateway-test.example.com",))
    outcome = await probing.run(replicas=3, delay=0.0, threshold=2.0)

    assert [line.split(",")[2] for line in probing.lines[1:]] == ["253.000", "", "253.000"]
    assert isinstance(outcome.error, ThresholdFailed)
    assert str(outcome.error).startswith("1 of 3 routes were not ready in 2 s")
    assert outcome.error.exit_code == 4
    assert probing.left() == []


async def test_a_gateway_that_never_takes_a_route_is_not_measured() -> None:
    """The wrong gateway answers 404 for ever; that says nothing about istiod."""
    probing = Probing(delay=1e9)
    outcome = await probing.run(replicas=3, threshold=2.0)

    assert isinstance(outcome.error, WaitTimeout)
    assert "answers 404" in str(outcome.error)
    assert probing.lines == ["replica,written_ms,ready_ms,attempts"]
    assert probing.left() == []


async def test_a_gateway_that_does_not_answer_is_an_error() -> None:
    """Exit code 3, as for every other server that cannot be reached."""
    probing = Probing()

    async def silence(host: str) -> int | None:
        return None

    probing.gateway.ask = silence  # type: ignore[method-assign]
    outcome = await probing.run(threshold=2.0)

    assert isinstance(outcome.error, UnreachableError)
    assert "gw:80" in str(outcome.error)
    assert probing.left() == []


async def test_stopping_removes_what_is_there() -> None:
    """A thousand routes left behind would slow down the next run."""
    probing, shutdown = Probing(), Shutdown()
    asyncio.get_running_loop().call_later(5.0, shutdown.signal)
    outcome = await probing.run(shutdown, replicas=1000, delay=1.0)

    assert outcome.error is None
    assert outcome.result.exit_reason == "stopped by a signal"
    assert len(probing.lines) == 1 + 4
    assert probing.left() == []


async def test_a_pipe_that_nobody_reads_leaves_nothing_behind() -> None:
    """`pyload prober | head -3` is a natural thing to type; its routes stayed in the cluster."""
    probing = Probing()
    probing.readable = 3
    outcome = await probing.run(replicas=10)

    assert outcome.error is not None
    assert str(outcome.error) == "cannot write the lines: Broken pipe"
    assert len(probing.lines) == 3
    assert probing.left() == []


async def test_a_bug_leaves_no_route_behind_and_loses_no_figures(tmp_path: Path) -> None:
    """Routes of a run that ended in a traceback slow the gateway down until somebody finds them."""
    out = tmp_path / "r.json"

    class Broken(Probing):
        """A run whose look at the gateway has a bug."""

        async def ask(self, host: str) -> int | None:
            if host.startswith("probe-3"):
                raise ZeroDivisionError("a bug")
            return await self.gateway.ask(host)

    probing = Broken()
    outcome = await probing.run(replicas=10, out=out)

    assert str(outcome.error).startswith("internal error: ZeroDivisionError('a bug')")
    assert json.loads(out.read_text())["times"]["ready"]["count"] == 3
    assert probing.left() == []


async def test_stopping_during_the_warm_up_is_exit_code_130() -> None:
    """No route was measured; a script must see that."""
    probing, shutdown = Probing(), Shutdown()
    shutdown.signal()
    outcome = await probing.run(shutdown)

    assert isinstance(outcome.error, Interrupted)
    assert probing.left() == []


async def test_what_was_there_before_stays() -> None:
    """A namespace of that name may hold somebody's work."""
    probing = Probing()
    client = Client(probing.server.transport())
    await client.create("/api/v1/namespaces", {"metadata": {"name": "gateway-test"}})
    path = "/apis/networking.istio.io/v1/namespaces/gateway-test/virtualservices"
    await client.create(path, {"metadata": {"name": "probe-0"}, "spec": {"hosts": ["x"]}})
    before = probing.left()
    outcome = await probing.run()

    assert "VirtualService gateway-test/probe-0 is there already" in str(outcome.error)
    assert probing.left() == before


async def test_the_routes_of_two_runs_can_be_in_namespaces_of_their_own() -> None:
    """Two people could not measure two gateways of one cluster at the same time."""
    probing = Probing()
    client = Client(probing.server.transport())
    await client.create("/api/v1/namespaces", {"metadata": {"name": "mine"}})
    outcome = await probing.run(replicas=2, namespace="mine")
    names = [obj["metadata"]["name"] for _, obj in probing.server.objects()]

    assert outcome.error is None
    # The namespace was there before, so only what is in it has gone.
    assert outcome.result.objects.created == outcome.result.objects.deleted == 7
    assert "mine" in names
    assert not {"gateway-test", "probe-0", "probe-1"} & set(names)


async def test_a_cluster_without_istio_is_an_error() -> None:
    """One sentence, before anything is created."""
    probing = Probing()

    def without(request: Request) -> Response | None:
        if request.path.startswith("/apis/networking.istio.io"):
            return answer(404, a_status(404, "NotFound"))
        return None

    probing.server.intercept = without
    outcome = await probing.run()

    assert "does not serve Gateway of networking.istio.io" in str(outcome.error)
    assert outcome.result.objects.created == 0


@contextlib.asynccontextmanager
async def served(gateway: Gateway) -> AsyncIterator[str]:
    """Serve a gateway over HTTP."""

    async def handle(request: web.BaseRequest) -> web.Response:
        return web.Response(status=gateway.answer(request.host))

    runner = web.ServerRunner(web.Server(handle), shutdown_timeout=1.0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@pytest.mark.socket
@REAL_TIME
async def test_over_http(tmp_path: Path, anyio_backend: object) -> None:
    """What a user runs: a kubeconfig, a gateway's address, lines on standard output."""
    server = ApiServer()
    lines: list[str] = []
    async with server.serve() as url, served(Gateway(server, delay=0.02)) as address:
        options = ProberOptions(
            replicas=2,
            delay=0.0,
            gateway=address,
            out=tmp_path / "r.json",
            connection=Connection(kubeconfig=kubeconfig(tmp_path, url)),
        )
        outcome = await run_prober(options, write=lines.append)

    assert outcome.error is None
    assert [line.split(",")[0] for line in lines] == ["replica", "0", "1"]
    assert all(float(line.split(",")[2]) >= 20 for line in lines[1:])
    assert (tmp_path / "r.json").exists()


@pytest.mark.socket
@REAL_TIME
async def test_the_address_of_the_ingress_gateway(tmp_path: Path, anyio_backend: object) -> None:
    """Without a flag the cluster is asked; a cluster without a load balancer is an error."""
    server = ApiServer()
    client = Client(server.transport())
    async with server.serve() as url:
        connection = Connection(kubeconfig=kubeconfig(tmp_path, url))
        options = ProberOptions(connection=connection, threshold=0.05)
        with pytest.raises(UsageError, match="--gateway-address"):
            await run_prober(options, write=lambda _: None)
        services = "/api/v1/namespaces/istio-system/services"
        name = "istio-ingressgateway"
        await client.create(
            services, {"metadata": {"name": name}, "spec": {"ports": [{"port": 80}]}}
        )
        ingress = {"loadBalancer": {"ingress": [{"ip": "127.0.0.1"}]}}
        patch = {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": name},
            "status": ingress,
        }
        await client.apply(f"{services}/{name}/status", patch)
        outcome = await run_prober(options, write=lambda _: None)

    assert isinstance(outcome.error, PyloadError)
    assert "127.0.0.1:80" in str(outcome.error)


@pytest.mark.grpc
@pytest.mark.parametrize("delta", [True, False])
async def test_embedded_servers_have_a_gateway(delta: bool) -> None:  # noqa: FBT001
    """A newcomer without a cluster could not see what the command prints (B12)."""
    lines: list[str] = []
    connection = Connection(metrics_addr="", delta=delta)
    options = ProberOptions(replicas=2, delay=0.0, embedded=True, connection=connection)
    outcome = await run_prober(options, write=lines.append)

    assert outcome.error is None
    assert [line.partition(",")[0] for line in lines] == ["replica", "0", "1"]
    assert outcome.result.times["ready"].count == 2


async def test_embedded_servers_have_no_other_gateway() -> None:
    """The address would be ignored."""
    options = ProberOptions(embedded=True, gateway="localhost:80")
    with pytest.raises(UsageError, match="contradict each other"):
        await run_prober(options, write=lambda _: None)
