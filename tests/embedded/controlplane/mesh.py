"""An API server and a control plane that follows it, for tests."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from pyload.embedded.apiserver.api import ApiServer
from pyload.embedded.controlplane.controlplane import ControlPlane
from pyload.kube.client import Client
from pyload.kube.resources import (
    CATALOGUE,
    NAMESPACES,
    SERVICE_ACCOUNTS,
)
from pyload.tasks import cancel
from pyload.xds.transport import DELTA_METHOD, SOTW_METHOD
from pyload.xds.types import CDS, EDS, LDS, RDS
from tests.embedded.controlplane.support import Script, plural_of, proxy_node
from tests.xds.dialogue import Dialogue

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from pyload.kube.resources import Obj
    from pyload.xds.transport import Metadata, Transport


APP = "outbound|80||app.mesh.svc.cluster.local"
RESOURCES = CATALOGUE


class RunningMesh:
    """Both servers, and short ways to change what is in them."""

    def __init__(self) -> None:
        self.server = ApiServer()
        self.client = Client(self.server.transport())
        self.plane = ControlPlane(self.client)

    async def add(self, obj: Obj) -> None:
        """Create an object with its status."""
        kind = RESOURCES[plural_of(obj)]
        metadata = obj["metadata"]
        created = await self.client.create(kind.path(metadata["namespace"]), obj)
        if "status" in obj:
            created["status"] = obj["status"]
            await self.client.update(
                kind.path(metadata["namespace"], metadata["name"], "status"), created
            )

    async def remove(self, obj: Obj) -> None:
        """Delete an object."""
        metadata = obj["metadata"]
        path = RESOURCES[plural_of(obj)].path(metadata["namespace"], metadata["name"])
        await self.client.delete(path)

    async def replace(self, obj: Obj) -> None:
        """Change an object."""
        metadata = obj["metadata"]
        path = RESOURCES[plural_of(obj)].path(metadata["namespace"], metadata["name"])
        current = await self.client.get(path)
        if "spec" in obj:
            obj = {**obj, "spec": {**current["spec"], **obj["spec"]}}
        await self.client.update(path, {**current, **obj, "metadata": current["metadata"]})

    async def token(self, audience: str = "istio-ca") -> Metadata:
        """Return the headers of a proxy with a token of the account ``default``."""
        path = SERVICE_ACCOUNTS.path("mesh", "default", "token")
        asked = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {"audiences": [audience], "expirationSeconds": 3600},
        }
        answered = await self.client.create(path, asked)
        return (("authorization", f"Bearer {answered['status']['token']}"),)

    async def dial(
        self, *, delta: bool, transport: Transport | None = None, metadata: Metadata = ()
    ) -> Script:
        """Open a stream."""
        method = DELTA_METHOD if delta else SOTW_METHOD
        return Script(Dialogue(transport or self.plane.transport(), method, metadata), delta=delta)

    async def sidecar(self, *, delta: bool, name: str = "app-1") -> Script:
        """Connect a sidecar that subscribes to everything, and has everything."""
        script = await self.dial(delta=delta)
        await script.fetch(CDS, node=proxy_node(name, labels={"app": "app"}))
        await script.fetch(EDS, [APP])
        await script.fetch(LDS)
        await script.fetch(RDS, ["80"])
        return script


@contextlib.asynccontextmanager
async def running_mesh(*, ready: bool = True, namespace: bool = True) -> AsyncIterator[RunningMesh]:
    """Run both, with the namespace ``mesh`` unless told otherwise."""
    mesh = RunningMesh()
    if namespace:
        metadata = {"name": "mesh"}
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}
        await mesh.client.create(NAMESPACES.path(), body)
    task = asyncio.create_task(mesh.plane.run(), name="control-plane")
    try:
        if ready:
            await mesh.plane.ready.wait()
        yield mesh
    finally:
        await cancel([task])
