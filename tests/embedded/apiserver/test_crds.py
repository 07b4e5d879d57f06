"""The definitions with which a server starts: whole, and as new as istiod wants them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pyload.embedded.apiserver import crds
from pyload.embedded.apiserver.definitions import faults
from tests.embedded.apiserver.definitions_of import CRDS

if TYPE_CHECKING:
    from tests.embedded.apiserver.conftest import Api

pytestmark = [pytest.mark.anyio, pytest.mark.virtual]

# What istiod of the branch 1.31 asks for at least; it passes over kinds that are older.
LEAST = {
    "grpcroutes.gateway.networking.k8s.io": (1, 1, 0),
    "backendtlspolicies.gateway.networking.k8s.io": (1, 4, 0),
    "tlsroutes.gateway.networking.k8s.io": (1, 5, 0),
    "tcproutes.gateway.networking.k8s.io": (1, 6, 0),
}


def test_each_is_a_definition_that_the_server_would_take() -> None:
    """One that is wrong is served all the same, and its user learns it by an odd error."""
    for one in crds.OWN:
        assert list(faults(one)) == []


@pytest.mark.parametrize("name", LEAST)
async def test_the_gateway_api_is_new_enough_for_istiod(api: Api, name: str) -> None:
    """Istiod would warn, and not watch the kind: its routes would have no effect."""
    _, found = await api("GET", f"{CRDS}/{name}")
    bundle = found["metadata"]["annotations"]["gateway.networking.k8s.io/bundle-version"]
    served = [one["name"] for one in found["spec"]["versions"] if one["served"]]

    assert tuple(map(int, bundle.removeprefix("v").split("."))) >= LEAST[name]
    assert "v1" in served


async def test_what_istiods_own_definitions_bring_is_served_at_the_start(api: Api) -> None:
    """Istiod waits for each kind that is defined, and was never ready for want of this one."""
    code, _ = await api("GET", "/apis/extensions.istio.io/v1alpha1/trafficextensions")

    assert code == 200
