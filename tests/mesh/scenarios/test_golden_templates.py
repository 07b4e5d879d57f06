"""The requests of a mesh with templates, held to those that pilot-load made of a real API server.

Numbers refer to the list of differences in docs/compatibility.md.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from pyload.commands.cluster.options import ClusterOptions
from pyload.config.file import load_config
from tests.mesh.recording import Recorded, counted, read

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from tests.mesh.conftest import World

pytestmark = [pytest.mark.anyio, pytest.mark.golden]

DISCOVERY = re.compile(r"/api/v1|/apis/[^/]+(/v[^/]+)?")
TEMPLATED = re.compile(r".*/(sidecars|gateways|virtualservices|destinationrules|secrets)/.+")
PEM = re.compile(
    r"-----BEGIN ([A-Z ]+)-----[^-]+-----END \1-----\\n|<tls\.\w+: PEM, \d+ characters>"
)
DRAWN = re.compile(r'("maxConnections"): \d+')


async def record(world: World, golden: Path) -> list[Recorded]:
    """Run the recorded config as long as pilot-load ran it."""
    options = ClusterOptions(
        loaded=load_config(str(golden / "kube" / "current-mix.yaml")), duration=15.7, seed=1
    )
    outcome = await world.run(options)
    assert outcome.error is None
    return [one for one in world.requests if not DISCOVERY.fullmatch(one.path)]  # 12


def recorded(golden: Path) -> list[Recorded]:
    """Read what pilot-load did."""
    requests = read(golden / "kube" / "current-mix.requests.jsonl")
    kept: list[Recorded] = []
    for one in requests:
        if "/serviceaccounts/" in one.path:  # 16
            continue
        twice = kept and TEMPLATED.fullmatch(one.path) and "istio.io" in one.path
        if twice and one.verb == "patch" and one.body in _bodies(kept, one.path):  # 21
            continue
        kept.append(one)
    return kept


def _bodies(requests: list[Recorded], path: str) -> list[str]:
    """Return the body that was last written to a path."""
    return [one.body for one in requests if one.path == path and one.verb == "patch"][-1:]


def phase(requests: Iterable[Recorded], wanted: Callable[[float], bool]) -> list[Recorded]:
    """Return the requests of a part of the run, without conflicts, which depend on the moment."""
    found = [one for one in requests if wanted(one.time) and one.code != 409]
    return [one for one in found if not (one.verb == "get" and one.code == 200)]


def objects(requests: Iterable[Recorded]) -> dict[tuple[str, str], set[str]]:
    """Collect the bodies of templates' objects, without drawn numbers and keys."""
    found: dict[tuple[str, str], set[str]] = {}
    for one in requests:
        if one.verb == "patch" and TEMPLATED.fullmatch(one.path):
            body = DRAWN.sub(r"\1: 0", PEM.sub("PEM", one.body))
            found.setdefault((one.verb, one.path), set()).add(body)
    return found


async def test_the_start_makes_the_recorded_requests(world: World, golden: Path) -> None:
    """Another mesh would be measured if an object were missing or extra."""
    ours = counted(phase(await record(world, golden), lambda time: time < 1.0))
    theirs = counted(phase(recorded(golden), lambda time: time < 1.0))
    retried = ("update", "/api/v1/nodes/node-*/status", 200)

    assert ours[retried] == theirs[retried] == 2
    assert ours == theirs


async def test_objects_are_the_recorded_ones(world: World, golden: Path) -> None:
    """A field that is missing or differs changes what istiod makes of the object."""
    ours, theirs = objects(await record(world, golden)), objects(recorded(golden))

    assert ours == theirs
    ports = {
        json.loads(body)["spec"]["http"][0]["route"][0]["destination"]["port"]["number"]
        for (_, path), bodies in ours.items()
        for body in bodies
        if "virtualservices" in path
    }
    assert ports == {80, 443}


async def test_changes_make_the_recorded_requests(world: World, golden: Path) -> None:
    """Churn must be of the same objects, and of no others."""

    def changed(requests: list[Recorded]) -> set[tuple[str, str]]:
        during = phase(requests, lambda time: 1.0 <= time < 15.5)
        return {
            (one.verb, one.path)
            for one in during
            if TEMPLATED.fullmatch(one.path) and one.verb != "get"
        }

    assert changed(await record(world, golden)) == changed(recorded(golden))


async def test_cleanup_deletes_what_pilot_load_deletes(world: World, golden: Path) -> None:
    """An object that is not deleted stays in the user's cluster."""
    ours = phase(await record(world, golden), lambda time: time >= 15.5)
    theirs = phase(recorded(golden), lambda time: time >= 15.5)

    def deleted(requests: list[Recorded]) -> object:
        return counted(one for one in requests if one.verb == "delete")

    assert deleted(ours) == deleted(theirs)
