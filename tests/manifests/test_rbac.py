"""The right by which gateways have their Secrets."""

from __future__ import annotations

from pyload.kube.resources import ROLE_BINDINGS, ROLES
from pyload.manifests.rbac import secret_reader


def test_the_binding_gives_the_role_to_the_account() -> None:
    """Gateways over TLS would wait for their certificates for ever."""
    (role_kind, role), (binding_kind, binding) = secret_reader("mesh", "default", run_id="run")

    assert (role_kind, binding_kind) == (ROLES, ROLE_BINDINGS)
    assert binding["roleRef"] == {
        "apiGroup": "rbac.authorization.k8s.io",
        "kind": "Role",
        "name": role["metadata"]["name"],
    }
    assert binding["subjects"] == [
        {"kind": "ServiceAccount", "name": "default", "namespace": "mesh"}
    ]
    # Istiod asks for the verb `list`.
    assert role["rules"] == [
        {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get", "watch", "list"]}
    ]
