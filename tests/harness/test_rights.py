"""The table of rights beside what commands ask of the API server."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from pyload.commands.cluster.options import ClusterOptions
from pyload.config.file import load_config
from pyload.embedded.stack import start_kwok
from pyload.harness.rights import RIGHTS, TOKENS
from pyload.kube.resources import locate
from pyload.tasks import Supervisor
from tests.conftest import ROOT
from tests.mesh.conftest import open_world
from tests.mesh.scenarios.test_examples import small

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

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
    """Return what was asked and is in no right of a command."""
    left = set()
    for method, path in requests:
        where = locate(path)
        if where is None:
            # Discovery and the version, which everybody may read.
            continue
        verb = "list" if method == "get" and not where.name else method
        if not any(
            (right.resource.group, right.resource.plural, right.subresource)
            == (where.group, where.plural, where.subresource.partition("/")[0])
            and verb in right.verbs
            and right.namespace in ("", where.namespace)
            for right in RIGHTS[command]
        ):
            left.add(f"{verb} {path}")
    return left


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
