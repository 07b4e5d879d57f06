"""Objects of somebody else's: they are written, as pilot-load does, but they outlive the run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import pytest

from pyload.kube.resources import CONFIG_MAPS, NAMESPACES
from pyload.mesh.writer import Writer, entry_of
from pyload.report.metrics import Metrics

if TYPE_CHECKING:
    from pyload.kube.resources import Obj
    from tests.mesh.conftest import World

pytestmark = pytest.mark.anyio

How = Literal["upsert", "place"]
HOWS: list[How] = ["upsert", "place"]


def settings(value: str, *, run: str = "run") -> Obj:
    """Make an object; without a run it is somebody else's."""
    metadata: Obj = {"name": "settings", "namespace": "prod"}
    if run:
        metadata["labels"] = {"pyload.dev/run": run}
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": metadata,
        "data": {"value": value},
    }


async def write(writer: Writer, how: How, value: str) -> None:
    """Write the object in one of the ways."""
    await getattr(writer, how)(CONFIG_MAPS, settings(value))


async def there(world: World, *objects: Obj) -> None:
    """Create a namespace with objects."""
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "prod"}}
    await world.client.create(NAMESPACES.path(), namespace)
    for obj in objects:
        await world.client.create(CONFIG_MAPS.path("prod"), obj)


@pytest.mark.parametrize("how", HOWS)
async def test_an_object_that_was_there_is_never_deleted(world: World, how: How) -> None:
    """The run's own label, which the first write puts on it, would make it the run's."""
    await there(world, settings("mine", run=""))
    writer = Writer(world.client, Metrics())
    for value in ("1", "2", "3"):
        await write(writer, how, value)
        assert len(writer.ledger) == 0
    await writer.delete(entry_of(CONFIG_MAPS, settings("")))

    left = await world.client.get(CONFIG_MAPS.path("prod", "settings"))
    assert left["data"] == {"value": "3"}


@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize("before", [[], [settings("0", run="an-earlier-one")]])
async def test_an_object_of_a_run_is_deleted(world: World, how: How, before: list[Obj]) -> None:
    """Objects that a killed run has left would pass for somebody else's, and stay for ever."""
    await there(world, *before)
    writer = Writer(world.client, Metrics(), adopts=True)
    for value in ("1", "2"):
        await write(writer, how, value)
    await writer.delete(entry_of(CONFIG_MAPS, settings("")))

    assert len(writer.ledger) == 0
    assert "settings" not in world.names("ConfigMap")


@pytest.mark.parametrize("how", HOWS)
async def test_in_a_namespace_of_the_run_everything_is_its_own(world: World, how: How) -> None:
    """A controller's objects there go with the namespace; asking first would double the load."""
    namespace: Obj = {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": "prod", "labels": {"pyload.dev/run": "run"}},
    }
    writer = Writer(world.client, Metrics())
    await writer.upsert(NAMESPACES, namespace)
    await world.client.create(CONFIG_MAPS.path("prod"), settings("0", run=""))
    await write(writer, how, "1")

    assert entry_of(CONFIG_MAPS, settings("")) in writer.ledger
