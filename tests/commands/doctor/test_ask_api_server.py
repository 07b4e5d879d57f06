"""Questions to the API server, of which any may fail by itself."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from pyload.commands.doctor import ask_api_server
from pyload.commands.doctor.ask_api_server import asked, cluster, istiods, rights, user
from pyload.commands.doctor.findings import Unknown
from pyload.commands.doctor.permissions import questions
from pyload.embedded.apiserver.api import ApiServer
from pyload.harness.rights import RIGHTS
from pyload.kube.client import Client
from pyload.kube.resources import PODS
from tests.commands.doctor.denying import Denying
from tests.pods.cluster import Cluster, node
from tests.pods.injected import pod

if TYPE_CHECKING:
    from pyload.kube.resources import Obj

pytestmark = [pytest.mark.anyio, pytest.mark.virtual]


async def test_who_one_is() -> None:
    """Wrong rights are most often those of another user than one thinks."""
    found = await user(Client(ApiServer().transport()))

    assert found.name == "pyload:embedded"
    assert "system:masters" in found.groups


async def test_each_right_is_asked_for() -> None:
    """One answer for all would name the wrong one."""
    client = Client(Denying(ApiServer().transport(), ("patch", "pods/status"), ("list", "nodes")))
    wanted = questions(RIGHTS["cluster"], tokens=True, tls=True)
    answers = await rights(client, wanted)
    denied = {(one.verb, one.right.name) for one, allowed in answers.items() if not allowed}

    assert denied == {("patch", "pods/status"), ("list", "nodes")}
    assert len(answers) == len(wanted)


async def test_silence_and_refusals_are_reasons(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that hangs would hang the doctor; each question has its own limit."""
    monkeypatch.setattr(ask_api_server, "SECONDS", 3.0)
    began = asyncio.get_running_loop().time()
    client = Client(Denying(ApiServer().transport(), ("list", "pods")))

    assert await asked(asyncio.sleep(60)) == Unknown("no answer in 3 s")
    assert asyncio.get_running_loop().time() - began == pytest.approx(3)
    assert await asked(istiods(client)) == Unknown("forbidden")
    missing = await asked(client.get("/api/v1/namespaces/none"))
    assert isinstance(missing, Unknown)
    assert "404" in missing.why


def istiod() -> Obj:
    """Make a pod of istiod."""
    found = pod("istiod-a", namespace="istio-system", node="real", phase="Running")
    found["metadata"]["labels"] = {"app": "istiod"}
    found["spec"]["containers"] = [
        {"name": "discovery", "image": "istio/pilot:1.27", "env": [{"name": "A", "value": "b"}]}
    ]
    return found


async def test_pods_are_read_only_where_kwok_is() -> None:
    """All pods of a big cluster are a lot to ask for in order to say nothing of them."""
    world = Cluster()
    client = Client(Denying(world.server.transport(), ("list", "stages")))
    world.put(node("real", fake=False), pod("a", node="k", ip="10.0.0.1"), istiod())
    pods = await istiods(client)
    before = await cluster(client, pods)
    world.put(node("k"))
    after = await cluster(client, pods)

    assert (pods[0].node, pods[0].environment, pods[0].running) == ("real", {"A": "b"}, True)
    assert pods[0].image == "istio/pilot:1.27"
    assert before.pods == ()
    assert not isinstance(after.pods, Unknown)
    assert {one.name for one in after.pods} == {"mesh/a", "istio-system/istiod-a"}
    assert after.leases == []
    assert after.stages == Unknown("forbidden")
    assert PODS.path() == "/api/v1/pods"
