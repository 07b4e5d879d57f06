"""The node metadata that the agent in a pod would send, from the pod's environment and metadata.

As in Istio's agent, a variable ``ISTIO_META_X`` becomes the entry ``X``, and the agent adds entries
of its own. Entries that differ between the pods of one template (name, IPs, node) are kept apart
from all others, so that thousands of pods share the larger part.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Final

import orjson
import yaml

from pyload.xds.agent import DISCOVERY, PROXY_CONFIG, agent_entries

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyload.kube.resources import Obj
    from pyload.pods.environment import Environment


CONFIG_ANNOTATION: Final = "proxy.istio.io/config"

_ADDRESS_ANNOTATION: Final = "sidecar.istio.io/discoveryAddress"
_STATUS_PORT: Final = "status.sidecar.istio.io/port"
_META: Final = "ISTIO_META_"
_METAJSON: Final = "ISTIO_METAJSON_"
_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def proxy_config(environment: Environment, annotations: Mapping[str, str]) -> Obj:
    """Merge an agent's ProxyConfig: defaults, then the environment, then the pod's annotations.

    A text that is not an object is named among the environment's unresolved parts.
    """
    merged: Obj = dict(PROXY_CONFIG)
    for name, text in (
        ("PROXY_CONFIG", environment.values.get("PROXY_CONFIG", "")),
        (CONFIG_ANNOTATION, annotations.get(CONFIG_ANNOTATION, "")),
    ):
        if not text.strip():
            continue
        layer = _object(text)
        if layer is None:
            environment.unresolved.append(name)
            continue
        if "tracingServiceName" in layer:
            # The two are one choice, of which the last layer's stands.
            merged.pop("serviceCluster", None)
        both = {**_mapping(merged, "proxyMetadata"), **_mapping(layer, "proxyMetadata")}
        merged |= layer
        if both:
            merged["proxyMetadata"] = both
    address = annotations.get(_ADDRESS_ANNOTATION)
    if address:
        merged["discoveryAddress"] = address
    port = annotations.get(_STATUS_PORT, "")
    if port.isdecimal():
        merged["statusPort"] = int(port)
    cores = environment.values.get("ISTIO_CPU_LIMIT", "")
    if "concurrency" not in merged and cores.isdecimal() and int(cores):
        merged["concurrency"] = int(cores)
    if not isinstance(merged["discoveryAddress"], str) or not merged["discoveryAddress"]:
        merged["discoveryAddress"] = DISCOVERY
    return merged


def given_metadata(
    environment: Environment, config: Obj
) -> tuple[Obj, tuple[tuple[str, str], ...]]:
    """Collect the metadata that the environment names; it wins over ProxyConfig's.

    Returns:
        The entries that the pods of one template share, and those of this pod alone.
    """
    shared: Obj = {
        name.removeprefix(_META): str(value)
        for name, value in _mapping(config, "proxyMetadata").items()
        if name.startswith(_META)
    }
    own: list[tuple[str, str]] = []
    for name, value in environment.values.items():
        if name.startswith(_METAJSON):
            entries = _object(value) if value else {}
            if entries is None:
                environment.unresolved.append(name)
            shared |= entries or {}
        elif name.startswith(_META):
            key = name.removeprefix(_META)
            if name in environment.own:
                shared.pop(key, None)
                own.append((key, value))
            else:
                shared[key] = value
    if "POD_PORTS" in shared:
        shared["POD_PORTS"] = _compact(shared["POD_PORTS"])
    return shared, tuple(own)


def agent_metadata(
    environment: Environment,
    shared: Obj,
    config: Obj,
    *,
    labels: Mapping[str, str],
    annotations: Mapping[str, str],
    service_account: str,
    cluster_id: str,
    version: str,
) -> Obj:
    """Add what an Envoy's agent sends of its own accord, save the pod's name and IPs.

    Args:
        environment: The agent's environment.
        shared: What `given_metadata` has found.
        config: The ProxyConfig.
        labels: The pod's labels.
        annotations: The pod's annotations.
        service_account: The pod's service account.
        cluster_id: Istio's name of the cluster.
        version: The agent's version of Istio; left out if empty.
    """
    return {
        **({"ISTIO_VERSION": version} if version else {}),
        **shared,
        **agent_entries(config, environment.values, hbone=shared.get("ENABLE_HBONE") == "true"),
        "CLUSTER_ID": cluster_id,
        "LABELS": labels,
        "ANNOTATIONS": annotations,
        "SERVICE_ACCOUNT": service_account,
    }


def _mapping(obj: Obj, name: str) -> Obj:
    value = obj.get(name)
    return value if isinstance(value, dict) else {}


@functools.lru_cache(maxsize=256)
def _object(text: str) -> Obj | None:
    """Parse an object of JSON or YAML, which is cached: do not change it. Else None."""
    try:
        value: object = orjson.loads(text)
    except orjson.JSONDecodeError:
        try:
            # Through JSON, so that dates are text and keys are, too.
            value = orjson.loads(orjson.dumps(yaml.load(text, _LOADER)))  # noqa: S506 - safe loader
        except (yaml.YAMLError, orjson.JSONEncodeError, ValueError):
            return None
    return value if isinstance(value, dict) else None


def _compact(text: str) -> str:
    """Write JSON inside a string without the line breaks of the injection template."""
    try:
        return orjson.dumps(orjson.loads(text)).decode()
    except orjson.JSONDecodeError:
        return text
