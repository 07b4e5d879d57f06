"""Measures kwok mode against an embedded API server in a process of its own.

``python tests/bench/kwok.py`` prints each figure beside its target; ``--serve`` is the server.
"""

from __future__ import annotations

import asyncio
import gc
import json
import statistics
import subprocess
import sys
import time
from random import Random
from typing import TYPE_CHECKING, Any

from pyload.config.app_types import SIDECAR
from pyload.embedded.apiserver.api import ApiServer
from pyload.embedded.kwok.admission import injector
from pyload.kube.client import Client
from pyload.kube.http import HttpTransport
from pyload.kube.resources import NAMESPACES, NODES, PODS
from pyload.manifests import objects, pods
from pyload.manifests.kwok import kwok_node
from pyload.pods.follower import Follower
from pyload.report.process import rss_bytes
from pyload.tasks import Supervisor, run

if TYPE_CHECKING:
    from pyload.proxies.spec import ProxySpec

LISTED = 10_000
RATE = 100
SCALED = 5_000
SECONDS = 10


class Clocked:
    """A fleet that runs nothing and notes when it was told to start and stop what."""

    def __init__(self) -> None:
        self.started: dict[str, float] = {}
        self.stopped: dict[str, float] = {}
        self._names: dict[str, str] = {}

    def start(self, spec: ProxySpec) -> None:
        """Note a start."""
        self._names[spec.key] = spec.name
        self.started[spec.name] = time.perf_counter()

    async def stop(self, key: str) -> None:
        """Note a stop."""
        self.stopped[self._names.pop(key)] = time.perf_counter()

    def forget(self) -> None:
        """Drop the notes, which are not the follower's memory."""
        self.started.clear()
        self.stopped.clear()


async def make_pod(client: Client, name: str, ip: str) -> None:
    """Create an injected pod that runs on the kwok node."""
    pod: dict[str, Any] = pods.pod(
        name, "mesh", app="a", type_=SIDECAR, node="kwok", run_id="bench"
    )
    pod["metadata"]["labels"]["pod-template-hash"] = "5d4f8b7c9"
    await client.create(PODS.path("mesh"), pod)
    status = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "mesh"},
        "status": {"phase": "Running", "podIP": ip, "podIPs": [{"ip": ip}]},
    }
    await client.apply(f"{PODS.path('mesh', name)}/status", status)


async def serve() -> None:
    """Serve an API server that has ten thousand injected pods."""
    server = ApiServer()
    server.admit = injector(server)
    client = Client(server.transport())
    await client.create(NAMESPACES.path(), objects.namespace("mesh", run_id="bench"))
    await client.create(NODES.path(), kwok_node("kwok", index=0, run_id="bench"))
    for number in range(LISTED):
        await make_pod(client, f"old-{number}", f"10.1.{number // 250}.{number % 250}")
    async with server.serve() as url:
        sys.stdout.write(json.dumps(url) + "\n")
        sys.stdout.flush()
        names = [f"burst-{number}" for number in range(SCALED)]
        while command := (await asyncio.to_thread(sys.stdin.readline)).strip():
            for number, name in enumerate(names):
                if command == "make":
                    await make_pod(client, name, f"10.3.{number // 250}.{number % 250}")
                else:
                    await client.delete(PODS.path("mesh", name))
            sys.stdout.write("done\n")
            sys.stdout.flush()


async def measure(url: str, server: subprocess.Popen[str]) -> list[tuple[str, float, float, str]]:
    """Follow the server's pods, then create and delete some."""
    transport = HttpTransport(url)
    client, fleet = Client(transport), Clocked()
    before, cpu, started = rss_bytes(), time.process_time(), time.perf_counter()
    follower = Follower(client, fleet, rng=Random(1))
    async with Supervisor() as background:
        background.spawn(follower.run(), name="follower")
        await follower.synced.wait()
        while len(fleet.started) < LISTED:  # noqa: ASYNC110 - a sum has no event
            await asyncio.sleep(0.01)
        rows = [
            (f"{LISTED:,} pods listed and reduced", time.perf_counter() - started, 10.0, "s"),
            ("the same, CPU", time.process_time() - cpu, 10.0, "s"),
            ("the same, memory", (rss_bytes() - before) / 1e6, 150.0, "MB"),
        ]
        names, made = [f"new-{number}" for number in range(RATE * SECONDS)], {}
        begun = time.perf_counter()
        for number, name in enumerate(names):
            await asyncio.sleep(max(0.0, begun + number / RATE - time.perf_counter()))
            await make_pod(client, name, f"10.2.{number // 250}.{number % 250}")
            made[name] = time.perf_counter()
        await asyncio.sleep(1)
        starts = [1000 * (fleet.started[name] - made[name]) for name in names]
        gone = {}
        begun = time.perf_counter()
        for number, name in enumerate(names):
            await asyncio.sleep(max(0.0, begun + number / RATE - time.perf_counter()))
            gone[name] = time.perf_counter()
            await client.delete(PODS.path("mesh", name))
        await asyncio.sleep(1)
        stops = [1000 * (fleet.stopped[name] - gone[name]) for name in names]
        left, growth = await scale(server, follower, fleet)
    await transport.aclose()
    for what, values in (("from a pod's IP to its start", starts), ("deletion to stop", stops)):
        rows.append((f"{what}, p99", statistics.quantiles(values, n=100)[98], 100.0, "ms"))
    rows.append((f"{SCALED:,} pods up and down: proxies left", left, 0.0, ""))
    rows.append(("the same, memory kept", growth, 20.0, "%"))
    return rows


async def scale(
    server: subprocess.Popen[str], follower: Follower, fleet: Clocked
) -> tuple[float, float]:
    """Create many pods and delete them; return the proxies left and memory kept in %."""
    fleet.forget()
    gc.collect()
    before, running = rss_bytes(), follower.snapshot().running
    await asyncio.to_thread(tell, server, "make")
    await asyncio.sleep(3)
    assert follower.snapshot().running == running + SCALED
    await asyncio.to_thread(tell, server, "remove")
    await asyncio.sleep(3)
    fleet.forget()
    gc.collect()
    left = follower.snapshot().running - running
    return float(left), max(0.0, 100 * (rss_bytes() / before - 1))


def tell(server: subprocess.Popen[str], what: str) -> None:
    """Send the server a command, and wait until it is done."""
    assert server.stdin is not None
    assert server.stdout is not None
    server.stdin.write(what + "\n")
    server.stdin.flush()
    server.stdout.readline()


def main() -> None:
    """Run the server, measure, and print a table."""
    if sys.argv[1:] == ["--serve"]:
        run(serve())
        return
    with subprocess.Popen(
        [sys.executable, __file__, "--serve"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        url = json.loads(server.stdout.readline())
        rows = run(measure(url, server))
        server.stdin.close()
    print(f"{'kwok mode':<44}{'measured':>10}{'target':>10}")
    for what, value, target, unit in rows:
        missed = "" if value <= target else "  MISSED"
        print(f"{what:<44}{value:>7.1f} {unit:<2}{target:>7.0f} {unit:<2}{missed}")


if __name__ == "__main__":
    main()
