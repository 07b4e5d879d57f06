"""`kubectl auth`: who one is, and what one may do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.e2e.kubectl.rows import runs

if TYPE_CHECKING:
    from tests.e2e.kubectl.command import Kubectl

pytestmark = pytest.mark.e2e

ROLES = """
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: r, namespace: NAMESPACE}
rules: [{apiGroups: [""], resources: [secrets], resourceNames: [s], verbs: [get]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: b, namespace: NAMESPACE}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: r}
subjects: [{kind: ServiceAccount, name: sa, namespace: NAMESPACE}]
"""


@runs("auth whoami")
def test_a_user_learns_who_the_server_takes_them_for(kubectl: Kubectl) -> None:
    """With `--as` it is another; a script that checks this must not be misled."""
    mine = kubectl("auth", "whoami")
    other = kubectl("auth", "whoami", "--as=bob", "--as-group=dev")
    account = kubectl("auth", "whoami", "--as=system:serviceaccount:a:b", "--output=json")

    assert "pyload:embedded" in mine
    assert ["Username", "bob"] in [line.split() for line in other.splitlines()]
    assert "[dev system:authenticated]" in other
    assert '"system:serviceaccounts:a"' in account


@runs("auth can-i", "auth reconcile")
def test_roles_say_what_accounts_may_do(kubectl: Kubectl) -> None:
    """Whoever writes roles for a service account tries them here first."""
    text = ROLES.replace("NAMESPACE", kubectl.namespace)
    account = f"--as=system:serviceaccount:{kubectl.namespace}:sa"

    created = kubectl("auth", "reconcile", "--filename=-", stdin=text)
    again = kubectl("auth", "reconcile", "--filename=-", stdin=text)
    everything = [line.split() for line in kubectl("auth", "can-i", "--list").splitlines()]
    own = kubectl("auth", "can-i", "--list", account).splitlines()

    assert created.count("reconciliation required create") == 2
    assert "required" not in again
    assert ["*.*", "[]", "[]", "[*]"] in everything
    assert ["secrets", "[]", "[s]", "[get]"] in [line.split() for line in own]
    assert kubectl("auth", "can-i", "get", "secrets/s", account) == "yes\n"
    assert kubectl.run("auth", "can-i", "get", "secrets/t", account).stdout == "no\n"
    assert kubectl("auth", "can-i", "delete", "pods") == "yes\n"
    assert kubectl("delete", "pod", "x", "--ignore-not-found", account) == ""
