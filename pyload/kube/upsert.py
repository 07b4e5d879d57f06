"""How an object gets into the API server whether or not it is there already."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, NamedTuple

from pyload.errors import ApiError, ClusterUnreachable, Conflict, NotFound

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyload.kube.client import Client
    from pyload.kube.resources import Obj, Resource

_ATTEMPTS: Final = 3
_PAUSES: Final = (0.010, 0.020)
_CREATE_PAUSES: Final = (0.1, 0.3, 1.0)


class Written(NamedTuple):
    """What an `upsert` did.

    Attributes:
        obj: The object as the server has it now.
        before: The object as it was, or None if it is new.
    """

    obj: Obj
    before: Obj | None


def _as_it_is(obj: Obj, _: Obj | None) -> Obj:
    return obj


async def upsert(
    client: Client,
    resource: Resource,
    obj: Obj,
    *,
    prepare: Callable[[Obj, Obj | None], Obj] = _as_it_is,
) -> Written:
    """Create an object, or replace the one that is there; its status is left to `put_status`.

    Args:
        client: The API server.
        resource: The object's kind.
        obj: The object; stays as it is.
        prepare: Called right before each write with the object and the one that is there, if
            there is one; gives what is to be written, or the latter to leave it as it is.

    Raises:
        Conflict: Somebody else kept changing it.
        ApiError: The server refused, reading included.
        ClusterUnreachable: There was no answer.
    """
    metadata = obj["metadata"]
    namespace = metadata.get("namespace")
    path = resource.path(namespace, metadata["name"])
    pauses = iter(_CREATE_PAUSES)
    while True:
        before = await _read(client, path)
        prepared = prepare(obj, before)
        if before is not None and prepared is before:
            return Written(before, before)
        if before is not None:
            return Written(await _replace(client, path, path, prepared, _version(before)), before)
        try:
            return Written(await client.create(resource.path(namespace), prepared), None)
        except (ApiError, ClusterUnreachable) as error:
            # A POST is not safe to repeat, but to look again whether it was carried out is; so
            # it is when somebody else was faster.
            pause = next(pauses, None)
            refused = isinstance(error, ApiError) and error.status < 500
            if pause is None or (refused and not isinstance(error, Conflict)):
                raise
        await asyncio.sleep(pause)


async def put_status(client: Client, resource: Resource, obj: Obj, *, written: Obj) -> Obj:
    """Write an object's status, for kinds whose status is a subresource.

    Args:
        client: The API server.
        resource: The object's kind.
        obj: The object with its status; stays as it is.
        written: The object as the server has it.

    Raises:
        Conflict: Somebody else kept changing it.
        ApiError: The server refused.
        ClusterUnreachable: There was no answer.
    """
    metadata = obj["metadata"]
    path = resource.path(metadata.get("namespace"), metadata["name"])
    return await _replace(client, path, f"{path}/status", obj, _version(written))


async def _read(client: Client, path: str) -> Obj | None:
    try:
        return await client.get(path)
    except NotFound:
        return None


async def _replace(client: Client, path: str, target: str, obj: Obj, version: str) -> Obj:
    """Put an object to `target`, reading its resourceVersion again from `path` on a conflict."""
    for attempt in range(_ATTEMPTS):
        try:
            return await client.update(target, _with_version(obj, version))
        except Conflict:
            if attempt == _ATTEMPTS - 1:
                raise
        await asyncio.sleep(_PAUSES[attempt])
        version = _version(await client.get(path))
    raise AssertionError("unreachable")


def _with_version(obj: Obj, version: str) -> Obj:
    return {**obj, "metadata": {**obj["metadata"], "resourceVersion": version}}


def _version(obj: Obj) -> str:
    return str((obj.get("metadata") or {}).get("resourceVersion") or "")
