"""Creating or replacing, whichever it takes."""

from __future__ import annotations

import asyncio
from random import Random
from typing import TYPE_CHECKING

import pytest

from pyload.errors import ApiError, Conflict
from pyload.kube.client import Client
from pyload.kube.decision import Create, Leave, Replace, write_always
from pyload.kube.resources import NODES
from pyload.kube.upsert import put_status, upsert
from tests.kube.peers import Scripted, answer, status

if TYPE_CHECKING:
    from pyload.kube.decision import Decision
    from pyload.kube.resources import Obj
    from pyload.kube.transport import Response

pytestmark = [pytest.mark.anyio, pytest.mark.virtual]

MISSING = answer(404, status(404, "NotFound"))
CONFLICT = answer(409, status(409, "Conflict"))


def _node(version: str = "") -> Obj:
    metadata = {"name": "n", **({"resourceVersion": version} if version else {})}
    return {"apiVersion": "v1", "kind": "Node", "metadata": metadata, "status": {"phase": "x"}}


def _read(version: str) -> Response:
    return answer(200, _node(version))


def _sent(transport: Scripted) -> list[tuple[str, str, str]]:
    return [
        (
            request.method,
            request.path.rsplit("/", 1)[1],
            (request.body or {}).get("metadata", {}).get("resourceVersion", ""),
        )
        for request in transport.requests
    ]


async def test_a_new_object_is_posted_and_its_status_put() -> None:
    """A node without status would never be ready."""
    transport = Scripted(MISSING, answer(201, _node("1")), _read("2"))
    obj = _node()

    client = Client(transport)
    written = await upsert(client, NODES, obj)
    with_status = await put_status(client, NODES, obj, written=written.obj)

    assert (written, with_status) == ((_node("1"), Create(_node())), _node("2"))
    assert _sent(transport) == [("GET", "n", ""), ("POST", "nodes", ""), ("PUT", "status", "1")]
    assert obj == _node()


async def test_an_existing_object_is_replaced_at_the_version_read() -> None:
    """A refresh of endpoints would fail, or overwrite somebody's change unseen."""
    transport = Scripted(_read("5"), _read("6"))

    written = await upsert(Client(transport), NODES, _node())

    assert written == (_node("6"), Replace(_node(), _node("5")))
    assert _sent(transport) == [("GET", "n", ""), ("PUT", "n", "5")]


async def test_a_conflict_is_tried_again_at_the_new_version() -> None:
    """Controllers touch objects all the time; every other refresh would fail."""
    transport = Scripted(_read("5"), CONFLICT, _read("6"), CONFLICT, _read("7"), _read("8"))

    written = await upsert(Client(transport), NODES, _node())

    assert written.obj == _node("8")
    assert [one for one in _sent(transport) if one[0] == "PUT"] == [
        ("PUT", "n", "5"),
        ("PUT", "n", "6"),
        ("PUT", "n", "7"),
    ]
    assert asyncio.get_running_loop().time() == pytest.approx(0.030)


async def test_the_third_conflict_is_the_last() -> None:
    """Two programs that fight over an object would fight for ever."""
    transport = Scripted(_read("5"), CONFLICT, _read("6"), CONFLICT, _read("7"), CONFLICT)

    with pytest.raises(Conflict):
        await upsert(Client(transport), NODES, _node())


async def test_a_failed_read_is_an_error_and_not_a_reason_to_write() -> None:
    """pilot-load would put an object without resourceVersion over whatever is there."""
    transport = Scripted(*[answer(500, status(500))] * 5)

    with pytest.raises(ApiError, match="HTTP 500"):
        await upsert(Client(transport, rng=Random(1)), NODES, _node())

    assert {request.method for request in transport.requests} == {"GET"}


async def test_an_object_that_is_to_be_left_alone_is_not_written() -> None:
    """What is put into a namespace that is being deleted would go with it."""
    transport = Scripted(_read("5"))
    seen: list[Obj | None] = []

    def leave(_: Obj, before: Obj | None) -> Decision:
        seen.append(before)
        assert before is not None
        return Leave(before)

    written = await upsert(Client(transport), NODES, _node(), decide=leave)

    assert written == (_node("5"), Leave(_node("5")))
    assert seen == [_node("5")]
    assert [method for method, _, _ in _sent(transport)] == ["GET"]


async def test_whose_an_object_is_is_asked_again_when_somebody_was_faster() -> None:
    """Another's object would be overwritten as if it were the run's own."""
    exists = answer(409, status(409, "AlreadyExists"))
    transport = Scripted(MISSING, exists, _read("4"), answer(200, _node("5")))
    seen: list[Obj | None] = []

    begun: list[Decision] = []

    def marked(obj: Obj, before: Obj | None) -> Decision:
        seen.append(before)
        return write_always({**obj, "theirs": before is not None}, before)

    await upsert(Client(transport), NODES, _node(), decide=marked, before_write=begun.append)

    assert seen == [None, _node("4")]
    assert [type(decision) for decision in begun] == [Create, Replace]
    assert [one.body["theirs"] for one in transport.requests if one.body] == [False, True]


async def test_an_object_that_a_controller_makes_in_between_is_replaced() -> None:
    """The endpoints controller is sometimes faster, and the whole run would end."""
    exists = answer(409, status(409, "AlreadyExists"))
    transport = Scripted(MISSING, exists, _read("4"), answer(200, _node("5")))

    written = await upsert(Client(transport), NODES, _node())

    assert written == (_node("5"), Replace(_node(), _node("4")))
    assert [method for method, _, _ in _sent(transport)] == ["GET", "POST", "GET", "PUT"]
