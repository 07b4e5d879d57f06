"""Measures what pods cost the embedded API server, which has a process of its own.

``python -m tests.bench.objects`` prints each figure beside its target. With ``--base FOLDER`` the
server of another checkout is measured in turns with this one, and the ratios are printed too.
``--serve`` is the server.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import statistics
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pyload.config.app_types import SIDECAR
from pyload.embedded.apiserver.api import ApiServer
from pyload.embedded.kwok.inject import inject
from pyload.kube.client import Client
from pyload.kube.http import HttpTransport
from pyload.kube.resources import NAMESPACES, PODS
from pyload.manifests import objects, pods
from pyload.report.process import cpu_seconds, rss_bytes
from pyload.tasks import run

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pyload.kube.resources import Obj

PODS_PER_RUN: Final = 10_000
ROUNDS: Final = 3
WRITERS: Final = 16
KILOBYTES: Final = 25.0
RATIO: Final = 2 / 3
NAMESPACE: Final = "mesh"
NOW: Final = datetime(2026, 1, 1, tzinfo=UTC)
HERE: Final = Path(__file__).parents[2]


async def serve() -> None:
    """Serve an empty API server, and report its costs for each line on standard input."""
    async with ApiServer().serve() as url:
        print(json.dumps(url), flush=True)
        while await asyncio.to_thread(sys.stdin.readline):
            gc.collect()
            print(json.dumps([cpu_seconds(), rss_bytes()]), flush=True)


def plain_pod(number: int) -> Obj:
    """Return a pod as a run of pyload creates it."""
    return pods.pod(
        f"app-{number}", NAMESPACE, app=f"a-{number % 100}", type_=SIDECAR, node="n", run_id="bench"
    )


def injected_pod(number: int) -> Obj:
    """Return a pod with its sidecar, as Istio's webhook makes it."""
    pod = plain_pod(number)
    namespace = objects.namespace(NAMESPACE, run_id="bench")
    return inject(pod, namespace, native=True)


async def write(url: str, make: Callable[[int], Obj], *, apply: bool, count: int) -> None:
    """Create pods and let them run, as many at a time as the kubelet does, while one watches."""
    transport = HttpTransport(url)
    client = Client(transport)
    await client.create(NAMESPACES.path(), objects.namespace(NAMESPACE, run_id="bench"))
    numbers = iter(range(count))

    async def work() -> None:
        for number in numbers:
            pod = make(number)
            name = pod["metadata"]["name"]
            path = PODS.path(NAMESPACE, name)
            if apply:
                stored = await client.apply(path, pod)
            else:
                stored = await client.create(PODS.path(NAMESPACE), pod)
            status = pods.kubelet_status(
                name,
                NAMESPACE,
                uid=stored["metadata"]["uid"],
                resource_version=stored["metadata"]["resourceVersion"],
                ip=f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}",
                containers=[(one["name"], one["image"]) for one in pod["spec"]["containers"]],
                now=NOW,
            )
            await client.apply(f"{path}/status", status)

    async def watch() -> None:
        query = {"watch": "true", "allowWatchBookmarks": "true"}
        async with transport.stream(PODS.path(), query=query) as stream:
            async for _ in stream.lines():
                pass

    watcher = asyncio.create_task(watch())
    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(WRITERS):
                group.create_task(work())
    finally:
        watcher.cancel()
        await asyncio.gather(watcher, return_exceptions=True)
        await transport.aclose()


def measure(folder: Path, make: Callable[[int], Obj], *, apply: bool, count: int) -> list[float]:
    """Return the server's CPU seconds and resident bytes, each for one pod."""
    with subprocess.Popen(
        [sys.executable, __file__, "--serve"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(folder)},
    ) as server:
        assert server.stdin is not None
        assert server.stdout is not None

        def costs() -> list[float]:
            assert server.stdin is not None
            assert server.stdout is not None
            server.stdin.write("costs\n")
            server.stdin.flush()
            found: list[float] = json.loads(server.stdout.readline())
            return found

        url = json.loads(server.stdout.readline())
        before = costs()
        run(write(url, make, apply=apply, count=count))
        after = costs()
        server.stdin.close()
    return [(later - first) / count for first, later in zip(before, after, strict=True)]


def in_turns(
    folders: Sequence[Path], make: Callable[[int], Obj], *, apply: bool, count: int, rounds: int
) -> list[list[float]]:
    """Measure several checkouts in turns, and return the medians of each."""
    found: list[list[list[float]]] = [[] for _ in folders]
    for _ in range(rounds):
        for folder, figures in zip(folders, found, strict=True):
            figures.append(measure(folder, make, apply=apply, count=count))
    return [[statistics.median(column) for column in zip(*one, strict=True)] for one in found]


def line(what: str, value: float, unit: str, target: float | None = None) -> str:
    """Return a line of the table."""
    text = f"{what:<52}{value:>9.2f} {unit:<2}"
    if target is None:
        return text
    return f"{text}{target:>9.2f} {unit:<2}  {'met' if value <= target else 'MISSED'}"


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--serve", action="store_true")
    parser.add_argument("--base", type=Path, help="another checkout, measured in turns")
    parser.add_argument("--pods", type=int, default=PODS_PER_RUN)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    asked = parser.parse_args()
    if asked.serve:
        run(serve())
        return
    folders = [HERE, asked.base] if asked.base else [HERE]
    kinds: tuple[tuple[str, Callable[[int], Obj], bool], ...] = (
        ("plain, created", plain_pod, False),
        ("injected, applied", injected_pod, True),
    )
    print(f"{f'API server with {asked.pods:,} pods, for each':<52}{'measured':>12}{'at most':>12}")
    for what, make, apply in kinds:
        found = in_turns(folders, make, apply=apply, count=asked.pods, rounds=asked.rounds)
        cpu, memory = found[0]
        print(line(f"memory of a pod, {what}", memory / 1e3, "KB", KILOBYTES))
        print(line(f"CPU of a pod, {what}", cpu * 1e3, "ms"))
        for before, kept in found[1:]:
            print(line(f"memory of a pod, {what}, base", kept / 1e3, "KB"))
            print(line(f"CPU of a pod, {what}, base", before * 1e3, "ms"))
            print(line(f"CPU of a pod, {what}, of the base's", cpu / before, "x", RATIO))


if __name__ == "__main__":
    main()
