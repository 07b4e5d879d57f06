"""What the API server's answers about rights mean."""

from __future__ import annotations

from pyload.commands.doctor.findings import Level
from pyload.commands.doctor.permissions import Asked, permission_findings, questions
from pyload.harness.rights import LEASE, RIGHTS, TLS, TOKENS, Right
from pyload.kube.resources import LEASES, NODES, PODS, SERVICE_ACCOUNTS

NEEDED = Right(PODS, ("list", "watch"))
ALSO = Right(NODES, ("list", "watch"))
OPTIONAL = Right(LEASES, ("create",), namespace="default", when=LEASE)
TOKEN = Right(SERVICE_ACCOUNTS, ("create",), "token", when=TOKENS)


def test_tokens_are_asked_for_only_where_they_are_used() -> None:
    """A user of port 15010 would be told of a right that no run of theirs needs."""
    rights = RIGHTS["adsc"]

    def conditions(*, tokens: bool, tls: bool) -> set[str]:
        return {one.right.when for one in questions(rights, tokens=tokens, tls=tls)}

    assert TOKENS not in conditions(tokens=False, tls=False)
    assert {TOKENS, TLS} <= conditions(tokens=True, tls=True)


def test_a_review_asks_for_one_verb_as_rbac_has_it() -> None:
    """The API server says yes to what it does not understand as no."""
    assert Asked(TOKEN, "create").review() == {
        "verb": "create",
        "version": "v1",
        "resource": "serviceaccounts",
        "subresource": "token",
    }
    assert Asked(OPTIONAL, "create").review()["namespace"] == "default"


def test_what_is_missing_is_named_together() -> None:
    """A list of a hundred lines, one for each verb, is not read."""
    asked = questions([NEEDED, ALSO, OPTIONAL, TOKEN], tokens=True, tls=False)
    found = list(permission_findings("cluster", dict.fromkeys(asked, False), "bob"))

    assert [(one.level, one.what) for one in found] == [
        (
            Level.PROBLEM,
            "bob may not list, watch pods, nodes; create serviceaccounts/token",
        ),
        (
            Level.WARNING,
            "bob may not create leases.coordination.k8s.io in default; that is for " + LEASE,
        ),
    ]
    assert all("docs/permissions.md" in one.fix for one in found)


def test_all_allowed_and_no_answer() -> None:
    """A server that gives no answer is not one that allows everything."""
    asked = questions([NEEDED], tokens=False, tls=False)
    fine = list(permission_findings("cluster", dict.fromkeys(asked, True), ""))
    silent = list(permission_findings("cluster", dict.fromkeys(asked, None), ""))

    assert [(one.level, one.what) for one in fine] == [
        (Level.OK, "this user has all 2 rights that cluster may need")
    ]
    assert [one.level for one in silent] == [Level.UNKNOWN]
    assert "2 of 2 rights" in silent[0].what
