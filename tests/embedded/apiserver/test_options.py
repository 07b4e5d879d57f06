"""Options of requests that a real server refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pyload.kube.resources import Obj
    from tests.embedded.apiserver.conftest import Api

pytestmark = [pytest.mark.anyio, pytest.mark.virtual]

MAPS = "/api/v1/namespaces/default/configmaps"
MATCH = "resourceVersionMatch"


@pytest.mark.parametrize(
    ("query", "why"),
    [
        ({MATCH: "Exact"}, f"Forbidden: {MATCH} is forbidden unless resourceVersion is provided"),
        (
            {MATCH: "Exact", "resourceVersion": "0"},
            f'Forbidden: {MATCH} "exact" is forbidden for resourceVersion "0"',
        ),
        (
            {MATCH: "Nope", "resourceVersion": "1"},
            'Unsupported value: "Nope": supported values: "Exact", "NotOlderThan", ""',
        ),
        (
            {MATCH: "Exact", "resourceVersion": "1", "continue": "x"},
            f"Forbidden: {MATCH} is forbidden when continue is provided",
        ),
    ],
)
async def test_a_list_of_no_version_is_refused(api: Api, query: dict[str, str], why: str) -> None:
    """A client that mistakes the rules of versions learns it here, not in its cluster."""
    code, status = await api("GET", MAPS, **query)

    assert (code, status["reason"]) == (422, "Invalid")
    assert status["message"] == f'ListOptions.meta.k8s.io "" is invalid: {MATCH}: {why}'
    assert status["details"]["causes"][0]["field"] == MATCH


async def test_initial_events_are_for_watches(api: Api) -> None:
    """A list that asks for them is a mistake of the client's."""
    code, _ = await api("GET", MAPS, sendInitialEvents="true")
    assert code == 422


async def test_a_negative_limit_is_none(api: Api) -> None:
    """Clients pass what users typed."""
    code, listed = await api("GET", MAPS, limit="-1")
    assert (code, len(listed["items"])) == (200, 1)


@pytest.mark.parametrize(
    "options",
    [{"propagationPolicy": "Nope"}, {"propagationPolicy": "Orphan", "orphanDependents": True}],
)
async def test_a_deletion_with_wrong_options_deletes_nothing(api: Api, options: Obj) -> None:
    """A slip in the policy would delete the dependents that were to stay."""
    await api("POST", MAPS, {"metadata": {"name": "c"}})
    refused, status = await api("DELETE", f"{MAPS}/c", options)
    there, _ = await api("GET", f"{MAPS}/c")

    assert (refused, there) == (422, 200)
    assert status["message"].startswith(
        'DeleteOptions.meta.k8s.io "" is invalid: propagationPolicy'
    )


async def test_an_unknown_dry_run_is_refused(api: Api) -> None:
    """A write that was meant to be dry must not be carried out."""
    code, status = await api("POST", MAPS, {"metadata": {"name": "c"}}, dryRun="x")

    assert code == 422
    assert status["message"] == (
        'CreateOptions.meta.k8s.io "" is invalid: dryRun: Unsupported value: ["x"]: '
        'supported values: "All"'
    )
