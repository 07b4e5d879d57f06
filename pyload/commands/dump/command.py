"""``pyload dump``: one pod's xDS configuration as files from which Envoy can be started."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pyload.commands.dump.envoy_files import FOLDERS, TYPES, Layout
from pyload.commands.dump.envoy_json import Reader
from pyload.commands.dump.fetch import Fetched, fetch
from pyload.commands.dump.throwaway import throwaway_pair
from pyload.errors import Interrupted, NotFound, PyloadError, UsageError, WaitTimeout
from pyload.harness.connection import Connection
from pyload.harness.outcome import Outcome
from pyload.harness.recorder import Recorder
from pyload.harness.sample_mesh import SampleMesh, check_config
from pyload.harness.servers import embedded_servers, external_servers, interruptible
from pyload.kube.resources import PODS
from pyload.pods.fake_pods import with_fake_proxy
from pyload.pods.reader import proxy_spec, read_pod
from pyload.pods.reasons import Skip
from pyload.proxies.spec import ProxySpec
from pyload.tasks import Shutdown, Supervisor, first_of
from pyload.xds.credentials import Principal
from pyload.xds.node import SIDECAR, ZTUNNEL
from pyload.xds.types import CDS, LDS, SDS, short

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable

    from pyload.commands.dump.envoy_files import Format
    from pyload.config.parse import Loaded
    from pyload.harness.servers import Servers
    from pyload.key_pair import KeyPair
    from pyload.kube.client import Client
    from pyload.kube.resources import Obj
    from pyload.xds.types import TypeUrl

    Documents = Iterable[tuple[str, dict[str, Any]]]

log = logging.getLogger("pyload")
adsc = logging.getLogger("pyload.adsc")

_SHOWN: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class DumpOptions:
    """Options of `run_dump`.

    Attributes:
        pod: Name of the pod.
        namespace: Its namespace.
        out: Folder for the files; empty prints them instead.
        format: ``yaml`` or ``json``.
        timeout: Seconds that the control plane may take.
        connection: Servers, credentials and rates.
        embedded: Use a built-in API server and control plane with a mesh. There, a pod may be named
            by its application, and an empty name or namespace means any.
        loaded: That mesh; None for a small one.
    """

    pod: str
    namespace: str
    out: str = ""
    format: Format = "yaml"
    timeout: float = 30.0
    connection: Connection = field(default_factory=Connection)
    embedded: bool = False
    loaded: Loaded | None = None

    def __post_init__(self) -> None:
        check_config(self.loaded, embedded=self.embedded)
        for flag, given in (("--pod", self.pod), ("--namespace", self.namespace)):
            if not given and not self.embedded:
                raise UsageError(f"{flag} required")


async def run_dump(
    options: DumpOptions, *, write: Callable[[str], None], shutdown: Shutdown | None = None
) -> Outcome:
    """Fetch the configuration that a pod's proxy would be sent, and write it to files.

    Args:
        options: The options.
        write: Called with the text, if there is no folder.
        shutdown: Ends the wait for the control plane.

    Returns:
        The result, with an error if something was still missing when the time was over.

    Raises:
        PyloadError: The pod cannot be read, or the control plane sent nothing to dump.
    """
    shutdown = shutdown or Shutdown()
    connection = options.connection
    recorder = Recorder(command="dump")
    async with Supervisor() as background, contextlib.AsyncExitStack() as stack:
        if options.embedded:
            mesh = SampleMesh(options.loaded)
            namespace, name = mesh.find_pod(options.pod, options.namespace)
            options = replace(options, namespace=namespace, pod=name)
            opened = embedded_servers(connection, background, proxies=1, prepare=mesh.create)
        else:
            opened = external_servers(connection, proxies=1)
        servers = await stack.enter_async_context(interruptible(opened, shutdown))
        assert servers.client is not None, "the pod is in an API server"
        pod = await find_pod(servers.client, options)
        spec = proxy_of(pod)
        fetched = Fetched(delta=connection.delta)
        error = await _fetch(spec, servers, fetched, options, shutdown)
        adsc.info("Done: %s", spec.ip, extra={"labels": {"workload": spec.name}})
        log.info("response received")
        certificate = await _certificate(spec, servers)
        await asyncio.to_thread(_write_all, fetched, certificate, options, write)
    log.info("simulation completed successfully")
    result = recorder.result(exit_reason="done")
    return Outcome(result, error, listing=_summary(spec, fetched, options.out))


def _summary(spec: ProxySpec, fetched: Fetched, out: str) -> str:
    counts = (f"{short(type_url)} {len(fetched.resources.get(type_url, ()))}" for type_url in TYPES)
    where = f" in {out}" if out else ""
    return f"dump of {spec.type} {spec.namespace}/{spec.name}{where}: {', '.join(counts)}"


async def find_pod(client: Client, options: DumpOptions) -> Obj:
    """Read the pod.

    Raises:
        UsageError: The pod does not exist.
    """
    try:
        return await client.get(PODS.path(options.namespace, options.pod))
    except NotFound as error:
        raise UsageError(
            f"pod not found: {options.namespace}/{options.pod}",
            fix="check --pod, --namespace and --kubeconfig",
        ) from error


def proxy_of(pod: Obj) -> ProxySpec:
    """Return the proxy of a pod; for a pod without one, the sidecar that it might have.

    Args:
        pod: As the API server gave it.

    Raises:
        UsageError: It has no IP yet, or its proxy is no Envoy.
    """
    record = with_fake_proxy(read_pod(pod), pod)
    where = f"pod {record.namespace}/{record.name}"
    if not record.ip:
        raise UsageError(f"{where} has no IP yet", fix="wait until it runs")
    if isinstance(record.identity, Skip):
        log.info("%s has no proxy (%s); asking as a sidecar", where, record.identity.value)
        return ProxySpec(
            key=record.uid,
            type=SIDECAR,
            ip=record.ip,
            name=record.name,
            namespace=record.namespace,
            service_account=(pod.get("spec") or {}).get("serviceAccountName") or "default",
            labels=pod["metadata"].get("labels") or {},
        )
    spec = proxy_spec(record)
    if spec.type == ZTUNNEL:
        raise UsageError(f"{where} is a ztunnel, which has no configuration of Envoy")
    return replace(spec, address="")


async def _fetch(
    spec: ProxySpec, servers: Servers, fetched: Fetched, options: DumpOptions, shutdown: Shutdown
) -> PyloadError | None:
    """Fetch; give the error of a dump that is worth to be written, and is not whole."""
    delta, node = options.connection.delta, options.connection.node_options()
    error: PyloadError | None = None
    try:
        async with asyncio.timeout(options.timeout):
            coming = fetch(spec, servers, delta=delta, node=node, fetched=fetched)
            if await first_of(coming, shutdown.requested.wait(), name="dump") != 0:
                raise Interrupted("interrupted before the configuration had come")
    except TimeoutError:
        error = WaitTimeout(
            f"the control plane has not sent everything within {options.timeout:g} s",
            fix="raise --timeout",
        )
    except Interrupted:
        raise
    except PyloadError as ended:
        error = ended
    for reason in fetched.refused:
        log.warning("a response could not be read: %s", reason)
    if CDS not in fetched.resources or LDS not in fetched.resources:
        raise error or WaitTimeout("the control plane has sent no clusters or no listeners")
    fetched.prune()
    for type_url, names in fetched.missing().items():
        if type_url == SDS and servers.certificates is None:
            log.info("without TLS the control plane gives no secrets: %s", _some(names))
        else:
            log.warning("not sent: %s %s", short(type_url), _some(names))
    return error


def _some(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


async def _certificate(spec: ProxySpec, servers: Servers) -> KeyPair | None:
    if servers.certificates is None:
        log.info("no certificate, as the control plane is asked without TLS; --auth jwt gets one")
        return None
    authority = servers.certificates(servers.address)
    principal = Principal(spec.namespace, spec.service_account, spec.cluster_id)
    try:
        certificate = await authority.get(principal)
    except PyloadError as error:
        raise error.during("failed to create cert") from error
    log.info("certificate received")
    return certificate


def _write_all(
    fetched: Fetched,
    certificate: KeyPair | None,
    options: DumpOptions,
    write: Callable[[str], None],
) -> None:
    reader = Reader()
    read: dict[TypeUrl, dict[str, dict[str, Any]]] = {
        type_url: {
            name: reader.read(body) for name, body in fetched.resources.get(type_url, {}).items()
        }
        for type_url in TYPES
    }
    layout = Layout(options.out, options.format)
    files = list(layout.files(read))
    if certificate is not None:
        files += layout.certificates(certificate)
    files += _stand_ins(layout, {name for name, _ in files})
    for type_url, count in sorted(reader.unknown.items()):
        log.warning("%d messages are shown as bytes: their type %s is not known", count, type_url)
    if options.out:
        _write_files(Path(options.out), layout, files)
    else:
        _print(layout, files, write)


def _stand_ins(layout: Layout, written: Container[str]) -> list[tuple[str, dict[str, Any]]]:
    """Return files for what was not sent, and log where a throw-away certificate stands."""
    made = list(layout.stand_ins(written, throwaway_pair(datetime.now(UTC))))
    if secrets := [name for name, document in made if document["typeUrl"] == SDS]:
        log.warning("a throw-away certificate, which nobody trusts, stands in %s", _some(secrets))
    return made


def _write_files(folder: Path, layout: Layout, files: Documents) -> None:
    try:
        for name in FOLDERS:
            (folder / name).mkdir(parents=True, exist_ok=True)
        for name, document in files:
            # Secrets have private keys; an older file of the name is replaced by a new one.
            mode = 0o600 if document.get("typeUrl") == SDS else 0o666
            (folder / name).unlink(missing_ok=True)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
            with os.fdopen(os.open(folder / name, flags, mode), "wb") as file:
                file.write(layout.write(document))
    except OSError as error:
        raise UsageError(
            f"cannot write {error.filename}: {error.strerror}", fix="give --out another folder"
        ) from error


def _print(layout: Layout, files: Documents, write: Callable[[str], None]) -> None:
    for name, document in files:
        text = layout.write(document).decode()
        # So that a reader of several documents knows where each begins.
        write(f"---\n# {name}\n{text}" if name.endswith(".yaml") else text)
