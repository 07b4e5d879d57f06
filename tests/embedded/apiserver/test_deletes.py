"""Deletions that are only tried, or that have preconditions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.embedded.apiserver.conftest import Api

pytestmark = [pytest.mark.anyio, pytest.mark.virtual]

MAPS = "/api/v1/namespaces/default/configmaps"


async def test_a_dry_deletion_shows_what_would_wait(api: Api) -> None:
    """`kubectl delete --dry-run=server` of a held object must not say that it goes."""
    await api("POST", MAPS, {"metadata": {"name": "held", "finalizers": ["x/y"]}})
    await api("POST", MAPS, {"metadata": {"name": "free"}})

    _, held = await api("DELETE", f"{MAPS}/held", dryRun="All")
    _, free = await api("DELETE", f"{MAPS}/free", dryRun="All")
    _, left = await api("GET", MAPS)

    assert "deletionTimestamp" in held["metadata"]
    assert free["status"] == "Success"
    assert [one["metadata"]["name"] for one in left["items"]] == [
        "free",
        "held",
        "kube-root-ca.crt",
    ]
    assert not any("deletionTimestamp" in one["metadata"] for one in left["items"])


async def test_a_precondition_that_fails_says_which(api: Api) -> None:
    """Controllers tell a namesake from the object that they know by this."""
    _, made = await api("POST", MAPS, {"metadata": {"name": "c"}})
    code, status = await api("DELETE", f"{MAPS}/c", {"preconditions": {"uid": "other"}})

    assert (code, status["details"]["kind"]) == (409, "ConfigMap")
    assert status["message"] == (
        'Operation cannot be fulfilled on ConfigMap "c": the UID in the precondition (other) does '
        f"not match the UID in record ({made['metadata']['uid']}). The object might have been "
        "deleted and then recreated"
    )
