"""Finding configs that make nothing which a run could measure.

Half-written files are the usual reason: applications have no pods unless they say how many. A mesh
of Services or Istio objects alone is a load too, if that is what the file asks for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pyload.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyload.config.mappings import Block
    from pyload.config.model import ClusterConfig
    from pyload.config.placed import PlacedApplication, PlacedNamespace

_FIX: Final = "list `applications` with `{pods}` in `namespaces`, or leave -c out for a small mesh"


def empty_file(source: str) -> Problem:
    """Return the problem of a file without any content."""
    return Problem(source, 0, 0, "the config is empty", _FIX.format(pods="instances"))


def nothing_to_run(
    config: ClusterConfig, root: Block, namespaces: Sequence[PlacedNamespace]
) -> Problem | None:
    """Return the problem of a config that makes nothing but nodes and names; else None.

    Args:
        config: The config.
        root: The whole file.
        namespaces: Its namespaces.
    """
    if config.istio or any(group.ztunnel for group in config.nodes):
        return None
    if any(one.namespace.istio or one.namespace.configs for one in namespaces):
        return None
    applications = [app for one in namespaces for app in one.applications]
    if any(map(_asks_for_something, applications)):
        return None
    pods_key, at = root.choice.schema.pods_key, root.at("namespaces")
    what, fix = "nothing would run: there are no applications", _FIX.format(pods=pods_key)
    if applications:
        at = applications[0].block.node
        what, fix = "nothing would run: no application has pods", f"add `{pods_key}: 1`"
    return Problem(root.findings.source, at.line, at.column, what, fix)


def _asks_for_something(placed: PlacedApplication) -> bool:
    """Return whether an application is of use; without pods it is where the file says so."""
    app, block = placed.application, placed.block
    made = app.pods or app.istio or app.configs or app.gateways.replicas
    return bool(made) or not app.type.in_cluster or block.choice.schema.pods_key in block.values
