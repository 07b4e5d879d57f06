"""Finding out which kinds a server has."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pyload.embedded.apiserver.api import ApiServer
from pyload.kube.client import Client
from pyload.kube.discovery import Discovery

if TYPE_CHECKING:
    from pyload.embedded.apiserver.requests import Request

pytestmark = [pytest.mark.anyio, pytest.mark.virtual]


@pytest.mark.parametrize(
    ("group", "kind", "path"),
    [
        ("networking.istio.io", "VirtualService", "/apis/networking.istio.io/v1/virtualservices"),
        ("networking.istio.io", "EnvoyFilter", "/apis/networking.istio.io/v1alpha3/envoyfilters"),
        ("", "Service", "/api/v1/services"),
        ("nobody.example.com", "Service", None),
        ("networking.istio.io", "Service", None),
    ],
)
async def test_kinds_are_found_in_the_best_version(group: str, kind: str, path: str | None) -> None:
    """Every version of Istio serves its kinds in other versions."""
    found = await Discovery(Client(ApiServer().transport())).find(group, kind)

    assert (found.path() if found else None) == path


async def test_each_group_is_asked_once() -> None:
    """A capture has thousands of objects of few kinds."""
    asked: list[str] = []

    def observe(request: Request, code: int) -> None:
        asked.append(request.path)

    discovery = Discovery(Client(ApiServer(observer=observe).transport()))
    for kind in ("VirtualService", "Gateway", "VirtualService"):
        found = await discovery.find("networking.istio.io", kind)
        assert found is not None
        assert (found.kind, found.namespaced) == (kind, True)

    assert asked == ["/apis/networking.istio.io", "/apis/networking.istio.io/v1"]
