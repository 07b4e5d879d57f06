"""Trying the API server before anything is created."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pyload.embedded.apiserver.api import ApiServer
from pyload.errors import ClusterUnreachable, Forbidden
from pyload.harness.connection import check_api_server
from pyload.kube.client import Client
from pyload.kube.transport import Response

if TYPE_CHECKING:
    from pyload.embedded.apiserver.requests import Request

pytestmark = [pytest.mark.anyio, pytest.mark.virtual]


@pytest.mark.parametrize(
    ("status", "error"), [(200, None), (403, None), (404, None), (401, Forbidden)]
)
async def test_credentials_are_tried_before_anything_is_created(
    status: int, error: type[Exception] | None
) -> None:
    """Expired credentials end the run at once; an account that may not see the version is fine."""
    server = ApiServer()

    def answer(_: Request) -> Response:
        return Response(status, b"{}")

    server.intercept = answer
    client = Client(server.transport())
    if error is None:
        await check_api_server(client)
    else:
        with pytest.raises(error):
            await check_api_server(client)


async def test_an_api_server_that_is_away_is_an_error() -> None:
    """Exit code 3, and nothing that would have to be cleaned up."""
    server = ApiServer()

    def away(_: Request) -> Response:
        raise ClusterUnreachable("cannot reach the API server")

    server.intercept = away
    with pytest.raises(ClusterUnreachable):
        await check_api_server(Client(server.transport()))
