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
from typing import TYPE_CHECKING, Any, Final, Protocol

from pyload.malloc import return_large_blocks
from pyload.proxies.channels import ChannelResolver, TransportCache
from pyload.proxies.local_fleet import LocalFleet
from pyload.proxies.targets import TargetResolver
from pyload.report.metrics import Metrics
from pyload.report.process import cpu_seconds, rss_bytes
from pyload.tasks import run
from pyload.xds.grpc_transport import GrpcTransport
from pyload.xds.lean import LeanTransport
from pyload.xds.tls import ISTIOD, TlsConfig
from tests.bench.fleet.commands import answer, raise_limit
from tests.bench.fleet.floor import Floor
from tests.bench.fleet.mesh import proxies, token_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from pyload.proxies.spec import ProxySpec
    from pyload.xds.transport import Transport

KINDS: Final = ("lean", "grpc", "floor")
_POLL: Final = 0.01


class Subject(Protocol):
    """What is measured."""

    @property
    def messages(self) -> int:
        """Messages received so far."""
        ...

    def start(self, specs: Sequence[ProxySpec]) -> None:
        """Start a client for each proxy."""


class Pyload:
    """Pyload's own proxies on one event loop."""

    def __init__(self, fleet: LocalFleet) -> None:
        self._fleet = fleet

    @property
    def messages(self) -> int:
        """Messages received so far."""
        return sum(self._fleet.metrics.snapshot().pushes.values())

    def start(self, specs: Sequence[ProxySpec]) -> None:
        """Start the proxies."""
        for spec in specs:
            self._fleet.start(spec)


@contextlib.asynccontextmanager
async def subject(kind: str, target: str, root: str, *, delta: bool) -> AsyncIterator[Subject]:
    """Make what is measured.

    Args:
        kind: One of `KINDS`.
        target: ``HOST:PORT`` of the server.
        root: Certificate of its authority in PEM; empty for plaintext without tokens.
        delta: Whether to speak delta.
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
    async with LocalFleet(
        resolver,
        delta=delta,
        metrics=Metrics(),
        rng=Random(1),
    ) as fleet:
        yield Pyload(fleet)
    await resolver.aclose()


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

    async with subject(options.kind, options.target, root, delta=options.delta) as measured:

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
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("target", help="HOST:PORT")
    parser.add_argument("--root", default="", help="PEM of the server's authority, with | for \\n")
    parser.add_argument("--delta", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    run(main())
