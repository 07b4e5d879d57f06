"""The versions in which an API server serves the kinds that a plan needs.

Plans name the newest version of each kind of Istio's and of the Gateway API's, and templates name
any. Clusters serve what was installed there, so before anything is created the API server is asked.
The versions of one kind differ in name only; a kind that is not served at all ends the run, before
there is anything to clean up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pyload.errors import Forbidden, PyloadError
from pyload.kube.discovery import Discovery

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pyload.kube.client import Client
    from pyload.kube.resources import Resource

_ALIKE: Final = ("istio.io", "gateway.networking.k8s.io")
"""Ends of the names of the groups whose kinds are the same in all of their versions."""

_INSTALL: Final = {
    "gateway.networking.k8s.io": "install the CustomResourceDefinitions of the Gateway API",
}


async def find_kinds(
    client: Client, wanted: Iterable[tuple[str, str]]
) -> dict[tuple[str, str], Resource]:
    """Find the kinds that templates yield.

    Istio's and the Gateway API's come in the best version that is served, whatever the template
    says: their versions differ in name only. Others keep the template's version where it is served.

    Args:
        client: The API server.
        wanted: The templates' apiVersions and kinds.

    Returns:
        The kinds as they are served, by the templates' apiVersions and kinds.

    Raises:
        PyloadError: A kind is not served.
        ApiError: The server refused.
        ClusterUnreachable: There was no answer.
    """
    discovery = Discovery(client)
    kinds: dict[tuple[str, str], Resource] = {}
    for api_version, kind in sorted(set(wanted)):
        group, _, version = api_version.rpartition("/")
        first = "" if group.endswith(_ALIKE) else version
        found = await discovery.find(group, kind, first=first)
        if found is None:
            raise _not_served(group, kind)
        kinds[api_version, kind] = found
    return kinds


def _not_served(group: str, kind: str) -> PyloadError:
    of = f" of {group}" if group else ""
    fix = _INSTALL.get(group, "compare with `kubectl api-resources`, or install its definition")
    if group.endswith("istio.io"):
        fix = "install Istio, or its CustomResourceDefinitions"
    return PyloadError(f"the cluster does not serve {kind}{of}, which this run needs", fix=fix)


async def find_served(client: Client, wanted: Iterable[Resource]) -> dict[Resource, Resource]:
    """Find the best version of each kind.

    Args:
        client: The API server.
        wanted: Kinds of any version.

    Returns:
        The kinds as they are served, without those of Kubernetes itself; as they are wanted, if
        the account may not ask.

    Raises:
        PyloadError: A kind is not served.
        ApiError: The server refused.
        ClusterUnreachable: There was no answer.
    """
    discovery = Discovery(client)
    served: dict[Resource, Resource] = {}
    for resource in sorted(set(wanted), key=lambda one: (one.group, one.kind)):
        if not resource.group.endswith(_ALIKE):
            continue
        try:
            found = await discovery.find(resource.group, resource.kind)
        except Forbidden:
            found = resource
        if found is None:
            raise _not_served(resource.group, resource.kind)
        served[resource] = found
    return served
