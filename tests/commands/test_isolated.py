"""A mesh served from the test's own process."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import pstats
import re
import tracemalloc
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from pyload.commands.adsc import AdscOptions, run_adsc
from pyload.commands.isolated import IsolatedOptions, listening, run_isolated
from pyload.errors import (
    ClusterUnreachable,
    ControlPlaneUnreachable,
    StartTimeout,
    ThresholdFailed,
    UsageError,
)
from pyload.harness.connection import Connection
from pyload.harness.profiles import profiled
from pyload.harness.start_options import StartOptions
from pyload.kube.client import Client
from pyload.kube.credentials import connect
from pyload.report.thresholds import parse_thresholds
from pyload.tasks import Shutdown
from tests.pods.injected import pod
from tests.report.schema import problems_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

grpc = pytest.mark.grpc
NEAR = "127.0.0.1:0"
ADDRESSES = re.compile(r"embedded API server at (\S+), embedded control plane at (\S+)$")


@pytest.fixture(autouse=True)
def _propagating(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the log lines reach pytest, whatever a test of the command line has set up before."""
    monkeypatch.setattr(logging.getLogger("pyload"), "propagate", True)
    caplog.set_level(logging.INFO, logger="pyload")


def messages(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return the messages that have been logged."""
    return [record.getMessage() for record in caplog.records]


@contextlib.asynccontextmanager
async def running(options: IsolatedOptions) -> AsyncIterator[asyncio.Task[Any]]:
    """Run the command until the context is left."""
    shutdown = Shutdown()
    async with asyncio.timeout(15), asyncio.TaskGroup() as group:
        task = group.create_task(run_isolated(options, shutdown=shutdown), name="isolated")
        try:
            yield task
        finally:
            shutdown.signal()


async def logged(caplog: pytest.LogCaptureFixture, start: str) -> str:
    """Wait for a message."""
    while True:
        for message in messages(caplog):
            if message.startswith(start):
                return message
        await asyncio.sleep(0.005)


@grpc
async def test_it_ends_once_synced(caplog: pytest.LogCaptureFixture) -> None:
    """`--shortCircuit` measures how long a config takes; scripts grep for these lines, in order."""
    outcome = await run_isolated(IsolatedOptions(short_circuit=True, listen=NEAR))
    found = messages(caplog)
    lines = [
        "fake configuration setup, launching Istiod",
        "the embedded control plane is not istiod: it shows pyload, not Istio's speed",
        "running complete",
    ]

    assert [line for line in found if line in lines] == lines
    assert any(re.fullmatch(r"Istiod is ready \([0-9.]+[a-zµ]+\)", line) for line in found)
    assert outcome.error is None
    assert (outcome.result.command, outcome.result.exit_reason) == ("isolated", "synced")
    assert outcome.result.proxies.configured == outcome.result.proxies.wanted == 1
    assert outcome.result.objects.left == 0
    assert problems_of(outcome.result) == []


@grpc
async def test_its_result_is_written_under_its_own_name(tmp_path: Path) -> None:
    """Like any run with proxies it is compared with others, by its file and its tags (B6)."""
    out = tmp_path / "r.json"
    options = IsolatedOptions(short_circuit=True, listen=NEAR, out=out, tags={"team": "a"})
    outcome = await run_isolated(options)
    written = json.loads(out.read_text())

    assert outcome.error is None
    assert (written["command"], written["exit_reason"]) == ("isolated", "synced")
    assert written["tags"] == {"team": "a"}
    assert written["proxies"]["configured"] == written["proxies"]["wanted"] == 1


@grpc
async def test_its_start_up_can_be_bounded() -> None:
    """A job of CI would hang for ever with servers whose own proxies get no config (B4)."""
    options = IsolatedOptions(listen=NEAR, start=StartOptions(timeout=0.001))
    outcome = await run_isolated(options)

    assert isinstance(outcome.error, StartTimeout)


@grpc
async def test_a_short_duration_does_not_end_before_anything_is_configured() -> None:
    """The control plane reads the mesh for longer than that, and the run would fail (A5)."""
    outcome = await run_isolated(IsolatedOptions(duration=0.001, listen=NEAR))

    assert outcome.error is None
    assert outcome.result.proxies.configured == 1


@grpc
async def test_a_capture_is_served(tmp_path: Path) -> None:
    """`-r` takes the file of `reproduce`, and runs its proxies."""
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "mesh"}}
    (tmp_path / "c.yaml").write_text(yaml.safe_dump_all([namespace, pod("web-0", ip="10.0.0.10")]))
    outcome = await run_isolated(
        IsolatedOptions(raw=str(tmp_path / "c.yaml"), short_circuit=True, listen=NEAR)
    )

    assert outcome.error is None
    assert outcome.result.proxies.configured == 1
    assert outcome.result.objects.created == 1


@grpc
async def test_others_connect_to_it(caplog: pytest.LogCaptureFixture) -> None:
    """Its port is for proxies of the user's, on all interfaces unless told otherwise."""
    async with running(IsolatedOptions(listen=NEAR)) as task:
        await logged(caplog, "Istiod is ready")
        found = ADDRESSES.search(await logged(caplog, "embedded API server"))
        assert found is not None
        outcome = await run_adsc(
            AdscOptions(
                duration=0.5, connection=Connection(pilot_address=found[2], auth="plaintext")
            )
        )
        assert outcome.result.proxies.configured == 1
    assert task.result().result.exit_reason == "stopped by a signal"


async def _namespaces(kubeconfig: Path) -> list[str]:
    api = await connect(str(kubeconfig), environ={})
    try:
        client = Client(api)
        await client.create("/api/v1/namespaces", {"metadata": {"name": "mine"}})
        found = await client.get("/api/v1/namespaces")
        return [one["metadata"]["name"] for one in found["items"]]
    finally:
        await api.aclose()


@grpc
async def test_only_the_api_server(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """An empty API server for any client that takes a kubeconfig."""
    path = tmp_path / "kubeconfig"
    options = IsolatedOptions(apiserver_only=True, kubeconfig_out=path)
    async with running(options):
        await logged(caplog, "embedded API server")
        assert "mine" in await _namespaces(path)
    assert "running complete" in messages(caplog)


@grpc
async def test_a_port_that_is_taken() -> None:
    """One sentence for a second one on the same machine."""
    server = await asyncio.start_server(lambda _r, _w: None, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    async with server:
        with pytest.raises(ControlPlaneUnreachable):
            await run_isolated(IsolatedOptions(listen=f"{host}:{port}"))
        with pytest.raises(ClusterUnreachable, match=f"{host}:{port}"):
            await run_isolated(IsolatedOptions(apiserver_only=True, listen=f"{host}:{port}"))


@pytest.mark.parametrize(
    ("text", "address"),
    [
        (":15010", ("0.0.0.0", 15010)),
        ("127.0.0.1:0", ("127.0.0.1", 0)),
        ("[::]:80", ("::", 80)),
    ],
)
def test_addresses_to_listen_on(text: str, address: tuple[str, int]) -> None:
    """Go's form without a host too, as in `:15010`."""
    assert listening(text) == address


@pytest.mark.parametrize("text", ["15010", "a:b", "a:65536", ""])
def test_what_is_no_address_to_listen_on(text: str) -> None:
    """A mistake is named with its flag."""
    with pytest.raises(UsageError, match="--listen"):
        listening(text)


def test_profiles_can_be_read(tmp_path: Path) -> None:
    """The files are for Python's own tools."""
    with profiled(cpu=str(tmp_path / "cpu"), memory=str(tmp_path / "memory")):
        kept = [sorted(range(1000)) for _ in range(50)]

    functions = {name for _, _, name in vars(pstats.Stats(str(tmp_path / "cpu")))["stats"]}
    assert any("sorted" in name for name in functions)
    snapshot = tracemalloc.Snapshot.load(str(tmp_path / "memory"))
    assert sum(one.size for one in snapshot.statistics("filename")) > 50 * 8_000
    assert len(kept) == 50


def test_a_profile_is_written_when_a_run_fails(tmp_path: Path) -> None:
    """The run that one wants to understand is often the one that failed."""
    with pytest.raises(KeyError), profiled(cpu=str(tmp_path / "cpu")):
        raise KeyError
    assert (tmp_path / "cpu").exists()


def test_a_profile_that_cannot_be_written(tmp_path: Path) -> None:
    """Said before the run, not after an hour of it."""
    with (
        pytest.raises(UsageError, match="--memprofile"),
        profiled(memory=str(tmp_path / "absent" / "m")),
    ):
        pytest.fail("the run has begun")


@grpc
async def test_a_mesh_that_is_served_is_judged() -> None:
    """`isolated --shortCircuit` in CI would pass whatever its proxies got (B4)."""
    thresholds = parse_thresholds(["proxies.configured >= 100"])
    outcome = await run_isolated(
        IsolatedOptions(short_circuit=True, listen=NEAR, thresholds=thresholds)
    )

    assert isinstance(outcome.error, ThresholdFailed)
    assert "proxies.configured >= 100 (it is 1)" in str(outcome.error)


@pytest.mark.anyio
async def test_an_api_server_alone_has_nothing_to_judge() -> None:
    """The threshold would silently count for nothing."""
    thresholds = parse_thresholds(["proxies.configured >= 100"])
    with pytest.raises(UsageError, match="--apiserver-only runs none"):
        await run_isolated(IsolatedOptions(apiserver_only=True, thresholds=thresholds))


@grpc
async def test_tls_is_for_the_api_server_and_for_proxies_and_its_kubeconfig_for_nobody_else(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever tries how clients authenticate would need a cluster for it."""
    path = tmp_path / "kubeconfig"
    path.write_text("another")
    path.chmod(0o644)
    async with running(IsolatedOptions(tls=True, listen=NEAR, kubeconfig_out=path)):
        line = await logged(caplog, "with TLS: embedded control plane at ")
        await logged(caplog, "Istiod is ready")
        assert path.stat().st_mode & 0o777 == 0o600
        outcome = await run_adsc(
            AdscOptions(
                namespace="default",
                duration=0.01,
                connection=Connection(
                    pilot_address=line.split()[6], auth="jwt", kubeconfig=str(path)
                ),
            )
        )
    assert outcome.error is None
    assert outcome.result.proxies.configured == 1
    assert not any("is not verified" in message for message in messages(caplog))
