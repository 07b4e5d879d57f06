"""Times Go templates: reading one, rendering it, and making objects of what it renders.

Run by ``tox -e bench``. Wall times of one machine at one moment: compare them within a run.
"""

from __future__ import annotations

import time
from random import Random
from typing import TYPE_CHECKING

from pyload.config.model import ConfigRef
from pyload.gotemplate import parse
from pyload.gotemplate.library import Library, builtin
from pyload.mesh.template_instance import Templates

if TYPE_CHECKING:
    from collections.abc import Callable

DATA = {
    "Name": "app-abcdef",
    "Namespace": "mesh",
    "Rand": True,
    "RandNumber": 4217,
    "gateways": ["gateway/main", "edge/public"],
}
OBJECTS = 10_000


def seconds(action: Callable[[], object], times: int) -> float:
    """Best mean time of an action over five rounds."""

    def once() -> float:
        started = time.perf_counter()
        for _ in range(times):
            action()
        return (time.perf_counter() - started) / times

    action()
    return min(once() for _ in range(5))


def main() -> None:
    """Measure, and print a table."""
    text, functions = builtin("virtualservice"), Library().functions
    template = parse(text, name="virtualservice", functions=functions)
    templates, rng = Templates({}), Random(1)
    ref = ConfigRef("virtualservice", {"gateways": DATA["gateways"]})
    started = time.perf_counter()
    planned = [
        templates.for_app(ref, app=f"app-{number}", namespace="mesh", rng=rng)
        for number in range(OBJECTS)
    ]
    whole = time.perf_counter() - started
    started = time.perf_counter()
    for one in planned:
        one.objects("run")
    made = time.perf_counter() - started
    rows = [
        ("read, µs", 1e6 * seconds(lambda: parse(text, functions=functions), 50), 5000.0),
        ("render, µs", 1e6 * seconds(lambda: template.render(DATA), 500), 60.0),
        ("10,000 planned, s", whole, 1.0),
        ("10,000 made into objects, s", made, 4.0),
    ]
    print(f"{'what':<44}{'taken':>9}{'target':>9}")
    for what, taken, target in rows:
        print(f"{what:<44}{taken:>9.2f}{target:>9.1f}{'' if taken <= target else '  MISSED'}")
    print(f"{OBJECTS / made:,.0f} objects a second")


if __name__ == "__main__":
    main()
