"""kubernetes-asyncio's typed client, over the connection and credentials that pyload uses itself.

Its own way to log in knows less of kubeconfigs, and keeps what it has read once. So it makes the
requests and reads the answers, and pyload's transport carries them.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

from pyload.kube.credentials import connect
from pyload.kube.target import Identity

if TYPE_CHECKING:
    import aiohttp
    from kubernetes_asyncio.client import ApiClient

    from pyload.kube.http import HttpTransport

_LINE_BYTES: Final = 1 << 21
"""Longest event of a watch that its reader takes: etcd's limit of an object, and room."""


async def kubernetes_client(
    kubeconfig: str = "", *, context: str = "", as_user: str = "", as_groups: tuple[str, ...] = ()
) -> ApiClient:
    """Return a typed client of the cluster that pyload would use, for `kubernetes_asyncio`'s APIs.

    Close it, or use it as an ``async with``. It renews its credentials as pyload does.

    Args:
        kubeconfig: Path of a file; empty for the usual places, or the pod's service account.
        context: Context of the kubeconfig; empty for its current one.
        as_user: User to impersonate; empty for none.
        as_groups: Groups to impersonate.

    Raises:
        UsageError: The kubeconfig cannot be used.
        ClusterUnreachable: There is no kubeconfig, and this is not a pod.
    """
    from kubernetes_asyncio.client import ApiClient, Configuration  # noqa: PLC0415 - slow to import

    identity = Identity(context, as_user, as_groups)
    transport = await connect(kubeconfig or None, environ=os.environ, identity=identity)
    client = ApiClient(Configuration(host=transport.address))
    await client.rest_client.pool_manager.close()
    client.rest_client.pool_manager = _Session(transport)
    return client


class _Session:
    """What the typed client takes for its session of aiohttp."""

    def __init__(self, transport: HttpTransport) -> None:
        self._transport = transport

    async def request(self, method: str, url: str, **options: Any) -> aiohttp.ClientResponse:
        return await self._transport.send(method, url, read_bufsize=_LINE_BYTES, **options)

    async def close(self) -> None:
        await self._transport.aclose()
