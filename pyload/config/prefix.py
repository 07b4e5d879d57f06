"""Puts a prefix before the names of a config, so that runs of it can share a cluster.

What gets the prefix are the names that have to be unique in a cluster: those of namespaces and
nodes, and those of the objects for the whole mesh, which all runs put into one namespace. Names
within a namespace stay as they are. So do the texts of templates, which name their objects
themselves and know their namespace as ``.Namespace``.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from pyload.config.names import check_name
from pyload.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from pyload.config.model import Application, ClusterConfig, ConfigRef, IstioObject, Namespace

_ROOT: Final = "istio-system"
_SUFFIX: Final = len("-abcdefgh")


def prefixed(config: ClusterConfig, prefix: str) -> ClusterConfig:
    """Return a config with a prefix before the names that are unique in a cluster.

    Args:
        config: The config.
        prefix: Such as ``alice-``.

    Raises:
        UsageError: A name would not be one of Kubernetes' any more.
    """
    names = {one.name for one in config.namespaces}
    for namespace in config.namespaces:
        suffix = _SUFFIX if namespace.replicas > 1 else 0
        _check(prefix, namespace.name, suffix=suffix)
    for group in config.nodes:
        _check(prefix, group.name, suffix=_SUFFIX)
    return replace(
        config,
        nodes=tuple(replace(one, name=prefix + one.name) for one in config.nodes),
        namespaces=tuple(_namespace(one, prefix, names) for one in config.namespaces),
        istio=tuple(replace(one, name=prefix + (one.name or _ROOT)) for one in config.istio),
    )


def _check(prefix: str, name: str, *, suffix: int) -> None:
    complaint = check_name(prefix + name, suffix=suffix)
    if complaint is not None:
        what, fix = complaint
        raise UsageError(f"--name-prefix {prefix}: {what}", fix=fix)


def _namespace(namespace: Namespace, prefix: str, names: Collection[str]) -> Namespace:
    return replace(
        namespace,
        name=prefix + namespace.name,
        waypoint=_reference(namespace.waypoint, prefix, names),
        istio=tuple(_istio_object(one, prefix, names) for one in namespace.istio),
        configs=tuple(_template(one, prefix, names) for one in namespace.configs),
        applications=tuple(_application(one, prefix, names) for one in namespace.applications),
    )


def _application(app: Application, prefix: str, names: Collection[str]) -> Application:
    return replace(
        app,
        istio=tuple(_istio_object(one, prefix, names) for one in app.istio),
        configs=tuple(_template(one, prefix, names) for one in app.configs),
    )


def _istio_object(one: IstioObject, prefix: str, names: Collection[str]) -> IstioObject:
    return replace(one, gateways=tuple(_reference(text, prefix, names) for text in one.gateways))


def _template(ref: ConfigRef, prefix: str, names: Collection[str]) -> ConfigRef:
    values: Mapping[str, Any] = {
        key: prefix + value
        if key == "Namespace" and value in names
        else _value(value, prefix, names)
        for key, value in ref.config.items()
    }
    return replace(ref, config=values)


def _value(value: Any, prefix: str, names: Collection[str]) -> Any:
    """Return the value of a template, with the prefix in what refers to a namespace."""
    if isinstance(value, str):
        return _reference(value, prefix, names)
    if isinstance(value, list):
        return [_value(child, prefix, names) for child in value]
    return value


def _reference(text: str, prefix: str, names: Collection[str]) -> str:
    """Return ``NAMESPACE/NAME`` with the prefix, if the config has that namespace."""
    namespace, slash, _ = text.partition("/")
    return prefix + text if slash and namespace in names else text
