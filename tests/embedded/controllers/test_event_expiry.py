"""The end of events."""

from __future__ import annotations

import asyncio

import pytest

from pyload.embedded.controllers import event_expiry
from tests.embedded.cluster import MESH, prepared

pytestmark = [pytest.mark.anyio, pytest.mark.virtual]


async def test_events_go_an_hour_after_they_were_written_last(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A server that runs for days would fill its memory with them."""
    cluster = await prepared()
    about = {"kind": "Pod", "name": "p", "namespace": "mesh"}

    async def write(name: str) -> None:
        event = {"metadata": {"name": name}, "involvedObject": about}
        await cluster.client.create(f"{MESH}/events", event)

    async def left() -> list[str]:
        return [one["metadata"]["name"] for one in (await cluster.client.list(f"{MESH}/events"))[0]]

    async with cluster.controlled():
        await write("a")
        await write("b")
        await asyncio.sleep(3000)
        seen = await cluster.client.get(f"{MESH}/events/b")
        await cluster.client.update(f"{MESH}/events/b", {**seen, "count": 2})
        await asyncio.sleep(700)
        assert await left() == ["b"]
        await asyncio.sleep(3000)
        assert await left() == []

        monkeypatch.setattr(event_expiry, "MOST", 3)
        for number in range(5):
            await write(f"e{number}")
        await asyncio.sleep(1)
        assert await left() == ["e2", "e3", "e4"]
