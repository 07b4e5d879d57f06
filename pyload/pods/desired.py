"""Whether a pod should have a proxy now, and if not, why.

`decide` is one function of a pod, its node's class and the user's policy. It asks in this order:
is the pod excluded for good, has it ended, is something still missing? `pyload.pods.reasons` lists
every reason.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

from pyload.pods.nodes import NodeClass
from pyload.pods.reasons import Skip, Wait
from pyload.pods.shard import Shard
from pyload.xds.node import ZTUNNEL

if TYPE_CHECKING:
    from pyload.pods.reader import PodRecord

StartOn = Literal["ip", "ready"]


@dataclass(frozen=True, slots=True)
class Run:
    """The pod should have a proxy."""


Decision = Run | Wait | Skip

RUN: Final = Run()

_TERMINAL_PHASES: Final = frozenset({"Succeeded", "Failed"})


@dataclass(frozen=True, slots=True)
class Policy:
    """Which pods the user wants proxies for, and when these start and stop.

    Attributes:
        start_on: Whether a proxy starts when its pod has an IP, or when it is ready. Sidecars of
            real pods connect before their pod is ready.
        shard: Which pods are this process's.
        host_network: Whether pods in their node's network, which share its IP, get proxies.
        ztunnel: Whether ztunnels run.
        drain: Seconds that a proxy goes on after its pod's deletion has begun, unless the pod is
            gone before; real sidecars drain their connections meanwhile.
        node_grace: Seconds that proxies go on after their node was deleted, in case it comes back.
        any_node: Whether pods count on any node; nodes are then not watched.
    """

    start_on: StartOn = "ip"
    shard: Shard = field(default_factory=Shard)
    host_network: bool = False
    ztunnel: bool = True
    drain: float = 5.0
    node_grace: float = 5.0
    any_node: bool = False


def decide(pod: PodRecord, node: NodeClass, policy: Policy) -> Decision:
    """Decide whether a pod should have a proxy.

    The status of the proxy's own container is not looked at: on kwok it does not change when the
    pod ends.

    Args:
        pod: The pod.
        node: Class of its node; `NodeClass.UNKNOWN` for a pod without one.
        policy: Which pods the user wants proxies for.
    """
    return _excluded(pod, node, policy) or _ended(pod, node) or _missing(pod, node, policy) or RUN


_REFUSED: Final = {NodeClass.OTHER: Skip.NOT_KWOK, NodeClass.KUBELET: Skip.REAL_KUBELET}


def _excluded(pod: PodRecord, node: NodeClass, policy: Policy) -> Skip | None:
    identity = pod.identity
    if identity is Skip.OTHER_SHARD:
        return Skip.OTHER_SHARD
    if node in _REFUSED:
        return _REFUSED[node]
    if isinstance(identity, Skip):
        return identity
    if pod.host_network and not policy.host_network:
        return Skip.HOST_NETWORK
    if identity.type == ZTUNNEL and not policy.ztunnel:
        return Skip.NO_ZTUNNEL
    return None


def _ended(pod: PodRecord, node: NodeClass) -> Skip | None:
    if pod.phase in _TERMINAL_PHASES:
        return Skip.TERMINAL
    if pod.terminating:
        return Skip.TERMINATING
    return Skip.NODE_GONE if node is NodeClass.GONE else None


def _missing(pod: PodRecord, node: NodeClass, policy: Policy) -> Wait | None:
    if not pod.node:
        return Wait.NOT_SCHEDULED
    if node is NodeClass.UNKNOWN:
        return Wait.UNKNOWN_NODE
    if not pod.ips:
        return Wait.NO_IP
    if policy.start_on == "ready" and not pod.ready:
        return Wait.NOT_READY
    return None
