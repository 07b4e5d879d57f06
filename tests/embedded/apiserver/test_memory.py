"""The server as a transport, without sockets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.embedded.apiserver.conftest import Api

pytestmark = [pytest.mark.anyio, pytest.mark.virtual]

MAPS = "/api/v1/namespaces/kube-public/configmaps"


async def test_a_watcher_that_leaves_is_forgotten(api: Api) -> None:
    """A client that goes away must not cost anything afterwards."""
    async with api.transport.stream(MAPS, query={"watch": "true"}) as stream:
        await anext(aiter(stream.lines()))
        assert len(api.server._watchers) == 1

    assert api.server._watchers == set()
    response = await api.transport.request(
        "GET", MAPS, query={"watch": "true", "timeoutSeconds": "1"}
    )
    assert response.body.count(b"\n") == 1
