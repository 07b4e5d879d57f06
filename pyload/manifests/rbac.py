"""The role by which a namespace's gateways have its Secrets.

istiod gives Secrets only to accounts that may list them; Istio's chart for gateways does the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pyload.kube.resources import ROLE_BINDINGS, ROLES
from pyload.manifests.objects import bare_object

if TYPE_CHECKING:
    from pyload.kube.resources import Obj, Resource

READER: Final = "pyload-gateway"
"""Name of both objects."""


def secret_reader(namespace: str, account: str, *, run_id: str) -> tuple[tuple[Resource, Obj], ...]:
    """Build a role for reading the Secrets of a namespace, and give it to a service account.

    Args:
        namespace: Of the Secrets and of the account.
        account: Name of the service account.
        run_id: Value of the run label.
    """
    built = []
    for resource in (ROLES, ROLE_BINDINGS):
        version, kind = resource.api_version, resource.kind
        obj = bare_object(version, kind, READER, namespace=namespace, run_id=run_id)
        built.append((resource, obj))
    (_, role), (_, binding) = built
    role["rules"] = [
        {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get", "watch", "list"]}
    ]
    binding["roleRef"] = {"apiGroup": ROLES.group, "kind": ROLES.kind, "name": READER}
    binding["subjects"] = [{"kind": "ServiceAccount", "name": account, "namespace": namespace}]
    return tuple(built)
