"""Gets an object into the API server, whether or not it is there already.

`upsert` reads the object, has the caller decide from what it finds, and writes. The decision is a
value of `pyload.kube.decision`, and is made anew each time that the object has to be read again.

Two races are lost now and then. A PUT fails if somebody has changed the object since it was read;
it is sent again at the version that is there then. A POST fails if somebody has created the object
in between, or its answer is lost; it is not sent again before another look.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, NamedTuple

from pyload.errors import ApiError, ClusterUnreachable, Conflict, NotFound
from pyload.kube.decision import Leave, Replace, write_always
from pyload.kube.resources import version_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyload.kube.client import Client
    from pyload.kube.decision import Decision
    from pyload.kube.resources import Obj, Resource

_ATTEMPTS: Final = 3
"""PUTs of one object, while others change it too."""

_PAUSES: Final = (0.010, 0.020)
_CREATE_PAUSES: Final = (0.1, 0.3, 1.0)


class Written(NamedTuple):
    """The outcome of an `upsert`.

    Attributes:
        obj: The object as the server has it now.
        decision: What was done.
    """

    obj: Obj
    decision: Decision


async def upsert(
    client: Client,
    resource: Resource,
    obj: Obj,
    *,
    decide: Callable[[Obj, Obj | None], Decision] | None = None,
    before_write: Callable[[Decision], None] = lambda _: None,
) -> Written:
    """Create an object, or replace the one that is there; its status is left to `put_status`.

    Args:
        client: The API server.
        resource: The object's kind.
        obj: The object; stays as it is.
        decide: Decides from the object and the one that is there, if there is one; without, the
            object is written in any case.
        before_write: Called with each decision right before it is carried out.

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
        decision = (decide or write_always)(obj, await _read(client, path))
        before_write(decision)
        match decision:
            case Leave(before):
                return Written(before, decision)
            case Replace(new, before):
                written = await _replace(client, path, path, new, version_of(before))
                return Written(written, decision)
        try:
            return Written(await client.create(resource.path(namespace), decision.obj), decision)
        except (ApiError, ClusterUnreachable) as error:
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
    return await _replace(client, path, f"{path}/status", obj, version_of(written))


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
        version = version_of(await client.get(path))
    raise AssertionError("unreachable")


def _with_version(obj: Obj, version: str) -> Obj:
    return {**obj, "metadata": {**obj["metadata"], "resourceVersion": version}}
