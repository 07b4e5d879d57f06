"""What callers know of many proxies, wherever those run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn, Protocol, Self

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from types import TracebackType

    from pyload.proxies.counts import Counts
    from pyload.proxies.spec import ProxySpec
    from pyload.report.metrics import Metrics
    from pyload.report.pacing import Pacing


class Fleet(Protocol):
    """Many proxies; an async context manager that stops them all when it is left.

    `pyload.proxies.local_fleet` runs them in this process, `pyload.proxies.pool.pool` in others.
    """

    metrics: Metrics

    @property
    def counts(self) -> Counts:
        """What they have come to."""
        ...

    @property
    def pacing(self) -> Pacing:
        """How fast they may connect."""
        ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...

    def __len__(self) -> int: ...

    def __contains__(self, key: str) -> bool: ...

    def start(self, spec: ProxySpec) -> None:
        """Start a proxy."""
        ...

    def stop(self, key: str) -> Coroutine[Any, Any, bool]:
        """Stop a proxy, and wait until its stream is closed."""
        ...

    async def stop_all(self) -> None:
        """Stop all proxies at the same time; none can start any more."""
        ...

    async def refresh(self) -> None:
        """Bring the counts and the metrics up to this moment."""
        ...

    async def run(self) -> NoReturn:
        """Wait for ever, or until no proxy can run any more, which is an error."""
        ...
