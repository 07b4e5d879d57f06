"""Asks the API server; each question has a limit of time, and none stops the others."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, TypeVar

from pyload.commands.doctor.api_server import User
from pyload.commands.doctor.cluster import ClusterFacts, Node, Pod, read, read_pod
from pyload.commands.doctor.control_plane import IstiodPod
from pyload.commands.doctor.findings import Unknown
from pyload.errors import ApiError, NotFound, PyloadError
from pyload.kube.resources import LEASES, NODES, PODS, SELF_ACCESS_REVIEWS, SELF_REVIEWS, STAGES
from pyload.pods.follower import LIVING
from pyload.pods.nodes import LEASES_NAMESPACE, read_lease

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterable

    from pyload.commands.doctor.permissions import Asked
    from pyload.kube.client import Client
    from pyload.kube.resources import Obj

T = TypeVar("T")

SECONDS: Final = 10.0
"""How long an answer may take."""
_AT_ONCE: Final = 16
_ISTIO: Final = "istio-system"


async def asked(answer: Awaitable[T]) -> T | Unknown:
    """Return an answer, or why there is none."""
    try:
        async with asyncio.timeout(SECONDS):
            return await answer
    except TimeoutError:
        return Unknown(f"no answer in {SECONDS:g} s")
    except ApiError as error:
        return Unknown("forbidden" if error.status == 403 else error.what)
    except PyloadError as error:
        return Unknown(error.what)


async def version(client: Client) -> str:
    """Return the server's version."""
    return str((await client.get("/version")).get("gitVersion") or "of no version")


async def user(client: Client) -> User:
    """Return who one is, by a SelfSubjectReview."""
    review = {"apiVersion": SELF_REVIEWS.api_version, "kind": SELF_REVIEWS.kind}
    reviewed = await client.create(SELF_REVIEWS.path(), review)
    info = (reviewed.get("status") or {}).get("userInfo") or {}
    return User(str(info.get("username") or ""), tuple(map(str, info.get("groups") or ())))


async def rights(client: Client, questions: Iterable[Asked]) -> dict[Asked, bool | None]:
    """Return which of some rights the user has, by SelfSubjectAccessReviews; None is no answer."""
    slots = asyncio.Semaphore(_AT_ONCE)
    answers: dict[Asked, bool | None] = dict.fromkeys(questions)

    async def ask(one: Asked) -> None:
        review = {
            "apiVersion": SELF_ACCESS_REVIEWS.api_version,
            "kind": SELF_ACCESS_REVIEWS.kind,
            "spec": {"resourceAttributes": one.review()},
        }
        async with slots:
            reviewed = await asked(client.create(SELF_ACCESS_REVIEWS.path(), review))
        if not isinstance(reviewed, Unknown):
            answers[one] = bool((reviewed.get("status") or {}).get("allowed"))

    await asyncio.gather(*(ask(one) for one in answers))
    return answers


async def cluster(client: Client, istiods: list[IstiodPod] | Unknown) -> ClusterFacts:
    """Return nodes and what is on them; pods and leases only where kwok's nodes are.

    Args:
        client: The API server.
        istiods: Pods of istiod.
    """
    nodes = await asked(_nodes(client))
    if isinstance(nodes, Unknown) or not any(one.record.matches for one in nodes):
        return ClusterFacts(nodes=nodes, istiods=istiods)
    leases, pods, stages = await asyncio.gather(
        asked(client.list(LEASES.path(LEASES_NAMESPACE), project=read_lease)),
        asked(_pods(client)),
        asked(_stages(client)),
    )
    return ClusterFacts(
        nodes=nodes,
        leases=leases if isinstance(leases, Unknown) else leases[0],
        pods=pods,
        stages=stages,
        istiods=istiods,
    )


async def istiods(client: Client) -> list[IstiodPod]:
    """Return the pods of istiod."""
    pods, _ = await client.list(PODS.path(_ISTIO), label_selector="app=istiod", project=_istiod)
    return pods


async def _nodes(client: Client) -> list[Node]:
    nodes, _ = await client.list(NODES.path(), project=read)
    return nodes


async def _pods(client: Client) -> list[Pod]:
    pods, _ = await client.list(PODS.path(), field_selector=LIVING, project=read_pod)
    return pods


async def _stages(client: Client) -> frozenset[str] | Unknown:
    try:
        stages, _ = await client.list(STAGES.path(), project=_kind_of_stage)
    except NotFound:
        return Unknown("kwok has them in a file of its own")
    return frozenset(stages)


def _kind_of_stage(stage: Obj) -> str:
    return str(((stage.get("spec") or {}).get("resourceRef") or {}).get("kind") or "")


def _istiod(pod: Obj) -> IstiodPod:
    spec = pod.get("spec") or {}
    containers = spec.get("containers") or ()
    return IstiodPod(
        str(pod["metadata"]["name"]),
        str(spec.get("nodeName") or ""),
        {
            str(one["name"]): str(one.get("value") or "")
            for container in containers
            for one in container.get("env") or ()
        },
        image=str(containers[0].get("image") or "") if containers else "",
        running=(pod.get("status") or {}).get("phase") == "Running",
    )
