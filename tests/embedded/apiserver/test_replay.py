"""What pilot-load asked of a real API server, asked again here."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from tests.virtual import VIRTUAL

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.embedded.apiserver.conftest import Api, Obj

pytestmark = [pytest.mark.anyio, pytest.mark.golden]

RECORDINGS = [
    "classic-basic.fake-node",
    "classic-basic.fake",
    "classic-basic.real",
    "classic-types.fake-node",
    "classic-types.fake",
    "classic-types.real",
    "current-ambient",
    "current-mix",
]

ACCEPTED: list[tuple[str, str, int, int, str]] = [
    ("get", "/endpoints/", 200, 404, "no controller makes Endpoints of a Service"),
    ("patch", "/endpoints/", 200, 201, "no controller makes Endpoints of a Service"),
    ("update", "/endpoints/", 409, 200, "no controller changes Endpoints in between"),
    ("update", "/nodes/.*/status", 409, 200, "no controller taints a new Node"),
    ("delete", "/leases/", 404, 200, "nothing collects the Leases of deleted Nodes"),
    ("delete", "/configmaps/istio-ca-root-cert", 200, 404, "there is no istiod to make it"),
]
"""Verb, part of the path, the recorded code, the code here, and why they may differ."""


@pytest.fixture
def anyio_backend() -> tuple[str, Mapping[str, Any]]:
    """Virtual time."""
    return VIRTUAL


def _is_accepted(verb: str, path: str, recorded: int, found: int) -> bool:
    return any(
        (verb, recorded, found) == (known, was, is_) and re.search(part, path)
        for known, part, was, is_, _ in ACCEPTED
    )


async def _repeat(api: Api, recorded: Obj) -> int:
    """Send a recorded request with what differs from run to run left out or looked up."""
    verb, path = recorded["verb"], recorded["path"]
    query = {name: value for name, value in recorded.get("query", {}).items() if value != "*"}
    body: Obj = recorded.get("body") or {}
    if verb == "watch":
        async with api.transport.stream(path, query=query) as stream:
            return stream.status
    if "metadata" in body:
        body = {**body, "metadata": dict(body["metadata"])}
        body["metadata"].pop("uid", None)
        if body["metadata"].pop("resourceVersion", None):
            _, current = await api("GET", path.removesuffix("/status").removesuffix("/finalize"))
            body["metadata"]["resourceVersion"] = current["metadata"].get("resourceVersion", "")
    if verb == "patch":
        code, _ = await api.apply(path, body, manager=query.pop("fieldManager"), **query)
        return code
    methods = {"create": "POST", "update": "PUT", "delete": "DELETE"}
    code, _ = await api(methods.get(verb, "GET"), path, body or None, **query)
    return code


@pytest.mark.parametrize("name", RECORDINGS)
async def test_a_recorded_run_gets_the_recorded_codes(api: Api, golden: Path, name: str) -> None:
    """A run against the embedded server must go as against a real one."""
    lines = (golden / "kube" / f"{name}.requests.jsonl").read_bytes().splitlines()
    loop = asyncio.get_running_loop()
    start = loop.time()
    differing: list[str] = []
    for line in lines:
        recorded = orjson.loads(line)
        await asyncio.sleep(max(0.0, start + recorded["t"] - loop.time()))
        found = await _repeat(api, recorded)
        verb, path, code = recorded["verb"], recorded["path"], recorded["code"]
        if found != code and not _is_accepted(verb, path, code, found):
            differing.append(f"{verb} {path}: {found} instead of {code}")

    assert differing == []


@pytest.mark.parametrize("name", RECORDINGS)
async def test_a_recorded_run_leaves_nothing(api: Api, golden: Path, name: str) -> None:
    """What pilot-load cleans up on a real server must be gone here too."""
    before = {(resource, obj["metadata"]["name"]) for resource, obj in api.server.objects()}
    lines = (golden / "kube" / f"{name}.requests.jsonl").read_bytes().splitlines()
    for line in lines:
        await _repeat(api, orjson.loads(line))
    await asyncio.sleep(60)

    left = [
        f"{resource.kind} {obj['metadata']['name']}"
        for resource, obj in api.server.objects()
        if (resource, obj["metadata"]["name"]) not in before
    ]
    assert left == []
