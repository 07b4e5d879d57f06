"""A hundred thousand proxies on one machine: do they fit, and what do they cost?

``python -m tests.bench.fleet.hundred_thousand`` from the project's folder. The configuration is
that of a small mesh, because a push of the large one would be 77 GB. Each process of clients has a
server on a loopback address of its own; ephemeral ports and the system's limit of open files
decide how many there are.
"""

from __future__ import annotations

import argparse
import json
import resource
from pathlib import Path
from typing import Final

from tests.bench.fleet.measure import Load, Run, Setup

SERVICES: Final = 10
IDLE_SECONDS: Final = 33.0
"""Of each client one PING comes in it, after 30 to 32 s of silence."""
_OWN_FILES: Final = 200
"""Files that a process needs besides its connections."""
_PORTS: Final = 14_000
"""Connections from one process: half of Linux' default range of ephemeral ports.

The kernel gives out every second port at first, and when those are gone it searches for each dial.
"""


def split(clients: int) -> tuple[int, int]:
    """Return the clients of each process, and the number of processes."""
    _, files = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = min(files - _OWN_FILES, _PORTS)
    processes = -(-clients // most)
    return -(-clients // processes), processes


def kernel_bytes() -> int:
    """Return the memory of the kernel's own objects, such as sockets; 0 if it is not known."""
    path = Path("/proc/meminfo")
    lines = path.read_text(encoding="ascii").splitlines() if path.exists() else []
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Slab:"))


def measure(clients: int) -> dict[str, float]:
    """Run the clients: connect, push twice, and stand idle."""
    each, processes = split(clients)
    setup = Setup("lean", each, processes=processes)
    with Run(setup, Load(None, SERVICES)) as run:
        before = kernel_bytes()
        connected = run.connect()
        same, changed = run.push("same"), run.push("changed")
        resident = run.resident()
        kernel = kernel_bytes() - before
        idle = run.idle(IDLE_SECONDS)
        served, server_cpu = run.servers()
    total = setup.clients
    return {
        "clients": total,
        "processes": processes,
        "bytes of a push to each": connected.size / total,
        "seconds until all are configured": connected.seconds,
        "connections that came again": connected.again + same.again + changed.again,
        "CPU seconds to connect them": connected.cpu,
        "ms of CPU to connect each": connected.cpu / total * 1e3,
        "seconds of a push to all": same.seconds,
        "CPU seconds of a push": same.cpu,
        "ms of CPU of a push to each": same.cpu / total * 1e3,
        "ms of CPU of a changed push to each": changed.cpu / total * 1e3,
        "MB of memory": resident / 1e6,
        "KB of memory of each, processes apart": (resident - run.empty) / total / 1e3,
        "MB of the kernel's objects, both ends": kernel / 1e6,
        "% of a core while idle": idle * 100,
        "MB of memory of the servers": served / 1e6,
        "CPU seconds of the servers": server_cpu,
    }


def main() -> None:
    """Measure, print, and write JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=100_000)
    parser.add_argument("--json", type=Path, help="file to write the figures to")
    options = parser.parse_args()
    figures = measure(options.clients)
    for what, value in figures.items():
        print(f"{what:<44}{value:>14,.2f}")
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
