"""The typed client of the library: the cluster and credentials of pyload itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from kubernetes_asyncio.client import ApiException, CoreV1Api, V1ConfigMap, V1ObjectMeta
from kubernetes_asyncio.watch import Watch

import pyload
from pyload.embedded.apiserver.api import ApiServer
from tests.kube.kubeconfigs import a_config, write
from tests.kube.plugins import a_plugin, section

if TYPE_CHECKING:
    from pathlib import Path

    from pyload.embedded.apiserver.requests import Request

pytestmark = [pytest.mark.anyio, pytest.mark.socket, pytest.mark.process]


async def test_a_typed_client_reads_writes_and_watches(tmp_path: Path) -> None:
    """A script around a load test would have to log in by itself, and could not with a plug-in."""
    seen: list[str] = []

    def observe(request: Request, code: int) -> None:
        seen.append(f"{request.verb} {request.path} {code}")

    plugin = a_plugin(tmp_path, "answer(token='t')")
    async with ApiServer(observer=observe).serve() as url:
        user = {"name": "u", "user": {"exec": section(plugin)}}
        document = a_config(users=[user], clusters=[{"name": "c", "cluster": {"server": url}}])
        path = write(tmp_path / "k", document)
        async with await pyload.kubernetes_client(str(path)) as client:
            api = CoreV1Api(client)
            body = V1ConfigMap(metadata=V1ObjectMeta(name="big"), data={"a": "x" * 300_000})
            await api.create_namespaced_config_map("default", body)
            found = await api.list_namespaced_config_map("default", label_selector="!absent")
            async with Watch().stream(
                api.list_namespaced_config_map, "default", timeout_seconds=1
            ) as events:
                watched = [event["object"].metadata.name async for event in events]
            with pytest.raises(ApiException, match="404"):
                await api.read_namespaced_config_map("gone", "default")

    names = ["big", "kube-root-ca.crt"]
    assert [item.metadata.name for item in found.items] == names
    assert sorted(watched)[:2] == names
    assert seen[0] == "create /api/v1/namespaces/default/configmaps 201"
