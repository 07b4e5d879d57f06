"""Whether this machine holds a number of proxies, in open files, ports and memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyload.commands.doctor.findings import Finding, Level, ok
from pyload.harness.capacity import BASE_BYTES, assess

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyload.harness.capacity import Machine, Requirements


def machine_findings(
    requirements: Requirements, machine: Machine, *, asked: bool
) -> Iterator[Finding]:
    """Yield what is short on a machine, or what it has.

    Args:
        requirements: What the proxies need.
        machine: What the machine has.
        asked: Whether the user has named the number of proxies, so that it has to fit.
    """
    assessment = assess(requirements, machine)
    level = Level.PROBLEM if asked else Level.WARNING
    for one in assessment.shortfalls:
        yield Finding("machine", level, one.what, one.fix)
    if assessment.shortfalls:
        return
    need = requirements.processes * BASE_BYTES + requirements.total * requirements.bytes_each
    memory = "" if machine.memory is None else f" of {_size(machine.memory)}"
    ports = f"{machine.ports:,} ports for each address"
    if assessment.sources:
        ports += ", several addresses of the loopback"
    yield ok(
        "machine",
        f"{requirements.total:,} proxies fit: {assessment.files:,} open files, {ports}, "
        f"{_size(need)}{memory} memory",
    )


def _size(size: int) -> str:
    return f"{size / (1 << 30):.1f} GiB" if size >= 1 << 30 else f"{size >> 20} MiB"
