"""Checking the names by which one part of a config refers to another.

A name without a namespace can only mean something that the config makes. One with a namespace that
the config does not make may be of something that is in the cluster already, and is left alone.
"""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import TYPE_CHECKING, Final

from pyload.config.scalar_resolver import quote
from pyload.config.scalars import read_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pyload.config.mappings import Block
    from pyload.config.model import Namespace
    from pyload.config.placed import PlacedNamespace
    from pyload.config.scalars import Findings
    from pyload.config.yaml import Node

_SIDECARS: Final = "mesh"
"""Name by which a VirtualService means the sidecars instead of a Gateway."""


def check_references(namespaces: Sequence[PlacedNamespace], *, stable: bool) -> None:
    """Note names of waypoints and Gateways that refer to nothing.

    Args:
        namespaces: All namespaces of the file.
        stable: Whether the names of objects are numbered.
    """
    everywhere = [one.namespace for one in namespaces]

    def called(name: str) -> list[Namespace]:
        return [one for one in everywhere if _is_called(one, name, stable=stable)]

    for one in namespaces:
        where, slash, name = one.namespace.waypoint.rpartition("/")
        if name:
            _check_waypoint(name, where, called(where) if slash else [one.namespace], one.block)
        for node, text in _bound(one):
            where, slash, name = text.rpartition("/")
            if text != _SIDECARS:
                among = called(where) if slash else everywhere
                _check_gateway(name, where, among, node, one.block.findings)


def _check_waypoint(name: str, where: str, among: Sequence[Namespace], block: Block) -> None:
    known = [app.name for one in among for app in one.applications if app.type.is_waypoint]
    if among and name not in known:
        place = f"namespace {quote(where)}" if where else "this namespace"
        what = f"there is no waypoint {quote(name)} in {place}"
        fix = _suggestion(name, known) or f"add an application {quote(name)} of `type: waypoint`"
        block.findings.problem(block.at("waypoint"), what, fix)


def _check_gateway(
    name: str, where: str, among: Sequence[Namespace], node: Node, findings: Findings
) -> None:
    known = list(_made(among))
    if among and name not in known:
        place = f" in namespace {quote(where)}" if where else ""
        what = f"no application makes a Gateway {quote(name)}{place}"
        fix = _suggestion(name, known) or (
            f"give one of `type: router` the key `gateways: {{name: {name}}}`, or write "
            "NAMESPACE/NAME for one that is in the cluster"
        )
        findings.problem(node, what, fix)


def _bound(placed: PlacedNamespace) -> Iterator[tuple[Node, str]]:
    """Yield the Gateways that a namespace's VirtualServices bind to, with their places."""
    for app in placed.applications:
        istio = app.block.block("istio", "applicationIstio")
        route = None if istio is None else istio.block("virtualService", "virtualService")
        for item in () if route is None else route.items("gateways"):
            if text := read_text(app.block.findings, item, "gateways"):
                yield item, text


def _made(namespaces: Iterable[Namespace]) -> Iterator[str]:
    """Yield what the config calls the Gateways of some namespaces."""
    for one in namespaces:
        for app in one.applications:
            if app.type.gateways and app.gateways.replicas:
                yield app.gateways.name or app.name


def _is_called(namespace: Namespace, name: str, *, stable: bool) -> bool:
    """Return whether an entry makes a namespace of this name."""
    if namespace.replicas == 1:
        return namespace.name == name
    return stable and re.fullmatch(rf"{re.escape(namespace.name)}-\d+-\d+", name) is not None


def _suggestion(name: str, known: Sequence[str]) -> str:
    near = get_close_matches(name, known, n=1)
    if near:
        return f"did you mean `{near[0]}`?"
    return "use one of " + ", ".join(f"`{one}`" for one in dict.fromkeys(known)) if known else ""
