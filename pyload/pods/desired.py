"""Whether a pod should have a proxy now, and if not, why: one function of what is known of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TYPE_CHECKING, Final, Literal

from pyload.pods.reader import HOST_NETWORK, Skip
from pyload.pods.shard import Shard

if TYPE_CHECKING:
    from pyload.pods.reader import PodRecord

StartOn = Literal["ip", "ready"]


@dataclass(frozen=True, slots=True)
class Run:
    """The pod should have a proxy."""


@dataclass(frozen=True, slots=True)
class Wait:
    """The pod should have a proxy once something happens that is still missing."""

    reason: str


Decision = Run | Wait | Skip

RUN: Final = Run()

NOT_SCHEDULED: Final = Wait("not scheduled")
UNKNOWN_NODE: Final = Wait("unknown node")
NO_IP: Final = Wait("no pod IP")
NOT_READY: Final = Wait("not ready")

OTHER_SHARD: Final = Skip("other shard")
NOT_KWOK: Final = Skip("not a kwok node")
REAL_KUBELET: Final = Skip("real kubelet on the node")
NO_ZTUNNEL: Final = Skip("ztunnel not wanted")
TERMINAL: Final = Skip("terminal phase")
TERMINATING: Final = Skip("terminating")
NODE_GONE: Final = Skip("node gone")

_TERMINAL_PHASES: Final = frozenset({"Succeeded", "Failed"})


class NodeClass(Enum):
    """What a pod's node is.

    A node stays kwok's until it is deleted, even if it no longer looks like one: kwok itself goes
    on with it. Where nodes do not matter, each is `ANY`.
    """

    UNKNOWN = auto()
    KWOK = auto()
    OTHER = auto()
    KUBELET = auto()
    GONE = auto()
    ANY = auto()


@dataclass(frozen=True, slots=True)
class Policy:
    """What the user wants.

    Attributes:
        start_on: Whether a proxy starts when its pod has an IP, or when it is ready. Sidecars of
            real pods connect before their pod is ready.
        shard: Which pods are this process's.
        host_network: Whether pods in their node's network, which share its IP, get proxies.
        ztunnel: Whether ztunnels run.
        drain: Seconds that a proxy goes on after its pod's deletion has begun, unless the pod is
            gone before; real sidecars drain their connections meanwhile.
        node_grace: Seconds that proxies go on after their node was deleted, should it come back.
        any_node: Whether a pod's node does not matter; nodes are then not looked at.
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

    The status of the proxy's own container says nothing here: on kwok it does not change when the
    pod ends.

    Args:
        pod: The pod.
        node: What its node is; `NodeClass.UNKNOWN` if it has none.
        policy: What the user wants.
    """
    return _excluded(pod, node, policy) or _ended(pod, node) or _missing(pod, node, policy) or RUN


_REFUSED: Final = {NodeClass.OTHER: NOT_KWOK, NodeClass.KUBELET: REAL_KUBELET}


def _excluded(pod: PodRecord, node: NodeClass, policy: Policy) -> Skip | None:
    identity = pod.identity
    if identity is OTHER_SHARD:
        return OTHER_SHARD
    if node in _REFUSED:
        return _REFUSED[node]
    if isinstance(identity, Skip):
        return identity
    if pod.host_network and not policy.host_network:
        return HOST_NETWORK
    if identity.type == "ztunnel" and not policy.ztunnel:
        return NO_ZTUNNEL
    return None


def _ended(pod: PodRecord, node: NodeClass) -> Skip | None:
    if pod.phase in _TERMINAL_PHASES:
        return TERMINAL
    if pod.terminating:
        return TERMINATING
    return NODE_GONE if node is NodeClass.GONE else None


def _missing(pod: PodRecord, node: NodeClass, policy: Policy) -> Wait | None:
    if not pod.node:
        return NOT_SCHEDULED
    if node is NodeClass.UNKNOWN:
        return UNKNOWN_NODE
    if not pod.ips:
        return NO_IP
    if policy.start_on == "ready" and not pod.ready:
        return NOT_READY
    return None
