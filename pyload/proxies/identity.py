"""How a proxy introduces itself: the node of its stream, and the principal of its credentials.

A fleet has one `NodeEncoder`. Most metadata is the same for all proxies of a workload, and is
encoded once for them; what one proxy alone has is encoded for each of its streams, and nothing is
kept of it. Where nothing says which version of Istio a proxy has, it claims that of its control
plane, as far as that is known when its stream begins.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, NamedTuple

import orjson

from pyload.xds import agent
from pyload.xds.credentials import Principal
from pyload.xds.envoy import encoded_build
from pyload.xds.node import ENVOYS, encode_envoy_node, encode_metadata, encode_node, node_id

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyload.proxies.spec import ProxySpec

_VERSION: Final = re.compile(r"\d+\.\d+\S*?(?=(-[0-9a-f]{7,40})?(-(Clean|Modified))?$)")
_WORKLOADS: Final = 1024
"""Workloads whose metadata is kept encoded."""


@dataclass(frozen=True, slots=True)
class NodeOptions:
    """How the nodes of a fleet's proxies look.

    Attributes:
        full: Whether a node is as that of a real proxy; otherwise it has little but its id, as in
            pilot-load.
        istio_version: Version that all Envoys claim; empty for that of each one's pod.
        assumed_version: Version that an Envoy claims of which nothing says it; empty for that of
            the control plane.
        metadata: Metadata that wins over all other.
    """

    full: bool = True
    istio_version: str = ""
    assumed_version: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)

    def with_control_plane(self, version: str) -> NodeOptions:
        """Return the options with the control plane's version, if it is one and none is assumed.

        Args:
            version: As in its metrics. A build's commit and status are left out, as agents do.
        """
        found = None if self.assumed_version else _VERSION.match(version)
        return self if found is None else replace(self, assumed_version=found[0])


DEFAULT: Final = NodeOptions()


class _Workload(NamedTuple):
    """What the nodes of a workload's proxies have in common.

    Attributes:
        labels: Labels of the specs, kept so that no other object gets their `id`.
        metadata: Metadata of the specs, kept for the same reason.
        encoded: Encoded metadata.
        has_version: Whether it names the version of Istio.
        cluster: The cluster that they belong to.
    """

    labels: Mapping[str, str] | None
    metadata: Mapping[str, object]
    encoded: bytes
    has_version: bool
    cluster: str


class NodeEncoder:
    """Encodes the nodes of a fleet.

    Args:
        options: How they look.
    """

    def __init__(self, options: NodeOptions = DEFAULT) -> None:
        self._options = options
        self._workloads: dict[tuple[object, ...], _Workload] = {}
        if options.full:
            # Read before proxies have taken all the files that may be open.
            encoded_build()

    def learn(self, version: str) -> None:
        """Record the version of the control plane; see `NodeOptions.with_control_plane`."""
        self._options = self._options.with_control_plane(version)

    def learn_identifier(self, identifier: str) -> None:
        """Record the version in a response's ``control_plane.identifier``, if there is one."""
        try:
            self.learn(str(orjson.loads(identifier)["Info"]["version"]))
        except (orjson.JSONDecodeError, KeyError, TypeError):
            return

    def encode(self, spec: ProxySpec) -> tuple[bytes, bytes]:
        """Encode the node of a proxy, in two parts: its own, and one that it shares with others."""
        options = self._options
        workload = self._workload(spec)
        own: dict[str, object] = dict(spec.own)
        is_envoy = spec.type in ENVOYS
        if not spec.metadata_is_final:
            own = {"NAME": spec.name, "INSTANCE_IPS": spec.ip, **own}
            if not options.full:
                own.pop("NODE_NAME", None)
        if not workload.has_version and (is_envoy or not (options.full or spec.metadata_is_final)):
            own["ISTIO_VERSION"] = options.assumed_version or agent.UNKNOWN_VERSION
        for name in options.metadata:
            own.pop(name, None)
        metadata = workload.encoded + encode_metadata(own)
        if options.full and is_envoy:
            node = encode_envoy_node(
                name_of(spec),
                cluster=workload.cluster,
                metadata=metadata,
                locality=spec.locality,
            )
            return node, encoded_build()
        return encode_node(name_of(spec), metadata=metadata), b""

    def _workload(self, spec: ProxySpec) -> _Workload:
        """Return what a proxy has in common with the others of its workload."""
        key = (
            id(spec.labels),
            id(spec.metadata),
            spec.type,
            spec.namespace,
            spec.service_account,
            spec.cluster_id,
            spec.workload,
        )
        found = self._workloads.get(key)
        if found is None:
            if len(self._workloads) >= _WORKLOADS:
                self._workloads.clear()
            found = self._workloads[key] = self._encode_workload(spec)
        return found

    def _encode_workload(self, spec: ProxySpec) -> _Workload:
        options = self._options
        metadata = _metadata(spec, full=options.full)
        if options.istio_version and (spec.type in ENVOYS or not options.full):
            metadata["ISTIO_VERSION"] = options.istio_version
        metadata |= options.metadata
        return _Workload(
            spec.labels,
            spec.metadata,
            encode_metadata(metadata),
            "ISTIO_VERSION" in metadata,
            agent.service_cluster({"NAMESPACE": spec.namespace, **metadata}),
        )


def node_of(spec: ProxySpec, options: NodeOptions = DEFAULT) -> bytes:
    """Encode the node of one proxy that belongs to no fleet."""
    return b"".join(NodeEncoder(options).encode(spec))


def _metadata(spec: ProxySpec, *, full: bool) -> dict[str, object]:
    """Return the metadata that a proxy has in common with the others of its workload."""
    if spec.metadata_is_final:
        return dict(spec.metadata)
    if not full:
        return {
            **spec.metadata,
            "CLUSTER_ID": spec.cluster_id,
            "LABELS": None if spec.labels is None else dict(spec.labels),
            "NAMESPACE": spec.namespace,
            "SERVICE_ACCOUNT": spec.service_account,
            # `istioctl proxy-status` passes over proxies without it.
            "PROXY_CONFIG": {},
        }
    if spec.type not in ENVOYS:
        return {
            **spec.metadata,
            **agent.assumed_ztunnel_metadata(namespace=spec.namespace, cluster_id=spec.cluster_id),
        }
    return {
        **spec.metadata,
        **agent.assumed_metadata(
            type=spec.type,
            namespace=spec.namespace,
            service_account=spec.service_account,
            labels=spec.labels or {},
            cluster_id=spec.cluster_id,
            workload=spec.workload,
        ),
    }


def name_of(spec: ProxySpec) -> str:
    """Return the id of a proxy's node."""
    return node_id(
        type=spec.type,
        ip=spec.ip,
        name=spec.name,
        namespace=spec.namespace,
        domain=spec.domain,
    )


def principal_of(spec: ProxySpec) -> Principal:
    """Return the principal for which a proxy's target is resolved."""
    return Principal(spec.namespace, spec.service_account, spec.cluster_id, spec.key, spec.address)
