"""Finding the kinds that an API server serves, and their versions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pyload.errors import NotFound
from pyload.kube.resources import Resource

if TYPE_CHECKING:
    from pyload.kube.client import Client
    from pyload.kube.resources import Obj


class Discovery:
    """Finds kinds on one API server, asking it for each group and version once.

    Args:
        client: The API server.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._documents: dict[str, Obj] = {}

    async def find(self, group: str, kind: str, *, first: str = "") -> Resource | None:
        """Return a kind in its best version; None if it is not served.

        Args:
            group: API group; empty for the core group.
            kind: Such as ``VirtualService``.
            first: A version that is better than the one that the server prefers.

        Raises:
            ApiError: The server refused.
            ClusterUnreachable: There was no answer.
        """
        versions = ["v1"]
        if group:
            found = (await self._read(f"/apis/{group}")).get("versions") or ()
            # The server lists them in the order of its preference.
            versions = [str(each["version"]) for each in found]
            versions.sort(key=lambda version: version != first)
        for version in versions:
            path = f"/apis/{group}/{version}" if group else f"/api/{version}"
            for each in (await self._read(path)).get("resources") or ():
                if each["kind"] == kind and "/" not in each["name"]:
                    return _resource(group, version, each)
        return None

    async def removable(self) -> list[Resource]:
        """Return every kind whose objects can be listed and deleted, each in its best version.

        Raises:
            ApiError: The server refused.
            ClusterUnreachable: There was no answer.
        """
        paths = [("", "v1", "/api/v1")]
        for group in (await self._read("/apis")).get("groups") or ():
            name = str(group["name"])
            paths += [
                (name, str(each["version"]), f"/apis/{name}/{each['version']}")
                for each in group["versions"]
            ]
        kinds: dict[tuple[str, str], Resource] = {}
        for name, version, path in paths:
            for each in (await self._read(path)).get("resources") or ():
                if {"list", "delete"} <= set(each.get("verbs") or ()) and "/" not in each["name"]:
                    # The server lists versions in the order of its preference.
                    kinds.setdefault((name, each["kind"]), _resource(name, version, each))
        return list(kinds.values())

    async def _read(self, path: str) -> Obj:
        if path not in self._documents:
            try:
                self._documents[path] = await self._client.get(path)
            except NotFound:
                self._documents[path] = {}
        return self._documents[path]


def _resource(group: str, version: str, found: dict[str, Any]) -> Resource:
    return Resource(
        group=group,
        version=version,
        plural=found["name"],
        kind=found["kind"],
        namespaced=bool(found["namespaced"]),
    )
