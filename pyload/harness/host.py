"""Prepares the process for many connections, and warns of limits of the machine."""

from __future__ import annotations

import ipaddress
import logging
import os
import resource
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pyload.descriptors import RAISE
from pyload.errors import UsageError
from pyload.harness.capacity import FILES_TO_START, Machine, Requirements, assess
from pyload.xds.credentials import uses_tls

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pyload.harness.connection import Connection
    from pyload.xds.credentials import Auth

log = logging.getLogger("pyload")

ROOT: Final = Path("/")
_PORTS: Final = 16_384
"""Ephemeral ports of a system that does not name them: 49152 to 65535, IANA's range."""

_KIB: Final = 1024
_BYTES: Final = {
    ("lean", False): 25 * _KIB,
    ("lean", True): 60 * _KIB,
    ("grpc", False): 260 * _KIB,
    ("grpc", True): 400 * _KIB,
}
"""What to plan for a quiet proxy of a mesh of 600 clusters, by transport and whether over TLS.

One of a tiny mesh was measured to hold 5, 35, 62 and 127 KiB.
"""

_BYTES_OF_OWN_CERTIFICATE: Final = 30 * _KIB

_UNLIMITED: Final = 1 << 40
"""A limit of files or bytes that stands for none."""


def require_files() -> None:
    """Have the files that a run opens before its first proxy.

    Raises:
        UsageError: The process may not open that many.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= FILES_TO_START:
        return
    if hard != resource.RLIM_INFINITY and hard < FILES_TO_START:
        raise UsageError(
            f"this process may open {hard} files, and a run needs {FILES_TO_START} before its "
            "first proxy",
            fix=RAISE,
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (FILES_TO_START, hard))


def shortfalls(requirements: Requirements) -> list[str]:
    """Return the shortfalls of this machine, without changing anything."""
    return [str(one) for one in assess(requirements, read_machine()).shortfalls]


def prepare(requirements: Requirements) -> Mapping[str, tuple[str, ...]]:
    """Raise the limit of open files as the run requires, and warn of shortfalls.

    Returns:
        Loopback addresses to connect from, by target.
    """
    assessment = assess(requirements, read_machine())
    for shortfall in assessment.shortfalls:
        log.warning("%s", shortfall)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and assessment.files > soft:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (assessment.files, hard))
        except (OSError, ValueError) as error:
            log.warning("cannot raise the limit of open files to %d: %s", assessment.files, error)
    return assessment.sources


def requirements_of(
    connection: Connection,
    auth: Auth,
    *,
    address: str,
    proxies: int,
    workers: int = 0,
    open_ended: bool = False,
    served_here: bool = False,
) -> Requirements:
    """Return the requirements of a run.

    Args:
        connection: The flags.
        auth: The authentication that follows from them.
        address: The control plane of all proxies; empty where each names its own.
        proxies: Number of proxies.
        workers: Processes that the proxies run in; 0 for this one.
        open_ended: Whether more may come.
        served_here: Whether the control plane is in this process too.
    """
    # grpc does not let its caller choose where it connects from.
    spread = connection.transport == "lean" and is_loopback(address)
    return Requirements(
        proxies={address: proxies} if address else {},
        loopback=frozenset({address} if spread else ()),
        open_ended=open_ended,
        # A server in this process has all the connections, however many processes share them.
        processes=1 if served_here else max(1, workers),
        files_each=2 if served_here and not workers else 1,
        bytes_each=_BYTES[connection.transport, uses_tls(auth)]
        + (_BYTES_OF_OWN_CERTIFICATE if connection.csr_per_pod else 0),
    )


def is_loopback(address: str) -> bool:
    """Return whether ``HOST:PORT`` is on IPv4 loopback."""
    host = address.rpartition(":")[0]
    if host == "localhost":
        return True
    try:
        return ipaddress.IPv4Address(host).is_loopback
    except ValueError:
        return False


def read_machine(root: Path = ROOT) -> Machine:
    """Read the limits of this machine.

    Args:
        root: Folder of ``proc`` and ``sys``.
    """
    soft, hard = (
        _UNLIMITED if limit == resource.RLIM_INFINITY else limit
        for limit in resource.getrlimit(resource.RLIMIT_NOFILE)
    )
    return Machine(
        files=soft,
        files_max=hard,
        files_open=_open_files(),
        ports=_ports(root),
        memory=_memory(root),
        spread=sys.platform == "linux",
    )


def _open_files() -> int:
    try:
        return len(os.listdir("/dev/fd"))  # noqa: PTH208 - names only
    except OSError:
        return 0


def _ports(root: Path) -> int:
    text = _text(root / "proc/sys/net/ipv4/ip_local_port_range")
    try:
        first, last = map(int, text.split())
    except ValueError:
        return _PORTS
    return max(0, last - first + 1)


def _memory(root: Path) -> int | None:
    """Return the bytes that the machine and the control groups leave to this process."""
    left = list(_groups(root))
    for line in _text(root / "proc/meminfo").splitlines():
        name, _, rest = line.partition(":")
        if name == "MemAvailable":
            left.append(int(rest.split()[0]) * 1024)
    return min(left, default=None)


def _groups(root: Path) -> Iterator[int]:
    """Yield the bytes that each control group leaves to this process, in versions 1 and 2."""
    mount = root / "sys/fs/cgroup"
    for line in _text(root / "proc/self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if not controllers:
            yield from _walk(mount, path, "memory.max", "memory.current", "inactive_file")
        elif "memory" in controllers.split(","):
            yield from _walk(
                mount / "memory",
                path,
                "memory.limit_in_bytes",
                "memory.usage_in_bytes",
                "total_inactive_file",
            )


def _walk(mount: Path, path: str, limit: str, usage: str, cache: str) -> Iterator[int]:
    # Within a container the path may be the host's, and only the mount itself is there.
    group = mount / path.lstrip("/")
    while True:
        most, used = _text(group / limit).strip(), _text(group / usage).strip()
        if most.isdecimal() and used.isdecimal() and int(most) < _UNLIMITED:
            yield max(0, int(most) - int(used) + _cached(group / "memory.stat", cache))
        if group in (mount, mount.parent) or mount not in group.parents:
            return
        group = group.parent


def _cached(stat: Path, name: str) -> int:
    """Return the bytes of files that the kernel would drop before it refuses memory."""
    for line in _text(stat).splitlines():
        key, _, value = line.partition(" ")
        if key == name:
            return int(value)
    return 0


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError):
        return ""
