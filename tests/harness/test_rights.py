"""The table of rights beside what commands ask of the API server."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import yaml

from pyload.commands.cleanup.command import CleanupCommand, CleanupOptions
from pyload.commands.cluster.options import ClusterOptions
from pyload.config.file import load_config
from pyload.embedded.stack import start_kwok
from pyload.harness.connection import Connection
from pyload.harness.rights import RIGHTS, TOKENS
from pyload.kube.resources import locate
from pyload.kube.transport import Response
from pyload.manifests.rbac import secret_reader
from pyload.tasks import Shutdown, Supervisor
from tests.conftest import ROOT
from tests.mesh.conftest import open_world
from tests.mesh.scenarios.test_examples import small

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from pyload.embedded.apiserver.requests import Request
    from pyload.kube.resources import Obj
    from pyload.mesh.cluster_types import ClusterType

EXAMPLES = ROOT / "docs" / "examples"

RECORD = """
import json, sys
from pyload.cli.program import program
from pyload.kube.http import HttpTransport

VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete", "GET": "get"}
asked = set()
request, stream = HttpTransport.request, HttpTransport.stream

def recorded_request(self, method, path, **rest):
    asked.add((VERBS[method], path))
    return request(self, method, path, **rest)

def recorded_stream(self, path, *, query):
    asked.add(("watch" if query.get("watch") else "get", path))
    return stream(self, path, query=query)

HttpTransport.request, HttpTransport.stream = recorded_request, recorded_stream
code = program("pyload", sys.argv[1:])
print(json.dumps(sorted(asked)))
sys.exit(code)
"""


CAPTURE = """
kind: List
items:
- {apiVersion: v1, kind: Namespace, metadata: {name: mesh}}
- {apiVersion: v1, kind: ConfigMap, metadata: {name: c, namespace: mesh}}
- {apiVersion: v1, kind: Pod, metadata: {name: p, namespace: mesh}, spec: {containers: [{name: a}]}}
"""


def missing(command: str, requests: Iterable[tuple[str, str]]) -> set[str]:
    """Return what was asked and is not granted by the manifest of a command."""
    granted = Grants(command)
    return {f"{method} {path}" for method, path in requests if not granted.allow(method, path)}


class Grants:
    """What an API server lets an account do that has only the manifest of a command."""

    def __init__(self, command: str) -> None:
        name = command.replace(" --cluster-type ", "-")
        manifest = (ROOT / "docs" / "deploy" / "rbac" / f"{name}.yaml").read_text(encoding="utf-8")
        self.documents = list(yaml.safe_load_all(manifest))
        self._granted = {
            (group, resource, verb, role["metadata"].get("namespace", ""))
            for role in self.documents
            for rule in role.get("rules", ())
            for group in rule["apiGroups"]
            for resource in rule["resources"]
            for verb in rule["verbs"]
        }

    def allow(self, method: str, path: str) -> bool:
        """Return whether a request is granted; everybody may read discovery and the version."""
        where = locate(path)
        if where is None:
            return True
        verb = "list" if method == "get" and not where.name else method
        subresource = where.subresource.partition("/")[0]
        resource = f"{where.plural}/{subresource}" if subresource else where.plural
        return any(
            (where.group, resource, verb, namespace) in self._granted
            for namespace in ("", where.namespace)
        )

    def cover(self, role: Obj) -> bool:
        """Return whether the account may grant a role: only what it has itself."""
        return all(
            (group, resource, verb, "") in self._granted
            for rule in role["rules"]
            for group in rule["apiGroups"]
            for resource in rule["resources"]
            for verb in rule["verbs"]
        )


@pytest.mark.anyio
@pytest.mark.virtual
@pytest.mark.parametrize(
    ("example", "cluster_type", "authenticated"),
    [
        ("istio", "fake-node", True),
        ("ambient-current", "fake-node", True),
        ("gateway", "fake-node", False),
        ("kube-gateway", "fake-node", False),
        ("basic", "fake", True),
        ("churn", "real", False),
        ("kwok-bookinfo", "kwok", True),
    ],
)
async def test_a_mesh_asks_for_nothing_else(
    example: str, cluster_type: ClusterType, *, authenticated: bool
) -> None:
    """Who grants what the table says would see the run fail in its middle."""
    options = ClusterOptions(
        loaded=small(load_config(str(EXAMPLES / f"{example}.yaml"))),
        cluster_type=cluster_type,
        duration=4.0,
        seed=1,
    )
    async with open_world() as world, Supervisor() as background:
        if cluster_type == "kwok":
            start_kwok(world.server, background, stages="fast")
        await world.run(options, authenticated=authenticated)
        asked = {(one.verb, one.path) for one in world.recorder.requests}

    command = "cluster" + (f" --cluster-type {cluster_type}" if cluster_type != "fake-node" else "")
    assert len(asked) > 20
    assert not missing(command, asked)


@pytest.mark.process
@pytest.mark.parametrize(
    "arguments",
    [
        ("startup", "--namespace", "mesh", "--spec", EXAMPLES / "startup" / "simple.yaml"),
        ("impersonate", "--duration", "1s"),
        ("dump", "--pod", "web", "--namespace", "mesh"),
        ("latency", "--count", "2"),
        ("latency", "--count", "2", "--kind", "VirtualService"),
        ("prober", "--replicas", "1"),
        ("reproduce", "--file", "CAPTURE", "--duration", "1s", "--threshold", "none"),
    ],
    ids=lambda arguments: " ".join(map(str, arguments[:5:2])),
)
def test_a_command_asks_for_nothing_else(arguments: tuple[str | Path, ...], tmp_path: Path) -> None:
    """Who grants what the table says would see the run fail in its middle."""
    capture = tmp_path / "capture.yaml"
    capture.write_text(CAPTURE)
    command, *rest = [capture if one == "CAPTURE" else one for one in arguments]
    if command == "startup":
        rest += ["--duration", "1s"]
    done = subprocess.run(
        [
            *(sys.executable, "-c", RECORD, command, "--embedded", "--metrics-addr", ""),
            *(("--auth", "jwt") if command in ("impersonate", "dump") else ()),
            *map(str, rest),
        ],
        capture_output=True,
        text=True,
        timeout=18,
        cwd=tmp_path,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    # The server is prepared over the same kind of connection, with what a real one has already.
    prepared = {"nodes", "namespaces"} if command == "startup" else set()
    asked = [tuple(one) for one in json.loads(done.stdout.splitlines()[-1])]
    assert asked
    assert not missing(
        str(command),
        [(verb, path) for verb, path in asked if path.rpartition("/")[2] not in prepared],
    )


@pytest.mark.anyio
@pytest.mark.virtual
async def test_cleanup_succeeds_where_all_else_is_denied() -> None:
    """Leftovers would stay for lack of a right that nobody knew was needed."""
    loaded = small(load_config(str(EXAMPLES / "istio.yaml")))
    denied: list[str] = []

    def keep(request: Request) -> Response | None:
        stays = request.verb == "delete" and "/leases/pyload-" not in request.path
        return Response(403, b"{}") if stays else None

    def deny(request: Request) -> Response | None:
        # The control plane of this test has an account of its own, which only reads.
        if request.verb == "watch" or grants.allow(request.verb, request.path):
            return None
        denied.append(f"{request.verb} {request.path}")
        return Response(403, b"{}")

    grants = Grants("cleanup")
    async with open_world() as world:
        world.server.intercept = keep
        await world.run(ClusterOptions(loaded=loaded, duration=1.0, seed=1))
        world.server.intercept = deny
        options = CleanupOptions(connection=Connection(metrics_addr=""), everything=True, yes=True)
        outcome = await CleanupCommand(world.client, options).run(Shutdown())

    assert outcome.error is None
    assert outcome.listing.startswith("removed ")
    # It looks at every kind that is served, since templates may have made any.
    assert {one.split()[0] for one in denied} == {"list"}


@pytest.mark.parametrize("command", [one for one in RIGHTS if one.startswith("cluster")])
def test_a_mesh_may_grant_its_gateways_their_secrets(command: str) -> None:
    """An API server lets nobody grant what they do not have, and gateways would have no Secrets."""
    (_, role), _ = secret_reader("mesh", "default", run_id="x")

    assert Grants(command).cover(role)


@pytest.mark.parametrize("command", RIGHTS)
def test_a_manifest_grants_what_the_table_says_and_no_more(command: str) -> None:
    """An account for load tests that can do more is one that an attacker would look for."""
    manifest = Grants(command).documents
    rights = {
        (right.resource.group, right.rule_resource, verb, right.namespace)
        for right in RIGHTS[command]
        for verb in right.verbs
    }

    assert Grants(command)._granted == rights
    assert {one["kind"] for one in manifest} <= {
        *("Namespace", "ServiceAccount"),
        *("ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"),
    }


def test_no_right_is_listed_twice() -> None:
    """Manifests that are made from the table would repeat it, and doctor would ask twice."""
    for command, rights in RIGHTS.items():
        keys = [(one.name, one.namespace, one.when, verb) for one in rights for verb in one.verbs]
        assert len(keys) == len(set(keys)), command


def test_names_are_those_of_rbac() -> None:
    """People copy them into a Role."""
    names = {one.name for rights in RIGHTS.values() for one in rights}

    assert {"serviceaccounts/token", "leases.coordination.k8s.io", "pods/status"} <= names
    assert any(one.when == TOKENS for one in RIGHTS["adsc"])
