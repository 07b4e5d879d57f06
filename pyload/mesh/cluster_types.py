"""The types of clusters that a mesh can be built in, and what a run does in each of them.

A run does what the cluster's own components do not: against a bare API server, it plays the
controllers; where no kubelets are, it plays those. Code asks a trait, never the type.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, get_args

from pyload.errors import UsageError

ClusterType = Literal["fake-node", "fake", "real", "kwok"]


@dataclass(frozen=True, slots=True)
class Traits:
    """What a run does in one type of cluster.

    Attributes:
        nodes: Form of the nodes: ``full`` with a status, ``bare`` without, ``kwok`` for kwok to
            keep alive, or none at all.
        pods: How pods come to run: by the ``kubelet`` of the run, by a status that is written with
            them (``bare``), by a ``deployment`` and kwok; empty if there are no pods.
        account: Whether each namespace needs its default service account from the run.
        selector: Whether services select pods.
        cluster_ip: Whether services need an address from the run.
        endpoints: Whether endpoints are written by the run.
        slices: Whether endpoint slices are written too, as no controller derives them.
        finalize: Whether namespaces need the run to finish their deletion.
        proxies: Whether the run starts a proxy with each pod; otherwise the follower of pods does.
    """

    nodes: Literal["", "bare", "full", "kwok"]
    pods: Literal["", "bare", "kubelet", "deployment"]
    account: bool = False
    selector: bool = True
    cluster_ip: bool = False
    endpoints: bool = False
    slices: bool = False
    finalize: bool = False
    proxies: bool = True

    @property
    def leases(self) -> bool:
        """Whether the run renews the nodes' leases."""
        return self.nodes in ("bare", "full")

    @property
    def kubelet(self) -> bool:
        """Whether the run plays the kubelet."""
        return self.pods == "kubelet"


TRAITS: Final[dict[ClusterType, Traits]] = {
    # A whole cluster: a scheduler and controllers, but no machines behind the nodes.
    "fake-node": Traits(nodes="full", pods="kubelet"),
    # A bare API server: the run does what controllers would.
    "fake": Traits(
        nodes="bare",
        pods="bare",
        account=True,
        cluster_ip=True,
        endpoints=True,
        slices=True,
        finalize=True,
    ),
    # A cluster that should get no pods: proxies without pods.
    "real": Traits(nodes="", pods="", selector=False, endpoints=True),
    # A cluster with kwok: its controllers make the pods, and the follower their proxies.
    "kwok": Traits(nodes="kwok", pods="deployment", proxies=False),
}


def cluster_type_of(text: str) -> ClusterType:
    """Check the name of a cluster type.

    Raises:
        UsageError: There is no such type.
    """
    for known in get_args(ClusterType):
        if text == known:
            return known  # type: ignore[no-any-return]
    raise UsageError(
        f'unknown cluster type "{text}"', fix=f"use one of {', '.join(get_args(ClusterType))}"
    )
