"""How the pods of a cluster are followed: the options of ``--cluster-type kwok``."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Self

from pyload.errors import UsageError
from pyload.manifests.kwok import Placement
from pyload.pods.shard import Shard

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class WaitCondition:
    """How many proxies must connect, and by when.

    Attributes:
        connected: Number of proxies; None for all that should run.
        timeout: Seconds from the start.
    """

    connected: int | None
    timeout: float

    @classmethod
    def parse(cls, text: str, timeout: float) -> Self:
        """Read ``connected=N`` or ``connected=all``.

        Raises:
            UsageError: The text is neither.
        """
        what, _, number = text.partition("=")
        if what != "connected" or not (number == "all" or number.isdecimal()):
            raise UsageError(f"cannot wait for {text!r}", fix="write connected=N or connected=all")
        return cls(None if number == "all" else int(number), timeout)

    def __str__(self) -> str:
        return f"connected={'all' if self.connected is None else self.connected}"


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowOptions:
    """Which pods are followed, and when their proxies start.

    Attributes:
        node_selector: Label selector of kwok's nodes; empty to go by their annotation.
        all_nodes: Whether every node is kwok's.
        pod_selector: Label selector of the pods that are looked at; None for Istio's own, empty
            for all.
        start_on: Whether a pod's proxy starts with its IP or when the pod is Ready.
        shard: The share of the pods to run.
        addresses: Addresses to use instead of those that pods name.
        wait: Proxies that must connect in time, or None.
        dry_run: List what would run, and run nothing.
        stages: How the embedded kwok moves pods on.
        placement: Nodes that the pods of a config go to.
    """

    node_selector: str = ""
    all_nodes: bool = False
    pod_selector: str | None = None
    start_on: Literal["ip", "ready"] = "ip"
    shard: Shard = field(default_factory=Shard)
    addresses: Mapping[str, str] = field(default_factory=dict)
    wait: WaitCondition | None = None
    dry_run: bool = False
    stages: Literal["fast", "general"] = "fast"
    placement: Placement = field(default_factory=Placement)
