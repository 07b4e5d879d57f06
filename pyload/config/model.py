"""The model of a config, the same for both dialects."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

from pyload.config.app_types import SIDECAR
from pyload.report.thresholds import NO_THRESHOLDS
from pyload.units import Duration

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyload.config.app_types import AppType
    from pyload.report.thresholds import Thresholds

Dialect = Literal["classic", "current"]

NAMESPACE: Final = "namespace"
APPLICATION: Final = "app"
NODE: Final = "default"
"""Names of objects that have no name in the config."""

WAYPOINT_SUFFIX: Final = "-static"
"""Suffix of a waypoint's name, in place of a random one."""

_ZERO: Final = Duration(0)

IstioKind = Literal[
    "virtualService",
    "destinationRule",
    "sidecar",
    "envoyFilter",
    "telemetry",
    "authorizationPolicy",
    "peerAuthentication",
    "requestAuthentication",
]
"""The key of an Istio object in a classic `istio` block."""


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
        name: Prefix of their names.
        count: Number of nodes.
        ztunnel: Whether each of them has a ztunnel.
    """

    name: str = NODE
    count: int = 1
    ztunnel: bool = False


@dataclass(frozen=True, slots=True)
class IstioObject:
    """One Istio object of a classic `istio` block.

    Attributes:
        kind: Key of its kind.
        name: Name, in an application the prefix of it; empty for the name of the scope.
        gateways: Gateways that a VirtualService binds to.
    """

    kind: IstioKind
    name: str = ""
    gateways: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Gateways:
    """Istio Gateways of a classic router, each with a TLS Secret.

    Attributes:
        name: Prefix of their names; empty for the application's name.
        replicas: Number of Gateways.
    """

    name: str = ""
    replicas: int = 0


@dataclass(frozen=True, slots=True)
class ConfigRef:
    """A template and the values that it is rendered with.

    Attributes:
        name: Name of the template.
        config: Values for the template, as they are in the file.
        refresh: Whether its objects are changed while the mesh runs; None if the template decides.
    """

    name: str
    config: Mapping[str, Any] = field(default_factory=dict)
    refresh: bool | None = None


@dataclass(frozen=True, slots=True)
class Application:
    """Equal applications of one namespace: a Service each, and its pods.

    Attributes:
        name: Prefix of their names.
        type: Their type.
        replicas: Number of applications; at least 1.
        pods: Pods of each of them.
        labels: Labels of the Service objects.
        gateways: Gateways of each, if the type has any.
        istio: Istio objects of each, in the order of creation.
        configs: Templates of each, in the order of the file.
    """

    name: str = APPLICATION
    type: AppType = SIDECAR
    replicas: int = 1
    pods: int = 0
    labels: Mapping[str, str] = field(default_factory=dict)
    gateways: Gateways = Gateways()
    istio: tuple[IstioObject, ...] = ()
    configs: tuple[ConfigRef, ...] = ()


@dataclass(frozen=True, slots=True)
class Namespace:
    """Equal namespaces.

    Attributes:
        name: Their name, or its prefix if there is more than one.
        replicas: Number of namespaces; at least 1.
        grace_period: Pause after each application during start.
        applications: Applications of each, in the order of the file.
        waypoint: The waypoint application that serves them, as ``APP`` or ``NAMESPACE/APP``; empty
            for none.
        istio: Istio objects of each, in the order of creation.
        configs: Templates of each, in the order of the file.
    """

    name: str = NAMESPACE
    replicas: int = 1
    grace_period: Duration = _ZERO
    applications: tuple[Application, ...] = ()
    waypoint: str = ""
    istio: tuple[IstioObject, ...] = ()
    configs: tuple[ConfigRef, ...] = ()


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
        istio: Istio objects for the whole mesh, in the order of creation.
        templates: Texts of templates by name.
        thresholds: What the figures of a run have to be.
        probe: How often a change is written whose way to every proxy is measured; 0 for never.
        environ: The variables that templates may read, which no file says; None for none.
    """

    grace_period: Duration = _ZERO
    jitter: Jitter = field(default_factory=Jitter)
    stable_names: bool = False
    node_metadata: Mapping[str, str] = field(default_factory=dict)
    nodes: tuple[NodeGroup, ...] = (NodeGroup(),)
    namespaces: tuple[Namespace, ...] = ()
    istio: tuple[IstioObject, ...] = ()
    templates: Mapping[str, str] = field(default_factory=dict)
    thresholds: Thresholds = NO_THRESHOLDS
    probe: Duration = _ZERO
    environ: Mapping[str, str] | None = None
