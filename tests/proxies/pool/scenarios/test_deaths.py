"""Whatever happens to its workers, a pool neither loses nor doubles a proxy."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from pyload.proxies.behavior import ProxyBehavior
from pyload.proxies.fleet import FleetEvents
from pyload.proxies.pool.messages import Setup
from pyload.proxies.pool.pool import WorkerPool
from pyload.proxies.pool.worker_handle import SILENT_LOOKS
from pyload.proxies.spec import ProxySpec
from pyload.proxies.targets import Target
from pyload.report.metrics import Metrics
from tests.proxies.pool.memory import FakeWorker, FakeWorkers
from tests.virtual import VirtualTimeLoop

if TYPE_CHECKING:
    from collections.abc import Coroutine

T = TypeVar("T")
WORKERS = 2
QUIET_SECONDS = 20.1
CHOICE = st.integers(0, 1 << 16)


class PoolMachine(RuleBasedStateMachine, FleetEvents):
    """Starts, stops, configurations and faults in any order, on two fake workers.

    The model is `wanted`: the keys that were started and have neither been stopped nor died.
    """

    def __init__(self) -> None:
        super().__init__()
        self.loop = VirtualTimeLoop()
        self.fakes = FakeWorkers()
        self.pool = self.run(self.make())
        self.wanted: set[str] = set()
        self.configured: list[str] = []
        self.started = 0
        # No worker may die four times within a minute.
        self.quiet_until = 0.0
        self.stops: list[asyncio.Task[bool]] = []
        self.run(self.pool.__aenter__())

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine in virtual time."""
        return self.loop.run_until_complete(coroutine)

    def on_configured(self, spec: ProxySpec) -> None:
        """See `FleetEvents`."""
        self.configured.append(spec.key)

    async def make(self) -> WorkerPool:
        """Return the pool, which needs a running loop."""
        return WorkerPool(
            WORKERS,
            Setup(delta=True, behavior=ProxyBehavior(), transport="lean"),
            resolver=lambda _: Target("istiod:15010"),
            metrics=Metrics(),
            events=self,
            spawn=self.fakes,
        )

    def process(self, choice: int) -> FakeWorker | None:
        """Return a process that runs and does not hang, if there is one."""
        healthy = [one for one in self.fakes.spawned if one.runs() and not one.hangs]
        return healthy[choice % len(healthy)] if healthy else None

    async def start_one(self, key: str) -> None:
        """Start a proxy."""
        self.started += 1
        self.wanted.add(key)
        self.pool.start(ProxySpec(key=key, type="sidecar", ip="", name=key, namespace="n"))

    @rule(count=st.integers(1, 5))
    def start(self, count: int) -> None:
        """Start proxies."""
        for _ in range(count):
            self.run(self.start_one(f"p{self.started}"))

    @precondition(lambda self: self.wanted)
    @rule(choice=CHOICE, restart=st.booleans())
    def stop(self, choice: int, *, restart: bool) -> None:
        """Stop a proxy, and start another of its key at once."""
        key = sorted(self.wanted)[choice % len(self.wanted)]

        async def stop() -> None:
            self.wanted.discard(key)
            self.stops.append(self.loop.create_task(self.pool.stop(key)))
            if restart:
                await self.start_one(key)

        self.run(stop())

    @rule(choice=CHOICE, count=st.integers(1, 4))
    def configure(self, choice: int, count: int) -> None:
        """Let some proxies be configured."""

        async def configure() -> None:
            process = self.process(choice)
            if process is not None:
                process.configure_some(count)

        self.run(configure())

    @rule(choice=CHOICE)
    def fail(self, choice: int) -> None:
        """Let a proxy die of an error."""

        async def fail() -> None:
            process = self.process(choice)
            if process is None or not process.running:
                return
            number = min(process.running)
            key = process.running[number].spec.key
            process.fail(number)
            await asyncio.sleep(0.001)
            # It may have been stopped already, and another of its key be wanted.
            if key not in self.pool:
                self.wanted.discard(key)

        self.run(fail())

    @rule(choice=CHOICE)
    def kill(self, choice: int) -> None:
        """Kill a process."""

        async def kill() -> None:
            process = self.process(choice)
            if process is not None and self.loop.time() >= self.quiet_until:
                self.quiet_until = self.loop.time() + QUIET_SECONDS
                process.kill()

        self.run(kill())

    @rule(choice=CHOICE)
    def hang(self, choice: int) -> None:
        """Let a process hang, and be killed for it, unless it is resumed before."""

        async def hang() -> None:
            process = self.process(choice)
            if process is not None and self.loop.time() >= self.quiet_until:
                self.quiet_until = self.loop.time() + SILENT_LOOKS + 2 + QUIET_SECONDS
                process.hang()

        self.run(hang())

    @rule()
    def resume(self) -> None:
        """Let all processes that still hang go on."""

        async def resume() -> None:
            for process in self.fakes.spawned:
                if process.runs() and process.hangs:
                    process.resume()

        self.run(resume())

    @rule(seconds=st.sampled_from([0.0, 0.001, 1.0, 10.0, 30.0]))
    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.run(asyncio.sleep(seconds))

    @rule(seconds=st.sampled_from([0.0, 0.5, 5.0]))
    def start_slowly(self, seconds: float) -> None:
        """Let the next processes take some time to start."""
        self.fakes.start_seconds = seconds

    @invariant()
    def the_pool_knows_what_is_wanted(self) -> None:
        """The pool has each proxy once, with one worker."""
        assert self.pool._assignments.keys() == self.wanted
        dealt = [
            assignment.spec.key
            for worker in self.pool._workers
            for assignment in worker.assignments.values()
        ]
        assert sorted(dealt) == sorted(self.wanted)
        assert self.pool.counts.wanted == self.started
        assert not self.pool._failure.done()
        # No process was told to start or stop a proxy twice.
        assert not any(process.pipe.error for process in self.fakes.spawned)

    def teardown(self) -> None:
        """Let all settle: what runs is what is wanted, and the counts add up."""
        self.resume()
        self.run(asyncio.sleep(100.0))
        running = [process for process in self.fakes.spawned if process.runs()]
        assert len(running) == len(self.pool._keepers) <= WORKERS
        keys = [one.spec.key for process in running for one in process.running.values()]
        assert sorted(keys) == sorted(self.wanted)
        assert all(stop.done() and stop.result() for stop in self.stops)

        for choice in range(WORKERS):
            self.configure(choice, len(self.wanted))
        self.run(self.pool.refresh())
        counts = self.pool.counts
        # One that is stopped while it is configured counts, but there is nobody to be told of it.
        assert len(self.configured) <= counts.configured <= counts.connected <= self.started
        assert counts.configured_now == len(self.wanted)
        self.run(self.pool.__aexit__(None, None, None))
        assert not any(process.runs() for process in self.fakes.spawned)
        self.loop.close()


TestPool = PoolMachine.TestCase
TestPool.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
