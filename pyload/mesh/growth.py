"""How a mesh grows: the same plan with fewer of its pods, for a run that adds proxies step by step.

Only what has a proxy, or runs in the place of one, grows: the pods of applications, and the
ztunnels of nodes. Namespaces, nodes, Services and all configuration are there from the beginning.
Otherwise each step would change two things at once, and nobody could tell whether its proxies were
too many for the control plane or its services.

The pods of a smaller plan are spread evenly over all applications. To that end pods and ztunnels
are put in one line, and taken from it in the order of the fractional parts of their positions'
multiples of the golden ratio. Any number of these lie evenly in any stretch of the line, so each
application has its share to within a pod or two, whatever the number. And since the order is
always the same, a larger plan has every pod of a smaller one.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pyload.mesh.plan import Plan

_GOLDEN_RATIO: Final = (5**0.5 + 1) / 2
_ZTUNNELS: Final = -1


def with_proxies(plan: Plan, proxies: int) -> Plan:
    """Return a plan with fewer proxies; it has the first of the pods of each application.

    Pods without a proxy are as many as their share.

    Args:
        plan: The whole plan.
        proxies: How many pods with a proxy, and ztunnels, are left: at most those of the plan.
    """
    if proxies >= plan.proxy_count:
        return plan
    apps = list(plan.apps)
    # The first in line is the first to be taken. So a mesh has a ztunnel from the beginning if it
    # will ever have one, and with it the account that ztunnels need.
    line = [_ZTUNNELS] * len(plan.ztunnels)
    line += [index for index, app in enumerate(apps) for _ in app.pods]
    taken: Counter[int] = Counter()
    found = 0
    for position in sorted(range(len(line)), key=lambda one: one * _GOLDEN_RATIO % 1):
        place = line[position]
        found += place == _ZTUNNELS or bool(apps[place].proxy_type)
        if found > proxies:
            break
        taken[place] += 1
    left = iter([replace(app, pods=app.pods[: taken[index]]) for index, app in enumerate(apps)])
    return replace(
        plan,
        ztunnels=plan.ztunnels[: taken[_ZTUNNELS]],
        namespaces=tuple(
            replace(namespace, apps=tuple(next(left) for _ in namespace.apps))
            for namespace in plan.namespaces
        ),
    )
