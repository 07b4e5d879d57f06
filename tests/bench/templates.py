"""Times Go templates: reading one, rendering it, and making objects of what it renders.

Run by ``tox -e bench``. Wall times of one machine at one moment: compare them within a run.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import yaml

from pyload.gotemplate import parse
from pyload.gotemplate.library import Library, builtin

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
    started = time.perf_counter()
    for number in range(OBJECTS):
        data = {**DATA, "Name": f"app-{number}"}
        yaml.load(template.render(data), Loader=yaml.CSafeLoader)
    whole = time.perf_counter() - started
    rows = [
        ("read, µs", 1e6 * seconds(lambda: parse(text, functions=functions), 50), 5000.0),
        ("render, µs", 1e6 * seconds(lambda: template.render(DATA), 500), 60.0),
        ("10,000 rendered and parsed as YAML, s", whole, 4.0),
    ]
    print(f"{'what':<44}{'taken':>9}{'target':>9}")
    for what, taken, target in rows:
        print(f"{what:<44}{taken:>9.2f}{target:>9.1f}{'' if taken <= target else '  MISSED'}")
    print(f"{OBJECTS / whole:,.0f} objects a second")


if __name__ == "__main__":
    main()
