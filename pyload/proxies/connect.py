"""Puts a proxy on the network: the one place where a spec becomes a running client."""

from __future__ import annotations

import asyncio
import functools
from random import Random
from typing import TYPE_CHECKING, Final
from weakref import WeakKeyDictionary

from pyload.proxies.behavior import DEFAULT
from pyload.proxies.dial_rate import DialRate
from pyload.proxies.dial_scheduler import DialScheduler
from pyload.proxies.identity import name_of, principal_of
from pyload.tasks import clock
from pyload.timer_heap import TimerHeap
from pyload.xds.client import Client
from pyload.xds.delta import Delta
from pyload.xds.node import ENVOYS, ZTUNNEL
from pyload.xds.session import Session, ZtunnelSession
from pyload.xds.sotw import Sotw

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pyload.proxies.behavior import ProxyBehavior
    from pyload.proxies.identity import NodeEncoder
    from pyload.proxies.spec import ProxySpec
    from pyload.xds.client import Channel, Observer
    from pyload.xds.credentials import Principal
    from pyload.xds.subscriptions import Subscriptions


def connect_proxy(
    spec: ProxySpec,
    resolver: Callable[[Principal], Channel | Awaitable[Channel]],
    scheduler: DialScheduler,
    *,
    observer: Observer,
    rng: Random,
    delta: bool,
    nodes: NodeEncoder,
    behavior: ProxyBehavior = DEFAULT,
    with_resources: bool = False,
) -> Client:
    """Create the client of a proxy; `Client.start` makes it connect.

    Args:
        spec: The proxy.
        resolver: Resolves its principal to a channel, for each dial.
        scheduler: Decides when it may dial.
        observer: Hears of its events.
        rng: Spreads the waits between dials.
        delta: Whether it speaks delta; a ztunnel always does.
        nodes: Encodes its node.
        behavior: How it behaves.
        with_resources: Whether its pushes carry the resources' names and bodies.
    """
    agent_types = behavior.agent_types if spec.type in ENVOYS else ()
    nack = behavior.nacks(spec.key)
    protocol: Subscriptions
    if delta or spec.type == ZTUNNEL:
        protocol = Delta(
            node_type=spec.type, with_resources=with_resources, agent_types=agent_types, nack=nack
        )
    else:
        protocol = Sotw(with_resources=with_resources, agent_types=agent_types, nack=nack)
    return Client(
        node=functools.partial(nodes.encode, spec),
        name=name_of(spec),
        protocol=protocol,
        resolve=functools.partial(_resolve, resolver, spec),
        observer=observer,
        scheduler=scheduler,
        session=(ZtunnelSession if spec.type == ZTUNNEL else Session)(rng=rng),
        read_delay=behavior.read_delay if behavior.is_slow(spec.key) else 0.0,
    )


_OF_LOOPS: Final[WeakKeyDictionary[asyncio.AbstractEventLoop, DialScheduler]] = WeakKeyDictionary()


def loop_scheduler() -> DialScheduler:
    """Return the scheduler of the running loop, for all proxies that belong to no fleet."""
    loop = asyncio.get_running_loop()
    found = _OF_LOOPS.get(loop)
    if found is None:
        rate = DialRate(None, rng=Random())  # noqa: S311 - spreads dials
        found = _OF_LOOPS[loop] = DialScheduler(rate, timers=TimerHeap(), clock=_now)
    return found


def _now() -> float:
    # Unlike a clock that is kept, this one does not keep its loop alive.
    return clock()()


def _resolve(
    resolver: Callable[[Principal], Channel | Awaitable[Channel]], spec: ProxySpec
) -> Channel | Awaitable[Channel]:
    # The principal is made for each dial, since keeping it would cost memory per proxy.
    return resolver(principal_of(spec))
