"""Measures pyload's proxies beside the floor, and prints each figure beside its target.

``python -m tests.bench.fleet`` from the project's folder; ``--quick`` only shows that it works.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import json
import os
import platform
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.bench.fleet import small
from tests.bench.fleet.client import BLIND, KINDS
from tests.bench.fleet.measure import Load, Setup, growth, measure
from tests.bench.fleet.table import (
    COMPARED,
    DEFAULT,
    FLOOR,
    HEADINGS,
    Growth,
    compared,
    line,
    median,
    targets,
)
from tests.bench.fleet.turns import compare

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.bench.fleet.measure import Figures
    from tests.bench.fleet.small import Churn
    from tests.bench.fleet.table import Target
    from tests.bench.fleet.turns import Comparison, Turns

_ROOT = Path(__file__).parents[3]


@dataclass(frozen=True, slots=True)
class Plan:
    """How much to measure.

    Attributes:
        services: Services to generate where there is no recording.
        recording: Whether to use one.
        base: Clients that all kinds are measured with.
        rounds: How often, the kinds in turn.
        sizes: Clients of the default transport, apart from that.
        modes: Delta or not and TLS or not, of all these.
        pushes: Pushes of each measurement.
        idle: Seconds to watch the largest number of clients doing nothing.
        warm: Pushes before memory is watched.
        growth: Pushes while it is.
        views: Kinds of proxies in the measurement with more than one.
        processes: Processes of the largest size that run at the same time at the end.
        settle: Seconds that it is quiet before memory is read.
        small: Clients of each fleet that gets small pushes.
        turns: Small pushes to each.
        churn: Seconds in which endpoints change.
    """

    services: int
    recording: bool
    base: int
    rounds: int
    sizes: tuple[int, ...]
    modes: tuple[tuple[bool, bool], ...]
    pushes: int
    idle: float
    warm: int
    growth: int
    views: int
    processes: int
    settle: float
    small: int
    turns: int
    churn: float


ALL_MODES = ((False, False), (True, False), (False, True), (True, True))
FULL = Plan(
    services=200,
    recording=True,
    base=500,
    rounds=3,
    sizes=(2_000, 10_000),
    modes=ALL_MODES,
    pushes=5,
    # Of each client one PING, which comes after 30 to 32 s of silence.
    idle=33.0,
    warm=150,
    growth=200,
    views=50,
    processes=2,
    settle=1.0,
    small=1_000,
    turns=24,
    churn=60.0,
)
QUICK = Plan(
    services=10,
    recording=False,
    base=10,
    rounds=1,
    sizes=(20,),
    modes=((True, True),),
    pushes=1,
    idle=0.1,
    warm=2,
    growth=2,
    views=2,
    processes=2,
    settle=0.05,
    small=10,
    turns=1,
    churn=0.3,
)


class Bench:
    """Measures what a plan says, and prints each figure as it comes.

    Args:
        plan: What to measure.
        load: What the servers send.
        other: Folder of another version of the project, to which small pushes are compared.
    """

    def __init__(self, plan: Plan, load: Load, *, other: Path | None) -> None:
        self._plan = plan
        self._load = load
        self._other = other
        self.results: dict[Setup, Figures] = {}
        self.views: dict[Setup, Figures] = {}
        # The same setup as in `results`, measured again beside bare nodes.
        self.nodes: dict[Setup, Figures] = {}
        self.grown: list[Growth] = []
        self.measuring: list[Comparison] = []
        self.small: list[Turns] = []
        self.churned: list[Churn] = []

    def run(self) -> None:
        """Measure everything."""
        plan = self._plan
        self.measure_small()
        print(HEADINGS, flush=True)
        for delta, tls in plan.modes:
            self._compare([Setup(kind, plan.base, delta=delta, tls=tls) for kind in KINDS])
        print(f"\nmore clients\n{HEADINGS}", flush=True)
        self._show([measure(Setup(FLOOR, plan.sizes[0]), self._load, pushes=plan.pushes)])
        for delta, tls in plan.modes:
            for size in plan.sizes:
                setup = Setup(DEFAULT, size, delta=delta, tls=tls)
                last = size == plan.sizes[-1]
                found = measure(
                    setup,
                    self._load,
                    pushes=plan.pushes,
                    idle=plan.idle if last else 0.0,
                    beside=dataclasses.replace(setup, count=plan.base) if last else None,
                )
                self._show([found])
        setup = Setup(DEFAULT, plan.sizes[-1], processes=plan.processes)
        self._show([measure(setup, self._load, pushes=plan.pushes)])
        print(
            f"\n{plan.views} kinds of proxies, and endpoints in another order to each\n{HEADINGS}"
        )
        for delta in (False, True):
            setups = [Setup(kind, plan.base, delta=delta) for kind in (DEFAULT, FLOOR)]
            self._compare(setups, views=plan.views, into=self.views)
        self.measure_nodes()
        self.measure_probes()
        for delta, kind in itertools.product((False, True), ("same", "changed")):
            setup = Setup(DEFAULT, plan.base // 10, delta=delta)
            before, after = growth(setup, self._load, kind, warm=plan.warm, pushes=plan.growth)
            self.grown.append(Growth(setup.mode, kind, plan.growth, before, after))

    def measure_small(self) -> None:
        """Measure small pushes and churn."""
        plan = self._plan
        print(f"small pushes, in turns\n{small.HEADINGS}", flush=True)
        self.small = small.small_pushes(
            plan.modes,
            clients=plan.small,
            pushes=plan.turns,
            settle=plan.settle,
            other=self._other,
        )
        print("\n".join(small.lines(self.small)), flush=True)
        print(f"\none endpoint after the other\n{small.CHURN_HEADINGS}", flush=True)
        for delta, tls in plan.modes:
            setup = Setup(DEFAULT, plan.small, delta=delta, tls=tls)
            self.churned.append(small.churn(setup, seconds=plan.churn, settle=plan.settle))
            print(self.churned[-1], flush=True)
        print(flush=True)

    def measure_nodes(self) -> None:
        """Measure what nodes of 63 KB cost beside bare ones, in turns."""
        plan = self._plan
        print(f"\nnodes as Envoy sends them, and bare ones\n{HEADINGS}", flush=True)
        for delta, tls in plan.modes:
            setup = Setup(DEFAULT, plan.sizes[0], delta=delta, tls=tls)
            self._compare([setup, dataclasses.replace(setup, bare=True)], into=self.nodes)

    def measure_probes(self) -> None:
        """Measure what it costs to measure how long the change of a probe takes."""
        plan = self._plan
        print(f"\npushes of a probe, with and without measuring it\n{COMPARED}", flush=True)
        for delta in (False, True):
            setup = Setup(DEFAULT, plan.sizes[0], delta=delta)
            other = dataclasses.replace(setup, kind=BLIND)
            found = compare(setup, other, self._load, "probe", pushes=2 * plan.pushes + 1)
            self.measuring.append(found)
            print(compared(found), flush=True)

    def targets(self) -> list[Target]:
        """Compare with the targets."""
        base, largest = self._plan.base, self._plan.sizes[-1]
        found = targets(self.results, self.grown, self.measuring, base=base, largest=largest)
        return [*small.targets(self.small, self.churned, self._other), *found]

    def _compare(
        self, setups: list[Setup], *, views: int = 1, into: dict[Setup, Figures] | None = None
    ) -> None:
        """Measure several kinds in turn, so that they share the machine's good and bad moments."""
        load = dataclasses.replace(self._load, views=views)
        rounds: dict[Setup, list[Figures]] = defaultdict(list)
        for _ in range(self._plan.rounds):
            for setup in setups:
                rounds[setup].append(measure(setup, load, pushes=self._plan.pushes))
        self._show([median(one) for one in rounds.values()], into)

    def _show(self, found: Sequence[Figures], into: dict[Setup, Figures] | None = None) -> None:
        results = self.results if into is None else into
        results.update((one.setup, one) for one in found)
        for one in found:
            floor = results.get(dataclasses.replace(one.setup, kind=FLOOR))
            print(line(one, floor), flush=True)


def machine() -> dict[str, Any]:
    """Describe the machine of the measurement."""
    cpu = Path("/proc/cpuinfo")
    names = [
        one.partition(":")[2].strip()
        for one in (cpu.read_text(encoding="utf-8").splitlines() if cpu.exists() else ())
        if one.startswith("model name")
    ]
    return {
        "cpu": names[0] if names else platform.processor(),
        "cores": os.cpu_count(),
        "memory": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "system": platform.platform(),
        "python": platform.python_version(),
        "load": os.getloadavg(),
    }


def load_of(plan: Plan) -> Load:
    """Choose what the servers send: a recording where there is one, or its likeness."""
    golden = Path(os.environ.get("PYLOAD_GOLDEN", _ROOT.parent / "shared" / "golden"))
    folder = golden / "xds" / "raw" / "sotw-200-services"
    recording = folder if plan.recording and folder.is_dir() else None
    return Load(recording, plan.services, settle=plan.settle)


def main() -> None:
    """Measure, print, and write JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small and short: does it work?")
    parser.add_argument("--probes", action="store_true", help="only what measuring probes costs")
    parser.add_argument("--nodes", action="store_true", help="only what the size of nodes costs")
    parser.add_argument("--small", action="store_true", help="only small pushes and churn")
    parser.add_argument(
        "--against", type=Path, help="folder of another version, which small pushes go to in turns"
    )
    parser.add_argument("--json", type=Path, help="file to write the figures to")
    options = parser.parse_args()
    plan = QUICK if options.quick else FULL
    load = load_of(plan)
    where = machine()
    print(f"{where['cpu']}, {where['cores']} cores, {where['system']}, Python {where['python']}")
    print("pushes are", "a recording of istiod" if load.recording else "generated", "\n")
    bench = Bench(plan, load, other=options.against)
    if options.small:
        bench.measure_small()
    elif options.probes:
        bench.measure_probes()
    elif options.nodes:
        bench.measure_nodes()
    else:
        bench.run()
    found = bench.targets()
    print(f"\n{'':<58}{'measured':>12}{'at most':>12}")
    if plan is QUICK:
        print("so few clients say nothing about the targets")
    for target in found:
        print(target)
    if options.json:
        result = {
            "machine": where,
            "recorded": load.recording is not None,
            "figures": [dataclasses.asdict(one) for one in bench.results.values()],
            "nodes": [dataclasses.asdict(one) for one in bench.nodes.values()],
            "views": [dataclasses.asdict(one) for one in bench.views.values()],
            "growth": [dataclasses.asdict(one) for one in bench.grown],
            "small": [dataclasses.asdict(one) for one in bench.small],
            "churn": [dataclasses.asdict(one) for one in bench.churned],
            "measuring": [dataclasses.asdict(one) for one in bench.measuring],
            "targets": [{**dataclasses.asdict(one), "met": one.met} for one in found],
        }
        options.json.write_text(json.dumps(result, indent=2, default=str) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
