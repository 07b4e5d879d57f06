"""The API server with TLS and tokens, over real connections."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import aiohttp
import pytest
import yaml

from pyload.embedded.apiserver.api import ApiServer
from pyload.embedded.secured import Secured, kubeconfig
from pyload.kube.client import Client
from pyload.kube.credentials import connect
from pyload.kube.resources import CONFIG_MAPS

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.anyio, pytest.mark.socket]

MAPS = "/api/v1/namespaces/default/configmaps"
REVIEWS = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
ACCOUNTS = "/api/v1/namespaces/default/serviceaccounts"


async def test_a_kubeconfig_is_all_that_a_client_needs(tmp_path: Path) -> None:
    """Kubectl and pyload itself come this way; a certificate for another name would end it."""
    secured, path = Secured(), tmp_path / "kubeconfig"
    async with ApiServer().serve(tls=secured.context("127.0.0.1"), token=secured.token) as url:
        assert url.startswith("https://")
        for address in (url, url.replace("127.0.0.1", "localhost")):
            path.write_text(yaml.safe_dump(kubeconfig(address, secured)))
            api = await connect(str(path), environ={})
            try:
                made = await Client(api).create(
                    CONFIG_MAPS.path("default"), {"metadata": {"generateName": "c-"}}
                )
            finally:
                await api.aclose()
            assert made["metadata"]["name"].startswith("c-")


async def test_strangers_are_refused_and_accounts_are_themselves() -> None:
    """Others on the machine or in the network would have all rights."""
    secured, server = Secured(), ApiServer()
    trusting = ssl.create_default_context(cadata=secured.authority.root.decode())
    mighty = {"Authorization": f"Bearer {secured.token}"}
    async with (
        server.serve(tls=secured.context("127.0.0.1"), token=secured.token) as url,
        aiohttp.ClientSession(url, connector=aiohttp.TCPConnector(ssl=trusting)) as session,
    ):
        codes = []
        for header in ({}, {"Authorization": "Bearer wrong"}, mighty):
            async with session.get(MAPS, headers=header) as response:
                codes.append(response.status)
        async with session.get("/version") as response:
            codes.append(response.status)
        account = {"metadata": {"name": "app"}}
        async with session.post(ACCOUNTS, json=account, headers=mighty) as response:
            assert response.status == 201
        async with session.post(f"{ACCOUNTS}/app/token", json={}, headers=mighty) as response:
            token = (await response.json())["status"]["token"]
        header = {"Authorization": f"Bearer {token}"}
        async with session.post(REVIEWS, json={}, headers=header) as response:
            user = (await response.json())["status"]["userInfo"]["username"]
        async with session.delete(f"{ACCOUNTS}/app", headers=mighty) as response:
            assert response.status == 200
        async with session.get(MAPS, headers=header) as response:
            codes.append(response.status)

    assert codes == [401, 401, 200, 200, 401]
    assert user == "system:serviceaccount:default:app"


async def test_a_client_of_another_authority_is_no_traceback(
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Someone with an old kubeconfig would fill the terminal of the server."""
    secured = Secured()
    async with (
        ApiServer().serve(tls=secured.context("127.0.0.1"), token=secured.token) as url,
        aiohttp.ClientSession() as session,
    ):
        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            await session.get(f"{url}/version")
        with pytest.raises(aiohttp.ClientError):
            await session.get(f"{url}/version".replace("https", "http"))
    assert capfd.readouterr().err == ""
