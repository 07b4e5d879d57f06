"""Looking at the machine before a run."""

from __future__ import annotations

import logging
import resource
from typing import TYPE_CHECKING

import pytest

from pyload.harness.capacity import FILES_TO_START, Requirements
from pyload.harness.connection import Connection
from pyload.harness.host import is_loopback, prepare, read_machine, require_files, requirements_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def limit() -> Iterator[None]:
    """Set the soft limit of files low, and back."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (512, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def write(root: Path, files: dict[str, str]) -> None:
    """Write files as Linux shows them."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="ascii")


def test_the_soft_limit_is_raised(limit: None) -> None:
    """The run would end with `too many open files`."""
    before = read_machine()
    prepare(Requirements(proxies={"10.0.0.1:15012": 300}, bytes_each=1))
    assert before.files == 512
    assert read_machine().files > 512


def test_a_run_begins_with_the_files_that_it_needs(limit: None) -> None:
    """Its libraries abort the process, or print tracebacks, where they cannot open a few."""
    require_files()
    assert read_machine().files == 512
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (16, hard))
    require_files()
    assert read_machine().files == FILES_TO_START


def test_what_will_not_suffice_is_a_warning(caplog: pytest.LogCaptureFixture, limit: None) -> None:
    """The run goes on: it is the user's to judge whether most of the proxies are enough."""
    with caplog.at_level(logging.WARNING):
        sources = prepare(
            Requirements(
                proxies={"127.0.0.1:1": 50_000_000},
                loopback=frozenset({"127.0.0.1:1"}),
                bytes_each=10,
            )
        )
    assert "of 50000000 proxies" in caplog.text
    assert sources["127.0.0.1:1"][0] == "127.0.0.2"


def test_the_narrowest_of_machine_and_control_groups_counts(tmp_path: Path) -> None:
    """In a container, the machine's memory is not the container's."""
    group = "sys/fs/cgroup/kubepods/pod1"
    write(
        tmp_path,
        {
            "proc/meminfo": "MemTotal:  8000000 kB\nMemAvailable:  4000000 kB\n",
            "proc/sys/net/ipv4/ip_local_port_range": "1024\t65535\n",
            "proc/self/cgroup": "0::/kubepods/pod1\n",
            f"{group}/memory.max": "1000000000\n",
            f"{group}/memory.current": "300000000\n",
            f"{group}/memory.stat": "anon 200000000\ninactive_file 100000000\n",
            "sys/fs/cgroup/kubepods/memory.max": "max\n",
            "sys/fs/cgroup/kubepods/memory.current": "5\n",
        },
    )
    machine = read_machine(tmp_path)
    assert (machine.memory, machine.ports) == (800_000_000, 64_512)


def test_control_groups_of_version_1(tmp_path: Path) -> None:
    """Older clusters have them; a path that is the host's leads to the mount itself."""
    write(
        tmp_path,
        {
            "proc/self/cgroup": "9:cpu:/x\n4:hugetlb,memory:/host/path\n",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": "500000000\n",
            "sys/fs/cgroup/memory/memory.usage_in_bytes": "100000000\n",
        },
    )
    assert read_machine(tmp_path).memory == 400_000_000


def test_a_system_that_tells_nothing(tmp_path: Path) -> None:
    """On macOS there is no /proc: nothing is known, and nobody is warned."""
    machine = read_machine(tmp_path)
    assert (machine.memory, machine.ports) == (None, 16_384)


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("localhost:1", True),
        ("127.9.0.1:1", True),
        ("[::1]:1", False),
        ("10.0.0.1:1", False),
        ("istiod.istio-system.svc:15012", False),
    ],
)
def test_which_addresses_are_loopback(address: str, expected: bool) -> None:  # noqa: FBT001
    """Only those can be reached from other loopback addresses."""
    assert is_loopback(address) is expected


@pytest.mark.parametrize(
    ("connection", "spread", "size"),
    [
        (Connection(), True, 25),
        (Connection(transport="grpc"), False, 260),
        (Connection(auth="jwt"), True, 60),
        (Connection(auth="mtls", csr_per_pod=True), True, 90),
    ],
)
def test_what_a_run_needs_follows_from_its_flags(
    connection: Connection,
    spread: bool,  # noqa: FBT001 - a parameter of the test
    size: int,
) -> None:
    """Where connections may come from depends on the transport, and TLS has a price."""
    address = "127.0.0.1:15010"
    requirements = requirements_of(
        connection, connection.check(), address=address, proxies=7, served_here=True
    )
    assert requirements == Requirements(
        proxies={address: 7},
        loopback=frozenset({address} if spread else ()),
        files_each=2,
        bytes_each=size * 1024,
    )


@pytest.mark.parametrize(
    ("workers", "served_here", "expected"),
    [(0, False, (1, 1)), (4, False, (4, 1)), (0, True, (1, 2)), (4, True, (1, 1))],
)
def test_workers_share_the_connections_unless_the_server_is_here(
    workers: int,
    served_here: bool,  # noqa: FBT001 - a parameter of the test
    expected: tuple[int, int],
) -> None:
    """A run would warn of files that suffice, or not of those that do not."""
    connection = Connection()
    requirements = requirements_of(
        connection,
        connection.check(),
        address="127.0.0.1:15010",
        proxies=7,
        workers=workers,
        served_here=served_here,
    )
    assert (requirements.processes, requirements.files_each) == expected
