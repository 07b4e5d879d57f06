"""Dumps: what is fetched, what is written, and whether Envoy could be started from it."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import logging
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from pyload.commands.diff import run_diff
from pyload.commands.dump.command import DumpOptions, proxy_of, run_dump
from pyload.commands.dump.envoy_files import STAND_IN, sanitised
from pyload.config.app_types import APP_TYPES
from pyload.embedded.apiserver.api import ApiServer
from pyload.embedded.controlplane.controlplane import ControlPlane
from pyload.errors import PyloadError, UsageError
from pyload.harness.connection import Connection
from pyload.kube.client import Client
from pyload.kube.resources import NAMESPACES, PODS, SERVICES
from pyload.manifests import pods
from pyload.tasks import Supervisor
from pyload.xds.types import CDS, EDS, LDS, PREFIX, RDS, SDS
from tests.commands.kubeconfigs import kubeconfig
from tests.pods.injected import plain_pod, pod, proxy_container

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from pyload.embedded.controlplane.server import ListenAddresses
    from pyload.harness.outcome import Outcome

grpc = pytest.mark.grpc
SERVICE = {
    "metadata": {"name": "web"},
    "spec": {
        "clusterIP": "10.9.0.1",
        "selector": {"app": "app"},
        "ports": [{"port": 80, "name": "http"}],
    },
}


@dataclass
class Served:
    """A mesh with one service and its pods, and how to dump them."""

    addresses: ListenAddresses
    url: str
    tmp: Path

    async def dump(
        self, out: Path | None = None, *, name: str = "web-0", **options: Any
    ) -> Outcome:
        """Dump a pod."""
        auth = options.pop("auth", "plaintext")
        address = self.addresses.plaintext
        if auth in ("jwt", "mtls"):
            address = self.addresses.tls if auth == "jwt" else self.addresses.mtls
        connection = Connection(
            pilot_address=address,
            auth=auth,
            kubeconfig=kubeconfig(self.tmp, self.url),
            delta=options.pop("delta", True),
            insecure=auth != "plaintext",
            ca_address=self.addresses.tls if auth == "mtls" else "",
            transport=options.pop("transport", "lean"),
        )
        write = options.pop("write", lambda _: None)
        return await run_dump(
            DumpOptions(
                pod=name,
                namespace="mesh",
                out="" if out is None else str(out),
                connection=connection,
                **options,
            ),
            write=write,
        )


@contextlib.asynccontextmanager
async def served(tmp: Path) -> AsyncIterator[Served]:
    """Serve a mesh."""
    server = ApiServer()
    client = Client(server.transport())
    await client.create(NAMESPACES.path(), {"metadata": {"name": "mesh"}})
    await client.create(SERVICES.path("mesh"), SERVICE)
    for obj in (
        pod("web-0", ip="10.0.0.10"),
        plain_pod("plain", ip="10.0.0.11"),
        pod("pending"),
        pod("z", ip="10.0.0.12", proxy=proxy_container("ztunnel")),
    ):
        obj["metadata"].pop("ownerReferences")
        obj["spec"]["serviceAccountName"] = "default"
        created = await client.create(PODS.path("mesh"), {**obj, "status": {}})
        created["status"] = obj["status"]
        await client.update(PODS.path("mesh", obj["metadata"]["name"], "status"), created)
    plane = ControlPlane(client)
    async with Supervisor() as background, server.serve() as url, plane.serve(tls_port=0) as ports:
        background.spawn(plane.run(), name="control-plane")
        await plane.ready.wait()
        yield Served(ports, url, tmp)


def documents(folder: Path) -> dict[str, Any]:
    """Read all files of a dump."""
    return {
        str(path.relative_to(folder)): yaml.safe_load(path.read_text())
        for path in sorted(folder.rglob("*.*"))
    }


def library(name: str) -> Any:
    """Return a class of envoy-data-plane."""
    package, _, kind = name.rpartition(".")
    return getattr(import_module(f"envoy_data_plane.{package}"), kind)


def load_types(value: Any) -> None:
    """Import the classes of all types in a document: the library knows those of its own modules."""
    if isinstance(value, dict):
        package = value.get("@type", "").removeprefix(PREFIX).rpartition(".")[0]
        if package:
            import_module(f"envoy_data_plane.{package}")
        value = list(value.values())
    if isinstance(value, list):
        for one in value:
            load_types(one)


def paths_in(value: Any) -> Iterator[str]:
    """Find the files that a document refers to."""
    if isinstance(value, dict):
        if set(value) == {"path"}:
            yield value["path"]
        for one in value.values():
            yield from paths_in(one)
    elif isinstance(value, list):
        for one in value:
            yield from paths_in(one)


@grpc
@pytest.mark.filterwarnings("ignore:ConfigSource.path is deprecated:DeprecationWarning")
@pytest.mark.parametrize(
    ("auth", "delta", "transport"),
    [
        ("plaintext", True, "lean"),
        ("plaintext", False, "grpc"),
        ("plaintext-jwt", True, "lean"),
        ("jwt", False, "lean"),
        ("mtls", True, "lean"),
    ],
)
async def test_what_is_written_can_be_loaded(
    tmp_path: Path,
    auth: str,
    delta: bool,  # noqa: FBT001 - a parameter
    transport: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Envoy starts from the folder: each document is of its type, and what it names is there.

    Without TLS there is no certificate, but one to be thrown away.
    """
    out = tmp_path / "out"
    async with served(tmp_path) as mesh:
        outcome = await mesh.dump(out, auth=auth, delta=delta, transport=transport)
    assert outcome.error is None

    found = documents(out)
    load_types(list(found.values()))
    names = set(found)
    bootstrap = library("envoy.config.bootstrap.v3.Bootstrap").from_dict(found.pop("config.yaml"))
    assert bootstrap.dynamic_resources.cds_config.path == f"{out}/cds.yaml"
    response = library("envoy.service.discovery.v3.DiscoveryResponse")
    kinds = {
        "cds": library("envoy.config.cluster.v3.Cluster"),
        "lds": library("envoy.config.listener.v3.Listener"),
        "rds": library("envoy.config.route.v3.RouteConfiguration"),
        "eds": library("envoy.config.endpoint.v3.ClusterLoadAssignment"),
        "sds": library("envoy.extensions.transport_sockets.tls.v3.Secret"),
    }
    for name, document in found.items():
        kind = kinds[name.partition("/")[0].removesuffix(".yaml")]
        for resource in document["resources"]:
            body = {key: value for key, value in resource.items() if key != "@type"}
            message = kind.from_dict(body)
            assert message.parse(bytes(message)) == message
        assert response.from_dict(document).type_url == document["typeUrl"]
    named = {path for document in found.values() for path in paths_in(document)}
    secrets = {f"{out}/sds/default.yaml", f"{out}/sds/ROOTCA.yaml"}
    assert secrets <= named
    assert named <= {f"{out}/{name}" for name in names}
    made_up = {name for name, one in found.items() if one["versionInfo"] == STAND_IN}
    certified = auth in ("jwt", "mtls")
    assert made_up == (set() if certified else {"sds/default.yaml", "sds/ROOTCA.yaml"})
    stands = "a throw-away certificate, which nobody trusts, stands in sds/ROOTCA.yaml, sds/default"
    assert (stands in caplog.text) is not certified


@grpc
async def test_routes_and_endpoints_keep_their_names(tmp_path: Path) -> None:
    """pilot-load wrote `routeName` into every listener, and Envoy refused the file beside it."""
    out = tmp_path / "out"
    async with served(tmp_path) as mesh:
        await mesh.dump(out)
    found = documents(out)

    assert found["rds/80.yaml"]["resources"][0]["name"] == "80"
    listeners = json.dumps(found["lds.yaml"])
    assert '"routeConfigName": "80"' in listeners
    assert '"routeName"' not in listeners
    cluster = "outbound|80||web.mesh.svc.cluster.local"
    endpoints = found[f"eds/{sanitised(cluster)}.yaml"]["resources"][0]
    assert endpoints["clusterName"] == cluster
    assert "10.0.0.10" in json.dumps(endpoints)
    names = [one["name"] for one in found["cds.yaml"]["resources"]]
    assert names == sorted(names)
    assert found["cds.yaml"]["versionInfo"] == "0"


@grpc
async def test_a_dump_differs_from_another_by_what_has_changed(tmp_path: Path) -> None:
    """Both protocols, formats and folders give the same; a certificate is new each time."""
    async with served(tmp_path) as mesh:
        await mesh.dump(tmp_path / "a", auth="jwt")
        await mesh.dump(tmp_path / "b", auth="jwt", delta=False, format="json")
    found = run_diff(tmp_path / "a", tmp_path / "b")
    assert list(found.lines()) == [f"0 added, 0 removed, 0 changed, {found.same} the same"]
    assert found.same > 5
    # Private keys are for their owner alone.
    modes = {path.stat().st_mode & 0o777 for path in (tmp_path / "a" / "sds").iterdir()}
    assert modes == {0o600}

    path = tmp_path / "a" / "rds" / "80.yaml"
    path.write_text(path.read_text().replace("web.mesh.svc.cluster.local:80", "other"))
    (
        tmp_path / "a" / "eds" / f"{sanitised('outbound|80||web.mesh.svc.cluster.local')}.yaml"
    ).unlink()
    lines = list(run_diff(tmp_path / "a", tmp_path / "b").lines())

    assert lines[0] == "+ eds outbound|80||web.mesh.svc.cluster.local"
    assert lines[1] == "~ rds 80"
    assert any(line.startswith("    -") and line.endswith("other") for line in lines)
    assert lines[-1].startswith("1 added, 0 removed, 1 changed, ")


@grpc
async def test_without_a_folder_each_document_is_printed(tmp_path: Path) -> None:
    """The text is YAML of several documents, in pilot-load's order."""
    printed: list[str] = []
    async with served(tmp_path) as mesh:
        await mesh.dump(name="plain", auth="jwt", write=printed.append)
    found = list(yaml.safe_load_all("".join(printed)))
    kinds = [one.get("typeUrl", "config") for one in found]

    assert [printed[0].splitlines()[1], printed[-1].splitlines()[1]] == [
        "# cds.yaml",
        "# sds/ROOTCA.yaml",
    ]
    assert list(dict.fromkeys(kinds)) == [CDS, LDS, RDS, EDS, "config", SDS]
    root = found[-1]["resources"][0]["validationContext"]["trustedCa"]["inlineBytes"]
    assert base64.b64decode(root).count(b"BEGIN CERTIFICATE") == 1


@grpc
@pytest.mark.parametrize(
    ("name", "problem"),
    [("absent", "pod not found"), ("pending", "no IP"), ("z", "ztunnel")],
)
async def test_pods_that_cannot_be_dumped(tmp_path: Path, name: str, problem: str) -> None:
    """One sentence, and no empty folder that looks like a dump."""
    async with served(tmp_path) as mesh:
        with pytest.raises(UsageError, match=problem):
            await mesh.dump(tmp_path / "out", name=name)
    assert not (tmp_path / "out").exists()


@grpc
async def test_a_control_plane_that_refuses(tmp_path: Path) -> None:
    """pilot-load waits for ever; the words of the server say why there is nothing."""
    async with served(tmp_path) as mesh:
        mesh.addresses = type(mesh.addresses)(plaintext=mesh.addresses.tls)
        async with asyncio.timeout(10):
            with pytest.raises(PyloadError, match="ADS connection: "):
                await mesh.dump(tmp_path / "out", timeout=5.0)


@grpc
async def test_the_lines_that_scripts_grep(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """pilot-load's words, in its order."""
    monkeypatch.setattr(logging.getLogger("pyload"), "propagate", True)
    caplog.set_level(logging.INFO, logger="pyload")
    async with served(tmp_path) as mesh:
        await mesh.dump(tmp_path / "out", auth="jwt")
    lines = [
        "Connecting: 10.0.0.10",
        "Done: 10.0.0.10",
        "response received",
        "certificate received",
        "simulation completed successfully",
    ]

    assert [one.getMessage() for one in caplog.records if one.getMessage() in lines] == lines


def test_a_pod_of_a_fake_mesh_is_asked_for_as_what_it_is() -> None:
    """A router of pyload's own mesh was taken for a sidecar, and the dump was another's (B16)."""
    router = pods.pod("gw", "mesh", app="gw", type_=APP_TYPES["router"], node="node", run_id="run")
    router["metadata"]["uid"] = "uid"
    router["status"] = {"phase": "Running", "podIP": "10.0.0.1"}

    assert proxy_of(router).type == "router"


@pytest.mark.grpc
@pytest.mark.parametrize(
    ("pod", "namespace"), [("", ""), ("api", "mesh"), ("api-guoaskvr-amwgiweo", "")]
)
async def test_embedded_servers_have_pods_to_dump(tmp_path: Path, pod: str, namespace: str) -> None:
    """A newcomer has no cluster yet, and cannot know the names of its pods (B12)."""
    connection = Connection(metrics_addr="")
    options = DumpOptions(
        pod=pod, namespace=namespace, embedded=True, out=str(tmp_path), connection=connection
    )
    outcome = await run_dump(options, write=lambda _: None)

    assert outcome.error is None
    assert f"sidecar mesh/{pod}" in outcome.listing
    assert list((tmp_path / "eds").glob("*api*.mesh.*"))


@pytest.mark.anyio
async def test_a_pod_that_the_embedded_mesh_lacks_is_a_mistake() -> None:
    """The names that there are are in no document."""
    options = DumpOptions(pod="shop", namespace="", embedded=True)
    with pytest.raises(UsageError, match=r"pod not found: \*/shop; .* has mesh/api-.*, mesh/web-"):
        await run_dump(options, write=lambda _: None)
