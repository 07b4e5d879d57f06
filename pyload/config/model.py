"""The one model that both dialects of the config end in."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

from pyload.units import Duration

if TYPE_CHECKING:
    from collections.abc import Mapping

Dialect = Literal["classic", "current"]

NAMESPACE: Final = "namespace"
APPLICATION: Final = "app"
NODE: Final = "default"
"""What things without a name are called."""

_ZERO: Final = Duration(0)


@dataclass(frozen=True, slots=True)
class Jitter:
    """Mean intervals between changes of the running mesh; 0 means no changes.

    Attributes:
        workloads: Replace one pod of one application.
        config: Change one Istio object.
        secrets: Change one Secret.
    """

    workloads: Duration = _ZERO
    config: Duration = _ZERO
    secrets: Duration = _ZERO


@dataclass(frozen=True, slots=True)
class NodeGroup:
    """Nodes that differ only in the suffix of their names.

    Attributes:
        name: What their names start with.
        count: How many there are.
    """

    name: str = NODE
    count: int = 1


@dataclass(frozen=True, slots=True)
class Application:
    """Equal applications of one namespace: a Service each, and its pods.

    Attributes:
        name: What their names start with.
        type: ``sidecar`` or ``plain``.
        replicas: How many applications; at least 1.
        pods: Pods of each of them.
        labels: Labels of the Service objects.
    """

    name: str = APPLICATION
    type: str = "sidecar"
    replicas: int = 1
    pods: int = 0
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Namespace:
    """Equal namespaces.

    Attributes:
        name: Their name, or what their names start with where `replicas` is more than 1.
        replicas: How many namespaces; at least 1.
        grace_period: Pause after each application during start.
        applications: What each of them holds, in the order of the file.
    """

    name: str = NAMESPACE
    replicas: int = 1
    grace_period: Duration = _ZERO
    applications: tuple[Application, ...] = ()


@dataclass(frozen=True, slots=True)
class ClusterConfig:
    """The mesh to build.

    Attributes:
        grace_period: Pause after each namespace during start.
        jitter: How often the running mesh changes.
        stable_names: Number the names instead of giving them random suffixes.
        node_metadata: Further metadata of every proxy's xDS node.
        nodes: The Kubernetes nodes.
        namespaces: The namespaces, in the order of the file.
    """

    grace_period: Duration = _ZERO
    jitter: Jitter = field(default_factory=Jitter)
    stable_names: bool = False
    node_metadata: Mapping[str, str] = field(default_factory=dict)
    nodes: tuple[NodeGroup, ...] = (NodeGroup(),)
    namespaces: tuple[Namespace, ...] = ()
