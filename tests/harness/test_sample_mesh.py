"""The mesh that commands find in an embedded API server."""

from __future__ import annotations

import pytest

from pyload.config.parse import parse_config
from pyload.embedded.apiserver.api import ApiServer
from pyload.errors import UsageError
from pyload.harness.sample_mesh import SampleMesh, check_config
from pyload.kube.client import Client
from pyload.kube.resources import PODS
from pyload.pods.reader import read_pod

pytestmark = [pytest.mark.anyio, pytest.mark.virtual]

TEXT = b"""
namespaces:
- name: shop
  applications:
  - {name: batch, type: plain, instances: 1}
  - {name: cart, instances: 1}
"""


async def test_its_pods_run_and_have_sidecars() -> None:
    """A command would find nobody whose configuration it could ask for."""
    server = ApiServer()
    client = Client(server.transport())
    await SampleMesh(None).create(client)
    pods, _ = await client.list(PODS.path())

    assert [pod["metadata"]["namespace"] for pod in pods] == ["mesh"] * 4
    assert all(read_pod(pod).ip for pod in pods)
    # The label of Istio's injector, by which `impersonate` chooses.
    assert all("security.istio.io/tlsMode" in pod["metadata"]["labels"] for pod in pods)


def test_its_names_are_the_same_each_time() -> None:
    """The name of a pod that one run shows would be unknown to the next one."""
    assert SampleMesh(None).find_pod("", "") == SampleMesh(None).find_pod("", "")
    assert SampleMesh(None).find_pod("api", "")[1].startswith("api-")


def test_pods_of_a_config_are_found_by_their_application() -> None:
    """Their own names are drawn, and only those with a proxy have a configuration."""
    mesh = SampleMesh(parse_config(TEXT, source="f"))

    assert mesh.find_pod("", "")[0] == "shop"
    assert mesh.find_pod("", "")[1].startswith("cart-")
    for name, namespace in (("batch", ""), ("cart", "other")):
        with pytest.raises(UsageError, match="the embedded mesh has shop/cart"):
            mesh.find_pod(name, namespace)


def test_a_config_is_for_embedded_servers() -> None:
    """It would be ignored in a cluster, where these commands create nothing."""
    check_config(None, embedded=False)
    with pytest.raises(UsageError, match="add --embedded"):
        check_config(parse_config(TEXT, source="f"), embedded=False)
