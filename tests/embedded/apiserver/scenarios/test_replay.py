"""What pilot-load asked of a real API server, asked again here."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

import orjson
import pytest

from tests.embedded.apiserver.replay import repeat

if TYPE_CHECKING:
    from pathlib import Path

    from tests.embedded.apiserver.conftest import Api

pytestmark = [pytest.mark.anyio, pytest.mark.golden, pytest.mark.virtual]

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


def _is_accepted(verb: str, path: str, recorded: int, found: int) -> bool:
    return any(
        (verb, recorded, found) == (known, was, is_) and re.search(part, path)
        for known, part, was, is_, _ in ACCEPTED
    )


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
        found = await repeat(api, recorded)
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
        await repeat(api, orjson.loads(line))
    await asyncio.sleep(60)

    left = [
        f"{resource.kind} {obj['metadata']['name']}"
        for resource, obj in api.server.objects()
        if (resource, obj["metadata"]["name"]) not in before
    ]
    assert left == []
