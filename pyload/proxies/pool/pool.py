"""Many proxies in many processes, under the same face as a fleet."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Final, NoReturn, Self

from pyload.errors import CertificateError, PyloadError, UsageError
from pyload.proxies.behavior import DEFAULT, ProxyBehavior
from pyload.proxies.counts import Counts
from pyload.proxies.local_fleet import STOP_SECONDS
from pyload.proxies.pool.messages import ResolveRequest, ResolveResponse, Setup
from pyload.proxies.pool.worker_handle import Assignment, WorkerHandle
from pyload.proxies.spec import ProxySpec
from pyload.proxies.targets import Target
from pyload.report.pacing import Pacing
from pyload.tasks import Supervisor, cancel, first_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
    from types import TracebackType
    from typing import Any

    from pyload.report.metrics import Metrics, Snapshot

REFRESH_SECONDS: Final = 2.0
"""How long a refresh waits for workers that are busy."""

END_SECONDS: Final = STOP_SECONDS + 5.0
"""How long workers may take to end before they are killed."""

log = logging.getLogger("pyload")


class WorkerPool:
    """Runs proxies in worker processes until they are stopped, or the context is left.

    What a worker tells is up to a tenth of a second old, and its metrics up to a second.

    Args:
        workers: How many processes, at least 1.
        delta: Whether the proxies speak delta; a ztunnel always does.
        transport: What carries their streams, ``lean`` or ``grpc``.
        sources: Local addresses to connect from, by target.
        paths: Decides their ways.
        own_ways: Whether no two proxies go the same way.
        tokens: Gives a bearer token for a namespace and a service account; None sends none.
        metrics: Gets the workers' figures.
        configured: Is called with a proxy's spec when it is configured for the first time.
        behavior: How all the proxies together behave.
    """

    def __init__(
        self,
        workers: int,
        *,
        delta: bool,
        transport: str,
        sources: Mapping[str, Sequence[str]],
        paths: Callable[[ProxySpec], Target | Awaitable[Target]],
        own_ways: bool = False,
        tokens: Callable[[str, str], str | Awaitable[str]] | None = None,
        metrics: Metrics,
        configured: Callable[[ProxySpec], None] | None = None,
        behavior: ProxyBehavior = DEFAULT,
    ) -> None:
        self.metrics = metrics
        self._paths = paths
        self._tokens = tokens
        self._configured = configured
        self._members: dict[str, Assignment] = {}
        self._numbers = 0
        self._wanted = 0
        self._answers: set[asyncio.Task[None]] = set()
        self._stack = contextlib.AsyncExitStack()
        self._keepers: list[asyncio.Task[None]] = []
        self._failure: asyncio.Future[NoReturn] = asyncio.get_running_loop().create_future()
        share = behavior.shared_by(workers)
        levels = _levels()
        self._workers = [
            WorkerHandle(
                number,
                Setup(
                    delta=delta,
                    behavior=share,
                    transport=transport,
                    sources={
                        # Each begins with another address.
                        target: (*addresses[at:], *addresses[:at])
                        for target, addresses in sources.items()
                        for at in [number % len(addresses)]
                    },
                    own_ways=own_ways,
                    levels=levels,
                ),
                self,
            )
            for number in range(workers)
        ]
        metrics.attach(self)

    async def __aenter__(self) -> Self:
        """Start the processes.

        Raises:
            PyloadError: One does not start.
        """
        background = await self._stack.enter_async_context(Supervisor())
        for worker in self._workers:
            name = f"worker-{worker.number}"
            self._keepers.append(background.spawn(self._keep(worker), name=name))
        try:
            await first_of(self._ready(), self.run(), name="workers-ready")
        except BaseException:
            await self.stop_all()
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            await self.stop_all()
        finally:
            await self._stack.aclose()

    def __len__(self) -> int:
        return len(self._members)

    def __contains__(self, key: str) -> bool:
        return key in self._members

    @property
    def counts(self) -> Counts:
        """What the proxies have come to."""
        total = sum((worker.totals.counts for worker in self._workers), Counts())
        total.wanted = self._wanted
        # A proxy that was restarted with its worker before it was configured connects twice.
        total.connected = min(total.connected, self._wanted)
        return total

    @property
    def pacing(self) -> Pacing:
        """How fast proxies may connect."""
        return sum((worker.totals.pacing for worker in self._workers), Pacing(0, 0.0))

    def snapshot(self) -> Snapshot:
        """Give the workers' figures; for the metrics."""
        first, *others = (worker.totals.snapshot() for worker in self._workers)
        return first.merged(others)

    def start(self, spec: ProxySpec) -> None:
        """Start a proxy in the worker with the fewest.

        Raises:
            UsageError: A proxy of the same key is running.
        """
        if spec.key in self._members:
            raise UsageError(f"proxy {spec.key} is running already")
        self._wanted += 1
        self._numbers += 1
        worker = min(self._workers, key=lambda worker: len(worker.members))
        member = self._members[spec.key] = Assignment(self._numbers, spec, worker)
        worker.start(member)

    def stop(self, key: str) -> Coroutine[Any, Any, bool]:
        """Stop a proxy; what is returned waits until its stream is closed.

        It gives whether there was such a proxy. The key is free again before it is awaited.
        """
        member = self._members.pop(key, None)
        return self._stopped(key, None if member is None else member.worker.stop(member))

    async def stop_all(self) -> None:
        """Stop all proxies and end the workers; none can start any more."""
        self._members.clear()
        for worker in self._workers:
            worker.end()
        running = [keeper for keeper in self._keepers if not keeper.done()]
        if running:
            _, late = await asyncio.wait(running, timeout=END_SECONDS)
            if late:
                log.warning(
                    "%d workers did not end in %g s, and are killed", len(late), END_SECONDS
                )
                for worker in self._workers:
                    worker.kill()
                await asyncio.wait(late)
        await cancel(self._answers)

    async def refresh(self) -> None:
        """Bring the counts and the metrics up to this moment, unless workers are too busy."""
        await asyncio.wait([worker.refresh() for worker in self._workers], timeout=REFRESH_SECONDS)

    async def run(self) -> NoReturn:
        """Wait until cancelled.

        Raises:
            PyloadError: A worker dies again and again.
        """
        await asyncio.wait([self._failure])
        self._failure.result()

    # For the slots.

    def configured(self, member: Assignment) -> None:
        """Tell that a proxy is configured for the first time."""
        if self._configured is not None:
            self._configured(member.spec)

    def died(self, member: Assignment) -> None:
        """Forget a proxy that has died of an error."""
        if self._members.get(member.spec.key) is member:
            del self._members[member.spec.key]

    def asked(self, worker: WorkerHandle, ask: ResolveRequest) -> None:
        """Find an answer; workers let few proxies dial, and so ask few questions at a time."""
        task = asyncio.create_task(self._answer(worker, ask), name="answer")
        self._answers.add(task)
        task.add_done_callback(self._answers.discard)

    async def _answer(self, worker: WorkerHandle, ask: ResolveRequest) -> None:
        spec = ProxySpec(
            key=ask.key,
            type="",
            ip="",
            name="",
            namespace=ask.namespace,
            service_account=ask.service_account,
            cluster_id=ask.cluster_id,
            address=ask.address,
        )
        try:
            path = self._paths(spec)
            if not isinstance(path, Target):
                path = await path
            token: str | Awaitable[str] = ""
            if path.token and self._tokens is not None:
                token = self._tokens(ask.namespace, ask.service_account)
            if not isinstance(token, str):
                token = await token
        except PyloadError as error:
            certificate = isinstance(error, CertificateError)
            worker.answer(
                ResolveResponse(ask.number, None, error=str(error), certificate=certificate)
            )
        except Exception as error:  # noqa: BLE001 - a bug of ours, which must not look like a wait
            self._fail(error)
        else:
            worker.answer(ResolveResponse(ask.number, path, token))

    async def _keep(self, worker: WorkerHandle) -> None:
        try:
            await worker.run()
        except Exception as error:  # noqa: BLE001 - `run` raises it
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        if not self._failure.done():
            self._failure.set_exception(error)
            # Nobody may be waiting, and then nobody would read it.
            self._failure.exception()

    async def _ready(self) -> None:
        for worker in self._workers:
            await worker.ready.wait()

    async def _stopped(self, key: str, stopped: asyncio.Future[None] | None) -> bool:
        if stopped is None:
            return False
        await asyncio.wait([stopped], timeout=END_SECONDS)
        if not stopped.done():
            log.warning("no worker said in %g s that proxy %s has stopped", END_SECONDS, key)
        return True


def _levels() -> dict[str, int]:
    """Give the levels of the loggers of this process."""
    found = {"pyload": logging.getLogger("pyload").getEffectiveLevel()}
    for name, logger in logging.root.manager.loggerDict.items():
        if name.startswith("pyload.") and isinstance(logger, logging.Logger) and logger.level:
            found[name] = logger.level
    return found
