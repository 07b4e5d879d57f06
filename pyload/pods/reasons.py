"""Every reason why a pod gets no proxy, or has to wait for one.

`pyload.pods.identity` finds the reasons that lie in a pod's containers, `pyload.pods.desired` those
that lie in its node, its state and the user's policy. The values are keys of the result
(``kwok.skipped`` and ``kwok.waiting``) and are shown by ``--dry-run``, so they never change.
"""

from __future__ import annotations

from enum import Enum


class Skip(Enum):
    """Why a pod gets no proxy."""

    NOT_A_PROXY = "not a mesh proxy"
    """The pod has no container ``istio-proxy`` that runs ``proxy``."""

    HOST_NETWORK = "host network"
    """The pod is in its node's network, where Istio injects no sidecar."""

    OPTED_OUT = "opted out of injection"
    """A label or an annotation keeps the injector away."""

    PROXY_MISSING = "injected without a proxy"
    """The pod is marked as injected, but has no proxy container."""

    AGENTGATEWAY = "agentgateway"
    """The pod runs agentgateway, which asks for resources of its own."""

    PROXYLESS = "proxyless gRPC"
    """The application itself speaks xDS."""

    UNKNOWN_TYPE = "unknown proxy type"
    """The proxy's arguments name a node type that pyload does not know."""

    OTHER_SHARD = "other shard"
    """Another pyload runs the proxy (``--shard``)."""

    NOT_KWOK = "not a kwok node"
    """The node is real, and with it the pod's own proxy."""

    REAL_KUBELET = "real kubelet on the node"
    """The node is marked as kwok's, but a kubelet holds its lease."""

    NO_ZTUNNEL = "ztunnel not wanted"
    """The policy leaves ztunnels out."""

    TERMINAL = "terminal phase"
    """The pod has succeeded or failed."""

    TERMINATING = "terminating"
    """The pod is being deleted."""

    NODE_GONE = "node gone"
    """The pod's node was deleted and has not come back."""


class Wait(Enum):
    """What is missing before a pod gets its proxy."""

    NOT_SCHEDULED = "not scheduled"
    """The pod has no node yet."""

    UNKNOWN_NODE = "unknown node"
    """The pod names a node that has not been seen yet."""

    NO_IP = "no pod IP"
    """The pod has no IP yet."""

    NOT_READY = "not ready"
    """The proxy is to start when the pod is Ready (``--start-on ready``)."""
