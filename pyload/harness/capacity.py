"""Whether the proxies of a run fit a machine's open files, ephemeral ports and memory.

`assess` compares a run's `Requirements` with a `Machine`. It helps where it can, by a
higher limit of open files and by further source addresses on loopback, and names the rest as
`Shortfall`s, which are warnings: a run may still be worth its start.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

SPARE_FILES: Final = 256
"""Descriptors that a process needs beside its proxies: API server, metrics, logs, libraries."""

FILES_TO_START: Final = 96
"""Descriptors without which no run begins: libraries abort the process where they get none."""

BASE_BYTES: Final = 120 * 1024 * 1024
"""Memory of a process before its first proxy, with all that a big run imports."""

_SHARE: Final = 0.45
"""Share of the ephemeral ports that one source address is planned for.

Linux gives out every second one at first. When those are gone it searches, for milliseconds of each
dial.
"""

_SOURCES_MAX: Final = 4096
_FILES_OPEN_ENDED: Final = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What the machine has.

    Attributes:
        files: Descriptors that the process may open now (soft limit).
        files_max: Descriptors that it may come to allow itself (hard limit).
        files_open: Descriptors that it has open.
        ports: Ephemeral ports of one source address.
        memory: Bytes that are available; None if that is not known.
        spread: Whether connections to loopback may come from any address in 127.0.0.0/8.
    """

    files: int
    files_max: int
    files_open: int
    ports: int
    memory: int | None
    spread: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirements:
    """What a run needs.

    Attributes:
        proxies: Number of proxies, by the address that they connect to, as ``HOST:PORT``.
        loopback: Which of those addresses can be reached from any in 127.0.0.0/8.
        open_ended: Whether an unknown number of further proxies may come.
        processes: Processes that share the proxies.
        files_each: Descriptors of one proxy in one process; 2 with the server in the same process.
        bytes_each: Memory of one proxy once it is quiet.
    """

    proxies: Mapping[str, int]
    loopback: frozenset[str] = frozenset()
    open_ended: bool = False
    processes: int = 1
    files_each: int = 1
    bytes_each: int

    @property
    def total(self) -> int:
        """The number of all proxies."""
        return sum(self.proxies.values())


@dataclass(frozen=True, slots=True)
class Shortfall:
    """A resource that will not suffice.

    Attributes:
        what: The resource that is short, with figures.
        fix: A remedy for the user.
    """

    what: str
    fix: str

    def __str__(self) -> str:
        return f"{self.what}; {self.fix}"


@dataclass(frozen=True, slots=True)
class Assessment:
    """The result of `assess`.

    Attributes:
        files: Soft limit of descriptors to set; never below the one there is.
        sources: Loopback addresses to connect from, by target; a target that is not in it needs
            none.
        shortfalls: Resources that will not suffice all the same.
    """

    files: int
    sources: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    shortfalls: tuple[Shortfall, ...] = ()


def assess(requirements: Requirements, machine: Machine) -> Assessment:
    """Compare the requirements of a run with the machine, and help where that is possible."""
    files, short_files = _files(requirements, machine)
    sources: dict[str, tuple[str, ...]] = {}
    shortfalls = [short_files]
    for target in sorted(requirements.proxies):
        count = requirements.proxies[target]
        if count <= machine.ports * _SHARE:
            continue
        if machine.spread and target in requirements.loopback and machine.ports > 0:
            sources[target] = _spread(count, machine.ports)
        elif count > machine.ports:
            shortfalls.append(_ports(target, count, machine.ports))
    shortfalls.append(_memory(requirements, machine))
    return Assessment(files, sources, tuple(one for one in shortfalls if one is not None))


def _files(requirements: Requirements, machine: Machine) -> tuple[int, Shortfall | None]:
    each = math.ceil(requirements.total / requirements.processes) * requirements.files_each
    wanted = machine.files_open + each + SPARE_FILES
    if wanted <= machine.files_max:
        most = max(machine.files, min(machine.files_max, _FILES_OPEN_ENDED))
        return most if requirements.open_ended else max(machine.files, wanted), None
    fit = max(0, machine.files_max - machine.files_open - SPARE_FILES) // requirements.files_each
    return machine.files_max, Shortfall(
        f"a process may open {machine.files_max} files, which is enough for about "
        f"{fit * requirements.processes} of {requirements.total} proxies",
        f"raise its hard limit to {wanted} (`ulimit -Hn {wanted}` as root, LimitNOFILE= of a "
        "systemd unit, the container runtime's default)",
    )


def _spread(count: int, ports: int) -> tuple[str, ...]:
    needed = min(math.ceil(count / (ports * _SHARE)), _SOURCES_MAX)
    # From 127.0.0.2 on; the first is everybody's.
    numbers = range((127 << 24) + 2, (127 << 24) + 2 + needed)
    return tuple(
        ".".join(str(number >> shift & 255) for shift in (24, 16, 8, 0)) for number in numbers
    )


def _ports(target: str, count: int, ports: int) -> Shortfall:
    return Shortfall(
        f"this machine has {ports} ephemeral ports for connections to {target}, and {count} "
        "proxies want one each",
        "widen net.ipv4.ip_local_port_range (`sysctl -w net.ipv4.ip_local_port_range='1024 "
        "65535'`), or share the proxies among machines",
    )


def _memory(requirements: Requirements, machine: Machine) -> Shortfall | None:
    wanted = requirements.processes * BASE_BYTES + requirements.total * requirements.bytes_each
    if machine.memory is None or wanted <= machine.memory:
        return None
    fit = max(0, machine.memory - requirements.processes * BASE_BYTES) // requirements.bytes_each
    return Shortfall(
        f"{requirements.total} proxies need about {_mib(wanted)} of memory, and "
        f"{_mib(machine.memory)} can be had, which is enough for about {fit}",
        "start fewer, give the machine or the container more memory, or share the proxies among "
        "machines",
    )


def _mib(size: int) -> str:
    return f"{size / (1 << 20):,.0f} MiB"
