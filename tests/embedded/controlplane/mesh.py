"""An API server and a control plane that follows it, for tests."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from pyload.embedded.apiserver import ApiServer
from pyload.embedded.controlplane import ControlPlane
from pyload.kube.client import Client
from pyload.kube.resources import (
    NAMESPACES,
    PODS,
    SERVICE_ACCOUNTS,
    SERVICES,
)
from pyload.tasks import cancel
from pyload.xds.transport import DELTA_METHOD, SOTW_METHOD
from tests.embedded.controlplane.support import Script
from tests.xds.dialogue import Dialogue

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from pyload.kube.resources import Obj
    from pyload.xds.transport import Metadata, Transport


class Mesh:
    """Both servers, and short ways to change what is in them."""

    def __init__(self) -> None:
        self.server = ApiServer()
        self.client = Client(self.server.transport())
        self.plane = ControlPlane(self.client)

    async def add(self, obj: Obj) -> None:
        """Create an object with its status, and its namespace with its service account."""
        kind = {"Service": SERVICES, "Pod": PODS}[obj["kind"]]
        metadata = obj["metadata"]
        created = await self.client.create(kind.path(metadata["namespace"]), obj)
        if "status" in obj:
            created["status"] = obj["status"]
            await self.client.update(
                kind.path(metadata["namespace"], metadata["name"], "status"), created
            )

    async def remove(self, obj: Obj) -> None:
        """Delete an object."""
        kind = {"Service": SERVICES, "Pod": PODS}[obj["kind"]]
        metadata = obj["metadata"]
        await self.client.delete(kind.path(metadata["namespace"], metadata["name"]))

    async def replace(self, obj: Obj) -> None:
        """Change a Service."""
        path = SERVICES.path(obj["metadata"]["namespace"], obj["metadata"]["name"])
        current = await self.client.get(path)
        await self.client.update(path, {**current, "spec": {**current["spec"], **obj["spec"]}})

    async def dial(
        self, *, delta: bool, transport: Transport | None = None, metadata: Metadata = ()
    ) -> Script:
        """Open a stream."""
        method = DELTA_METHOD if delta else SOTW_METHOD
        return Script(Dialogue(transport or self.plane.transport(), method, metadata), delta=delta)


@contextlib.asynccontextmanager
async def running_mesh(*, ready: bool = True) -> AsyncIterator[Mesh]:
    """Run both with the namespace ``mesh``."""
    mesh = Mesh()
    name = {"metadata": {"name": "mesh"}}
    await mesh.client.create(NAMESPACES.path(), {"apiVersion": "v1", "kind": "Namespace", **name})
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}}
    with contextlib.suppress(Exception):
        await mesh.client.create(SERVICE_ACCOUNTS.path("mesh"), account)
    task = asyncio.create_task(mesh.plane.run(), name="control-plane")
    try:
        if ready:
            await mesh.plane.ready.wait()
        yield mesh
    finally:
        await cancel([task])
