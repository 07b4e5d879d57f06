"""The events of the controllers."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from pyload.embedded.controllers.events import COMBINED, EventCorrelator
from tests.embedded.cluster import DEPLOYMENTS, MESH, PODS, REPLICA_SETS, deployment, pod, started

pytestmark = [pytest.mark.anyio, pytest.mark.virtual]

NOW = datetime(2026, 11, 28, tzinfo=UTC)


def _decide(
    correlator: EventCorrelator, message: str, *, uid: str = "u", after: float = 0.0
) -> tuple[str, int] | None:
    decided = correlator.decide(
        "c", uid, "Why", message, name=message, now=NOW + timedelta(seconds=after)
    )
    return decided and (decided[1], decided[0].count)


def test_what_repeats_is_counted() -> None:
    """A pod that waits would fill the list with one line a minute."""
    correlator = EventCorrelator()

    assert [_decide(correlator, "a") for _ in range(3)] == [("a", 1), ("a", 2), ("a", 3)]
    assert _decide(correlator, "b") == ("b", 1)
    assert _decide(correlator, "a", after=601) == ("a", 1)


def test_many_messages_about_one_object_become_one() -> None:
    """A ReplicaSet of a thousand pods would have a thousand events."""
    correlator = EventCorrelator()
    decided = [_decide(correlator, f"pod {number}") for number in range(30)]

    assert decided[8] == ("pod 8", 1)
    assert decided[9] == (f"{COMBINED}pod 9", 1)
    assert decided[24] == (f"{COMBINED}pod 24", 16)
    assert decided[25:] == [None] * 5
    assert _decide(correlator, "later", after=400) == (f"{COMBINED}later", 17)


def test_all_together_are_limited() -> None:
    """A run with ten thousand pods would spend its time on events."""
    correlator = EventCorrelator()
    at_once = [_decide(correlator, "m", uid=str(number)) for number in range(1000)]
    later = [_decide(correlator, "m", uid=f"l{number}", after=5) for number in range(1000)]

    assert sum(one is not None for one in at_once) == 200
    assert sum(one is not None for one in later) == 50


async def test_the_usual_events_are_written() -> None:
    """`kubectl describe` would not say what happened, nor why a pod waits."""
    async with started(nodes=1) as cluster:
        await cluster.client.create(DEPLOYMENTS, deployment("web", 2))
        await cluster.client.create(PODS, pod("stuck", nodeSelector={"no": "such"}))
        await asyncio.sleep(2)
        await cluster.scale("web", 1)
        await asyncio.sleep(2)
        (owner,) = (await cluster.client.list(REPLICA_SETS))[0]
        name = owner["metadata"]["name"]
        pods = [one["metadata"]["name"] for one in await cluster.pods()]
        running = next(one for one in pods if one != "stuck")
        found = await cluster.happened()

        assert sorted(await cluster.happened("web")) == [
            ("ScalingReplicaSet", f"Scaled down replica set {name} from 2 to 1", 1),
            ("ScalingReplicaSet", f"Scaled up replica set {name} from 0 to 2", 1),
        ]
        assert ("SuccessfulCreate", f"Created pod: {running}", 1) in found
        assert sum(one[0] == "SuccessfulDelete" for one in found) == 1
        scheduled = f"Successfully assigned mesh/{running} to kwok-0"
        assert await cluster.happened(running) == [("Scheduled", scheduled, 1)]
        ((reason, message, _),) = await cluster.happened("stuck")
        assert reason == "FailedScheduling"
        assert message.startswith("0/1 nodes are available")

        events = (await cluster.client.list(f"{MESH}/events"))[0]
        one = next(one for one in events if one["reason"] == "ScalingReplicaSet")
        deployed = await cluster.client.get(f"{DEPLOYMENTS}/web")
        assert one["involvedObject"]["uid"] == deployed["metadata"]["uid"]
        assert one["source"] == {"component": "deployment-controller"}
        assert one["type"] == "Normal"


async def test_why_pods_are_missing_is_said() -> None:
    """A Deployment without its service account would be silent."""
    async with started() as cluster:
        wanted = deployment("web", 1)
        wanted["spec"]["template"]["spec"]["serviceAccountName"] = "none"
        await cluster.client.create(DEPLOYMENTS, wanted)
        await asyncio.sleep(60)

        (owner,) = (await cluster.client.list(REPLICA_SETS))[0]
        failures = await cluster.happened(owner["metadata"]["name"])
        assert failures[0][0] == "FailedCreate"
        assert 'serviceaccount "none" not found' in failures[0][1]
        assert len(failures) <= 10
