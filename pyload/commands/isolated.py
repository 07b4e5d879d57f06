"""``pyload isolated``: a mesh served from this process, without Kubernetes and without Istio."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, Final

import yaml

from pyload.commands.cluster.command import claimed_mesh
from pyload.commands.cluster.options import ClusterOptions
from pyload.commands.cluster.planning import plan_run
from pyload.commands.reproduce.capture import POD
from pyload.commands.reproduce.command import ReproduceOptions, claimed_capture, load
from pyload.commands.reproduce.spool import CaptureSpool
from pyload.embedded.apiserver.api import ApiServer
from pyload.embedded.controlplane import generate
from pyload.embedded.controlplane.controlplane import ControlPlane
from pyload.embedded.secured import Secured, kubeconfig
from pyload.embedded.stack import start_controllers
from pyload.errors import ClusterUnreachable, UsageError
from pyload.harness import trust
from pyload.harness.outcome import Outcome
from pyload.harness.probe_options import ProbeOptions
from pyload.harness.recorder import Recorder
from pyload.harness.result_file import check_writable, write_result
from pyload.harness.run import DURATION_OVER, STOPPED, stay
from pyload.harness.run_options import RunOptions
from pyload.harness.servers import Endpoints, assemble
from pyload.harness.start_options import NO_WAIT, PATIENT, StartOptions
from pyload.kube.client import Client
from pyload.kube.resources import CONFIG_MAPS
from pyload.tasks import Shutdown, Supervisor, clock, first_of, in_detached_thread
from pyload.xds.log import Seconds

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from pyload.commands.cluster.command import ClusterCommand
    from pyload.commands.reproduce.command import ReproduceCommand
    from pyload.config.parse import Loaded
    from pyload.harness.servers import Servers
    from pyload.kube.resources import Obj

DEFAULT_LISTEN: Final = "127.0.0.1:15010"
_XDS_PORT: Final = 15010
_TLS_PORT: Final = 15012
"""Istiod's port with TLS, for a control plane that listens on its port without."""
_ANY_LOOPBACK: Final = "127.0.0.1:0"
_ALL: Final = "0.0.0.0"  # noqa: S104 - what an address without a host means
_NEAR: Final = {_ALL: "127.0.0.1", "::": "[::1]"}
_LAST_PORT: Final = 65535
_CHECK_SECONDS: Final = 0.02

log = logging.getLogger("pyload")


@dataclass(frozen=True, slots=True, kw_only=True)
class IsolatedOptions(RunOptions):
    """Options of `run_isolated`.

    Attributes:
        loaded: The config; None for a small mesh, unless there is a capture.
        raw: File with captured objects, used where there is no config; ``-`` is standard input.
        short_circuit: End as soon as every proxy has its configuration.
        listen: ``HOST:PORT`` of the control plane, by default `DEFAULT_LISTEN`; without one, of the
            API server, by default any port of the loopback.
        apiserver_only: Serve an empty API server and nothing else.
        kubeconfig_out: File for a kubeconfig of the API server; None for none.
        tls: Serve with TLS, and ask for tokens.
        duration: Seconds to run once everything is started; None until stopped.
        seed: Makes names, placement and churn repeat; None for random ones.
        probe: How often the way of a change to every proxy is measured.
    """

    loaded: Loaded | None = None
    raw: str = ""
    short_circuit: bool = False
    listen: str = ""
    apiserver_only: bool = False
    kubeconfig_out: Path | None = None
    tls: bool = False
    duration: float | None = None
    seed: int | None = None
    probe: ProbeOptions = field(default_factory=ProbeOptions)
    # Others use the servers meanwhile.
    start: StartOptions = PATIENT


async def run_isolated(options: IsolatedOptions, *, shutdown: Shutdown | None = None) -> Outcome:
    """Serve a mesh until stopped.

    Its objects are created first, and its proxies connect; then the control plane reads the
    objects, and the time that this takes is logged.

    Raises:
        PyloadError: The config or the capture cannot be used, or a port is taken.
    """
    shutdown = shutdown or Shutdown()
    check_writable(options.out)
    check_writable(options.kubeconfig_out, flag="--kubeconfig-out")
    if options.apiserver_only and options.thresholds.items:
        raise UsageError(
            "--threshold needs a mesh to judge, and --apiserver-only runs none", fix="remove one"
        )
    if options.apiserver_only and options.probe.seconds():
        raise UsageError(
            "--probe needs proxies to reach, and --apiserver-only runs none", fix="remove one"
        )
    if options.apiserver_only:
        return await _serve_objects(options, shutdown)
    if options.loaded is None and options.raw:
        return await _replay(options, shutdown)
    mesh = ClusterOptions(
        loaded=options.loaded,
        cluster_type="fake",
        duration=options.duration,
        seed=options.seed,
        may_be_empty=True,
        probe=options.probe,
        **_run_options(options),
    )
    planned = plan_run(mesh)
    async with (
        _serving(options, proxies=planned.plan.proxy_count) as served,
        claimed_mesh(mesh, planned, served.servers) as command,
    ):
        return await served.live(command, shutdown)


def _run_options(options: IsolatedOptions) -> dict[str, Any]:
    """Return the options of the mesh's run, by name."""
    values = {one.name: getattr(options, one.name) for one in fields(RunOptions)}
    # A run that is to end with its start-up waits for nothing after it.
    start = NO_WAIT if options.short_circuit else options.start
    return {**values, "embedded": True, "called": "isolated", "start": start}


async def _replay(options: IsolatedOptions, shutdown: Shutdown) -> Outcome:
    capture = ReproduceOptions(
        file=options.raw,
        duration=options.duration,
        probe=options.probe,
        **_run_options(options),
    )
    with CaptureSpool() as spool:
        await load(spool, capture, shutdown)
        async with (
            _serving(options, proxies=spool.count(POD)) as served,
            claimed_capture(capture, spool, served.servers) as command,
        ):
            return await served.live(command, shutdown)


async def _serve_objects(options: IsolatedOptions, shutdown: Shutdown) -> Outcome:
    """Serve an empty API server until stopped."""
    recorder = Recorder(command="isolated")
    listen = options.listen or _ANY_LOOPBACK
    secured = Secured() if options.tls else None
    async with (
        Supervisor() as background,
        _api_server(options, secured, listen=listen) as (server, url),
    ):
        start_controllers(server, background, whole=True, leases=True)
        log.info("embedded API server at %s; it has no control plane", url)
        ends = shutdown.requested.wait(), stay(options.duration)
        first = await first_of(*ends, name="isolated")
    log.info("running complete")
    result = recorder.result(exit_reason=STOPPED if first == 0 else DURATION_OVER)
    result = replace(result, tags=options.tags)
    return Outcome(result, await write_result(options.out, result))


@contextlib.asynccontextmanager
async def _api_server(
    options: IsolatedOptions, secured: Secured | None, *, listen: str
) -> AsyncIterator[tuple[ApiServer, str]]:
    host, port = listening(listen)
    server = ApiServer(own_revisions=True)
    async with contextlib.AsyncExitStack() as stack:
        try:
            served = server.serve(
                host=host,
                port=port,
                tls=None if secured is None else secured.context(host),
                token="" if secured is None else secured.token,
            )
            url = await stack.enter_async_context(served)
        except OSError as error:
            # asyncio's own text names the address once more, as a tuple.
            reason = os.strerror(error.errno).lower() if error.errno else str(error)
            raise ClusterUnreachable(
                f"cannot listen on {listen}: {reason}", fix="give --listen another address"
            ) from error
        if options.kubeconfig_out is not None:
            near = url.replace(f"//{host}:", f"//{_NEAR[host]}:") if host in _NEAR else url
            config = kubeconfig(near, secured)
            await asyncio.to_thread(_write_kubeconfig, options.kubeconfig_out, config)
            log.info("kubeconfig written to %s", options.kubeconfig_out)
        yield server, url


@contextlib.asynccontextmanager
async def _serving(options: IsolatedOptions, *, proxies: int) -> AsyncIterator[_Served]:
    """Serve both, the control plane without having read anything yet."""
    connection = options.connection
    host, port = listening(options.listen or DEFAULT_LISTEN)
    secured = Secured() if options.tls else None
    async with (
        Supervisor() as background,
        _api_server(options, secured, listen=_ANY_LOOPBACK) as (server, url),
    ):
        # The mesh writes its endpoints and plays its nodes itself.
        start_controllers(server, background)
        client = Client(server.transport(), qps=connection.qps)
        plane = ControlPlane(client)
        bracketed = f"[{host}]" if ":" in host else host
        tls_port = None
        if secured is not None:
            await _publish(secured, client)
            plane.authority = secured.authority
            tls_port = _TLS_PORT if port == _XDS_PORT else 0
        async with plane.serve(host=bracketed, port=port, tls_port=tls_port) as addresses:
            log.info(
                "embedded API server at %s, embedded control plane at %s",
                url,
                addresses.plaintext,
            )
            if secured is not None:
                log.info(
                    "with TLS: embedded control plane at %s for tokens and its CA, at %s for its "
                    "certificates",
                    addresses.tls,
                    addresses.mtls,
                )
            bound = addresses.plaintext.rpartition(":")[2]
            address = f"{_NEAR.get(host, bracketed)}:{bound}"
            endpoints = Endpoints(client, address, "plaintext", metrics_page=plane.metrics_page)
            plaintext = replace(connection, auth="plaintext")
            async with assemble(plaintext, endpoints, proxies=proxies) as servers:
                # The control plane has all the work: more processes for its proxies are no use.
                yield _Served(options, plane, replace(servers, targets=None))


class _Served:
    """The servers, with the run of a mesh on them."""

    def __init__(self, options: IsolatedOptions, plane: ControlPlane, servers: Servers) -> None:
        self.servers = servers
        self._options = options
        self._plane = plane

    async def live(self, run: ClusterCommand | ReproduceCommand, shutdown: Shutdown) -> Outcome:
        """Run a mesh to its end."""
        async with Supervisor() as background:
            background.spawn(self._launch(run, background, shutdown), name="launch")
            outcome = await run.run(shutdown, background)
        log.info("running complete")
        if not (self._synced(run) and self._options.short_circuit):
            return outcome
        result = replace(outcome.result, exit_reason="synced")
        unwritten = await write_result(self._options.out, result)
        return replace(outcome, result=result, error=outcome.error or unwritten)

    async def _launch(
        self, run: ClusterCommand | ReproduceCommand, background: Supervisor, shutdown: Shutdown
    ) -> None:
        # Istiod has its types linked in; loading them is not part of its time.
        await in_detached_thread(generate.preload)
        await run.started.wait()
        log.info("fake configuration setup, launching Istiod")
        log.info("the embedded control plane is not istiod: it shows pyload, not Istio's speed")
        now = clock()
        began = now()
        background.spawn(self._plane.run(), name="control-plane")
        await self._plane.ready.wait()
        log.info("Istiod is ready (%s)", Seconds(now() - began))
        if self._options.short_circuit:
            while not self._synced(run):  # noqa: ASYNC110 - counts come from many proxies
                await asyncio.sleep(_CHECK_SECONDS)
            shutdown.signal()

    def _synced(self, run: ClusterCommand | ReproduceCommand) -> bool:
        return run.started.is_set() and run.fleet.counts.configured_now >= len(run.fleet)


def listening(address: str) -> tuple[str, int]:
    """Split an address to listen on: ``HOST:PORT``, or ``:PORT`` for all interfaces.

    Raises:
        UsageError: The text is not such an address.
    """
    host, colon, port = address.rpartition(":")
    if not colon or not port.isdecimal() or int(port) > _LAST_PORT:
        raise UsageError(
            f"--listen {address!r} is not an address", fix=f"write HOST:PORT, as {DEFAULT_LISTEN}"
        )
    return host.removeprefix("[").removesuffix("]") or _ALL, int(port)


async def _publish(secured: Secured, client: Client) -> None:
    """Write the root to where clients of istiod look for it, as istiod does."""
    roots = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": trust.CONFIG_MAP},
        "data": {trust.KEY: secured.authority.root.decode()},
    }
    await client.create(CONFIG_MAPS.path(trust.NAMESPACE), roots)


def _write_kubeconfig(path: Path, config: Obj) -> None:
    """Write a kubeconfig that only its owner may read.

    Raises:
        UsageError: The file cannot be written.
    """
    try:
        path.touch(mode=0o600)
        path.chmod(0o600)
        path.write_text(yaml.safe_dump(config, sort_keys=False))
    except OSError as error:
        raise UsageError(
            f"cannot write {path}: {error.strerror}", fix="give --kubeconfig-out another file"
        ) from error
