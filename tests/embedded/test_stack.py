"""The embedded servers together."""

from __future__ import annotations

import asyncio

import pytest

from pyload.embedded.apiserver.api import ApiServer
from pyload.embedded.stack import start_controllers
from pyload.kube.client import Client
from pyload.tasks import Supervisor
from tests.embedded.cluster import deployment

pytestmark = [pytest.mark.anyio, pytest.mark.virtual]

DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"


async def test_controllers_end_with_their_owner() -> None:
    """A run that is over would go on to write."""
    server = ApiServer()
    client = Client(server.transport())
    async with Supervisor() as background:
        start_controllers(server, background)
        await client.create(DEPLOYMENTS, deployment("web", 1))
        await asyncio.sleep(1)
        assert len((await client.list("/api/v1/namespaces/default/pods"))[0]) == 1

    await client.create(DEPLOYMENTS, deployment("more", 1))
    await asyncio.sleep(10)
    assert len((await client.list("/api/v1/namespaces/default/pods"))[0]) == 1
