"""One measurement: fresh servers, fresh clients, and what the clients have used.

Only the clients' own CPU time counts, as the system tells it, so it does not matter that servers
and clients share the machine's cores. What the kernel does for a client in the server's name, such
as copying into its receive buffer on loopback, counts for the server.
"""

from __future__ import annotations

import contextlib
import statistics
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self

from tests.bench.fleet.commands import BenchmarkError, Process

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType


_READINGS: Final = 7
_TURNS: Final = 6
"""Pushes to the smaller of two fleets for each to the larger."""


@dataclass(frozen=True, slots=True)
class Load:
    """What the server sends.

    Attributes:
        recording: Folder of a recording; None to generate.
        services: Services to generate.
        views: Kinds of proxies, each with resources of its own.
        settle: Seconds that it is quiet before memory is read.
    """

    recording: Path | None
    services: int = 200
    views: int = 1
    settle: float = 1.0

    def arguments(self) -> list[str]:
        """Return the command line of the server."""
        source = (
            ["--services", str(self.services)]
            if self.recording is None
            else ["--recording", str(self.recording)]
        )
        return [*source, "--views", str(self.views)]


@dataclass(frozen=True, slots=True)
class Setup:
    """What is measured.

    Attributes:
        kind: One of `tests.bench.fleet.client.KINDS`.
        count: Clients of each process.
        delta: Whether they speak delta.
        tls: Whether with TLS and tokens.
        processes: Processes of clients, each with a server of its own.
        bare: Whether their nodes are bare, as pilot-load's.
        folder: Another version of the project, whose clients these are; None for this one.
    """

    kind: str
    count: int
    delta: bool = False
    tls: bool = False
    processes: int = 1
    bare: bool = False
    folder: Path | None = None

    @property
    def mode(self) -> str:
        """Name the protocol, its protection, and nodes that are bare."""
        kinds = ("delta" if self.delta else "sotw", *["tls"] * self.tls, *["bare"] * self.bare)
        return ", ".join(kinds)

    @property
    def clients(self) -> int:
        """Count the clients of all processes."""
        return self.count * self.processes


@dataclass(frozen=True, slots=True)
class Cost:
    """What something has cost.

    Attributes:
        cpu: Seconds of CPU time, all client processes together.
        seconds: Wall time until the last client was through.
        messages: Messages received.
        size: Bytes that were sent.
        again: Connections that broke and came again, as on a machine with too much to do.
    """

    cpu: float
    seconds: float
    messages: int
    size: int
    again: int


class Run:
    """Servers and clients; use as a context manager.

    Args:
        setup: What to run.
        load: What the servers send.

    Attributes:
        empty: Bytes of resident memory of all clients' processes before there are clients.
    """

    def __init__(self, setup: Setup, load: Load) -> None:
        self.empty = 0
        self._setup = setup
        self._load = load
        self._stack = contextlib.ExitStack()
        self._servers: list[Process] = []
        self._clients: list[Process] = []
        # The floor acknowledges nothing.
        self._acks = [] if setup.kind == "floor" else ["acknowledged"]
        self._used: list[dict[str, Any]] = []
        self._sent: list[dict[str, Any]] = []

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            for number in range(self._setup.processes):
                server = stack.enter_context(self._server(number))
                self._servers.append(server)
                self._clients.append(stack.enter_context(self._client(server)))
            self._stack = stack.pop_all()
        self._used = self._ask_clients("usage")
        self._sent = self._ask_servers("counts")
        self.empty = sum(one["rss"] for one in self._used)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for client in self._clients:
            client.end()
        self._stack.close()

    def connect(self) -> Cost:
        """Start all clients, and wait until each has everything."""
        count = self._setup.count
        for number, client in enumerate(self._clients):
            client.tell("start", count, number * count)
        started = time.perf_counter()
        for client in self._clients:
            client.hear()
        return self._cost(started, self._ask_servers("wait", count, *self._acks))

    def push(self, kind: str) -> Cost:
        """Push to all clients; see `tests.bench.fleet.replay.Replay.push`."""
        started = time.perf_counter()
        return self._cost(started, self._ask_servers("push", kind, *self._acks))

    def resident(self) -> int:
        """Return the bytes of resident memory of all clients' processes, once it is quiet."""
        time.sleep(self._load.settle)
        return sum(one["rss"] for one in self._ask_clients("collect"))

    def idle(self, seconds: float) -> float:
        """Return the CPU time that idle clients use, as a share of one core."""
        before = self._ask_clients("usage")
        time.sleep(seconds)
        after = self._ask_clients("usage")
        return sum(_difference(before, after, "cpu")) / seconds

    def servers(self) -> tuple[int, float]:
        """Return the servers' bytes of resident memory and CPU seconds so far."""
        counts = self._ask_servers("counts")
        return sum(one["rss"] for one in counts), sum(one["cpu"] for one in counts)

    def _server(self, number: int) -> Process:
        arguments = ["--host", f"127.0.0.{number + 1}", *self._load.arguments()]
        return Process(
            "tests.bench.fleet.replay", [*arguments, *(["--tls"] if self._setup.tls else [])]
        )

    def _client(self, server: Process) -> Process:
        arguments = [self._setup.kind, server.hello["target"]]
        if self._setup.tls:
            arguments += ["--root", server.hello["root"].replace("\n", "|")]
        if self._setup.delta:
            arguments.append("--delta")
        if self._setup.bare:
            arguments.append("--bare")
        return Process("tests.bench.fleet.client", arguments, folder=self._setup.folder)

    def _cost(self, started: float, sent: list[dict[str, Any]]) -> Cost:
        """Wait until the clients have what was sent, and compare with the last time."""
        for served in sent:
            if served["late"] or served["refused"] or served["stale"]:
                raise BenchmarkError(f"clients do not answer as they should: {served}")
        for client, served in zip(self._clients, sent, strict=True):
            client.tell("await", served["sent"] - served["lost"])
        used = [client.hear() for client in self._clients]
        seconds = time.perf_counter() - started
        cost = Cost(
            cpu=sum(_difference(self._used, used, "cpu")),
            seconds=seconds,
            messages=int(sum(_difference(self._used, used, "messages"))),
            size=int(sum(_difference(self._sent, sent, "bytes"))),
            again=int(sum(_difference(self._sent, sent, "opened")))
            - int(sum(_difference(self._sent, sent, "connections"))),
        )
        self._used, self._sent = used, sent
        return cost

    def _ask_clients(self, *words: object) -> list[dict[str, Any]]:
        return _ask(self._clients, *words)

    def _ask_servers(self, *words: object) -> list[dict[str, Any]]:
        return _ask(self._servers, *words)


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures of one measurement, of one client each where nothing else is said.

    Attributes:
        setup: What was measured.
        connect: Seconds of CPU to connect and to get the first whole configuration.
        pushes: Seconds of CPU of each push of everything, in order.
        changed: Seconds of CPU of a push that is different from the one before.
        rate: Messages per second of CPU, over the pushes.
        size: Bytes of one push.
        empty: Bytes of resident memory of the processes before they have clients.
        resident: The same once it is quiet after the pushes.
        idle: Share of a core that all clients use while nothing happens; None if not measured.
        connect_seconds: Wall time until all clients had everything.
        push_seconds: Wall time of the last push, all clients.
        again: Connections that came again, which spoils the figures.
        beside: Seconds of CPU of each push to a smaller fleet, in turns with this one's pushes;
            empty without one.
    """

    setup: Setup
    connect: float
    pushes: tuple[float, ...]
    changed: float
    rate: float
    size: float
    empty: int
    resident: int
    idle: float | None
    connect_seconds: float
    push_seconds: float
    again: int
    beside: tuple[float, ...] = ()


def measure(
    setup: Setup, load: Load, *, pushes: int, idle: float = 0.0, beside: Setup | None = None
) -> Figures:
    """Measure once.

    Args:
        setup: What to measure.
        load: What the server sends.
        pushes: Pushes of everything.
        idle: Seconds to watch idle clients; 0 does not.
        beside: A smaller fleet to push to in turns, so that both share the machine's moments.
    """
    with contextlib.ExitStack() as stack:
        run = stack.enter_context(Run(setup, load))
        connected = run.connect()
        other = None if beside is None else stack.enter_context(Run(beside, load))
        if other is not None:
            other.connect()
        costs: list[Cost] = []
        others: list[Cost] = []
        for _ in range(pushes):
            costs.append(run.push("same"))
            if other is not None:
                others += [other.push("same") for _ in range(_TURNS)]
        changed = run.push("changed")
        resident = run.resident()
        share = run.idle(idle) if idle else None
    clients = setup.clients
    return Figures(
        setup=setup,
        connect=connected.cpu / clients,
        pushes=tuple(one.cpu / clients for one in costs),
        changed=changed.cpu / clients,
        rate=sum(one.messages for one in costs) / sum(one.cpu for one in costs),
        size=connected.size / clients,
        empty=run.empty,
        resident=resident,
        idle=share,
        connect_seconds=connected.seconds,
        push_seconds=costs[-1].seconds,
        again=sum(one.again for one in (connected, *costs, changed)),
        beside=tuple(one.cpu / beside.clients for one in others) if beside is not None else (),
    )


def growth(setup: Setup, load: Load, kind: str, *, warm: int, pushes: int) -> tuple[int, int]:
    """Return the resident memory before and after many pushes: medians, as the allocator varies.

    Args:
        setup: What to run.
        load: What the server sends.
        kind: Which pushes, as in `Run.push`.
        warm: Pushes before the first reading, which fill what pyload remembers to its limits.
        pushes: Pushes between the readings.
    """
    with Run(setup, load) as run:
        run.connect()

        def reach(count: int) -> int:
            for _ in range(max(0, count - _READINGS)):
                run.push(kind)
            return int(statistics.median(_after(run, kind) for _ in range(_READINGS)))

        return reach(warm), reach(pushes)


def _after(run: Run, kind: str) -> int:
    """Push, and give the resident memory then."""
    run.push(kind)
    return run.resident()


def _ask(processes: list[Process], *words: object) -> list[dict[str, Any]]:
    for process in processes:
        process.tell(*words)
    return [process.hear() for process in processes]


def _difference(
    before: list[dict[str, Any]], after: list[dict[str, Any]], name: str
) -> list[float]:
    return [late[name] - early[name] for early, late in zip(before, after, strict=True)]
