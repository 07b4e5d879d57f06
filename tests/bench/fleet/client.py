"""The clients of one measurement, in a process that runs nothing else.

Started with ``python -m tests.bench.fleet.client``; see `tests.bench.fleet.replay` for how the
processes talk.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
from random import Random
from typing import TYPE_CHECKING, Any, Final, NoReturn, Protocol

from pyload.malloc import return_large_blocks
from pyload.proxies.channels import ChannelResolver, TransportCache
from pyload.proxies.fleet import FleetEvents
from pyload.proxies.identity import NodeOptions
from pyload.proxies.local_fleet import LocalFleet
from pyload.proxies.targets import TargetResolver
from pyload.report.metrics import Metrics
from pyload.report.process import cpu_seconds, rss_bytes
from pyload.report.spreads import PushTimes
from pyload.tasks import Supervisor, run
from pyload.xds import response_cache
from pyload.xds.grpc_transport import GrpcTransport
from pyload.xds.lean import LeanTransport
from pyload.xds.marks import NO_MARKS
from pyload.xds.tls import ISTIOD, TlsConfig
from tests.bench.fleet.commands import answer, raise_limit
from tests.bench.fleet.content import RUN
from tests.bench.fleet.floor import Floor
from tests.bench.fleet.mesh import proxies, token_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from pyload.proxies.spec import ProxySpec
    from pyload.xds.transport import Transport

KINDS: Final = ("lean", "grpc", "floor")
BLIND: Final = "blind"
"""The kind ``lean`` without all that measures how long changes take."""
_POLL: Final = 0.01


class Subject(Protocol):
    """What is measured."""

    @property
    def messages(self) -> int:
        """Messages received so far."""
        ...

    def start(self, specs: Sequence[ProxySpec]) -> None:
        """Start a client for each proxy."""


class Arrivals(FleetEvents):
    """Counts the marks that arrive, and keeps what a probe needs of each."""

    def __init__(self) -> None:
        self.last: dict[str, float] = {}

    def on_marks(self, spec: ProxySpec, numbers: tuple[int, ...], at: float) -> None:
        """Keep the time."""
        del numbers
        self.last[spec.key] = at


class Blind(PushTimes):
    """Counts no pushes."""

    __slots__ = ()

    def record(self, version: str, type_: str, size: int, at: float) -> None:
        """Do nothing."""


class Pyload:
    """Pyload's own proxies on one event loop."""

    def __init__(self, fleet: LocalFleet) -> None:
        self._fleet = fleet

    @property
    def messages(self) -> int:
        """Messages received so far."""
        # A snapshot a hundred times a second would be a part of what is measured.
        return sum(cell.pushes for cell in self._fleet.metrics.cells.values())

    def start(self, specs: Sequence[ProxySpec]) -> None:
        """Start the proxies."""
        for spec in specs:
            self._fleet.start(spec)


@contextlib.asynccontextmanager
async def subject(
    kind: str, target: str, root: str, *, delta: bool, bare: bool
) -> AsyncIterator[Subject]:
    """Make what is measured.

    Args:
        kind: One of `KINDS`.
        target: ``HOST:PORT`` of the server.
        root: Certificate of its authority in PEM; empty for plaintext without tokens.
        delta: Whether to speak delta.
        bare: Whether nodes are bare.
    """
    if kind == "floor":
        floor = Floor(target, root, delta=delta)
        yield floor
        await floor.aclose()
        return
    transport = _transport(kind, target, root)
    resolver = ChannelResolver(
        TargetResolver(address=target, auth="jwt" if root else "plaintext", tokens=token_of),
        TransportCache(lambda _address, _tls: transport),
    )
    metrics = Metrics()
    if kind == BLIND:
        metrics.push_times = Blind()
        for name, nothing in (("find_marks", NO_MARKS), ("marks_of", ()), ("by_run", NO_MARKS)):
            setattr(response_cache, name, lambda *_, nothing=nothing: nothing)
    fleet = LocalFleet(
        resolver,
        delta=delta,
        metrics=metrics,
        rng=Random(1),
        events=Arrivals(),
        node=NodeOptions(full=not bare),
        run_id=RUN,
    )
    async with fleet, Supervisor() as background:
        background.spawn(_sample(metrics), name="samples")
        yield Pyload(fleet)
    await resolver.aclose()


async def _sample(metrics: Metrics) -> NoReturn:
    """Read the counters each second, as a run does."""
    while True:
        await asyncio.sleep(1)
        metrics.snapshot()


def _transport(kind: str, target: str, root: str) -> Transport:
    tls = TlsConfig(root.encode(), ISTIOD) if root else None
    if kind == "grpc":
        return GrpcTransport(target, tls=tls)
    return_large_blocks()
    return LeanTransport(
        target,
        tls=None if tls is None else tls.context(),
        server_hostname=ISTIOD if tls else "",
    )


async def main() -> None:
    """Run the clients."""
    options = _options()
    raise_limit()
    root = options.root.replace("|", "\n")

    opened = subject(options.kind, options.target, root, delta=options.delta, bare=options.bare)
    async with opened as measured:

        async def obey(command: list[str]) -> dict[str, Any]:
            match command:
                case ["start", count, first]:
                    measured.start(proxies(int(count), int(first)))
                case ["await", number]:
                    while measured.messages < int(number):  # noqa: ASYNC110 - a sum has no event
                        await asyncio.sleep(_POLL)
                case ["collect"]:
                    gc.collect()
            return {"messages": measured.messages, "cpu": cpu_seconds(), "rss": rss_bytes()}

        await answer({}, obey)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=(*KINDS, BLIND))
    parser.add_argument("target", help="HOST:PORT")
    parser.add_argument("--root", default="", help="PEM of the server's authority, with | for \\n")
    parser.add_argument("--delta", action="store_true")
    parser.add_argument("--bare", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    run(main())
