"""Jobs from their first pod to their end, in virtual time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from tests.embedded.cluster import JOBS, PODS, Cluster, prepared, started, template

if TYPE_CHECKING:
    from pyload.kube.resources import Obj

pytestmark = [pytest.mark.anyio, pytest.mark.virtual]


async def _create(cluster: Cluster, **spec: Any) -> None:
    body = {"template": template("once", restartPolicy="Never"), **spec}
    await cluster.client.create(JOBS, {"metadata": {"name": "once"}, "spec": body})


async def _fail(cluster: Cluster) -> None:
    for one in await cluster.pods():
        if one["status"]["phase"] not in ("Failed", "Succeeded"):
            name = one["metadata"]["name"]
            changed = {**one, "status": {**one["status"], "phase": "Failed"}}
            await cluster.client.update(f"{PODS}/{name}/status", changed)


def _conditions(job: Obj) -> list[tuple[str, str]]:
    return [(one["type"], one["reason"]) for one in job["status"].get("conditions", ())]


async def test_a_job_that_fails_too_often_ends() -> None:
    """It would start pods for ever."""
    cluster = await prepared(nodes=0)
    async with cluster.controlled():
        await _create(cluster, backoffLimit=1)
        await asyncio.sleep(1)
        await _fail(cluster)
        await asyncio.sleep(5)
        assert len(await cluster.pods()) == 1
        await asyncio.sleep(10)
        assert len(await cluster.pods()) == 2
        await _fail(cluster)
        await asyncio.sleep(60)

        job = await cluster.client.get(f"{JOBS}/once")
        assert job["status"]["failed"] == 2
        assert _conditions(job)[-1] == ("Failed", "BackoffLimitExceeded")
        assert len(await cluster.pods()) == 2
        assert "BackoffLimitExceeded" in {one[0] for one in await cluster.happened("once")}


async def test_a_suspended_job_waits() -> None:
    """Its pods would take room that others were to have."""
    cluster = await prepared(nodes=0)
    async with cluster.controlled():
        await _create(cluster, suspend=True)
        await asyncio.sleep(2)
        assert await cluster.pods() == []

        for suspend, pods in ((False, 1), (True, 0)):
            job = await cluster.client.get(f"{JOBS}/once")
            job["spec"]["suspend"] = suspend
            await cluster.client.update(f"{JOBS}/once", job)
            await asyncio.sleep(2)
            assert len(await cluster.pods()) == pods

        job = await cluster.client.get(f"{JOBS}/once")
        assert job["status"].get("failed", 0) == 0
        assert _conditions(job) == [("Suspended", "JobSuspended")]
        reasons = {one[0] for one in await cluster.happened("once")}
        assert reasons == {"Suspended", "Resumed", "SuccessfulCreate", "SuccessfulDelete"}


async def test_a_finished_job_goes_when_its_time_is_over() -> None:
    """Jobs would pile up that were to clean up after themselves."""
    async with started() as cluster:
        await _create(cluster, ttlSecondsAfterFinished=30)
        await asyncio.sleep(10)
        job = await cluster.client.get(f"{JOBS}/once")
        assert _conditions(job)[-1] == ("Complete", "CompletionsReached")
        assert ("Completed", "Job completed", 1) in await cluster.happened("once")

        await asyncio.sleep(30)

        assert (await cluster.client.list(JOBS))[0] == []
        assert await cluster.pods() == []


async def test_a_job_that_takes_too_long_ends() -> None:
    """Its pods would run for ever."""
    cluster = await prepared(nodes=0)
    async with cluster.controlled():
        await _create(cluster, activeDeadlineSeconds=60, parallelism=2, completions=2)
        await asyncio.sleep(50)
        assert len(await cluster.pods()) == 2
        await asyncio.sleep(20)

        job = await cluster.client.get(f"{JOBS}/once")
        assert _conditions(job)[-1] == ("Failed", "DeadlineExceeded")
        assert await cluster.pods() == []
