"""Creating single objects, and removing all that was created."""

from __future__ import annotations

import logging
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from pyload.embedded.apiserver.api import ApiServer
from pyload.errors import ApiError, ClusterUnreachable
from pyload.kube.client import Client
from pyload.kube.resources import CONFIG_MAPS, NAMESPACES
from pyload.manifests.objects import RUN_LABEL
from pyload.mesh.deletion import remove_all
from pyload.mesh.ledger import Entry
from pyload.mesh.writer import Writer
from pyload.report.metrics import Metrics
from tests.kube.peers import answer
from tests.kube.peers import status as a_status

if TYPE_CHECKING:
    from pyload.embedded.apiserver.requests import Request
    from pyload.kube.resources import Obj
    from pyload.kube.transport import Response

pytestmark = pytest.mark.anyio


def writer_of(server: ApiServer) -> Writer:
    """Make a writer."""
    return Writer(Client(server.transport(), rng=Random(1)), Metrics())


def obj(name: str, *, run: str = "run", **metadata: Any) -> Obj:
    """Make an object of a run."""
    return {"metadata": {"name": name, "labels": {RUN_LABEL: run}, **metadata}}


@pytest.mark.parametrize(
    ("found", "kept"),
    [
        (404, False),  # it was not created
        (200, False),  # it is somebody else's
        (503, True),  # it may have been carried out or not
    ],
)
async def test_a_write_without_an_answer_is_looked_up(found: int, kept: bool) -> None:  # noqa: FBT001
    """Objects that may have been created would stay, or those of others be deleted."""
    server = ApiServer()

    def break_off(request: Request) -> Response | None:
        if request.method == "POST":
            raise ClusterUnreachable("the connection broke off")
        if found == 200:
            return answer(200, obj("c", run="other"))
        return answer(found, a_status(found, "NotFound" if found == 404 else ""))

    server.intercept = break_off
    writer = writer_of(server)
    with pytest.raises(ClusterUnreachable):
        await writer.create(CONFIG_MAPS, obj("c", namespace="default"))

    assert list(writer.ledger) == ([Entry(CONFIG_MAPS, "default", "c")] if kept else [])


async def test_a_refused_write_is_nothing_to_remove() -> None:
    """Cleanup would report as left behind an object that the server never created."""
    server = ApiServer()
    writer = writer_of(server)
    with pytest.raises(ApiError, match="not found"):
        await writer.create(CONFIG_MAPS, obj("c", namespace="nowhere"))

    assert len(writer.ledger) == 0


async def test_the_last_is_removed_first(caplog: pytest.LogCaptureFixture) -> None:
    """Objects would go before those that refer to them."""
    server = ApiServer()
    before = {str(one["metadata"]["name"]) for _, one in server.objects()}
    writer = writer_of(server)
    await writer.create(NAMESPACES, obj("mesh"))
    for name in "abc":
        await writer.create(CONFIG_MAPS, obj(name, namespace="mesh"))
    announced: list[str] = []
    await remove_all(writer, announce=lambda entry: announced.append(entry.name))

    assert announced == ["c", "b", "a", "mesh"]
    assert len(writer.ledger) == 0
    assert {str(one["metadata"]["name"]) for _, one in server.objects()} == before
    assert caplog.records == []


async def test_a_failure_does_not_keep_the_rest(caplog: pytest.LogCaptureFixture) -> None:
    """One finalizer must not leave a thousand objects behind."""
    caplog.set_level(logging.WARNING, "pyload")
    server = ApiServer()
    writer = writer_of(server)
    for name in "abc":
        await writer.create(CONFIG_MAPS, obj(name, namespace="default"))

    def refuse(request: Request) -> Response | None:
        if request.method == "DELETE" and request.path.endswith("/b"):
            return answer(403, a_status(403, "Forbidden", "not this one"))
        return None

    server.intercept = refuse

    await remove_all(writer)

    assert [str(entry) for entry in writer.ledger] == ["ConfigMap default/b"]
    assert ["not this one" in text for text in caplog.messages] == [True]


async def test_a_bug_with_one_object_keeps_no_other() -> None:
    """Everything of the other kinds stayed in the cluster, for the user to look for."""
    server = ApiServer()
    writer = writer_of(server)
    await writer.create(NAMESPACES, obj("mesh"))
    for name in "abc":
        await writer.create(CONFIG_MAPS, obj(name, namespace="default"))

    def crash(request: Request) -> None:
        if request.method == "DELETE" and request.path.endswith("/b"):
            raise ZeroDivisionError("a bug")

    server.intercept = crash
    with pytest.raises(ZeroDivisionError):
        await remove_all(writer)

    assert [str(entry) for entry in writer.ledger] == ["ConfigMap default/b"]


async def test_that_the_api_server_is_away_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    """26 identical lines hid the one that says what is left (B15)."""
    caplog.set_level(logging.WARNING, "pyload")
    server = ApiServer()
    writer = writer_of(server)
    for name in "abc":
        await writer.create(CONFIG_MAPS, obj(name, namespace="default"))

    def away(_: Request) -> Response | None:
        raise ClusterUnreachable("cannot reach the API server")

    server.intercept = away
    await remove_all(writer)

    assert len(writer.ledger) == 3
    assert caplog.messages == ["cleanup: cannot reach the API server"]
